//! A change as JSON, read: one line of a list of changes. Values keep the last digit of a number.

use crate::format::fields::{Fields, any, array, count, mistyped, parsed, strictly, string};
use crate::format::node::Node;
use crate::model::actor::Actor;
use crate::model::change::{Action, Change, Edit, Unit};
use crate::model::error::LoadError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::Path;

impl Change {
    /// Reads a change as it serialises.
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is not JSON; [`LoadError::Invalid`] with every fault.
    pub fn from_json(text: &str) -> Result<Change, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| change(node, &Path::Root, faults))?)
    }
}

fn change(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Change> {
    let mut fields = Fields::open(node, path, faults)?;
    let version = fields.required("version", faults, count);
    let at = fields.required("at", faults, parsed);
    let actor = fields.required("actor", faults, actor);
    let action = fields.required("action", faults, |node, path, faults| {
        word(node, path, faults, "an action", |text| {
            Action::ALL.into_iter().find(|action| action.as_str() == text)
        })
    });
    let edits = fields.required("edits", faults, |node, path, faults| {
        let nodes = array(node, path, faults)?.into_iter().enumerate();
        let edits: Vec<_> = nodes.map(|(at, node)| edit(node, &path.item(at), faults)).collect();
        edits.into_iter().collect::<Option<Vec<Edit>>>()
    });
    fields.close(faults);
    Some(Change { version: version?, at: at?, actor: actor?, action: action?, edits: edits? })
}

fn actor(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Actor> {
    let mut fields = Fields::open(node, path, faults)?;
    let name = fields.optional("name", faults, string);
    let kind = fields.required("kind", faults, |node, path, faults| {
        word(node, path, faults, "a kind of actor", |text| match (text, name) {
            ("service", None) => Some(Actor::Service),
            ("token", Some(name)) => Some(Actor::Token(name)),
            ("document", Some(name)) => Some(Actor::Document(name)),
            _ => None,
        })
    });
    fields.close(faults);
    kind
}

fn edit(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Edit> {
    let mut fields = Fields::open(node, path, faults)?;
    let flag_key = fields.optional("flag_key", faults, string);
    let name = fields.optional("name", faults, string);
    let unit = unit(&mut fields, path, faults);
    let field = fields.required("field", faults, string);
    // A field that was not there is absent; one that is `null` was there.
    let before = fields.present("before", faults, any);
    let after = fields.present("after", faults, any);
    fields.close(faults);
    let unit = unit?;
    // What belongs to a flag is named by its key, and what flags share by a name of its own.
    let (needed, name_of) =
        if unit.is_shared() { ("name", &name) } else { ("flag_key", &flag_key) };
    if name_of.is_none() {
        faults.add(&path.field(needed), FaultKind::Required);
    }
    Some(Edit { flag_key, name, unit, field: field?, before, after })
}

/// A unit: its kind, and the ids that lead to one of that kind.
fn unit(fields: &mut Fields<'_, '_>, path: &Path<'_>, faults: &mut Faults) -> Option<Unit> {
    let kind = fields.required("unit", faults, string)?;
    match kind.as_str() {
        "flag" => Some(Unit::Flag { flag: fields.required("flag", faults, parsed)? }),
        "experiment" => {
            let flag = fields.required("flag", faults, parsed);
            let experiment = fields.required("experiment", faults, parsed);
            Some(Unit::Experiment { flag: flag?, experiment: experiment? })
        }
        "rule" => {
            let flag = fields.required("flag", faults, parsed);
            let rule = fields.required("rule", faults, parsed);
            Some(Unit::Rule { flag: flag?, rule: rule? })
        }
        "segment" => Some(Unit::Segment { segment: fields.required("segment", faults, parsed)? }),
        "layer" => Some(Unit::Layer { layer: fields.required("layer", faults, parsed)? }),
        "holdout" => Some(Unit::Holdout { holdout: fields.required("holdout", faults, parsed)? }),
        "goal" => Some(Unit::Goal { goal: fields.required("goal", faults, parsed)? }),
        _ => {
            mistyped(&Node::String(kind.into()), "a unit", &path.field("unit"), faults);
            None
        }
    }
}

/// One of some words.
#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn word<T>(
    node: Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
    expected: &'static str,
    find: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let found = match &node {
        Node::String(text) => find(text),
        _ => None,
    };
    if found.is_none() {
        mistyped(&node, expected, path, faults);
    }
    found
}
