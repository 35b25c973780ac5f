//! The fields of JSON objects. Every reader here reads a whole node, reports all its faults, and
//! returns what could be read.

use std::borrow::Cow;
use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::format::node::Node;
use crate::model::capacity::{self, Capacity};
use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::{Faults, ValidationError};
use crate::model::path::{Path, quote};
use crate::model::targeting::share::Share;
use crate::model::variant::Variant;

/// The fields of a JSON object that have not been read yet.
/// Names of fields that say who is meant. Where they are not read they are faults, and not only
/// unknown: a launch to 1 % that gives its `coverage` in the wrong object would go to everybody.
const SAYS_WHO_IS_MEANT: [&str; 13] = [
    "audience",
    "bucket_by",
    "conditions",
    "coverage",
    "held_out_by",
    "holdouts",
    "layer",
    "layers",
    "not_segments",
    "rules",
    "segment_id",
    "segments",
    "targeting",
];

pub(crate) struct Fields<'p, 't> {
    path: &'p Path<'p>,
    rest: Vec<(Cow<'t, str>, Node<'t>)>,
}

impl<'p, 't> Fields<'p, 't> {
    /// The fields of an object; anything else is reported. A repeated field is reported too, and
    /// its first value kept.
    pub(crate) fn open(node: Node<'t>, path: &'p Path<'p>, faults: &mut Faults) -> Option<Self> {
        let Node::Object(mut rest) = node else {
            mistyped(&node, "an object", path, faults);
            return None;
        };
        if has_repeated(&rest) {
            let mut seen: HashSet<Cow<'_, str>, RandomState> = HashSet::default();
            rest.retain(|(name, _)| {
                let is_first = seen.insert(name.clone());
                if !is_first {
                    faults.add(&path.field(name), FaultKind::RepeatedField);
                }
                is_first
            });
        }
        Some(Fields { path, rest })
    }

    /// The field of this name, if it is there and not `null`.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        match self.remove(name)? {
            Node::Null => None,
            node => read(node, &self.path.field(name), faults),
        }
    }

    /// The field of this name, if it is there; `null` is a value.
    pub(crate) fn present<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        let node = self.remove(name)?;
        read(node, &self.path.field(name), faults)
    }

    /// The field of this name; its absence is reported.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.remove(name) else {
            faults.add(&self.path.field(name), FaultKind::Required);
            return None;
        };
        read(node, &self.path.field(name), faults)
    }

    /// Ends the reading: fields that were not read are unknown.
    pub(crate) fn close(self, faults: &mut Faults) {
        for (name, _) in &self.rest {
            if SAYS_WHO_IS_MEANT.contains(&&**name) {
                faults.add(&self.path.field(name), FaultKind::MisplacedTargeting);
            } else {
                faults.add_unknown_field(&self.path.field(name));
            }
        }
    }

    /// Ends the reading of a part that says who is meant: fields that were not read are faults,
    /// also where unknown fields are tolerated. Without what a newer release says there, the part
    /// would mean more users than it does.
    pub(crate) fn close_targeting(self, faults: &mut Faults) {
        for (name, _) in &self.rest {
            faults.add(&self.path.field(name), FaultKind::UnknownTargeting);
        }
    }

    fn remove(&mut self, name: &str) -> Option<Node<'t>> {
        let at = self.rest.iter().position(|(other, _)| other == name)?;
        Some(self.rest.remove(at).1)
    }
}

/// Whether two fields have one name. Objects of the format have few fields, so comparing is quicker
/// than hashing.
fn has_repeated(fields: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    const FEW: usize = 16;
    if fields.len() > FEW {
        let mut seen: HashSet<&str, RandomState> =
            HashSet::with_capacity_and_hasher(fields.len(), RandomState::default());
        return !fields.iter().all(|(name, _)| seen.insert(name));
    }
    let mut rest = fields;
    while let Some(((name, _), others)) = rest.split_first() {
        if others.iter().any(|(other, _)| other == name) {
            return true;
        }
        rest = others;
    }
    false
}

