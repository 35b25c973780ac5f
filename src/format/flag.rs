//! A flag as a request to create one writes it.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::format::fields::{Fields, any, boolean, parsed, strictly, string};
use crate::format::node::Node;
use crate::model::error::LoadError;
use crate::model::faults::Faults;
use crate::model::flag::{ENABLED, FLAG_TYPE};
use crate::model::flag_type::FlagType;
use crate::model::new_flag::NewFlag;
use crate::model::path::Path;
use crate::model::validation::check_flag;

impl NewFlag {
    /// Reads a request to create a flag; an error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let new = NewFlag::from_json(r#"{"key": "hero-banner", "default_value": "old"}"#)?;
    /// let flag = Engine::new().create_flag(new.name("Hero banner"))?;
    /// assert_eq!((flag.key(), flag.name()), ("hero-banner", "Hero banner"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewFlag, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| new_flag(node, faults))?)
    }
}

impl<'de> Deserialize<'de> for NewFlag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NewFlag, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|faults| new_flag(node, faults)).map_err(D::Error::custom)
    }
}

fn new_flag(node: Node<'_>, faults: &mut Faults) -> Option<NewFlag> {
    let path = &Path::Root;
    let mut fields = Fields::open(node, path, faults)?;
    let id = fields.optional("id", faults, parsed);
    let key = fields.required("key", faults, string);
    let name = fields.optional("name", faults, string);
    let mut default_value = fields.required("default_value", faults, any);
    let flag_type = fields.optional(FLAG_TYPE, faults, parsed);
    let is_enabled = fields.optional(ENABLED, faults, boolean).unwrap_or(true);
    fields.close(faults);
    settle_default(&mut default_value, flag_type, path, faults);
    check_flag(path, key.as_deref(), name.as_deref(), default_value.as_mut(), faults);
    let (key, default_value) = (key?, default_value?);
    Some(NewFlag { id, key, name, default_value, flag_type, is_enabled })
}

/// Takes the wrapper off a default value whose type says that it is one, and adds a fault if it is
/// of another type.
pub(super) fn settle_default(
    default_value: &mut Option<Value>,
    flag_type: Option<FlagType>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if let (Some(value), Some(flag_type)) = (default_value, flag_type) {
        *value = flag_type.unwrapped(std::mem::take(value));
        flag_type.check_default(value, path, faults);
    }
}
