//! A named decision point, with a default value.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use crate::model::flag_type::FlagType;
use crate::model::id::FlagId;
use crate::model::notes::{ARCHIVED, SomeNotes};
use crate::model::timestamp::Timestamp;
use crate::model::value::is_same;

/// The names of fields, in documents and in merges.
pub(crate) const ENABLED: &str = "enabled";
pub(crate) const FLAG_TYPE: &str = "flag_type";

/// A named decision point, with the value that it answers when no experiment decides.
///
/// Serialises in the style of the Experiments API, as an object of `id`, `key`, `name`,
/// `default_value`, `created_at`, `updated_at`, `description`, `owner` and `tags` where they are
/// not empty, `archived` where it is true, `enabled` where it is false, and `flag_type` where it
/// was given. Cloning shares the texts.
#[derive(Clone, Debug)]
pub struct Flag {
    id: FlagId,
    key: Arc<str>,
    default_value: Arc<Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// What most flags have not: one word for them.
    extras: Option<Arc<Extras>>,
}

/// A name that is not the key, notes, a type, and what takes it out of use.
#[derive(Clone, Debug, Default, PartialEq)]
struct Extras {
    name: Option<Box<str>>,
    notes: SomeNotes,
    is_archived: bool,
    is_disabled: bool,
    flag_type: Option<FlagType>,
}

impl Extras {
    fn some(self) -> Option<Arc<Extras>> {
        (self != Extras::default()).then(|| Arc::new(self))
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let notes: Vec<_> = self.notes().iter().flat_map(|notes| notes.fields()).collect();
        let mut fields = serializer.serialize_struct("Flag", notes.len().saturating_add(9))?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("key", self.key())?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("default_value", self.default_value())?;
        fields.serialize_field("created_at", &self.created_at)?;
        fields.serialize_field("updated_at", &self.updated_at)?;
        for (name, value) in notes {
            fields.serialize_field(name, &value)?;
        }
        if self.is_archived() {
            fields.serialize_field(ARCHIVED, &true)?;
        }
        if !self.is_enabled() {
            fields.serialize_field(ENABLED, &false)?;
        }
        if let Some(flag_type) = self.flag_type() {
            fields.serialize_field(FLAG_TYPE, flag_type.as_str())?;
        }
        fields.end()
    }
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
        let Flag { id, key, default_value, created_at, updated_at, extras } = self;
        *id == other.id
            && *key == other.key
            && *extras == other.extras
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
        let flag = Flag {
            id,
            key: key.into(),
            default_value: Arc::new(default_value),
            created_at: now,
            updated_at: now,
            extras: None,
        };
        flag.extended(|extras| extras.name = name.map(Box::from))
    }

    fn extended(self, change: impl FnOnce(&mut Extras)) -> Flag {
        let mut extras = self.extras.as_deref().cloned().unwrap_or_default();
        change(&mut extras);
        extras.name = extras.name.filter(|name| **name != *self.key);
        if self.extras.as_deref() == Some(&extras) {
            return self;
        }
        Flag { extras: extras.some(), ..self }
    }

    /// The flag with another name, another default value, and these notes, as changed now.
    pub(crate) fn changed(
        &self,
        name: Option<&str>,
        default_value: Option<Value>,
        notes: SomeNotes,
        now: Timestamp,
    ) -> Flag {
        let default_value = default_value.map_or_else(|| Arc::clone(&self.default_value), Arc::new);
        let flag = Flag { default_value, updated_at: now, ..self.clone() };
        flag.extended(|extras| {
            extras.notes = notes;
            if let Some(name) = name {
                extras.name = Some(name.into());
            }
        })
    }

    /// The flag as archived, or as no longer so.
    pub(crate) fn archived(self, is_archived: bool) -> Flag {
        self.extended(|extras| extras.is_archived = is_archived)
    }

    /// The flag as enabled, or as disabled.
    pub(crate) fn enabled(self, is_enabled: bool) -> Flag {
        self.extended(|extras| extras.is_disabled = !is_enabled)
    }

    /// The flag with this type.
    pub(crate) fn typed(self, flag_type: Option<FlagType>) -> Flag {
        self.extended(|extras| extras.flag_type = flag_type)
    }

    /// The flag as [`archived`](Flag::archived) now.
    pub(crate) fn archived_at(self, is_archived: bool, now: Timestamp) -> Flag {
        Flag { updated_at: now, ..self.archived(is_archived) }
    }

    /// The flag with these notes.
    pub(crate) fn noted(self, notes: SomeNotes) -> Flag {
        self.extended(|extras| extras.notes = notes)
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
                share(&mut self.default_value, &known.default_value, is_same),
            ];
            // Without a name of its own, a flag with another key has another name.
            let is_named_alike = self.extras == known.extras;
            if is_named_alike {
                self.extras.clone_from(&known.extras);
            }
            if shared.contains(&false) || !is_named_alike {
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
        let extras = self.extras.as_ref();
        extras.and_then(|extras| extras.name.as_deref()).unwrap_or(&self.key)
    }

    /// What the flag answers when no experiment decides.
    #[must_use]
    pub fn default_value(&self) -> &Value {
        &self.default_value
    }

    /// What the flag is for; empty if it was not given.
    #[must_use]
    pub fn description(&self) -> &str {
        self.notes().as_ref().map_or("", |notes| &notes.description)
    }

    /// Who is responsible for it; empty if it was not given.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.notes().as_ref().map_or("", |notes| &notes.owner)
    }

    /// Words to find it by, in the order in which they were given.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        self.notes().as_ref().map_or(&[], |notes| &notes.tags)
    }

    /// Whether it is archived: it answers its default value, and no experiment of it can run. See
    /// [`Engine::archive_flag`](crate::Engine::archive_flag).
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.is_archived)
    }

    /// Whether it is enabled: a disabled flag answers its default value, in every environment, and
    /// counts nothing.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.extras.as_ref().is_some_and(|extras| extras.is_disabled)
    }

    /// Which values it can have, if that was said.
    #[must_use]
    pub fn flag_type(&self) -> Option<FlagType> {
        self.extras.as_ref().and_then(|extras| extras.flag_type)
    }

    pub(crate) fn notes(&self) -> &SomeNotes {
        static NONE: SomeNotes = None;
        self.extras.as_ref().map_or(&NONE, |extras| &extras.notes)
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When its key, name, default value, type or notes last changed, or it was last enabled,
    /// disabled, archived or unarchived. Changes of its experiments and its rules do not move it.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
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
