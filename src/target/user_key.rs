//! The text that identifies: borrowed, or written without the heap.

use std::fmt;
use std::ops::Deref;

use serde_json::Value;
use uuid::Uuid;

use crate::target::attribute_value::AttributeValue;

/// A user key that is written from an integer or a UUID, without the heap: in decimal, or
/// hyphenated and in lower case.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, User, UserKey};
///
/// let key = UserKey::from(511_554);
/// assert_eq!(&*key, "511554");
/// # let production = Engine::new().environment("production")?;
/// assert!(production.evaluate("hero-banner", &key).value().is_none());
/// let known = [("plan", "pro".into())];
/// assert!(production.evaluate("hero-banner", User::new(&key).with(&known)).value().is_none());
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey {
    bytes: [u8; UserKey::LENGTH],
    length: u8,
}

impl UserKey {
    /// That of a hyphenated UUID; no integer of 64 bits is longer.
    const LENGTH: usize = 36;

    fn new(text: &str) -> UserKey {
        let mut bytes = [0; UserKey::LENGTH];
        // It has room for every text that is written here.
        for (to, byte) in bytes.iter_mut().zip(text.bytes()) {
            *to = byte;
        }
        UserKey { bytes, length: u8::try_from(text.len()).unwrap_or_default() }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let written = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl Deref for UserKey {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

macro_rules! integers {
    ($($of:ty),*) => {$(
        impl From<$of> for UserKey {
            fn from(key: $of) -> UserKey {
                UserKey::new(itoa::Buffer::new().format(key))
            }
        }
    )*};
}

integers!(i32, i64, u32, u64, usize);

impl From<Uuid> for UserKey {
    fn from(key: Uuid) -> UserKey {
        UserKey::new(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// What an experiment, a layer or a holdout is split by: the user key, or the text of an attribute.
#[derive(Clone, Copy)]
pub(crate) enum Unit<'a> {
    Text(&'a str),
    Written(UserKey),
}

impl<'a> Unit<'a> {
    /// The unit of an attribute: a text that is not empty, or an integer in decimal. Anything else
    /// is none, so that no two kinds of unit are mixed.
    pub(crate) fn of(value: AttributeValue<'a>) -> Option<Unit<'a>> {
        match value {
            AttributeValue::Str(text) if !text.is_empty() => Some(Unit::Text(text)),
            AttributeValue::Int(integer) => Some(Unit::Written(integer.into())),
            AttributeValue::Uint(integer) => Some(Unit::Written(integer.into())),
            AttributeValue::Json(Value::String(text)) if !text.is_empty() => Some(Unit::Text(text)),
            AttributeValue::Json(Value::Number(number)) => match (number.as_i64(), number.as_u64())
            {
                (Some(integer), _) => Some(Unit::Written(integer.into())),
                (None, Some(integer)) => Some(Unit::Written(integer.into())),
                (None, None) => None,
            },
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Unit::Text(text) => text,
            Unit::Written(key) => key.as_str(),
        }
    }
}
