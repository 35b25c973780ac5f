//! The rules for names and values, which several parts of the model share.

use serde_json::Value;

use crate::model::fault::{FaultKind, MAX_NAME_LENGTH, MAX_VALUE_DEPTH};
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::value::settle_numbers;

/// What is wrong with a name, if anything is.
pub(crate) fn fault_in_name(text: &str) -> Option<FaultKind> {
    if text.trim().is_empty() {
        return Some(FaultKind::Blank);
    }
    let found = text.chars().count();
    (found > MAX_NAME_LENGTH).then_some(FaultKind::TooLong { found })
}

/// Adds what is wrong with a name, if anything is.
pub(crate) fn check_name(name: &str, path: &Path<'_>, faults: &mut Faults) {
    if let Some(kind) = fault_in_name(name) {
        faults.add(path, kind);
    }
}

/// Gives a value its one writing, and adds a fault if it could not be read again.
pub(crate) fn check_value(value: &mut Value, path: &Path<'_>, faults: &mut Faults) {
    if is_deeper_than(MAX_VALUE_DEPTH, value) {
        faults.add(path, FaultKind::TooDeep);
    } else {
        settle_numbers(value, path, faults);
    }
}

/// Adds what is wrong with the parts of a flag. A part that could not be read is `None`.
pub(crate) fn check_flag(
    path: &Path<'_>,
    key: Option<&str>,
    name: Option<&str>,
    default_value: Option<&mut Value>,
    faults: &mut Faults,
) {
    for (field, text) in [("key", key), ("name", name)] {
        if let Some(text) = text {
            check_name(text, &path.field(field), faults);
        }
    }
    if let Some(value) = default_value {
        check_value(value, &path.field("default_value"), faults);
    }
}

/// Recurses no deeper than the limit itself.
fn is_deeper_than(limit: usize, value: &Value) -> bool {
    let deeper = |inner: &Value| match limit.checked_sub(1) {
        None => true,
        Some(limit) => is_deeper_than(limit, inner),
    };
    match value {
        Value::Array(items) => limit == 0 || items.iter().any(deeper),
        Value::Object(fields) => limit == 0 || fields.values().any(deeper),
        _ => false,
    }
}
