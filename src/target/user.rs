//! The user of an evaluation: a key, and what is known beside it.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::target::attribute_value::AttributeValue;
use crate::target::attributes::Attributes;

/// The user of an evaluation or a conversion: a user key, and what is known of the user.
///
/// Methods that take a user accept anything that becomes one: a text, an integer or a UUID is a
/// user of whom nothing else is known.
///
/// Making one allocates nothing: an integer is written in decimal, and a UUID hyphenated and in
/// lower case, into the user itself.
///
/// # Examples
///
/// ```
/// use fairsplit::User;
///
/// let anna = User::new("anna").with(&[("plan", "pro".into()), ("age", 42.into())]);
/// assert_eq!(anna.key(), "anna");
/// assert_eq!(User::new(511_554).key(), "511554");
/// ```
#[derive(Clone, Copy)]
pub struct User<'a> {
    key: Key<'a>,
    attributes: &'a dyn Attributes,
}

/// A text that identifies: borrowed, or written here.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    Text(&'a str),
    Written { bytes: [u8; Key::LENGTH], length: usize },
}

impl<'a> Key<'a> {
    /// The text of an attribute that a user is split by: a text that is not empty, or an integer in
    /// decimal. Anything else is none, so that no two kinds of unit are mixed.
    pub(crate) fn of(value: AttributeValue<'a>) -> Option<Key<'a>> {
        match value {
            AttributeValue::Str(text) if !text.is_empty() => Some(Key::Text(text)),
            AttributeValue::Int(integer) => Some(Key::written(integer)),
            AttributeValue::Uint(integer) => Some(Key::written(integer)),
            AttributeValue::Json(Value::String(text)) if !text.is_empty() => Some(Key::Text(text)),
            AttributeValue::Json(Value::Number(number)) => match (number.as_i64(), number.as_u64())
            {
                (Some(integer), _) => Some(Key::written(integer)),
                (None, Some(integer)) => Some(Key::written(integer)),
                (None, None) => None,
            },
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Key::Text(text) => text,
            Key::Written { bytes, length } => {
                let written = bytes.get(..*length).unwrap_or_default();
                std::str::from_utf8(written).unwrap_or_default()
            }
        }
    }

    /// That of a hyphenated UUID; no integer of 64 bits is longer.
    const LENGTH: usize = 36;

    fn written(of: impl fmt::Display) -> Key<'a> {
        let mut bytes = [0; Key::LENGTH];
        let mut rest = bytes.as_mut_slice();
        // It has room for every type that is written here.
        let is_written = write!(rest, "{of}").is_ok();
        let left = rest.len();
        let length = if is_written { Key::LENGTH.saturating_sub(left) } else { 0 };
        Key::Written { bytes, length }
    }
}

impl<'a> User<'a> {
    /// The user with this key, of whom nothing else is known.
    #[inline]
    pub fn new(key: impl Into<User<'a>>) -> User<'a> {
        key.into()
    }

    /// The user with these attributes, in place of those before.
    #[inline]
    #[must_use]
    pub fn with(self, attributes: &'a dyn Attributes) -> User<'a> {
        User { attributes, ..self }
    }

    /// The user key; empty if there is no user.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_str()
    }

    /// What is known beside the key.
    #[inline]
    #[must_use]
    pub fn attributes(&self) -> &'a dyn Attributes {
        self.attributes
    }

    #[inline]
    pub(crate) fn known(&self) -> Known<'_> {
        Known { key: self.key(), attributes: self.attributes }
    }

    #[inline]
    fn text(key: &'a str) -> User<'a> {
        User { key: Key::Text(key), attributes: &() }
    }
}

/// What conditions ask: the attributes of a user, and the user key among them.
#[derive(Clone, Copy)]
pub(crate) struct Known<'u> {
    pub(crate) key: &'u str,
    pub(crate) attributes: &'u dyn Attributes,
}

impl<'u> Known<'u> {
    /// The attribute of this name. `user_key` is the user key, whatever the caller gives, and so is
    /// `user_id` unless the caller gives one; the empty key is none.
    pub(crate) fn get(self, name: &str) -> Option<AttributeValue<'u>> {
        let key = (!self.key.is_empty()).then_some(AttributeValue::Str(self.key));
        match name {
            "user_key" => key,
            "user_id" => self.attributes.get(name).or(key),
            name => self.attributes.get(name),
        }
    }
}

impl fmt::Debug for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("key", &self.key()).finish_non_exhaustive()
    }
}

macro_rules! texts {
    ($($of:ty),*) => {$(
        impl<'a> From<&'a $of> for User<'a> {
            #[inline]
            fn from(key: &'a $of) -> User<'a> {
                User::text(key)
            }
        }
    )*};
}

texts!(str, &str, String, &String, Arc<str>, Box<str>, Cow<'_, str>);

macro_rules! written {
    ($($of:ty),*) => {$(
        impl From<$of> for User<'_> {
            #[inline]
            fn from(key: $of) -> Self {
                User { key: Key::written(key), attributes: &() }
            }
        }
    )*};
}

written!(i32, i64, u32, u64, usize, Uuid);

impl<'a> From<&'a User<'_>> for User<'a> {
    #[inline]
    fn from(user: &'a User<'_>) -> User<'a> {
        *user
    }
}
