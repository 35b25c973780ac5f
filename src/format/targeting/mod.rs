//! Who is meant, read from JSON: in documents, where everything has an id, and in requests, where
//! the engine makes one.
//!
//! Nothing here is tolerant. A field that this release does not know is a fault, since the rest
//! without it would mean more users: a launch to one per cent would reach everybody.
//!
//! * `conditions`, and what each kind of thing has of them: `experiment_targeting`, `rule`,
//!   `segment`, `layer`, `holdout`;
//! * `shared_part`: what the last three have in common in a document.

pub(crate) mod conditions;
pub(crate) mod experiment_targeting;
pub(crate) mod holdout;
pub(crate) mod layer;
pub(crate) mod rule;
pub(crate) mod segment;
pub(crate) mod shared_part;

use crate::format::fields::string;
use crate::format::node::Node;
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::validation::check_name;

/// The attribute that is a unit.
pub(super) fn unit(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let attribute = string(node, path, faults)?;
    check_name(&attribute, path, faults);
    Some(attribute.into())
}
