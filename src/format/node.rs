//! JSON text to a tree in which nothing has been lost yet.
//!
//! `serde_json::Value` is not enough to read a configuration with. It keeps the last of two fields
//! of one name in silence. And without its feature `float_roundtrip` it gets the last bit of one in
//! ten floats wrong (of those with 17 digits, which is how floats print): a library must not switch
//! that on for everybody who links it. So the tree keeps repeated fields, and takes each float from
//! the text itself, in step with the parser: numbers are met in the order in which they stand.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

use crate::model::fault::{Findings, MAX_VALUE_DEPTH, Path, Rule, SyntaxError, quote};

/// A JSON value as it was written. Strings are borrowed from the text unless they have escapes: most
/// of a configuration's are names of fields, which nobody keeps.
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
    /// Reads a JSON text, whole. Nesting is limited by `serde_json`, to 127 levels.
    pub(crate) fn parse(text: &'t str) -> Result<Node<'t>, SyntaxError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut numbers = Numbers { rest: text, passed: 0 };
        Seed::new(Some(&mut numbers))
            .deserialize(&mut deserializer)
            .and_then(|node| deserializer.end().map(|()| node))
            .map_err(|error| SyntaxError::new(&error))
    }

    /// The value, with every fault of it named: repeated fields, and integers that do not fit.
    pub(crate) fn into_value(self, path: &Path<'_>, findings: &mut Findings) -> Value {
        self.into_value_within(MAX_VALUE_DEPTH, path, findings)
    }

    fn into_value_within(self, depth: usize, path: &Path<'_>, findings: &mut Findings) -> Value {
        let inner = depth.checked_sub(1);
        if let (Node::Array(_) | Node::Object(_), None) = (&self, inner) {
            findings.fault(path, Rule::TooDeep);
            return Value::Null;
        }
        let inner = inner.unwrap_or_default();
        match self {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Number(number) => Value::Number(number),
            Node::WideInteger(text) => {
                findings.fault(path, Rule::Integer { found: quote(&text) });
                Value::Null
            }
            Node::String(text) => Value::String(text.into_owned()),
            Node::Array(items) => {
                let items = items.into_iter().enumerate();
                items
                    .map(|(at, item)| item.into_value_within(inner, &path.item(at), findings))
                    .collect()
            }
            Node::Object(fields) => {
                let mut map = Map::new();
                for (name, node) in fields {
                    let path = path.field(&name);
                    let value = node.into_value_within(inner, &path, findings);
                    if map.contains_key(&*name) {
                        findings.fault(&path, Rule::RepeatedField);
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

    /// The number that a token of JSON writes: the nearest `f64` if it has a fraction or an
    /// exponent, else that very integer.
    fn number(token: &str) -> Option<Node<'t>> {
        if token.contains(['.', 'e', 'E']) {
            return token.parse().ok().and_then(Number::from_f64).map(Node::Number);
        }
        if let Ok(integer) = token.parse::<u64>() {
            return Some(Node::Number(integer.into()));
        }
        Some(match token.parse::<i64>() {
            // Negative zero is no integer; as a float it keeps its sign.
            Ok(0) => Node::Number(Number::from_f64(-0.0)?),
            Ok(integer) => Node::Number(integer.into()),
            Err(_) => Node::WideInteger(token.to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node<'de>, D::Error> {
        Seed::new(None).deserialize(deserializer)
    }
}

/// Whether `serde_json` hands over numbers as objects, because some other crate of the build has
/// switched on its feature `arbitrary_precision`. A value that has just that field of its own must
/// not be taken for a number, so it is tried out, once.
static NUMBERS_ARE_OBJECTS: LazyLock<bool> = LazyLock::new(|| {
    struct IsObject;
    impl<'de> Visitor<'de> for IsObject {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
            while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(true)
        }
    }
    // With a fraction: small integers come as integers either way.
    serde_json::Deserializer::from_str("0.5").deserialize_any(IsObject).unwrap_or(false)
});

/// The number tokens of a JSON text, one after the other. The parser has found the text to be JSON
/// as far as the numbers that it asks for.
#[derive(Clone)]
struct Numbers<'t> {
    rest: &'t str,
    /// How many numbers of `rest` the parser has got right by itself. They are looked for only when a
    /// later one is asked for: a text without a float is not read twice.
    passed: usize,
}

impl Numbers<'_> {
    /// Passes over the number that the parser has just met.
    fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }
}

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        for _ in 0..std::mem::take(&mut self.passed) {
            self.token()?;
        }
        self.token()
    }
}

