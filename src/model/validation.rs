//! The rules that several parts of the model keep.

use serde_json::Value;

use crate::model::fault::{MAX_NAME_LENGTH, MAX_VALUE_DEPTH, Rule};
use crate::model::faults::Findings;
use crate::model::path::Path;

/// The rule of names that `text` breaks, if it breaks one.
pub(crate) fn broken_by_name(text: &str) -> Option<Rule> {
    if text.trim().is_empty() {
        return Some(Rule::Blank);
    }
    let found = text.chars().count();
    (found > MAX_NAME_LENGTH).then_some(Rule::TooLong { found })
}

/// Reports the rule of names that `name` breaks, if it breaks one.
pub(crate) fn check_name(name: &str, path: &Path<'_>, findings: &mut Findings) {
    if let Some(rule) = broken_by_name(name) {
        findings.fault(path, rule);
    }
}

/// Reports a value that could be written, but not read again.
pub(crate) fn check_value(value: &Value, path: &Path<'_>, findings: &mut Findings) {
    if is_deeper_than(MAX_VALUE_DEPTH, value) {
        findings.fault(path, Rule::TooDeep);
    }
}

/// Reports the rules that the parts of a flag break, as far as they are there.
pub(crate) fn check_flag(
    path: &Path<'_>,
    key: Option<&str>,
    name: Option<&str>,
    default_value: Option<&Value>,
    findings: &mut Findings,
) {
    for (field, text) in [("key", key), ("name", name)] {
        if let Some(text) = text {
            check_name(text, &path.field(field), findings);
        }
    }
    if let Some(value) = default_value {
        check_value(value, &path.field("default_value"), findings);
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
