//! A request to create an experiment.

use serde_json::Value;

use crate::model::goal::of_experiment::NewGoals;
use crate::model::id::ExperimentId;
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::NewTargeting;

/// A request to create an experiment. Nothing in it is checked until
/// [`Engine::create_experiment`](crate::Engine::create_experiment), which names every fault.
///
/// # JSON
///
/// Deserialises from the body of a create request: `name`, `environment` and `variants` are
/// required, `status` is `draft` if absent, and `id` and `count_users` may be given. Read it with
/// [`NewExperiment::from_json`], which names every fault with its path; through
/// [`Deserialize`](serde::Deserialize) the error is one text with all faults. Both refuse unknown
/// fields.
///
/// # Examples
///
/// ```
/// use fairsplit::{NewExperiment, Status};
///
/// let banner = NewExperiment::new("Hero Banner A/B Test", "production")
///     .variant("control", "old", 50)
///     .variant("treatment", "new", 50)
///     .status(Status::Running);
/// # let _ = banner;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a new experiment does nothing until an engine creates it"]
pub struct NewExperiment {
    pub(crate) id: Option<ExperimentId>,
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) variants: Vec<NewVariant>,
    pub(crate) status: Status,
    pub(crate) count_users: Option<u32>,
    pub(crate) targeting: NewTargeting,
    pub(crate) goals: NewGoals,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewVariant {
    pub(crate) key: String,
    pub(crate) value: Value,
    /// As it was read: JSON may say anything, and the fault says what.
    pub(crate) percentage: i64,
}

impl NewExperiment {
    /// A draft with this display name, in this environment, with no variants yet.
    pub fn new(name: impl Into<String>, environment: impl Into<String>) -> NewExperiment {
        NewExperiment {
            id: None,
            name: name.into(),
            environment: environment.into(),
            variants: Vec::new(),
            status: Status::Draft,
            count_users: None,
            targeting: NewTargeting::new(),
            goals: NewGoals::new(),
        }
    }

    /// Adds a variant after the others, with its percentage of users. The order decides which
    /// buckets a variant owns. Percentages are whole numbers from 0 to 100, and must sum to 100.
    pub fn variant(
        mut self,
        key: impl Into<String>,
        value: impl Into<Value>,
        percentage: u8,
    ) -> NewExperiment {
        let percentage = percentage.into();
        self.variants.push(NewVariant { key: key.into(), value: value.into(), percentage });
        self
    }

    /// Sets the id; without it the engine makes one. The id decides the split: processes that must
    /// agree need the same id.
    pub fn id(mut self, id: ExperimentId) -> NewExperiment {
        self.id = Some(id);
        self
    }

    /// Sets the status that the experiment is created in. `Running` counts as started at its
    /// creation.
    pub fn status(mut self, status: Status) -> NewExperiment {
        self.status = status;
        self
    }

    /// Sets how many of its users are kept at most, each counted once; 0 counts no users. Without
    /// it, the engine's [default](crate::Engine::set_default_users) applies.
    /// [`Engine::count_users`](crate::Engine::count_users) says what is counted.
    pub fn count_users(mut self, capacity: u32) -> NewExperiment {
        self.count_users = Some(capacity);
        self
    }

    /// Sets who is in the experiment: everybody, unless this says otherwise.
    pub fn targeting(mut self, targeting: NewTargeting) -> NewExperiment {
        self.targeting = targeting;
        self
    }

    /// Sets what the experiment is for: its conversions alone, unless this says otherwise.
    pub fn goals(mut self, goals: NewGoals) -> NewExperiment {
        self.goals = goals;
        self
    }
}
