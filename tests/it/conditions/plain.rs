//! A second evaluator, as plain as can be: texts are compared with texts, and numbers as decimals
//! that are written out in full.

use std::cmp::Ordering;

use fairsplit::targeting::{AttributeValue, Condition, Operator};
use serde_json::Value;

/// An attribute, owned.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Time(i64),
    List(Vec<Plain>),
    Object,
}

impl Plain {
    /// `None` for what JSON does not have.
    pub(crate) fn to_json(&self) -> Option<Value> {
        Some(match self {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(*value),
            Plain::Int(value) => Value::from(*value),
            Plain::Uint(value) => Value::from(*value),
            Plain::Float(value) if value.is_finite() => Value::from(*value),
            Plain::Float(_) | Plain::Time(_) => return None,
            Plain::Text(text) => Value::from(text.as_str()),
            Plain::List(items) => items.iter().map(Plain::to_json).collect::<Option<Value>>()?,
            Plain::Object => serde_json::json!({"5": "5"}),
        })
    }

    /// The value of this attribute as a caller gives it; `items` are those of a list.
    pub(crate) fn to_value<'a>(&'a self, items: &'a [AttributeValue<'a>]) -> AttributeValue<'a> {
        static OBJECT: std::sync::LazyLock<Value> =
            std::sync::LazyLock::new(|| Plain::Object.to_json().unwrap());
        match self {
            Plain::Null => AttributeValue::Json(&Value::Null),
            Plain::Bool(value) => (*value).into(),
            Plain::Int(value) => (*value).into(),
            Plain::Uint(value) => (*value).into(),
            Plain::Float(value) => (*value).into(),
            Plain::Text(text) => text.into(),
            Plain::Time(time) => AttributeValue::UnixMilliseconds(*time),
            Plain::List(_) => AttributeValue::List(items),
            Plain::Object => AttributeValue::Json(&OBJECT),
        }
    }

    pub(crate) fn items(&self) -> Vec<AttributeValue<'_>> {
        match self {
            Plain::List(items) => items.iter().map(|item| item.to_value(&[])).collect(),
            _ => Vec::new(),
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Plain::Null) || matches!(self, Plain::Float(float) if float.is_nan())
    }
}

/// The condition is refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused;

