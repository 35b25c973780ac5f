//! Which stripe of a counter a thread adds to, and whether it is the only thread that does.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::available_parallelism;

/// More stripes than this would cost memory in every experiment (128 bytes each) for threads that
/// cannot all run at once on the machines at hand. As many as the bits of [`CLAIMED`].
const MAX_STRIPES: u32 = 64;

/// The numbers below [`MAX_STRIPES`] that threads hold, one bit for each.
static CLAIMED: AtomicU64 = AtomicU64::new(0);

const UNASSIGNED: u32 = u32::MAX;

thread_local! {
    /// This thread's number, once it has counted something. It has no destructor, so that it can be
    /// read until the thread ends, with one instruction.
    static NUMBER: Cell<u32> = const { Cell::new(UNASSIGNED) };
    /// The number that this thread gives back when it ends.
    static HELD: Held = const { Held(Cell::new(None)) };
}

/// The number of stripes of a counter: that of the hardware's threads, rounded up to a power of
/// two, so that a mask maps a number to a stripe; at most 64. The same for the life of the process.
pub(crate) fn count() -> u32 {
    // Each new experiment needs the number. In a container, asking the operating system reads files
    // of the cgroup: 30 us, many times what the rest of an experiment costs.
    static COUNT: OnceLock<u32> = OnceLock::new();
    *COUNT.get_or_init(|| {
        #[cfg(test)]
        ASKED.fetch_add(1, Ordering::Relaxed);
        let threads = available_parallelism().map_or(1, NonZeroUsize::get);
        u32::try_from(threads).unwrap_or(MAX_STRIPES).min(MAX_STRIPES).next_power_of_two()
    })
}

/// How often the operating system was asked for the number of the hardware's threads.
#[cfg(test)]
static ASKED: AtomicU32 = AtomicU32::new(0);

/// A number for this thread.
///
/// No two threads that run at the same time have the same number below [`MAX_STRIPES`], so each
/// such stripe has one exclusive thread. Numbers are given out from 0 and come back when a thread
/// ends, so that short-lived threads do not use them up. When none is free, further threads get
/// numbers from [`MAX_STRIPES`] on.
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

/// Claims the lowest free number. Everything that its last holder wrote is visible from here on.
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

/// A number for a thread without an exclusive one; these numbers are spread over the stripes.
fn common_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    MAX_STRIPES | (NEXT.fetch_add(1, Ordering::Relaxed) % MAX_STRIPES)
}

