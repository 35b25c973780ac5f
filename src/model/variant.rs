//! One of the values that an experiment splits users between.

use serde::Serialize;
use serde_json::Value;

use crate::model::value::is_same;

/// One of the values that an experiment splits users between. Always valid: an engine or a document
/// has checked it.
///
/// Two are equal if their values are, whatever the order of an object's fields; 0.0 equals -0.0,
/// and 1 is not 1.0.
///
/// Serialises as `{"key": ..., "value": ..., "percentage": ...}`.
#[derive(Clone, Debug, Serialize)]
pub struct Variant {
    key: Box<str>,
    value: Value,
    percentage: u8,
}

impl PartialEq for Variant {
    fn eq(&self, other: &Variant) -> bool {
        let Variant { key, value, percentage } = self;
        *key == other.key && *percentage == other.percentage && is_same(value, &other.value)
    }
}

impl Variant {
    pub(crate) fn new(key: String, value: Value, percentage: u8) -> Variant {
        Variant { key: key.into(), value, percentage }
    }

    /// The key, unique within its experiment.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the flag answers to the users who are assigned this variant.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The percentage of users that it is served to, 0 to 100.
    #[must_use]
    pub fn percentage(&self) -> u8 {
        self.percentage
    }
}