pub(super) fn mistyped(
    node: &Node<'_>,
    expected: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    faults.add(path, FaultKind::Type { expected, found: node.describe() });
}

pub(crate) fn string(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<String> {
    text(node, path, faults).map(Cow::into_owned)
}

/// A string that need not be kept.
pub(crate) fn text<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Cow<'t, str>> {
    match node {
        Node::String(text) => Some(text),
        node => {
            mistyped(&node, "a string", path, faults);
            None
        }
    }
}

pub(crate) fn array<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Vec<Node<'t>>> {
    match node {
        Node::Array(items) => Some(items),
        node => {
            mistyped(&node, "an array", path, faults);
            None
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(crate) fn count(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<u64> {
    let integer = match &node {
        Node::Number(number) => number.as_u64(),
        _ => None,
    };
    if integer.is_none() {
        mistyped(&node, "an integer from 0 to 18446744073709551615", path, faults);
    }
    integer
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(crate) fn boolean(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<bool> {
    if let Node::Bool(value) = node {
        return Some(value);
    }
    mistyped(&node, "a boolean", path, faults);
    None
}

/// A share of users, in per cent.
#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(crate) fn share(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Share> {
    let percent = match &node {
        Node::Number(number) => number.as_f64(),
        _ => None,
    };
    if percent.is_none() {
        mistyped(&node, "a number from 0 to 100", path, faults);
    }
    Share::check(percent?, path, faults)
}

/// The items of an array, each read by itself; `None` if it is not an array, or one of them could
/// not be read.
pub(crate) fn items<'t, T>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
    read: impl Fn(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let nodes = array(node, path, faults)?.into_iter().enumerate();
    let read: Vec<_> = nodes.map(|(at, node)| read(node, &path.item(at), faults)).collect();
    read.into_iter().collect()
}

/// How many users are kept at most.
#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(crate) fn capacity(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Capacity> {
    let users = match &node {
        Node::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        _ => None,
    };
    let capacity = users.and_then(Capacity::new);
    if capacity.is_none() {
        mistyped(&node, capacity::EXPECTED, path, faults);
    }
    capacity
}

/// A value of any type.
#[expect(clippy::unnecessary_wraps, reason = "readers of fields give what could be read")]
pub(crate) fn any(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Value> {
    Some(node.into_value(path, faults))
}

/// A value that is parsed from a string: an id, a timestamp, a status.
pub(crate) fn parsed<T>(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<T>
where
    T: std::str::FromStr<Err = ValidationError>,
{
    match text(node, path, faults)?.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            for fault in error.faults() {
                faults.add(path, fault.kind().clone());
            }
            None
        }
    }
}

/// An object with a field for each of some variants. Variants without a field get the default; a
/// field for something else is a fault.
pub(crate) fn by_variant<'t, T: Clone + Default>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
    variants: &[Variant],
    read: impl Fn(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let mut items = vec![T::default(); variants.len()];
    for (name, node) in Fields::open(node, path, faults)?.rest {
        let path = path.field(&name);
        let at = variants.iter().position(|variant| variant.key() == name);
        match at.and_then(|at| items.get_mut(at)) {
            Some(item) => {
                if let Some(read) = read(node, &path, faults) {
                    *item = read;
                }
            }
            None => faults.add(&path, FaultKind::NoSuchVariant { found: quote(&name) }),
        }
    }
    Some(items)
}

/// The fields of an object whose names are data, not words of the format.
pub(crate) fn entries<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Vec<(Cow<'t, str>, Node<'t>)> {
    Fields::open(node, path, faults).map_or_else(Vec::new, |fields| fields.rest)
}

/// What `read` returns, unless it finds a fault.
pub(crate) fn strictly<T>(
    read: impl FnOnce(&mut Faults) -> Option<T>,
) -> Result<T, ValidationError> {
    let mut faults = Faults::default();
    let value = read(&mut faults);
    faults.into_result()?;
    // A reader that returns `None` has added a fault; this covers a reader that did not.
    value.ok_or_else(|| Fault::new(&Path::Root, FaultKind::Required).into())
}
