//! A change of a flag.

use serde_json::Value;

use crate::model::flag_type::FlagType;
use crate::model::notes::NotesChange;

/// A change of a flag; what is not set stays. [`Engine::change_flag`](crate::Engine::change_flag)
/// makes it.
///
/// # JSON
///
/// [`from_json`](FlagChange::from_json) reads an object of one or more of `name`, `default_value`,
/// `enabled`, `flag_type`, `description`, `owner` and `tags`; a `flag_type` of `null` takes the
/// type away.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, FlagChange, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let change = FlagChange::from_json(r#"{"default_value": "new", "owner": "home page team"}"#)?;
/// let flag = engine.change_flag("hero-banner", change)?;
/// assert_eq!((flag.default_value().as_str(), flag.owner()), (Some("new"), "home page team"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a change does nothing until an engine makes it"]
pub struct FlagChange {
    pub(crate) name: Option<String>,
    pub(crate) default_value: Option<Value>,
    pub(crate) notes: NotesChange,
    pub(crate) is_enabled: Option<bool>,
    /// `Some(None)` takes the type away.
    #[expect(clippy::option_option, reason = "it can be left, set, and taken away")]
    pub(crate) flag_type: Option<Option<FlagType>>,
}

impl FlagChange {
    /// A change of nothing.
    pub fn new() -> FlagChange {
        FlagChange::default()
    }

    /// Sets the display name.
    pub fn name(mut self, name: impl Into<String>) -> FlagChange {
        self.name = Some(name.into());
        self
    }

    /// Sets what the flag answers when no experiment decides.
    pub fn default_value(mut self, default_value: impl Into<Value>) -> FlagChange {
        self.default_value = Some(default_value.into());
        self
    }

    /// Sets the description, of at most 4096 characters; an empty one clears it.
    pub fn description(mut self, description: impl Into<String>) -> FlagChange {
        self.notes.description = Some(description.into());
        self
    }

    /// Sets the owner, of at most 255 characters; an empty one clears it.
    pub fn owner(mut self, owner: impl Into<String>) -> FlagChange {
        self.notes.owner = Some(owner.into());
        self
    }

    /// Sets the tags: at most 32, each a name, none twice. None clears them.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> FlagChange {
        self.notes.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Enables the flag, or disables it: a disabled one answers its default value, in every
    /// environment, and counts nothing.
    pub fn enabled(mut self, is_enabled: bool) -> FlagChange {
        self.is_enabled = Some(is_enabled);
        self
    }

    /// Sets which values the flag can have.
    pub fn flag_type(mut self, flag_type: FlagType) -> FlagChange {
        self.flag_type = Some(Some(flag_type));
        self
    }
}
