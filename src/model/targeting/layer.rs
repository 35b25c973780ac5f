//! Experiments that exclude each other.

use serde::Serialize;
use serde_json::Value;

use crate::model::faults::Faults;
use crate::model::id::LayerId;
use crate::model::path::Path;
use crate::model::validation::check_name;

/// A request to create a layer; nothing in it is checked until an engine takes it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a layer does nothing until an engine takes it"]
pub struct NewLayer {
    pub(crate) id: Option<LayerId>,
    pub(crate) name: String,
    pub(crate) bucket_by: Option<String>,
}

impl NewLayer {
    /// A layer of this name, whose unit is the user key.
    pub fn new(name: impl Into<String>) -> NewLayer {
        NewLayer { id: None, name: name.into(), bucket_by: None }
    }

    /// Sets the attribute that is its unit, in place of the user key. Its experiments have to have
    /// the same.
    pub fn bucket_by(mut self, attribute: impl Into<String>) -> NewLayer {
        self.bucket_by = Some(attribute.into());
        self
    }

    /// Sets the id; without it the engine makes one. It decides which users are where in the layer.
    pub fn id(mut self, id: LayerId) -> NewLayer {
        self.id = Some(id);
        self
    }

    /// The layer of this id; what is wrong with it is added.
    pub(crate) fn check(self, id: LayerId, path: &Path<'_>, faults: &mut Faults) -> Layer {
        let layer = Layer { id, name: self.name, bucket_by: self.bucket_by.map(Into::into) };
        layer.check(path, faults);
        layer
    }
}

/// A layer: experiments that have ranges of it share no user, where the ranges do not overlap.
///
/// Serialises as an object of `id`, `name` and `bucket_by`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    pub(crate) id: LayerId,
    pub(crate) name: String,
    pub(crate) bucket_by: Option<Box<str>>,
}

impl Layer {
    /// The id, which decides which users are where.
    #[must_use]
    pub fn id(&self) -> LayerId {
        self.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The attribute that is its unit; `None` for the user key.
    #[must_use]
    pub fn bucket_by(&self) -> Option<&str> {
        self.bucket_by.as_deref()
    }

    /// Adds what is wrong with it.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        check_name(&self.name, &path.field("name"), faults);
        if let Some(attribute) = &self.bucket_by {
            check_name(attribute, &path.field("bucket_by"), faults);
        }
    }

    /// Its fields except for the id, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let bucket_by = self.bucket_by.as_deref().map(|attribute| ("bucket_by", attribute.into()));
        [("name", self.name.as_str().into())].into_iter().chain(bucket_by)
    }
}
