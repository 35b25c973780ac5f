//! A segment, a layer or a holdout of a document.

use crate::format::fields::array;
use crate::format::node::Node;
use crate::model::fault::{FaultKind, MAX_SEGMENTS};
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::timestamp::Timestamp;

/// A segment, a layer or a holdout of a document, with its faults.
#[derive(Debug)]
pub(crate) struct SharedPart<I, T> {
    /// The id, if it could be read: it identifies the part even if the rest has faults.
    pub(crate) id: Option<I>,
    /// The name, if it is a string.
    pub(crate) name: Option<String>,
    /// `None` if it could not be read.
    pub(crate) part: Option<T>,
    /// When it last changed, as the document says.
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) faults: Faults,
}

impl<I, T> Default for SharedPart<I, T> {
    fn default() -> SharedPart<I, T> {
        let faults = Faults::default();
        SharedPart { id: None, name: None, part: None, updated_at: None, faults }
    }
}

impl<I: Copy, T> SharedPart<I, T> {
    /// Whether it could be read, and has no fault.
    pub(crate) fn is_sound(&self) -> bool {
        self.id.is_some() && self.part.is_some() && !self.faults.has_any()
    }
}

/// The parts of one kind, each with its faults; `faults` are those of the array itself.
pub(crate) fn parts<'t, P>(
    node: Node<'t>,
    what: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
    read: impl Fn(Node<'t>, &Path<'_>) -> P,
) -> Option<Vec<P>> {
    let nodes = array(node, path, faults)?;
    if nodes.len() > MAX_SEGMENTS {
        let (most, found) = (MAX_SEGMENTS, nodes.len());
        faults.add(path, FaultKind::TooMany { what, most, found });
        return None;
    }
    Some(nodes.into_iter().enumerate().map(|(at, node)| read(node, &path.item(at))).collect())
}
