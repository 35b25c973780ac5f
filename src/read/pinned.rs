//! One snapshot, pinned.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::Guard;

use crate::read::snapshot::Snapshot;

/// One pinned snapshot of an engine: it keeps an answer, or a [`View`](crate::View), on its
/// version. Derefs to [`Snapshot`].
///
/// [`Engine::snapshot`](crate::Engine::snapshot) returns it, and the answers of
/// [`Environment`](crate::Environment) and [`FlagHandle`](crate::FlagHandle) contain one.
///
/// # Cost
///
/// One arc-swap load: no lock, no shared cache line written, and no allocation except a few bytes
/// at a thread's first one. That holds for about the first eight that a thread holds at once; each
/// further one costs an update of a shared reference count. So hold them, and the
/// [`Evaluation`](crate::Evaluation)s that contain one, for the length of a request, not in a list.
#[derive(Debug)]
pub struct Pinned(pub(super) Guard<Arc<Snapshot>>);

impl Deref for Pinned {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
