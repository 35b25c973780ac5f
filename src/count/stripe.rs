//! Which stripe of a counter this thread adds to, and whether it is the only one that does.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::available_parallelism;

/// More stripes than this would cost memory in every experiment (128 bytes each) for threads that
/// cannot all run at once on the machines at hand. As many as the bits of [`CLAIMED`].
const MAX_STRIPES: u32 = 64;

/// The numbers below [`MAX_STRIPES`] that threads hold, a bit for each.
static CLAIMED: AtomicU64 = AtomicU64::new(0);

const UNASSIGNED: u32 = u32::MAX;

thread_local! {
    /// This thread's number, once it has counted something. Without a destructor, so that it can be
    /// read to a thread's very end, by one instruction.
    static NUMBER: Cell<u32> = const { Cell::new(UNASSIGNED) };
    /// What this thread has to give back when it ends.
    static HELD: Held = const { Held(Cell::new(None)) };
}

/// How many stripes a counter has here: the hardware's threads, rounded up to a power of two, so
/// that a number becomes a stripe by a mask; at most 64. Asks the system, so ask once.
pub(crate) fn count() -> u32 {
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(threads).unwrap_or(MAX_STRIPES).min(MAX_STRIPES).next_power_of_two()
}

/// A number for this thread.
///
/// No two threads that run at the same time have the same number below [`MAX_STRIPES`]: with so
/// many stripes, the thread whose number is a stripe's is the only one to have it. Numbers are
/// given out from 0 and come back when a thread ends, so that threads which come and go do not
/// crowd. When all are taken, further threads get numbers from [`MAX_STRIPES`] on.
#[inline]
pub(crate) fn number() -> u32 {
    let number = NUMBER.get();
    if number == UNASSIGNED { assign() } else { number }
}

#[cold]
#[inline(never)]
fn assign() -> u32 {
    let number = claim().filter(|bit| HELD.try_with(|held| held.0.set(Some(*bit))).is_ok());
    let number = number.unwrap_or_else(common_number);
    NUMBER.set(number);
    number
}

/// The lowest free number. What its last holder wrote is seen from here on.
fn claim() -> Option<u32> {
    let mut claimed = CLAIMED.load(Ordering::Relaxed);
    loop {
        let bit = claimed.trailing_ones();
        let with = claimed | 1_u64.checked_shl(bit)?;
        match CLAIMED.compare_exchange_weak(claimed, with, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Some(bit),
            Err(now) => claimed = now,
        }
    }
}

/// A number of a thread that has none to itself; spread over the stripes.
fn common_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    MAX_STRIPES | (NEXT.fetch_add(1, Ordering::Relaxed) % MAX_STRIPES)
}

struct Held(Cell<Option<u32>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mask) = self.0.take().and_then(|bit| 1_u64.checked_shl(bit)) {
            // First: what other destructors of this thread still count is not the next owner's.
            NUMBER.set(common_number());
            CLAIMED.fetch_and(!mask, Ordering::Release);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn threads_that_run_together_have_numbers_of_their_own() {
        let all_are_there = &Barrier::new(40);
        let numbers: Vec<u32> = thread::scope(|scope| {
            let ask = || {
                let number = number();
                all_are_there.wait();
                assert_eq!(number, super::number(), "it keeps its number");
                number
            };
            let threads: Vec<_> = (0..40).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let own: Vec<_> = numbers.iter().filter(|number| **number < MAX_STRIPES).collect();
        assert_eq!(own.iter().collect::<HashSet<_>>().len(), own.len(), "{numbers:?}");
    }

    #[test]
    fn numbers_come_back() {
        // Many times as many threads as there are numbers; other tests hold some.
        for _ in 0..10 * MAX_STRIPES {
            assert!(thread::spawn(number).join().unwrap() < MAX_STRIPES);
        }
    }

    #[test]
    fn a_thread_that_ends_counts_among_all() {
        /// Counts when the thread is torn down, after its number has gone back.
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                LATE.store(number(), Ordering::Release);
            }
        }
        static LATE: AtomicU32 = AtomicU32::new(0);
        thread_local!(static AT_END: Late = const { Late });
        let early = thread::spawn(|| {
            // Destructors run in the order in which the values were first used, or the reverse: the
            // number is either held still or of all.
            AT_END.with(|_| number())
        });
        let early = early.join().unwrap();
        let late = LATE.load(Ordering::Acquire);
        assert!(late == early || late >= MAX_STRIPES, "{early}, then {late}");
    }
}