struct Held(Cell<Option<u32>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mask) = self.0.take().and_then(|bit| 1_u64.checked_shl(bit)) {
            // First: later destructors of this thread may still count, and must not write the next
            // owner's cells.
            NUMBER.set(common_number());
            CLAIMED.fetch_and(!mask, Ordering::Release);
        }
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
    use std::thread;

    /// Threads of a test that leaves none of the [`MAX_STRIPES`] numbers free.
    pub(crate) const CROWD: usize = 3 * MAX_STRIPES as usize;

    /// Held by tests that use all numbers, and by tests that need a free one.
    pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
        static NUMBERS: Mutex<()> = Mutex::new(());
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn there_is_a_stripe_for_each_hardware_thread_up_to_64() {
        let threads = available_parallelism().map_or(1, NonZeroUsize::get);
        let stripes = count();
        assert!(stripes.is_power_of_two() && stripes <= MAX_STRIPES, "{stripes}");
        assert!((threads.min(64)..2 * threads).contains(&(stripes as usize)), "{stripes}");
    }

    /// It was once asked for each experiment: loading a thousand took ten times as long as
    /// reloading them.
    #[test]
    fn the_operating_system_is_asked_once_however_often_a_counter_is_made() {
        for _ in 0..100 {
            count();
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
    }

    /// With `&` in place of `|`, all threads beyond the 64 numbers had number 0 and wrote the cells
    /// of the thread that owns it: 1,288 of 4,000,200 counts were lost.
    #[test]
    fn a_thread_beyond_the_64_numbers_has_the_number_of_no_other_thread() {
        let _alone = one_at_a_time();
        let all_are_there = &Barrier::new(CROWD);
        let numbers: Vec<[u32; 2]> = thread::scope(|scope| {
            let ask = || {
                let first = number();
                all_are_there.wait();
                [first, number()]
            };
            let threads: Vec<_> = (0..CROWD).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(numbers.iter().all(|[first, again]| first == again), "a number is kept");
        let own: Vec<_> = numbers.iter().filter(|[number, _]| *number < MAX_STRIPES).collect();
        assert_eq!(own.iter().collect::<HashSet<_>>().len(), own.len(), "{numbers:?}");
    }

    #[test]
    fn threads_beyond_the_64_numbers_spread_over_all_stripes() {
        let _alone = one_at_a_time();
        // Threads of other tests draw numbers too: draw more than are needed.
        let drawn: HashSet<u32> = (0..8 * MAX_STRIPES).map(|_| common_number()).collect();
        assert_eq!(drawn, (MAX_STRIPES..2 * MAX_STRIPES).collect());
    }

    #[test]
    fn numbers_come_back() {
        let _alone = one_at_a_time();
        // Many times more threads than numbers; other tests hold some.
        for _ in 0..10 * MAX_STRIPES {
            assert!(thread::spawn(number).join().unwrap() < MAX_STRIPES);
        }
    }

    #[test]
    fn a_number_that_a_thread_gives_back_goes_to_one_thread_at_a_time() {
        const ROUNDS: usize = 10;
        const THREADS: usize = 80;
        let _alone = one_at_a_time();
        let in_use = &[const { AtomicBool::new(false) }; MAX_STRIPES as usize];
        let all_are_there = &Barrier::new(THREADS);
        let hold = move |round: usize| {
            let number = number();
            let in_use = in_use.get(number as usize);
            let is_shared = in_use.is_some_and(|in_use| in_use.swap(true, Ordering::Relaxed));
            // In every second round all numbers are in use; in the others, threads begin while
            // others end.
            if round.is_multiple_of(2) {
                all_are_there.wait();
            }
            in_use.inspect(|in_use| in_use.store(false, Ordering::Relaxed));
            is_shared
        };
        let shared = thread::scope(|scope| {
            let run = || {
                let rounds = (0..ROUNDS).map(|round| scope.spawn(move || hold(round)).join());
                // No round may be left out: the barrier waits for each.
                rounds.map(|is_shared| u32::from(is_shared.unwrap())).sum::<u32>()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
        });
        assert_eq!(shared, 0, "threads that ran together had the same number");
    }

    #[test]
    fn a_thread_that_has_given_its_number_back_counts_among_all() {
        /// Counts when the thread is torn down.
        struct Late(&'static AtomicU32);
        impl Drop for Late {
            fn drop(&mut self) {
                self.0.store(number(), Ordering::Release);
            }
        }
        static LATE: [AtomicU32; 2] = [const { AtomicU32::new(UNASSIGNED) }; 2];
        thread_local! {
            static FIRST: Late = const { Late(&LATE[0]) };
            static LAST: Late = const { Late(&LATE[1]) };
        }
        let _alone = one_at_a_time();
        let early = thread::spawn(|| {
            FIRST.with(|_| ());
            let number = number();
            LAST.with(|_| ());
            number
        });
        let early = early.join().unwrap();
        let late = LATE.each_ref().map(|late| late.load(Ordering::Acquire));
        assert!(early < MAX_STRIPES);
        // Destructors run in the order in which the values were first used, or the reverse: one of
        // the two runs while the number is held, and the other after it has gone back.
        assert!(late.contains(&early), "{early}, then {late:?}");
        assert!(late.iter().any(|late| (MAX_STRIPES..UNASSIGNED).contains(late)), "{late:?}");
    }
}
