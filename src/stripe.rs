//! Which stripe of a counter this thread adds to.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// More stripes than this would cost memory in every experiment (128 bytes each) for threads that
/// cannot all run at once on the machines at hand.
const MAX_STRIPES: usize = 64;

thread_local! {
    /// This thread's number, once it has counted something.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How many stripes a counter has here: the hardware's threads, rounded up to a power of two, so
/// that a number becomes a stripe by a mask; at most 64. Asks the system, so ask once.
pub(crate) fn count() -> usize {
    if cfg!(loom) {
        // With one stripe, two threads of a model always meet in the same cell.
        return 1;
    }
    available_parallelism().map_or(1, NonZeroUsize::get).next_power_of_two().min(MAX_STRIPES)
}

/// A number for this thread. Threads are numbered in the order in which they first ask, so as many
/// threads as there are stripes, started together, get a stripe each. Threads that come and go may
/// come to share one: that costs them time, never a count.
#[inline]
pub(crate) fn number() -> usize {
    NUMBER.with(|number| number.get().unwrap_or_else(assign))
}

#[cold]
fn assign() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(Some(next));
    next
}