impl<'t> Numbers<'t> {
    fn token(&mut self) -> Option<&'t str> {
        let mut bytes = self.rest.bytes().enumerate();
        let start = loop {
            match bytes.next()? {
                (_, b'"') => loop {
                    match bytes.next()?.1 {
                        b'"' => break,
                        b'\\' => drop(bytes.next()?),
                        _ => {}
                    }
                },
                (at, b'-' | b'0'..=b'9') => break at,
                _ => {}
            }
        };
        let in_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = bytes.find(|&(_, byte)| !in_number(byte)).map_or(self.rest.len(), |(at, _)| at);
        let token = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        Some(token)
    }
}

/// Nesting beyond this is refused, as `serde_json` refuses it in a text: a tree that is read from
/// something else could be deep enough to overflow the stack.
const MAX_DEPTH: usize = 127;

/// Reads one node, and takes its numbers from `numbers` if the text is at hand.
struct Seed<'n, 't> {
    numbers: Option<&'n mut Numbers<'t>>,
    depth: usize,
}

impl<'n, 't> Seed<'n, 't> {
    fn new(numbers: Option<&'n mut Numbers<'t>>) -> Self {
        Seed { numbers, depth: 0 }
    }

    /// For what is within the array or object that is being read.
    fn inner(&mut self) -> Seed<'_, 't> {
        Seed { numbers: self.numbers.as_deref_mut(), depth: self.depth.saturating_add(1) }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(E::custom("recursion limit exceeded")) }
    }

    /// Whether an object of the form of [`NUMBER_FIELD`] stands for the number that is written so.
    fn is_number(&mut self, written: &str) -> bool {
        let Some(numbers) = self.numbers.as_deref_mut() else {
            return Node::number(written).is_some();
        };
        // In step with the text: there, it is a number and no string.
        let mut ahead = numbers.clone();
        // Exponents may have been given a sign, and another case.
        let plain = |text: &str| text.replace('+', "").to_ascii_lowercase();
        let is_number = ahead.next().is_some_and(|token| plain(token) == plain(written));
        if is_number {
            *numbers = ahead;
        }
        is_number
    }

    /// An integer that the parser has just met, and read right.
    fn integer(self, parsed: Number) -> Node<'t> {
        if let Some(numbers) = self.numbers {
            numbers.pass();
        }
        Node::Number(parsed)
    }

    /// A float that the parser has just met: the text's, or `parsed` if there is no text.
    fn float<E: serde::de::Error>(self, parsed: f64) -> Result<Node<'t>, E> {
        let written = self.numbers.and_then(Iterator::next).and_then(Node::number);
        written
            .or_else(|| Number::from_f64(parsed).map(Node::Number))
            .ok_or_else(|| E::custom("number out of range"))
    }
}

