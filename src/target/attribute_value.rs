//! One thing that is known of a user.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// One thing that is known of a user, borrowed: a text, a number, a boolean, a time, or a list.
///
/// Most are made with `into()`: `"pro".into()`, `42.into()`, `true.into()`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum AttributeValue<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer that is not negative.
    Uint(u64),
    /// A number; `NaN` counts as no value.
    Float(f64),
    /// A text.
    Str(&'a str),
    /// A point in time, in milliseconds after the Unix epoch.
    UnixMilliseconds(i64),
    /// A list of texts.
    Strs(&'a [&'a str]),
    /// A list of texts.
    Strings(&'a [String]),
    /// A list.
    List(&'a [AttributeValue<'a>]),
    /// Any JSON value: `null` counts as no value, and an object fits no condition.
    Json(&'a Value),
}

impl<'a> From<&'a str> for AttributeValue<'a> {
    #[inline]
    fn from(text: &'a str) -> AttributeValue<'a> {
        AttributeValue::Str(text)
    }
}

impl<'a> From<&'a String> for AttributeValue<'a> {
    #[inline]
    fn from(text: &'a String) -> AttributeValue<'a> {
        AttributeValue::Str(text)
    }
}

impl<'a> From<&'a [String]> for AttributeValue<'a> {
    #[inline]
    fn from(texts: &'a [String]) -> AttributeValue<'a> {
        AttributeValue::Strings(texts)
    }
}

impl<'a> From<&'a [&'a str]> for AttributeValue<'a> {
    #[inline]
    fn from(texts: &'a [&'a str]) -> AttributeValue<'a> {
        AttributeValue::Strs(texts)
    }
}

impl<'a> From<&'a Value> for AttributeValue<'a> {
    #[inline]
    fn from(value: &'a Value) -> AttributeValue<'a> {
        AttributeValue::Json(value)
    }
}

impl From<bool> for AttributeValue<'_> {
    #[inline]
    fn from(value: bool) -> Self {
        AttributeValue::Bool(value)
    }
}

impl From<f64> for AttributeValue<'_> {
    #[inline]
    fn from(value: f64) -> Self {
        AttributeValue::Float(value)
    }
}

impl From<f32> for AttributeValue<'_> {
    #[inline]
    fn from(value: f32) -> Self {
        AttributeValue::Float(value.into())
    }
}

/// In milliseconds; a time that 64 bits of them do not hold becomes the nearest that they do.
impl From<SystemTime> for AttributeValue<'_> {
    fn from(time: SystemTime) -> Self {
        let milliseconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                // Towards the past, as for times after the epoch.
                let before = before.duration().as_nanos().div_ceil(1_000_000);
                i64::try_from(before).map_or(i64::MIN, i64::saturating_neg)
            }
        };
        AttributeValue::UnixMilliseconds(milliseconds)
    }
}

macro_rules! integers {
    ($($of:ty)* => $variant:ident) => {$(
        impl From<$of> for AttributeValue<'_> {
            #[inline]
            fn from(value: $of) -> Self {
                AttributeValue::$variant(value.into())
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 => Int);
integers!(u8 u16 u32 u64 => Uint);
