//! The current snapshot, and replaced ones that are still read.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::read::pinned::Pinned;
use crate::read::snapshot::Snapshot;

/// The current snapshot. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current(Arc<ArcSwap<Snapshot>>);

impl Current {
    pub(crate) fn new(snapshot: Snapshot) -> Current {
        Current(Arc::new(ArcSwap::from_pointee(snapshot)))
    }

    #[inline]
    pub(crate) fn pin(&self) -> Pinned {
        Pinned(self.0.load())
    }

    /// Replaces the current snapshot, and frees those that are no longer read.
    pub(crate) fn publish(&self, snapshot: Snapshot, retired: &mut Retired) {
        retired.0.push(self.0.swap(Arc::new(snapshot)));
        // A snapshot that only this list holds cannot be read again.
        retired.0.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// Snapshots that have been replaced, as long as they may be read. The list makes the writer free
/// them: dropping a thousand flags takes a millisecond, which no reader should pay.
#[derive(Debug, Default)]
pub(crate) struct Retired(Vec<Arc<Snapshot>>);

impl Deref for Current {
    type Target = ArcSwap<Snapshot>;

    fn deref(&self) -> &ArcSwap<Snapshot> {
        &self.0
    }
}
