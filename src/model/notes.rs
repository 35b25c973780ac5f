//! What people write beside a flag or an experiment: a description, an owner, tags.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::model::fault::{FaultKind, MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, MAX_TAGS};
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::validation::check_name;

/// Texts for people, without effect. What is empty is absent in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Notes {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) owner: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
}

/// The notes of a flag or an experiment: one word for one that has none, as most.
pub(crate) type SomeNotes = Option<Arc<Notes>>;

/// Notes that are given, each to replace what was there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NotesChange {
    pub(crate) description: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
}

/// The names of the fields, in documents and in merges.
pub(crate) const DESCRIPTION: &str = "description";
pub(crate) const OWNER: &str = "owner";
pub(crate) const TAGS: &str = "tags";

/// The name of the field of what is archived: true, or absent.
pub(crate) const ARCHIVED: &str = "archived";

impl Notes {
    /// The notes, or `None` if all are empty.
    pub(crate) fn some(self) -> SomeNotes {
        (self != Notes::default()).then(|| Arc::new(self))
    }

    /// The fields that are not empty, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let text = |name, text: &str| (!text.is_empty()).then(|| (name, text.into()));
        let tags = (!self.tags.is_empty()).then(|| (TAGS, self.tags.as_slice().into()));
        [text(DESCRIPTION, &self.description), text(OWNER, &self.owner), tags].into_iter().flatten()
    }
}

impl NotesChange {
    /// The notes after the change.
    pub(crate) fn apply(self, known: &SomeNotes) -> SomeNotes {
        let known = known.as_deref().cloned().unwrap_or_default();
        let after = Notes {
            description: self.description.unwrap_or(known.description),
            owner: self.owner.unwrap_or(known.owner),
            tags: self.tags.unwrap_or(known.tags),
        };
        after.some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == NotesChange::default()
    }

    /// Adds what is wrong with them.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        let texts = [
            (DESCRIPTION, &self.description, MAX_DESCRIPTION_LENGTH),
            (OWNER, &self.owner, MAX_NAME_LENGTH),
        ];
        for (name, text, most) in texts {
            let found = text.as_ref().map_or(0, |text| text.chars().count());
            if found > most {
                faults.add(&path.field(name), FaultKind::TextTooLong { most, found });
            }
        }
        let path = path.field(TAGS);
        let tags = self.tags.as_deref().unwrap_or_default();
        if tags.len() > MAX_TAGS {
            faults.add(&path, FaultKind::TooManyTags { found: tags.len() });
            return;
        }
        for (at, tag) in tags.iter().enumerate() {
            check_name(tag, &path.item(at), faults);
            let first = tags.iter().position(|other| other == tag).filter(|first| *first != at);
            if let Some(first) = first {
                let (found, other) = (tag.clone(), path.item(first).to_string());
                faults.add(&path.item(at), FaultKind::Duplicate { found, other });
            }
        }
    }
}
