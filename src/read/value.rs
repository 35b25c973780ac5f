//! A value as the caller's own type.

use serde_json::Value;

/// The number, if an `f64` holds it without losing a digit.
pub(crate) fn exact_f64(value: &Value) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the cast back shows whether anything was lost"
    )]
    fn exactly(integer: i128) -> Option<f64> {
        let float = integer as f64;
        (float as i128 == integer).then_some(float)
    }
    match (value.as_i64(), value.as_u64()) {
        (Some(integer), _) => exactly(integer.into()),
        (None, Some(integer)) => exactly(integer.into()),
        (None, None) => value.as_f64(),
    }
}

/// The kind of a JSON value, for an error.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The value of a flag does not have the requested type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", match found {
    None => "there is no such flag".to_owned(),
    Some(found) => format!("the value is {found}, not {expected}"),
})]
#[non_exhaustive]
pub struct MismatchError {
    /// The requested type.
    pub expected: &'static str,
    /// The kind of the value; `None` if there is no such flag.
    pub found: Option<&'static str>,
}

impl MismatchError {
    #[cold]
    pub(crate) fn new(expected: &'static str, value: Option<&Value>) -> MismatchError {
        MismatchError { expected, found: value.map(kind) }
    }
}

/// Why a value could not be deserialized into the caller's own type.
#[derive(Debug, thiserror::Error)]
#[error("{}", if source.is_some() { "the value does not fit the type" } else { "there is no such flag" })]
pub struct DeserializeError {
    source: Option<serde_json::Error>,
}

impl DeserializeError {
    pub(crate) fn no_such_flag() -> DeserializeError {
        DeserializeError { source: None }
    }

    pub(crate) fn misfit(error: serde_json::Error) -> DeserializeError {
        DeserializeError { source: Some(error) }
    }
}
