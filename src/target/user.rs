//! The user of an evaluation: a key, and what is known beside it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::target::attribute_value::AttributeValue;
use crate::target::attributes::Attributes;
use crate::target::user_key::UserKey;

/// The user of an evaluation or a conversion: a user key, and what is known of the user. Borrowed,
/// so making one allocates nothing.
///
/// Methods that take a user accept anything that becomes one: a text is the key of a user of whom
/// nothing else is known. A [`UserKey`] writes an integer or a UUID.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, User};
///
/// let production = Engine::new().environment("production")?;
/// let known = [("plan", "pro".into()), ("age", 42.into())];
/// let anna = User::new("anna").with(&known);
/// assert_eq!(anna.key(), "anna");
///
/// assert!(production.evaluate("hero-banner", anna).value().is_none());
/// assert!(production.evaluate("hero-banner", "anna").value().is_none());
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct User<'a> {
    key: &'a str,
    attributes: &'a dyn Attributes,
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
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// What is known beside the key.
    #[inline]
    #[must_use]
    pub fn attributes(&self) -> &'a dyn Attributes {
        self.attributes
    }

    /// The attribute of this name, as conditions see it. `user_key` is the user key, whatever the
    /// caller gives, and so is `user_id` unless the caller gives one; the empty key is none.
    pub(crate) fn get(self, name: &str) -> Option<AttributeValue<'a>> {
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
        f.debug_struct("User").field("key", &self.key).finish_non_exhaustive()
    }
}

macro_rules! texts {
    ($($of:ty),*) => {$(
        impl<'a> From<&'a $of> for User<'a> {
            #[inline]
            fn from(key: &'a $of) -> User<'a> {
                User { key, attributes: &() }
            }
        }
    )*};
}

texts!(str, &str, String, &String, Arc<str>, Box<str>, Cow<'_, str>, UserKey);

impl<'a> From<&'a User<'_>> for User<'a> {
    #[inline]
    fn from(user: &'a User<'_>) -> User<'a> {
        *user
    }
}
