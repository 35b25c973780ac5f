//! An attribute, or one element of it, as conditions see it.

use serde_json::Value;

use crate::target::attribute_value::AttributeValue;
use crate::target::number::Number;

/// An attribute, or one element of it, as conditions see it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    /// `null` or `NaN`.
    Missing,
    Bool(bool),
    Number(Number),
    Text(&'a str),
    UnixMilliseconds(i64),
    /// A list or an object.
    Nested,
}

impl<'a> Scalar<'a> {
    #[inline]
    pub(crate) fn new(value: AttributeValue<'a>) -> Scalar<'a> {
        match value {
            AttributeValue::Bool(value) => Scalar::Bool(value),
            AttributeValue::Int(integer) => Scalar::Number(integer.into()),
            AttributeValue::Uint(integer) => Scalar::Number(integer.into()),
            AttributeValue::Float(float) => Scalar::number(Number::from_f64(float)),
            AttributeValue::Str(text) => Scalar::Text(text),
            AttributeValue::UnixMilliseconds(time) => Scalar::UnixMilliseconds(time),
            AttributeValue::Strs(_) | AttributeValue::Strings(_) | AttributeValue::List(_) => {
                Scalar::Nested
            }
            AttributeValue::Json(value) => Scalar::from_json(value),
        }
    }

    #[inline]
    pub(crate) fn from_json(value: &'a Value) -> Scalar<'a> {
        match value {
            Value::Null => Scalar::Missing,
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(number) => Scalar::number(Number::from_json(number)),
            Value::String(text) => Scalar::Text(text),
            Value::Array(_) | Value::Object(_) => Scalar::Nested,
        }
    }

    #[inline]
    fn number(number: Option<Number>) -> Scalar<'a> {
        number.map_or(Scalar::Missing, Scalar::Number)
    }
}
