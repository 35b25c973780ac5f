//! What is known of a user, by name.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use serde_json::{Map, Value};

use crate::target::attribute_value::AttributeValue;
use crate::target::same_text::is_same;

/// What is known of a user, by name. A condition asks for the attributes that it names, and for
/// nothing else.
///
/// Implemented for slices and arrays of pairs, for maps, and for `serde_json::Map`. A service
/// implements it for its own request, and then builds nothing for a call.
///
/// # Examples
///
/// ```
/// use fairsplit::targeting::{AttributeValue, Attributes};
///
/// struct Request {
///     plan: String,
///     age: Option<u8>,
/// }
///
/// impl Attributes for Request {
///     fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
///         match name {
///             "plan" => Some(self.plan.as_str().into()),
///             "age" => self.age.map(Into::into),
///             _ => None,
///         }
///     }
/// }
///
/// let request = Request { plan: "pro".to_owned(), age: None };
/// assert!(request.get("plan").is_some() && request.get("age").is_none());
/// ```
pub trait Attributes {
    /// The attribute of this name, or `None` if it is not known.
    fn get(&self, name: &str) -> Option<AttributeValue<'_>>;
}

/// Nothing is known.
impl Attributes for () {
    #[inline]
    fn get(&self, _: &str) -> Option<AttributeValue<'_>> {
        None
    }
}

impl<T: Attributes + ?Sized> Attributes for &T {
    #[inline]
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        (**self).get(name)
    }
}

/// The first pair of a name counts.
impl<K: Borrow<str>> Attributes for [(K, AttributeValue<'_>)] {
    #[inline]
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        self.iter().find(|(known, _)| is_same(known.borrow(), name)).map(|(_, value)| *value)
    }
}

/// The first pair of a name counts.
impl<K: Borrow<str>, const N: usize> Attributes for [(K, AttributeValue<'_>); N] {
    #[inline]
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        Attributes::get(self.as_slice(), name)
    }
}

macro_rules! maps {
    ($($value:ty),*) => {$(
        impl<K: Borrow<str> + Hash + Eq, S: BuildHasher> Attributes for HashMap<K, $value, S> {
            #[inline]
            fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
                HashMap::get(self, name).map(Into::into)
            }
        }

        impl<K: Borrow<str> + Ord> Attributes for BTreeMap<K, $value> {
            #[inline]
            fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
                BTreeMap::get(self, name).map(Into::into)
            }
        }
    )*};
}

maps!(String, Value);

impl<K: Borrow<str> + Hash + Eq, S: BuildHasher> Attributes for HashMap<K, AttributeValue<'_>, S> {
    #[inline]
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        HashMap::get(self, name).copied()
    }
}

impl<K: Borrow<str> + Ord> Attributes for BTreeMap<K, AttributeValue<'_>> {
    #[inline]
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        BTreeMap::get(self, name).copied()
    }
}

/// A name that is not a field of the object itself is looked for inside of it: `company.id` is the
/// field `id` of the object in the field `company`.
impl Attributes for Map<String, Value> {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        if let Some(value) = Map::get(self, name) {
            return Some(AttributeValue::Json(value));
        }
        let (outer, inner) = name.split_once('.')?;
        Map::get(self, outer)?.as_object().and_then(|object| Attributes::get(object, inner))
    }
}
