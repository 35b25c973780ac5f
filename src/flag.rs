//! A named decision point, with a default value.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::id::FlagId;

/// A named decision point, with the value that it answers when no experiment decides.
///
/// Serialises as `{"id": ..., "key": ..., "default_value": ...}`. Cloning shares the texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flag {
    id: FlagId,
    #[serde(serialize_with = "text")]
    key: Arc<str>,
    #[serde(serialize_with = "value")]
    default_value: Arc<Value>,
}

// serde serialises an `Arc` only with its feature `rc`, which would leak into the user's build.
fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn value<S: serde::Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    Value::serialize(value, serializer)
}

impl Flag {
    pub(crate) fn new(id: FlagId, key: &str, default_value: Value) -> Flag {
        Flag { id, key: key.into(), default_value: Arc::new(default_value) }
    }

    pub(crate) fn with_default(&self, default_value: Value) -> Flag {
        Flag { default_value: Arc::new(default_value), ..self.clone() }
    }

    /// The id: a name that stays when the key is changed.
    #[must_use]
    pub fn id(&self) -> FlagId {
        self.id
    }

    /// The key by which code asks for the flag.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the flag answers when no experiment decides.
    #[must_use]
    pub fn default_value(&self) -> &Value {
        &self.default_value
    }
}

/// A flag as asked for; [`Engine::create_flag`](crate::Engine::create_flag) checks it.
///
/// # Examples
///
/// ```
/// use fairsplit::NewFlag;
/// use serde_json::json;
///
/// let flag = NewFlag::new("checkout", json!({"steps": 3}));
/// # let _ = flag;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a new flag does nothing until an engine creates it"]
pub struct NewFlag {
    pub(crate) id: Option<FlagId>,
    pub(crate) key: String,
    pub(crate) default_value: Value,
}

impl NewFlag {
    /// A flag with this key and default value; the engine makes its id.
    pub fn new(key: impl Into<String>, default_value: impl Into<Value>) -> NewFlag {
        NewFlag { id: None, key: key.into(), default_value: default_value.into() }
    }

    /// Gives the id instead of having the engine make one.
    pub fn id(mut self, id: FlagId) -> NewFlag {
        self.id = Some(id);
        self
    }
}

/// A flag told by its key or by its id; what methods that take a flag accept.
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
