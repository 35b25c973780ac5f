//! Conditions, compiled as they are read, so that each fault has its path in the text.

use crate::format::fields::{Fields, any, array, boolean, string, text};
use crate::format::node::Node;
use crate::model::fault::{FaultKind, MAX_CONDITIONS};
use crate::model::faults::Faults;
use crate::model::path::{Path, quote};
use crate::model::targeting::audience::{Tests, check_condition, check_number};
use crate::target::condition::Condition;
use crate::target::operator::Operator;
use crate::target::test::Test;

/// The names of the field of the attribute: that of a segment, and that of rules and audiences.
pub(super) const KEY: &str = "key";
pub(super) const ATTRIBUTE: &str = "attribute";

/// An array of conditions. Both names of the attribute are read; `name` is the one that is missed
/// if there is neither.
pub(super) fn conditions(
    node: Node<'_>,
    name: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Tests> {
    let nodes = array(node, path, faults)?;
    check_number(nodes.len(), path, faults);
    if nodes.len() > MAX_CONDITIONS {
        // One fault for all of them.
        return None;
    }
    let nodes = nodes.into_iter().enumerate();
    let tests: Vec<_> =
        nodes.map(|(at, node)| condition(node, name, &path.item(at), faults)).collect();
    tests.into_iter().collect()
}

fn condition(
    node: Node<'_>,
    name: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Test> {
    let mut found = Faults::default();
    let condition = unchecked(node, name, path, &mut found);
    let is_read = !found.has_any();
    faults.append(found);
    let (condition, name) = condition.filter(|_| is_read)?;
    check_condition(condition, name, path, faults)
}

/// A condition, and the name under which its attribute was given.
fn unchecked(
    node: Node<'_>,
    name: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<(Condition, &'static str)> {
    let mut fields = Fields::open(node, path, faults)?;
    let other = if name == KEY { ATTRIBUTE } else { KEY };
    let mut given = |name| fields.optional(name, faults, |node, _, _| Some((name, node)));
    let attribute = match (given(name), given(other)) {
        (Some(_), Some(_)) => {
            faults.add(&path.field(other), FaultKind::RepeatedField);
            None
        }
        (Some(only), None) | (None, Some(only)) => Some(only),
        (None, None) => {
            faults.add(&path.field(name), FaultKind::Required);
            None
        }
    };
    let attribute = attribute.and_then(|(name, node)| {
        let attribute = string(node, &path.field(name), faults)?;
        Some((name, attribute))
    });
    let operator = fields.required("operator", faults, operator);
    let value = fields.optional("value", faults, any);
    let negate = fields.optional("negate", faults, boolean).unwrap_or_default();
    let ignore_case = fields.optional("ignore_case", faults, boolean).unwrap_or_default();
    fields.close_targeting(faults);
    let (name, attribute) = attribute?;
    Some((Condition { attribute, operator: operator?, value, negate, ignore_case }, name))
}

fn operator(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Operator> {
    let text = text(node, path, faults)?;
    let operator = text.parse().ok();
    if operator.is_none() {
        faults.add(path, FaultKind::Operator { found: quote(&text) });
    }
    operator
}

/// The conditions as a request gives them.
pub(super) fn written(tests: &[Test]) -> Vec<Condition> {
    tests.iter().map(|test| test.condition().clone()).collect()
}
