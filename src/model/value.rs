//! The value of a flag or a variant: one writing, and one equality.
//!
//! Two features of `serde_json`, which any crate of a build can switch on, would change both: with
//! `preserve_order` an object keeps the order of its fields, and with `arbitrary_precision` a
//! number is the text that wrote it. What this file answers does not depend on them.

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::{Path, quote};

/// Why a token of JSON writes no number that a value can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheld {
    /// An integer that 64 bits do not hold.
    Integer,
    /// Beyond the finite `f64`.
    Float,
}

/// The number that a token of JSON writes: the nearest `f64` if it has a fraction or an exponent,
/// else that very integer.
pub(crate) fn number(token: &str) -> Result<Number, Unheld> {
    if token.contains(['.', 'e', 'E']) {
        return token.parse().ok().and_then(Number::from_f64).ok_or(Unheld::Float);
    }
    if let Ok(integer) = token.parse::<u64>() {
        return Ok(integer.into());
    }
    match token.parse::<i64>() {
        // Negative zero is no integer; as a float it keeps its sign.
        Ok(0) => Number::from_f64(-0.0).ok_or(Unheld::Float),
        Ok(integer) => Ok(integer.into()),
        Err(_) => Err(Unheld::Integer),
    }
}

/// Gives each number in a value the one writing that it has when it is read from a document, and
/// adds a fault for each that a document could not have.
pub(crate) fn settle_numbers(value: &mut Value, path: &Path<'_>, faults: &mut Faults) {
    match value {
        Value::Number(written) => {
            let token = written.to_string();
            match number(&token) {
                Ok(number) => *written = number,
                Err(Unheld::Integer) => {
                    faults.add(path, FaultKind::Integer { found: quote(&token) });
                }
                Err(Unheld::Float) => {
                    faults.add(path, FaultKind::Float { found: quote(&token) });
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                settle_numbers(item, &path.item(at), faults);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                settle_numbers(field, &path.field(name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A number by its value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numeric {
    Unsigned(u64),
    Negative(i64),
    Float(f64),
}

impl Numeric {
    fn of(number: &Number) -> Option<Numeric> {
        let unsigned = number.as_u64().map(Numeric::Unsigned);
        let integer = unsigned.or_else(|| number.as_i64().map(Numeric::Negative));
        integer.or_else(|| number.as_f64().map(Numeric::Float))
    }
}

/// Whether two values are equal: objects whatever the order of their fields, and numbers by what
/// they are, so that 0.0 equals -0.0. An integer equals no float, since it can be asked for as an
/// integer.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Numeric::of(one) == Numeric::of(other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has_same = |(name, value)| other.get(name).is_some_and(|it| is_same(value, it));
            one.len() == other.len() && one.iter().all(has_same)
        }
        (one, other) => one == other,
    }
}

/// A value that serialises to one text if it [is the same](is_same): the fields of each object in
/// the order of their names' bytes, and 0.0 for both zeros.
pub(crate) struct Canonical<'v>(pub(crate) &'v Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => match Numeric::of(number) {
                Some(Numeric::Unsigned(integer)) => serializer.serialize_u64(integer),
                Some(Numeric::Negative(integer)) => serializer.serialize_i64(integer),
                Some(Numeric::Float(0.0)) => serializer.serialize_f64(0.0),
                Some(Numeric::Float(float)) => serializer.serialize_f64(float),
                None => number.serialize(serializer),
            },
            Value::Array(items) => serializer.collect_seq(items.iter().map(Canonical)),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                serializer.collect_map(fields.iter().map(|(name, field)| (name, Canonical(field))))
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn canonical(value: &Value) -> String {
        serde_json::to_string(&Canonical(value)).unwrap()
    }

    fn settled(text: &str) -> Result<Value, Vec<FaultKind>> {
        let (mut value, mut faults) = (value(text), Faults::default());
        settle_numbers(&mut value, &Path::Root, &mut faults);
        let faults = faults.into_vec();
        if faults.is_empty() {
            return Ok(value);
        }
        Err(faults.iter().map(|fault| fault.kind().clone()).collect())
    }

    #[test]
    fn equal_values_have_one_canonical_text_whatever_their_own() {
        for (one, other, text) in [
            ("0.0", "-0.0", "0.0"),
            ("[1.0, 2.5]", "[1.0, 2.5]", "[1.0,2.5]"),
            (
                r#"{"b": {"z": -0.0, "a": 1}, "a": [{"d": 1, "c": 2}]}"#,
                r#"{"a": [{"c": 2, "d": 1}], "b": {"a": 1, "z": 0.0}}"#,
                r#"{"a":[{"c":2,"d":1}],"b":{"a":1,"z":0.0}}"#,
            ),
            (
                r#"[-1, 18446744073709551615, 1e300, "\u0000é\"", null, true]"#,
                r#"[-1, 18446744073709551615, 1e300, "\u0000é\"", null, true]"#,
                r#"[-1,18446744073709551615,1e+300,"\u0000é\"",null,true]"#,
            ),
        ] {
            let (one, other) = (settled(one).unwrap(), settled(other).unwrap());
            assert!(is_same(&one, &other) && is_same(&other, &one), "{one} {other}");
            assert_eq!((canonical(&one), canonical(&other)), (text.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn different_values_have_different_canonical_texts() {
        for (one, other) in [
            ("0", "0.0"),
            ("1", "1.0"),
            ("-1", "-1.0"),
            ("1", "-1"),
            ("[1]", "[1, 1]"),
            ("[]", "{}"),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 1}"#),
            (r#"{"a": 1}"#, r#"{"b": 1}"#),
            ("null", "false"),
            (r#""1""#, "1"),
        ] {
            let (one, other) = (value(one), value(other));
            assert!(!is_same(&one, &other) && !is_same(&other, &one), "{one} {other}");
            assert_ne!(canonical(&one), canonical(&other));
        }
    }

    /// With the feature `arbitrary_precision` of `serde_json`, a value keeps the text of its
    /// numbers.
    #[test]
    fn a_number_has_one_writing_however_it_was_written() {
        for (text, expected) in [
            ("1.50", "1.5"),
            ("1e2", "100.0"),
            ("-0", "-0.0"),
            ("1e-400", "0.0"),
            ("[{\"a\": 1.50}]", "[{\"a\":1.5}]"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            assert_eq!(settled(text).unwrap().to_string(), expected);
        }
        let is_kept = serde_json::from_str::<Value>("1e400").is_ok();
        if is_kept {
            let wide = FaultKind::Integer { found: "100000000000000000000".to_owned() };
            assert_eq!(settled("100000000000000000000"), Err(vec![wide]));
            let far = FaultKind::Float { found: "1e+400".to_owned() };
            assert_eq!(settled("1e400"), Err(vec![far]));
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::from(-0.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Of builds with the default features of `serde_json`, which sort fields: the text that
        /// directories were written with before there was a canonical one.
        #[test]
        fn the_canonical_text_is_that_of_sorted_fields_and_positive_zeros(value in any_value()) {
            fn plain(value: &Value) -> String {
                match value {
                    Value::Number(number) if number.as_f64() == Some(0.0) && !number.is_u64() => {
                        "0.0".to_owned()
                    }
                    Value::Array(items) => {
                        format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(","))
                    }
                    Value::Object(fields) => {
                        let fields: std::collections::BTreeMap<_, _> = fields.iter().collect();
                        let fields = fields.iter().map(|(name, field)| {
                            format!("{}:{}", Value::from(name.as_str()), plain(field))
                        });
                        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
                    }
                    other => other.to_string(),
                }
            }
            prop_assert_eq!(canonical(&value), plain(&value));
            prop_assert!(is_same(&value, &value));
        }
    }
}
