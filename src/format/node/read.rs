//! Builds a tree from what `serde` reads.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Number;

use super::Node;
use super::numbers::Numbers;

/// Deeper nesting is refused, as `serde_json` refuses it in a text: input from another source could
/// be deep enough to overflow the stack.
pub(super) const MAX_DEPTH: usize = 127;

/// Reads one node, with its numbers from `numbers` if the text is available.
pub(super) struct Seed<'n, 't> {
    numbers: Option<&'n mut Numbers<'t>>,
    depth: usize,
}

impl<'n, 't> Seed<'n, 't> {
    pub(super) fn new(numbers: Option<&'n mut Numbers<'t>>) -> Self {
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
        // In step with the text, where it is a number and not a string.
        let mut ahead = numbers.clone();
        // Exponents may have been given a sign, and another case.
        let plain = |text: &str| text.replace('+', "").to_ascii_lowercase();
        let is_number = ahead.next().is_some_and(|token| plain(token) == plain(written));
        if is_number {
            *numbers = ahead;
        }
        is_number
    }

    /// An integer that the parser has just read correctly.
    fn integer(self, parsed: Number) -> Node<'t> {
        if let Some(numbers) = self.numbers {
            numbers.pass();
        }
        Node::Number(parsed)
    }

    /// A float that the parser has just read: the text's, or `parsed` if there is no text.
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

/// Whether `serde_json` hands over numbers as objects, because some other crate of the build has
/// switched on its feature `arbitrary_precision`. A value that has just that field of its own must
/// not be read as a number, so this is tried out, once.
pub(super) static NUMBERS_ARE_OBJECTS: LazyLock<bool> = LazyLock::new(|| {
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
