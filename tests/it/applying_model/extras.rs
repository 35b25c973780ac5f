//! What a flag or an experiment may have and most have not: notes, and that it is archived.

use fairsplit::{Experiment, ExperimentChange, Flag, FlagChange};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Notes as small numbers, of which 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extras {
    pub(super) notes: [u8; 3],
    pub(super) archived: bool,
}

/// The texts of notes: the description, the owner, the only tag.
fn texts(notes: [u8; 3]) -> [String; 3] {
    notes.map(|note| if note == 0 { String::new() } else { note.to_string() })
}

impl Extras {
    fn of(description: &str, owner: &str, tags: &[String], archived: bool) -> Extras {
        let number = |text: &str| if text.is_empty() { 0 } else { text.parse().unwrap() };
        let tag = tags.first().map_or("", String::as_str);
        Extras { notes: [number(description), number(owner), number(tag)], archived }
    }

    pub(super) fn of_flag(flag: &Flag) -> Extras {
        Extras::of(flag.description(), flag.owner(), flag.tags(), flag.is_archived())
    }

    pub(super) fn of_experiment(experiment: &Experiment) -> Extras {
        let (description, owner) = (experiment.description(), experiment.owner());
        Extras::of(description, owner, experiment.tags(), experiment.is_archived())
    }

    /// What is there after a source says `now` that said `said` before, if anything.
    pub(super) fn merged(self, said: Option<Extras>, now: Extras) -> Extras {
        let said = said.unwrap_or_default();
        let mut merged = self;
        for (at, note) in merged.notes.iter_mut().enumerate() {
            if said.notes[at] != now.notes[at] {
                *note = now.notes[at];
            }
        }
        if said.archived != now.archived {
            merged.archived = now.archived;
        }
        merged
    }

    /// Writes them into an object of a document.
    pub(super) fn write(self, object: &mut Value) {
        let [description, owner, tag] = texts(self.notes);
        for (name, text) in [("description", description), ("owner", owner)] {
            if !text.is_empty() {
                object[name] = json!(text);
            }
        }
        if !tag.is_empty() {
            object["tags"] = json!([tag]);
        }
        if self.archived {
            object["archived"] = json!(true);
        }
    }
}

pub(super) fn change_of_flag(notes: [u8; 3]) -> FlagChange {
    let [description, owner, tag] = texts(notes);
    let tags = Some(tag).filter(|tag| !tag.is_empty());
    FlagChange::new().description(description).owner(owner).tags(tags)
}

pub(super) fn change_of_experiment(notes: [u8; 3]) -> ExperimentChange {
    let [description, owner, tag] = texts(notes);
    let tags = Some(tag).filter(|tag| !tag.is_empty());
    ExperimentChange::new().description(description).owner(owner).tags(tags)
}

pub(super) fn notes() -> impl Strategy<Value = [u8; 3]> {
    [0_u8..3, 0_u8..3, 0_u8..3]
}

pub(super) fn extras() -> impl Strategy<Value = Extras> {
    let archived = prop::bool::weighted(0.3);
    (notes(), archived).prop_map(|(notes, archived)| Extras { notes, archived })
}
