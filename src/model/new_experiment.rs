//! An experiment as asked for.

use serde_json::Value;

use crate::model::id::ExperimentId;
use crate::model::status::Status;

/// An experiment as asked for: nothing of it has been checked.
/// [`Engine::create_experiment`](crate::Engine::create_experiment) checks it and names every fault.
///
/// # JSON
///
/// Deserialises from the body of a create request: `name`, `environment` and `variants` are
/// required, `status` is `draft` if absent, and `id` may be given. Read it with
/// [`NewExperiment::from_json`], which names every fault with its path; through
/// [`Deserialize`](serde::Deserialize) the error is one text that holds them all. Unknown fields
/// are refused either way.
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
        }
    }

    /// Adds a variant after those that are there. The order matters: it decides which buckets a
    /// variant owns. A percentage is a whole number from 0 to 100, and all have to sum to 100.
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

    /// Gives the id instead of having the engine make one. The id decides the split: processes that
    /// must agree on it have to give the same.
    pub fn id(mut self, id: ExperimentId) -> NewExperiment {
        self.id = Some(id);
        self
    }

    /// Creates it in this status. `Running` counts as started at that moment.
    pub fn status(mut self, status: Status) -> NewExperiment {
        self.status = status;
        self
    }
}
