//! Users who are in no experiment.

use serde::Serialize;
use serde_json::Value;

use crate::model::faults::Faults;
use crate::model::id::HoldoutId;
use crate::model::path::Path;
use crate::model::targeting::share::{Share, to_value};
use crate::model::validation::check_name;

/// A request to create a holdout; nothing in it is checked until an engine takes it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a holdout does nothing until an engine takes it"]
pub struct NewHoldout {
    pub(crate) id: Option<HoldoutId>,
    pub(crate) name: String,
    pub(crate) percentage: f64,
    pub(crate) bucket_by: Option<String>,
}

impl NewHoldout {
    /// A holdout of this name and this part of all users, in per cent: 0 to 100, with at most three
    /// decimals. Its unit is the user key.
    pub fn new(name: impl Into<String>, percent: impl Into<f64>) -> NewHoldout {
        NewHoldout { id: None, name: name.into(), percentage: percent.into(), bucket_by: None }
    }

    /// Sets the attribute that is its unit, in place of the user key. Experiments of another unit
    /// have to say that holdouts do not apply to them.
    pub fn bucket_by(mut self, attribute: impl Into<String>) -> NewHoldout {
        self.bucket_by = Some(attribute.into());
        self
    }

    /// Sets the id; without it the engine makes one. It decides who is held out.
    pub fn id(mut self, id: HoldoutId) -> NewHoldout {
        self.id = Some(id);
        self
    }

    /// The holdout of this id, if its share is one; what is wrong with it is added.
    pub(crate) fn check(
        self,
        id: HoldoutId,
        path: &Path<'_>,
        faults: &mut Faults,
    ) -> Option<Holdout> {
        let percentage = Share::check(self.percentage, &path.field("percentage"), faults);
        let bucket_by: Option<Box<str>> = self.bucket_by.map(Into::into);
        check_texts(&self.name, bucket_by.as_deref(), path, faults);
        Some(Holdout { id, name: self.name, percentage: percentage?, bucket_by })
    }
}

/// A holdout: a part of all users that is in none of the experiments that are first started after
/// it was made, so that all of them together can be compared with none.
///
/// Serialises as an object of `id`, `name`, `percentage` and `bucket_by`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Holdout {
    pub(crate) id: HoldoutId,
    pub(crate) name: String,
    pub(crate) percentage: Share,
    pub(crate) bucket_by: Option<Box<str>>,
}

impl Holdout {
    /// The id, which decides who is held out.
    #[must_use]
    pub fn id(&self) -> HoldoutId {
        self.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which part of all users is held out.
    #[must_use]
    pub fn percentage(&self) -> Share {
        self.percentage
    }

    /// The attribute that is its unit; `None` for the user key.
    #[must_use]
    pub fn bucket_by(&self) -> Option<&str> {
        self.bucket_by.as_deref()
    }

    /// Its fields except for the id, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let bucket_by = self.bucket_by.as_deref().map(|attribute| ("bucket_by", attribute.into()));
        [("name", self.name.as_str().into()), ("percentage", to_value(self.percentage))]
            .into_iter()
            .chain(bucket_by)
    }
}

/// Adds what is wrong with the texts of a holdout.
pub(crate) fn check_texts(
    name: &str,
    bucket_by: Option<&str>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    check_name(name, &path.field("name"), faults);
    if let Some(attribute) = bucket_by {
        check_name(attribute, &path.field("bucket_by"), faults);
    }
}