/// How `serde_json` hands over a number when some other crate of the build has switched on its
/// feature `arbitrary_precision`: as an object with this one field.
const NUMBER_FIELD: &str = "$serde_json::private::Number";

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(self.integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(self.integer(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node<'de>, E> {
        self.float(value)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::String(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::String(Cow::Borrowed(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Node<'de>, E> {
        Ok(Node::String(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Node<'de>, A::Error> {
        self.check_depth()?;
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(self.inner())? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Node<'de>, A::Error> {
        self.check_depth()?;
        let mut nodes = Vec::new();
        while let Some(name) = fields.next_key_seed(Name)? {
            let node = fields.next_value_seed(self.inner())?;
            if let Node::String(written) = &node
                && nodes.is_empty()
                && name == NUMBER_FIELD
                && *NUMBERS_ARE_OBJECTS
                && self.is_number(written)
            {
                return Node::number(written)
                    .ok_or_else(|| A::Error::custom("number out of range"));
            }
            nodes.push((name, node));
        }
        Ok(Node::Object(nodes))
    }
}

/// Reads the name of a field, borrowed if that can be.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Result<Value, Vec<String>> {
        let mut findings = Findings::default();
        let value = Node::parse(text).unwrap().into_value(&Path::Root, &mut findings);
        match findings.into_faults().as_slice() {
            [] => Ok(value),
            faults => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    #[track_caller]
    fn assert_round_trip(text: &str) {
        assert_eq!(value(text).unwrap().to_string(), text);
    }

    #[test]
    fn numbers_come_back_as_they_were_written() {
        for text in [
            "0",
            "-1",
            "1.0",
            "-0.0",
            "0.1",
            "0.30000000000000004",
            "0.22931038504253454",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
            "5e-324",
            "1.7976931348623157e+308",
        ] {
            assert_round_trip(text);
        }
    }

    #[test]
    fn exponents_can_be_written_in_every_way() {
        assert_eq!(
            value("[1e5,1E5,1e+5,1.0E-5,2]").unwrap().to_string(),
            "[100000.0,100000.0,100000.0,0.00001,2]"
        );
    }

    #[test]
    fn numbers_in_strings_and_keys_do_not_shift_the_others() {
        assert_round_trip(r#"{"1":"2 \" 3","\\4":[5,{"6":0.22931038504253454}],"e":"-"}"#);
    }

    #[test]
    fn integers_beyond_64_bits_and_repeated_fields_are_named() {
        assert_eq!(
            value(r#"{"a":[1,18446744073709551616],"a":{"b":1,"b":-9223372036854775809}}"#),
            Err(vec![
                "a[1]: must be an integer that 64 bits hold, found 18446744073709551616".to_owned(),
                "a.b: must be an integer that 64 bits hold, found -9223372036854775809".to_owned(),
                "a.b: is given more than once".to_owned(),
                "a: is given more than once".to_owned(),
            ])
        );
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let error = Node::parse("{\"a\": 1,\n \"b\": tru}").unwrap_err();
        assert_eq!(error.to_string(), "no JSON at line 2, column 10: expected ident");
        for text in ["", "1 2", "[1,]", "1e400", "-", "[0.1, 01]", &"[".repeat(200)] {
            assert!(Node::parse(text).is_err(), "{text}");
        }
    }

    /// Only if another crate has switched on `arbitrary_precision` is this a number.
    #[test]
    fn an_object_that_looks_like_a_number_stays_what_it_is() {
        assert_round_trip(r#"[{"$serde_json::private::Number":"7"},1,0.22931038504253454,3]"#);
        assert_round_trip(r#"[{"$serde_json::private::Number":5,"a":1},2]"#);
        let without_text: Node<'_> =
            serde_json::from_str(r#"{"$serde_json::private::Number":"7"}"#).unwrap();
        assert_eq!(matches!(without_text, Node::Object(_)), !*NUMBERS_ARE_OBJECTS);
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused_wherever_it_comes_from() {
        let deep = (0..3000).fold(Value::Null, |inner, _| Value::from(vec![inner]));
        assert!(Node::deserialize(&deep).is_err());
        let text = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Node::parse(&text(MAX_DEPTH)).is_ok());
        assert!(Node::parse(&text(MAX_DEPTH + 1)).is_err());
        let value: Value = serde_json::from_str(&text(MAX_DEPTH)).unwrap();
        assert!(Node::deserialize(&value).is_ok());
    }

    proptest! {
        #[test]
        fn every_float_survives(bits: u64, nested: bool) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            let text = serde_json::to_string(&float).unwrap();
            let text = if nested { format!("{{\"1.5\":[\"x\\\"2\",{text}]}}") } else { text };
            assert_round_trip(&text);
        }
    }
}
