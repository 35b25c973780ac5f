//! Which values a flag can have.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::{Faults, ValidationError};
use crate::model::path::{Path, quote};

/// Which values a flag can have, where that was said: its default, the values of its rules and of
/// its variants are checked against it. A default of `null` fits every type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlagType {
    /// `true` or `false`.
    Boolean,
    /// A string.
    String,
    /// A number.
    Number,
    /// Any value.
    Json,
}

impl FlagType {
    /// In JSON: `boolean`, `string`, `number` or `json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FlagType::Boolean => "boolean",
            FlagType::String => "string",
            FlagType::Number => "number",
            FlagType::Json => "json",
        }
    }

    /// Whether a value is of this type.
    #[must_use]
    pub fn has(self, value: &Value) -> bool {
        match self {
            FlagType::Boolean => value.is_boolean(),
            FlagType::String => value.is_string(),
            FlagType::Number => value.is_number(),
            FlagType::Json => true,
        }
    }

    /// Adds a fault if a default value is not of this type; `null` fits every type.
    pub(crate) fn check_default(self, value: &Value, path: &Path<'_>, faults: &mut Faults) {
        if !value.is_null() {
            self.check(value, &path.field("default_value"), faults);
        }
    }

    /// A default value without the object `{"value": ...}` around it, with which it may be given
    /// where the type says that the object is not the value.
    pub(crate) fn unwrapped(self, value: Value) -> Value {
        match value {
            Value::Object(mut fields) if self != FlagType::Json && fields.len() == 1 => {
                match fields.remove("value") {
                    Some(value) => value,
                    None => Value::Object(fields),
                }
            }
            value => value,
        }
    }

    /// Adds a fault if a value is not of this type.
    pub(crate) fn check(self, value: &Value, path: &Path<'_>, faults: &mut Faults) {
        if !self.has(value) {
            faults.add(path, FaultKind::ValueType { expected: self });
        }
    }
}

impl fmt::Display for FlagType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FlagType {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<FlagType, ValidationError> {
        let all = [FlagType::Boolean, FlagType::String, FlagType::Number, FlagType::Json];
        match all.into_iter().find(|known| known.as_str() == text) {
            Some(known) => Ok(known),
            None => Err(Fault::new(&Path::Root, FaultKind::FlagType { found: quote(text) }).into()),
        }
    }
}
