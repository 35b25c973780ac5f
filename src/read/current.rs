//! The current snapshot, and those before it that are still read.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::read::snapshot::Snapshot;
use crate::read::view::View;

/// Where the current snapshot is to be found. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current(Arc<ArcSwap<Snapshot>>);

impl Current {
    pub(crate) fn new(snapshot: Snapshot) -> Current {
        Current(Arc::new(ArcSwap::from_pointee(snapshot)))
    }

    #[inline]
    pub(crate) fn view(&self) -> View {
        View(self.0.load())
    }

    /// Puts a snapshot in the place of the current one, and frees those that nobody reads any more.
    pub(crate) fn publish(&self, snapshot: Snapshot, retired: &mut Retired) {
        retired.0.push(self.0.swap(Arc::new(snapshot)));
        // A snapshot that only this list has cannot come to be read again.
        retired.0.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// Snapshots that have been replaced, as long as somebody may read them. Kept so that the writer
/// frees them: to be the last to let go of a thousand flags would cost a reader a millisecond.
#[derive(Debug, Default)]
pub(crate) struct Retired(Vec<Arc<Snapshot>>);

impl Deref for Current {
    type Target = ArcSwap<Snapshot>;

    fn deref(&self) -> &ArcSwap<Snapshot> {
        &self.0
    }
}
