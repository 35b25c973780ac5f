//! Parses JSON text to a tree that loses nothing.
//!
//! `serde_json::Value` is not enough to read a configuration. Of two fields with one name it
//! silently keeps the last. And without its feature `float_roundtrip` it misreads the last bit of
//! one in ten floats (of those with 17 digits, which is how floats print); a library must not
//! switch that feature on for every crate that links it. So the tree keeps repeated fields, and
//! reads each float from the text itself, in step with the parser, which reaches numbers in the
//! order of the text.

mod numbers;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Number, Value};

use crate::model::error::SyntaxError;
use crate::model::fault::{FaultKind, MAX_VALUE_DEPTH};
use crate::model::faults::Faults;
use crate::model::path::{Path, quote};
use crate::model::value::{Unheld, number};

use self::numbers::Numbers;
use self::read::Seed;

/// A JSON value as it was written. Strings are borrowed from the text unless they have escapes:
/// most strings of a configuration are field names, which are not kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<'t> {
    Null,
    Bool(bool),
    Number(Number),
    /// An integer that 64 bits do not hold, as it is written.
    WideInteger(String),
    String(Cow<'t, str>),
    Array(Vec<Node<'t>>),
    /// Fields in the order of the text, repeated ones included.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
}

impl<'t> Node<'t> {
    /// Reads a JSON text, whole, after a byte order mark if there is one. Nesting is limited by
    /// `serde_json`, to 127 levels.
    pub(crate) fn parse(text: &'t str) -> Result<Node<'t>, SyntaxError> {
        // As editors of some systems write it; RFC 8259 lets a reader ignore it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut numbers = Numbers { rest: text, passed: 0 };
        Seed::new(Some(&mut numbers))
            .deserialize(&mut deserializer)
            .and_then(|node| deserializer.end().map(|()| node))
            .map_err(|error| SyntaxError::new(&error))
    }

    /// The value; adds every fault in it: repeated fields, and integers that do not fit.
    pub(crate) fn into_value(self, path: &Path<'_>, faults: &mut Faults) -> Value {
        self.into_value_within(MAX_VALUE_DEPTH, path, faults)
    }

    fn into_value_within(self, depth: usize, path: &Path<'_>, faults: &mut Faults) -> Value {
        let inner = depth.checked_sub(1);
        if let (Node::Array(_) | Node::Object(_), None) = (&self, inner) {
            faults.add(path, FaultKind::TooDeep);
            return Value::Null;
        }
        let inner = inner.unwrap_or_default();
        match self {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Number(number) => Value::Number(number),
            Node::WideInteger(text) => {
                faults.add(path, FaultKind::Integer { found: quote(&text) });
                Value::Null
            }
            Node::String(text) => Value::String(text.into_owned()),
            Node::Array(items) => {
                let items = items.into_iter().enumerate();
                items
                    .map(|(at, item)| item.into_value_within(inner, &path.item(at), faults))
                    .collect()
            }
            Node::Object(fields) => {
                let mut map = Map::new();
                for (name, node) in fields {
                    let path = path.field(&name);
                    let value = node.into_value_within(inner, &path, faults);
                    if map.contains_key(&*name) {
                        faults.add(&path, FaultKind::RepeatedField);
                    }
                    map.insert(name.into_owned(), value);
                }
                Value::Object(map)
            }
        }
    }

    /// What the node is, for an error message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Node::Null => "null".to_owned(),
            Node::Bool(value) => value.to_string(),
            Node::Number(number) => quote(&number.to_string()),
            Node::WideInteger(text) => quote(text),
            Node::String(text) => format!("{:?}", quote(text)),
            Node::Array(_) => "an array".to_owned(),
            Node::Object(_) => "an object".to_owned(),
        }
    }

    /// The number that a token of JSON writes; `None` beyond the finite `f64`.
    fn number(token: &str) -> Option<Node<'t>> {
        match number(token) {
            Ok(number) => Some(Node::Number(number)),
            Err(Unheld::Integer) => Some(Node::WideInteger(token.to_owned())),
            Err(Unheld::Float) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node<'de>, D::Error> {
        Seed::new(None).deserialize(deserializer)
    }
}
