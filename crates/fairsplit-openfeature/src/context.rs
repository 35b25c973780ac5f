//! An evaluation context as what is known of a user.

use fairsplit::targeting::{AttributeValue, Attributes};
use open_feature::{EvaluationContext, EvaluationContextFieldValue};

/// What an evaluation context knows of its user: its custom fields, and the targeting key by the
/// name that the specification gives it.
#[derive(Debug)]
pub(crate) struct Known<'a>(pub(crate) &'a EvaluationContext);

impl Attributes for Known<'_> {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        let Known(EvaluationContext { targeting_key, custom_fields }) = self;
        if name == "targetingKey"
            && let Some(key) = targeting_key.as_deref()
        {
            // The empty key stands for no user, and so for nothing known.
            return (!key.is_empty()).then_some(AttributeValue::Str(key));
        }
        Some(match custom_fields.get(name)? {
            EvaluationContextFieldValue::Bool(value) => AttributeValue::Bool(*value),
            EvaluationContextFieldValue::Int(value) => AttributeValue::Int(*value),
            EvaluationContextFieldValue::Float(value) => AttributeValue::Float(*value),
            EvaluationContextFieldValue::String(value) => AttributeValue::Str(value),
            EvaluationContextFieldValue::DateTime(time) => {
                // Towards the past, as fairsplit cuts a time that is given in a text.
                let milliseconds = time.unix_timestamp_nanos().div_euclid(1_000_000);
                AttributeValue::UnixMilliseconds(i64::try_from(milliseconds).ok()?)
            }
            // A value of a type that only the caller knows.
            EvaluationContextFieldValue::Struct(_) => return None,
        })
    }
}
