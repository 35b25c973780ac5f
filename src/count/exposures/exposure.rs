//! The first exposure of a user in a run.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::unit_key::UnitKey;
use crate::count::distinct_users::KeptUser;
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

/// The first exposure of a user in a run of an experiment, with what a warehouse needs to join it.
/// The names are as they were when the user was exposed, whatever has been changed or deleted
/// since.
///
/// Serialises as an object of `at`, `flag_key`, `environment`, `experiment_id`, `experiment_name`,
/// `run`, `variant`, `user_key` and `one_in`, in this order.
#[derive(Clone)]
pub struct Exposure {
    definition: Arc<Definition>,
    flag: Arc<str>,
    unit: UnitKey,
    at: Timestamp,
    run: u32,
    // One byte each: there are at most 100 variants and 64 bits.
    variant: u8,
    bits: u8,
}

impl Exposure {
    pub(crate) fn new(
        definition: &Arc<Definition>,
        flag: &Arc<str>,
        unit: &str,
        variant: u32,
        kept: KeptUser,
        at: Timestamp,
    ) -> Exposure {
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        Exposure {
            definition: Arc::clone(definition),
            flag: Arc::clone(flag),
            unit: UnitKey::new(unit),
            at,
            run: kept.run,
            variant: byte(variant),
            bits: byte(kept.bits),
        }
    }

    /// When the user was exposed, by the engine's clock. For a user who was missed while the queue
    /// was full, or whose exposure was queued before a former process ended, it is a later exposure.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The key of the flag that was evaluated.
    #[must_use]
    pub fn flag_key(&self) -> &str {
        &self.flag
    }

    /// The environment that it was evaluated in.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.definition.terms.environment
    }

    /// The experiment.
    #[must_use]
    pub fn experiment(&self) -> ExperimentId {
        self.definition.id
    }

    /// The experiment's display name.
    #[must_use]
    pub fn experiment_name(&self) -> &str {
        &self.definition.terms.name
    }

    /// The run, as [`Counts::run`](crate::Counts::run) has it. Each start begins another run, in
    /// which each user has a first exposure again.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.run
    }

    /// The key of the variant that was served.
    #[must_use]
    pub fn variant(&self) -> &str {
        // Without a variant of this number, there was no exposure.
        let variant = self.definition.terms.variants.get(usize::from(self.variant));
        variant.map_or("", |variant| variant.key())
    }

    /// The user key. For an experiment that is [split by an
    /// attribute](crate::targeting::NewTargeting::bucket_by), what the attribute has: the company,
    /// say, which then is what a warehouse joins by.
    #[must_use]
    pub fn user_key(&self) -> &str {
        self.unit.as_str()
    }

    /// One user in this number was kept, and so could be queued, when this one was: a power of two,
    /// and 1 as long as all users are kept ([`UserCounts::one_in`](crate::counts::UserCounts)). So
    /// this exposure is the first of as many users, in expectation.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        1_u64.checked_shl(self.bits.into()).unwrap_or(u64::MAX)
    }
}

impl Serialize for Exposure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Exposure", 9)?;
        fields.serialize_field("at", &self.at)?;
        fields.serialize_field("flag_key", self.flag_key())?;
        fields.serialize_field("environment", self.environment().as_str())?;
        fields.serialize_field("experiment_id", &self.experiment())?;
        fields.serialize_field("experiment_name", self.experiment_name())?;
        fields.serialize_field("run", &self.run)?;
        fields.serialize_field("variant", self.variant())?;
        fields.serialize_field("user_key", self.user_key())?;
        fields.serialize_field("one_in", &self.one_in())?;
        fields.end()
    }
}

/// Without the user key, so that no log has it by accident.
impl fmt::Debug for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposure")
            .field("at", &self.at)
            .field("flag_key", &self.flag_key())
            .field("environment", &self.environment().as_str())
            .field("experiment", &self.experiment())
            .field("run", &self.run)
            .field("variant", &self.variant())
            .field("one_in", &self.one_in())
            .finish_non_exhaustive()
    }
}
