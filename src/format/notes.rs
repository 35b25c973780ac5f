//! Descriptions, owners and tags, and changes that may have them, read from JSON.

use crate::format::fields::{Fields, any, array, boolean, capacity, parsed, strictly, string};
use crate::format::flag::settle_default;
use crate::format::node::Node;
use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::error::LoadError;
use crate::model::experiment_change::ExperimentChange;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::flag::{ENABLED, FLAG_TYPE};
use crate::model::flag_change::FlagChange;
use crate::model::notes::{DESCRIPTION, NotesChange, OWNER, TAGS};
use crate::model::path::Path;
use crate::model::validation::check_flag;

impl FlagChange {
    /// Reads a change of a flag; an error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    pub fn from_json(text: &str) -> Result<FlagChange, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| flag_change(node, faults))?)
    }
}

impl ExperimentChange {
    /// Reads a change of an experiment; an error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    pub fn from_json(text: &str) -> Result<ExperimentChange, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| experiment_change(node, faults))?)
    }
}

fn flag_change(node: Node<'_>, faults: &mut Faults) -> Option<FlagChange> {
    let path = &Path::Root;
    refuse_empty(&node, path, faults);
    let mut fields = Fields::open(node, path, faults)?;
    let name = fields.optional("name", faults, string);
    let mut default_value = fields.present("default_value", faults, any);
    let notes = notes(&mut fields, faults);
    let is_enabled = fields.optional(ENABLED, faults, boolean);
    let flag_type = fields.present(FLAG_TYPE, faults, |node, path, faults| match node {
        Node::Null => Some(None),
        node => parsed(node, path, faults).map(Some),
    });
    fields.close(faults);
    settle_default(&mut default_value, flag_type.flatten(), path, faults);
    check_flag(path, None, name.as_deref(), default_value.as_mut(), faults);
    notes.check(path, faults);
    Some(FlagChange { name, default_value, notes, is_enabled, flag_type })
}

fn experiment_change(node: Node<'_>, faults: &mut Faults) -> Option<ExperimentChange> {
    let path = &Path::Root;
    refuse_empty(&node, path, faults);
    let mut fields = Fields::open(node, path, faults)?;
    let name = fields.optional("name", faults, string);
    let notes = notes(&mut fields, faults);
    let count_users = fields.optional(COUNT_USERS, faults, capacity);
    fields.close(faults);
    check_flag(path, None, name.as_deref(), None, faults);
    notes.check(path, faults);
    Some(ExperimentChange { name, notes, count_users: count_users.map(Capacity::users) })
}

fn refuse_empty(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) {
    if matches!(node, Node::Object(fields) if fields.is_empty()) {
        faults.add(path, FaultKind::NoField);
    }
}

/// The fields of notes; they are to be checked.
pub(super) fn notes(fields: &mut Fields<'_, '_>, faults: &mut Faults) -> NotesChange {
    let description = fields.optional(DESCRIPTION, faults, string);
    let owner = fields.optional(OWNER, faults, string);
    let tags = fields.optional(TAGS, faults, |node, path, faults| {
        let nodes = array(node, path, faults)?.into_iter().enumerate();
        let tags: Vec<_> = nodes.map(|(at, node)| string(node, &path.item(at), faults)).collect();
        tags.into_iter().collect::<Option<Vec<String>>>()
    });
    NotesChange { description, owner, tags }
}

/// The notes of an object that has nothing else.
pub(super) fn only_notes(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> NotesChange {
    let Some(mut fields) = Fields::open(node, path, faults) else { return NotesChange::default() };
    let notes = notes(&mut fields, faults);
    fields.close(faults);
    notes.check(path, faults);
    notes
}
