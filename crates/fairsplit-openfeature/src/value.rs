//! Values of flags as OpenFeature's types.

use open_feature::{EvaluationError, EvaluationErrorCode, StructValue, Value as OpenValue};
use serde_json::{Map, Number, Value};

use crate::message::{Place, shortened};

/// Why a value does not fit the requested type.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// The value is of another type.
    Type { expected: &'static str, found: String },
    /// The value is an object, and something in it has no type in OpenFeature.
    Content { at: String, found: String },
}

impl Misfit {
    pub(crate) fn into_error(self, flag: &str) -> EvaluationError {
        let flag = shortened(flag);
        let (code, message) = match self {
            Misfit::Type { expected, found } => (
                EvaluationErrorCode::TypeMismatch,
                format!("flag {flag:?} was asked for {expected}, and its value is {found}"),
            ),
            Misfit::Content { at, found } => (
                EvaluationErrorCode::ParseError,
                format!(
                    "the value of flag {flag:?} has {found} at {at}, which no OpenFeature structure can hold"
                ),
            ),
        };
        EvaluationError { code, message: Some(message) }
    }
}

pub(crate) fn bool(value: &Value) -> Result<bool, Misfit> {
    value.as_bool().ok_or_else(|| mismatch("a boolean", value))
}

pub(crate) fn int(value: &Value) -> Result<i64, Misfit> {
    value.as_i64().ok_or_else(|| mismatch("an integer of 64 bits", value))
}

/// A float, if it is exact; `serde_json` would round the value.
pub(crate) fn float(exact: Option<f64>, value: &Value) -> Result<f64, Misfit> {
    exact.ok_or_else(|| mismatch("a float of 64 bits", value))
}

pub(crate) fn string(value: &Value) -> Result<String, Misfit> {
    value.as_str().map(str::to_owned).ok_or_else(|| mismatch("a string", value))
}

pub(crate) fn structure(value: &Value) -> Result<StructValue, Misfit> {
    let object = value.as_object().ok_or_else(|| mismatch("a structure", value))?;
    fields(object, &Place::Root)
}

fn fields(object: &Map<String, Value>, place: &Place<'_>) -> Result<StructValue, Misfit> {
    let fields = object.iter().map(|(name, value)| {
        let field = part(value, &Place::Field(place, name))?;
        Ok((name.clone(), field))
    });
    Ok(StructValue { fields: fields.collect::<Result<_, Misfit>>()? })
}

fn part(value: &Value, place: &Place<'_>) -> Result<OpenValue, Misfit> {
    Ok(match value {
        Value::Null => return Err(unheld(value, place)),
        Value::Bool(value) => OpenValue::Bool(*value),
        Value::Number(number) => self::number(number).ok_or_else(|| unheld(value, place))?,
        Value::String(value) => OpenValue::String(value.clone()),
        Value::Array(items) => {
            let items =
                items.iter().enumerate().map(|(at, item)| part(item, &Place::Item(place, at)));
            OpenValue::Array(items.collect::<Result<_, Misfit>>()?)
        }
        Value::Object(object) => OpenValue::Struct(fields(object, place)?),
    })
}

/// A number keeps its kind: an integer that an `i64` cannot hold does not become a float.
fn number(number: &Number) -> Option<OpenValue> {
    match number.as_i64() {
        Some(integer) => Some(OpenValue::Int(integer)),
        None if number.is_f64() => number.as_f64().map(OpenValue::Float),
        None => None,
    }
}

#[cold]
fn mismatch(expected: &'static str, value: &Value) -> Misfit {
    Misfit::Type { expected, found: kind(value) }
}

#[cold]
fn unheld(value: &Value, place: &Place<'_>) -> Misfit {
    Misfit::Content { at: place.to_string(), found: kind(value) }
}

/// The kind of a value, without its content: texts of flags do not belong in logs. A number is
/// written in full, since it shows why the type does not fit.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
