//! A request to create a flag.

use serde_json::Value;

use crate::model::flag_type::FlagType;
use crate::model::id::FlagId;

/// A request to create a flag; [`Engine::create_flag`](crate::Engine::create_flag) checks it.
///
/// # JSON
///
/// Deserialises from an object of `key` and `default_value`, which are required, and `name`, `id`,
/// `flag_type` and `enabled`, which may be given. Read it with [`NewFlag::from_json`], which names
/// every fault with its path. Unknown fields are refused.
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
    pub(crate) name: Option<String>,
    pub(crate) default_value: Value,
    pub(crate) flag_type: Option<FlagType>,
    pub(crate) is_enabled: bool,
}

impl NewFlag {
    /// A flag with this key and default value; the engine makes its id, and its name is the key.
    pub fn new(key: impl Into<String>, default_value: impl Into<Value>) -> NewFlag {
        NewFlag {
            id: None,
            key: key.into(),
            name: None,
            default_value: default_value.into(),
            flag_type: None,
            is_enabled: true,
        }
    }

    /// Sets the display name.
    pub fn name(mut self, name: impl Into<String>) -> NewFlag {
        self.name = Some(name.into());
        self
    }

    /// Sets which values the flag can have; without it, any.
    pub fn flag_type(mut self, flag_type: FlagType) -> NewFlag {
        self.flag_type = Some(flag_type);
        self
    }

    /// Sets whether the flag is enabled: it is unless this is `false`. A disabled one answers its
    /// default value, in every environment, and counts nothing.
    pub fn enabled(mut self, is_enabled: bool) -> NewFlag {
        self.is_enabled = is_enabled;
        self
    }

    /// Sets the id; without it the engine makes one.
    pub fn id(mut self, id: FlagId) -> NewFlag {
        self.id = Some(id);
        self
    }
}
