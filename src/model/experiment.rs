//! An experiment at one moment: its definition, and its conversions.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::assign::assignment::Assignment;
use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::goal::of_experiment::Goals;
use crate::model::id::ExperimentId;
use crate::model::notes::ARCHIVED;
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::timestamp::Timestamp;
use crate::model::variant::Variant;

/// An experiment at one moment: its definition, and its conversions.
///
/// A copy: it does not follow later changes. Cloning shares the definition.
///
/// # JSON
///
/// Serialises as the Experiments API writes it, field for field and in its order: `id`, `name`,
/// `environment`, `status`, `variants`, `conversions` (every variant, in the variants' order),
/// `started_at`, `stopped_at`, `created_at`, `updated_at`. What that API does not have follows
/// where there is any: `description`, `owner` and `tags` that are not empty, `archived` if it is
/// true, and `count_users` if it was set. Deserialises from the same form, and refuses an
/// experiment that breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    definition: Arc<Definition>,
    /// One for each variant.
    conversions: Vec<u64>,
}

impl Experiment {
    pub(crate) fn new(definition: Arc<Definition>, conversions: Vec<u64>) -> Experiment {
        Experiment { definition, conversions }
    }

    /// The id, which decides the split.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        self.definition.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.terms.name
    }

    /// The environment that it runs in.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.definition.terms.environment
    }

    /// Its status in the lifecycle.
    #[must_use]
    pub fn status(&self) -> Status {
        self.definition.status
    }

    /// Whether it is running: only then does it split traffic, and count.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.definition.is_running()
    }

    /// The variants, in the order that decides which buckets they own.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.definition.terms.variants
    }

    /// The conversions of each variant ever counted, restarts included: variant keys with their
    /// counts, in the variants' order. Events, not users.
    pub fn conversions(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.variants().iter().map(Variant::key).zip(self.conversions.iter().copied())
    }

    /// What it is to find out; empty if it was not given.
    #[must_use]
    pub fn description(&self) -> &str {
        self.definition.notes.as_ref().map_or("", |notes| &notes.description)
    }

    /// Who is responsible for it; empty if it was not given.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.definition.notes.as_ref().map_or("", |notes| &notes.owner)
    }

    /// Words to find it by, in the order in which they were given.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        self.definition.notes.as_ref().map_or(&[], |notes| &notes.tags)
    }

    /// Whether it is archived: it cannot be started, and its forced users do not apply. See
    /// [`Engine::archive_experiment`](crate::Engine::archive_experiment).
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.definition.is_archived
    }

    /// How many of its users are kept at most, each counted once; 0 if its users are not counted.
    /// `None` if that was not set: then the engine's
    /// [default](crate::Engine::set_default_users) applies.
    #[must_use]
    pub fn count_users(&self) -> Option<u32> {
        self.definition.count_users.map(Capacity::users)
    }

    /// Who is in it; `None` for everybody. Not part of the JSON, which is the Experiments API's.
    #[must_use]
    pub fn targeting(&self) -> Option<&Targeting> {
        self.definition.targeting.as_deref()
    }

    /// What it is for; `None` if that is its conversions alone.
    #[must_use]
    pub fn goals(&self) -> Option<&Goals> {
        self.definition.goals.as_deref()
    }

    /// When it was last started, if ever.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.definition.started_at
    }

    /// When it was last stopped, if it has not been started again since.
    #[must_use]
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.definition.stopped_at
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.definition.created_at
    }

    /// When its definition or its status last changed. Counting does not move it.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.definition.updated_at
    }

    /// The assignment function of this experiment: the one that the engine uses.
    #[must_use]
    pub fn assignment(&self) -> Assignment {
        self.definition.assignment()
    }
}

impl Serialize for Experiment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let notes: Vec<_> = self.definition.notes.iter().flat_map(|notes| notes.fields()).collect();
        let count = notes.len().saturating_add(12);
        let mut fields = serializer.serialize_struct("Experiment", count)?;
        fields.serialize_field("id", &self.id())?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("environment", self.environment().as_str())?;
        fields.serialize_field("status", &self.status())?;
        fields.serialize_field("variants", self.variants())?;
        fields.serialize_field("conversions", &ByVariant(self.variants(), &self.conversions))?;
        fields.serialize_field("started_at", &self.started_at())?;
        fields.serialize_field("stopped_at", &self.stopped_at())?;
        fields.serialize_field("created_at", &self.created_at())?;
        fields.serialize_field("updated_at", &self.updated_at())?;
        for (name, value) in notes {
            fields.serialize_field(name, &value)?;
        }
        if self.is_archived() {
            fields.serialize_field(ARCHIVED, &true)?;
        }
        if let Some(capacity) = self.count_users() {
            fields.serialize_field(COUNT_USERS, &capacity)?;
        }
        fields.end()
    }
}

/// An object with a field for each variant, in the variants' order.
pub(crate) struct ByVariant<'a, T>(pub(crate) &'a [Variant], pub(crate) &'a [T]);

impl<T: Serialize> Serialize for ByVariant<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.0.len()))?;
        for (variant, item) in self.0.iter().zip(self.1) {
            fields.serialize_entry(variant.key(), item)?;
        }
        fields.end()
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name(), self.id(), self.status())
    }
}
