//! One snapshot, pinned.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::Guard;

use crate::read::snapshot::Snapshot;

/// One pinned snapshot of an engine: what keeps an answer of one call, or of a
/// [`View`](crate::View), on its version. Derefs to [`Snapshot`].
///
/// Made by [`Engine::snapshot`](crate::Engine::snapshot), and part of the answers of
/// [`Environment`](crate::Environment) and [`FlagHandle`](crate::FlagHandle).
///
/// # Cost
///
/// One arc-swap load, whatever is done with it: no lock, no allocation (but for a few bytes that a
/// thread sets up at its first one), no shared cache line written. That holds for the first eight
/// or so that a thread has at once; more of them work too, at the price of a shared reference count
/// each. So hold them, and the [`Evaluation`](crate::Evaluation)s that keep one, for the length of
/// a request, not in a list.
#[derive(Debug)]
pub struct Pinned(pub(super) Guard<Arc<Snapshot>>);

impl Deref for Pinned {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0
    }
}