/// True, false, or `None` if it cannot be decided.
pub(crate) fn ask(condition: &Condition, attribute: &Plain) -> Result<Option<bool>, Refused> {
    use Operator::*;
    let operator = condition.operator();
    let is_negation = matches!(operator, NotEquals | NotIn | NotContains | IsNotSet);
    let one = |attribute: &Plain| one(condition, attribute);
    // What is refused is refused of any user.
    one(&Plain::Text(String::new()))?;
    let truth = match attribute {
        _ if matches!(operator, IsSet | IsNotSet) => Some(!attribute.is_missing()),
        Plain::List(items) => {
            let truths = items.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            if truths.contains(&Some(true)) {
                Some(true)
            } else if truths.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        attribute => one(attribute)?,
    };
    Ok(truth.map(|truth| truth != (is_negation != condition.is_negated())))
}

fn one(condition: &Condition, attribute: &Plain) -> Result<Option<bool>, Refused> {
    use Operator::*;
    let fold = |text: &str| {
        if condition.ignores_case() { text.to_ascii_lowercase() } else { text.to_owned() }
    };
    let is_missing = attribute.is_missing();
    let text = match attribute {
        Plain::Text(text) => Some(fold(text)),
        _ => None,
    };
    let value = condition.value();
    let is_text = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    let parts = || match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let truth = match condition.operator() {
        IsSet | IsNotSet => None,
        Equals | NotEquals | In | NotIn => {
            let list = match (condition.operator(), value) {
                (In | NotIn, Some(Value::Array(items))) => items.iter().collect(),
                (Equals | NotEquals, Some(value)) => vec![value],
                _ => return Err(Refused),
            };
            let known: Option<Vec<_>> = list.into_iter().map(text_of_json).collect();
            let known = known.filter(|known| !known.is_empty()).ok_or(Refused)?;
            let known: Vec<_> = known.iter().map(|known| fold(known)).collect();
            text_of(attribute).map(|text| known.contains(&fold(&text)))
        }
        Contains | NotContains | StartsWith | EndsWith => {
            let parts = parts();
            if parts.is_empty() || !parts.iter().all(is_text) {
                return Err(Refused);
            }
            let mut parts = parts.iter().map(|part| fold(part.as_str().unwrap()));
            text.map(|text| match condition.operator() {
                StartsWith => parts.any(|part| text.starts_with(&part)),
                EndsWith => parts.any(|part| text.ends_with(&part)),
                _ => parts.any(|part| text.contains(&part)),
            })
        }
        Matches => {
            // The patterns here are texts, perhaps anchored.
            let pattern = value.filter(is_text).ok_or(Refused)?.as_str().unwrap();
            let start = pattern.strip_prefix('^');
            let end = start.unwrap_or(pattern).strip_suffix('$');
            let part = fold(end.or(start).unwrap_or(pattern));
            text.map(|text| match (start.is_some(), end.is_some()) {
                (false, false) => text.contains(&part),
                (true, false) => text.starts_with(&part),
                (false, true) => text.ends_with(&part),
                (true, true) => text == part,
            })
        }
        GreaterThan | GreaterThanOrEquals | LessThan | LessThanOrEquals => {
            let comparand = value.and_then(plain_of_json).and_then(|it| decimal_of(&it));
            let comparand = comparand.ok_or(Refused)?;
            let ordering = decimal_of(attribute).map(|it| compare_decimals(&it, &comparand));
            ordering.map(|ordering| holds(condition.operator(), ordering))
        }
        Before | After => {
            let comparand = value.and_then(plain_of_json).and_then(|it| instant_of(&it));
            let comparand = comparand.ok_or(Refused)?;
            let ordering = instant_of(attribute).map(|it| it.cmp(&comparand));
            ordering.map(|ordering| holds(condition.operator(), ordering))
        }
        _ => {
            let comparand = value.and_then(plain_of_json).and_then(|it| version_of(&it));
            let comparand = comparand.ok_or(Refused)?;
            let ordering = version_of(attribute).map(|it| it.cmp_precedence(&comparand));
            ordering.map(|ordering| holds(condition.operator(), ordering))
        }
    };
    if condition.ignores_case() {
        let texts = parts().into_iter().filter_map(Value::as_str).collect::<String>();
        let compares_texts = matches!(
            condition.operator(),
            Equals
                | NotEquals
                | In
                | NotIn
                | Contains
                | NotContains
                | StartsWith
                | EndsWith
                | Matches
        );
        if !texts.is_ascii() || !compares_texts {
            return Err(Refused);
        }
    }
    Ok(truth.filter(|_| !is_missing))
}

fn holds(operator: Operator, ordering: Ordering) -> bool {
    use Operator::*;
    match operator {
        GreaterThan | After | SemverGreaterThan => ordering.is_gt(),
        GreaterThanOrEquals | SemverGreaterThanOrEquals => ordering.is_ge(),
        LessThan | Before | SemverLessThan => ordering.is_lt(),
        LessThanOrEquals | SemverLessThanOrEquals => ordering.is_le(),
        _ => ordering.is_eq(),
    }
}

fn plain_of_json(value: &Value) -> Option<Plain> {
    match value {
        Value::Bool(value) => Some(Plain::Bool(*value)),
        Value::Number(number) => Some(match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Plain::Int(integer),
            (None, Some(integer)) => Plain::Uint(integer),
            (None, None) => Plain::Float(number.as_f64()?),
        }),
        Value::String(text) => Some(Plain::Text(text.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text_of_json(value: &Value) -> Option<String> {
    text_of(&plain_of_json(value)?)
}

/// The text by which a value is equal to others.
fn text_of(attribute: &Plain) -> Option<String> {
    match attribute {
        Plain::Bool(value) => Some(value.to_string()),
        Plain::Int(value) => Some(value.to_string()),
        Plain::Uint(value) => Some(value.to_string()),
        Plain::Float(float) if float.is_nan() => None,
        Plain::Float(0.0) => Some("0".to_owned()),
        Plain::Float(float) if float.fract() == 0.0 && float.abs() < 1e21 => {
            Some(format!("{float:.0}"))
        }
        Plain::Float(float) if (1e-6..1e21).contains(&float.abs()) => Some(float.to_string()),
        Plain::Float(float) => {
            let text = format!("{float:e}");
            Some(if float.abs() < 1.0 { text } else { text.replace('e', "e+") })
        }
        Plain::Text(text) => Some(text.clone()),
        Plain::Null | Plain::Time(_) | Plain::List(_) | Plain::Object => None,
    }
}

/// A number in decimal, with as many places as the smallest float has.
fn decimal_of(attribute: &Plain) -> Option<String> {
    match attribute {
        Plain::Int(value) => Some(format!("{value}.")),
        Plain::Uint(value) => Some(format!("{value}.")),
        Plain::Float(float) if float.is_nan() => None,
        Plain::Float(float) if float.is_infinite() => {
            let sign = if *float < 0.0 { "-" } else { "" };
            Some(format!("{sign}{}.", "9".repeat(400)))
        }
        Plain::Float(float) => Some(format!("{float:.1100}")),
        Plain::Text(text) => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(_) if text.trim() != text => None,
            Ok(_) if !text.contains(['.', 'e', 'E']) => Some(format!("{text}.")),
            Ok(_) => Some(format!("{:.1100}", text.parse::<f64>().unwrap())),
            Err(_) => None,
        },
        Plain::Null | Plain::Bool(_) | Plain::Time(_) | Plain::List(_) | Plain::Object => None,
    }
}

fn compare_decimals(one: &str, other: &str) -> Ordering {
    let parts = |text: &str| {
        let digits = text.trim_start_matches('-');
        let (whole, fraction) = digits.split_once('.').unwrap();
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.is_empty();
        (text.starts_with('-') && !is_zero, (whole.len(), whole, fraction))
    };
    match (parts(one), parts(other)) {
        ((false, one), (false, other)) => one.cmp(&other),
        ((true, one), (true, other)) => other.cmp(&one),
        ((false, _), (true, _)) => Ordering::Greater,
        ((true, _), (false, _)) => Ordering::Less,
    }
}

/// Milliseconds after the epoch.
fn instant_of(attribute: &Plain) -> Option<i128> {
    match attribute {
        Plain::Int(value) => Some((*value).into()),
        Plain::Uint(value) => Some((*value).into()),
        Plain::Time(time) => Some((*time).into()),
        #[expect(clippy::cast_possible_truncation, reason = "it is an integer, and not large")]
        Plain::Float(float) if float.fract() == 0.0 && float.abs() < 1e30 => Some(*float as i128),
        Plain::Text(text) => instant_of_text(text),
        _ => None,
    }
}

fn instant_of_text(text: &str) -> Option<i128> {
    let text = text.to_ascii_uppercase();
    let (date, rest) = text.split_once('T')?;
    let (rest, offset) = if let Some(rest) = rest.strip_suffix('Z') {
        (rest, 0)
    } else {
        let at = rest.rfind(['+', '-'])?;
        let offset = pair(&rest[at + 1..at + 3])? * 60 + pair(&rest[at + 4..])?;
        (&rest[..at], if rest[at..].starts_with('+') { offset } else { -offset })
    };
    let (time, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let fields: Vec<_> = date.split('-').chain(time.split(':')).collect();
    let [year, month, day, hour, minute, second] = fields[..] else { return None };
    let (year, month, day): (i128, usize, i128) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let is_leap = |year: i128| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=12).contains(&month) || !(1..=months[month - 1]).contains(&day) {
        return None;
    }
    let years: i128 = (0..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let days = years + months[..month - 1].iter().sum::<i128>() + day - 1 - 719_528;
    let minutes = (days * 24 + pair(hour)?) * 60 + pair(minute)? - offset;
    let milliseconds: i128 = format!("{fraction}00")[..3].parse().ok()?;
    Some((minutes * 60 + pair(second)?) * 1000 + milliseconds)
}

fn pair(digits: &str) -> Option<i128> {
    (digits.len() == 2).then(|| digits.parse().ok()).flatten()
}

/// As the crate `semver` reads it, once it has three numbers.
fn version_of(attribute: &Plain) -> Option<semver::Version> {
    let Plain::Text(text) = attribute else { return None };
    let at = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(at);
    let zeros = match core.split('.').count() {
        1 => ".0.0",
        2 => ".0",
        _ => "",
    };
    semver::Version::parse(&format!("{core}{zeros}{rest}")).ok()
}
