//! A named decision point, with a default value.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::model::id::FlagId;
use crate::model::timestamp::Timestamp;
use crate::model::value::is_same;

/// A named decision point, with the value that it answers when no experiment decides.
///
/// Serialises in the style of the Experiments API, as an object of `id`, `key`, `name`,
/// `default_value`, `created_at`, `updated_at`. Cloning shares the texts.
#[derive(Clone, Debug, Serialize)]
pub struct Flag {
    id: FlagId,
    #[serde(serialize_with = "text")]
    key: Arc<str>,
    #[serde(serialize_with = "text")]
    name: Arc<str>,
    #[serde(serialize_with = "value")]
    default_value: Arc<Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

// serde serialises an `Arc` only with its feature `rc`, which would leak into the user's build.
fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn value<S: serde::Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    Value::serialize(value, serializer)
}

/// Replaces a new text or value by the known one if the two are equal; returns whether they are.
fn share<T: ?Sized>(new: &mut Arc<T>, known: &Arc<T>, is_equal: fn(&T, &T) -> bool) -> bool {
    let is_equal = is_equal(new, known);
    if is_equal {
        *new = Arc::clone(known);
    }
    is_equal
}

impl PartialEq for Flag {
    fn eq(&self, other: &Flag) -> bool {
        let Flag { id, key, name, default_value, created_at, updated_at } = self;
        *id == other.id
            && *key == other.key
            && *name == other.name
            && *created_at == other.created_at
            && *updated_at == other.updated_at
            && is_same(default_value, &other.default_value)
    }
}

impl Flag {
    /// A checked flag, created now. Without a name, its name is the key.
    pub(crate) fn create(
        id: FlagId,
        key: &str,
        name: Option<&str>,
        default_value: Value,
        now: Timestamp,
    ) -> Flag {
        let key: Arc<str> = key.into();
        let name = name.filter(|name| **name != *key).map_or_else(|| Arc::clone(&key), Arc::from);
        let default_value = Arc::new(default_value);
        Flag { id, key, name, default_value, created_at: now, updated_at: now }
    }

    /// The flag with another default value, as changed now.
    pub(crate) fn with_default(&self, default_value: Value, now: Timestamp) -> Flag {
        Flag { default_value: Arc::new(default_value), updated_at: now, ..self.clone() }
    }

    /// The flag with these dates. A date that is `None` comes from `known`, the flag as it was, or
    /// from the clock; an unchanged flag keeps its `updated_at`. Unchanged parts are shared with
    /// `known`.
    pub(crate) fn dated(
        mut self,
        created_at: Option<Timestamp>,
        updated_at: Option<Timestamp>,
        known: Option<&Flag>,
    ) -> Flag {
        if let Some(known) = known {
            let now = self.updated_at;
            self.created_at = known.created_at;
            self.updated_at = known.updated_at;
            let shared = [
                share(&mut self.key, &known.key, str::eq),
                share(&mut self.name, &known.name, str::eq),
                share(&mut self.default_value, &known.default_value, is_same),
            ];
            if shared.contains(&false) {
                self.updated_at = now;
            }
        }
        self.created_at = created_at.unwrap_or(self.created_at);
        self.updated_at = updated_at.unwrap_or(self.updated_at);
        self
    }

    /// The id, which stays when the key changes.
    #[must_use]
    pub fn id(&self) -> FlagId {
        self.id
    }

    /// The key by which code asks for the flag.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key, shared.
    pub(crate) fn shared_key(&self) -> &Arc<str> {
        &self.key
    }

    /// The default value, to be replaced by an equal one that is shared.
    pub(crate) fn shared_default_value(&mut self) -> &mut Arc<Value> {
        &mut self.default_value
    }

    /// The display name: the key, unless one was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the flag answers when no experiment decides.
    #[must_use]
    pub fn default_value(&self) -> &Value {
        &self.default_value
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When its key, name or default value last changed. Changes of its experiments do not
    /// move it.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
}

/// A change of a flag.
///
/// # JSON
///
/// Deserialises from an object with the one field `default_value`.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, FlagChange, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let change = FlagChange::from_json(r#"{"default_value": "new"}"#)?;
/// let flag = engine.set_default("hero-banner", change.default_value)?;
/// assert_eq!(flag.default_value(), "new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a change does nothing until an engine makes it"]
#[non_exhaustive]
pub struct FlagChange {
    /// What the flag answers when no experiment decides.
    pub default_value: Value,
}

/// A flag, by its key or by its id: what methods that concern a flag accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a flag has these two names")]
pub enum FlagRef<'a> {
    /// By its key.
    Key(&'a str),
    /// By its id.
    Id(FlagId),
}

impl<'a> From<&'a str> for FlagRef<'a> {
    fn from(key: &'a str) -> FlagRef<'a> {
        FlagRef::Key(key)
    }
}

impl<'a> From<&'a String> for FlagRef<'a> {
    fn from(key: &'a String) -> FlagRef<'a> {
        FlagRef::Key(key)
    }
}

impl From<FlagId> for FlagRef<'_> {
    fn from(id: FlagId) -> Self {
        FlagRef::Id(id)
    }
}
