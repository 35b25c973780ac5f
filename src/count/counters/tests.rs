use std::cell::OnceCell;
use std::sync::Barrier;
use std::thread;

use super::*;
use crate::assign::allocation::Allocation;
use crate::count::cells::Line;
use crate::count::distinct_users::Scope;
use crate::count::distinct_users::slots::InProcess;
use crate::count::pool::Pool;
use crate::count::stripe::tests::{CROWD, one_at_a_time};
use crate::count::users::UserCount;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

fn closed(variants: u32, base: Baseline, stripes: u32) -> ExperimentCounters {
    ExperimentCounters::new(variants, base, Pool::default().take(variants, stripes))
}

fn open(variants: u32, stripes: u32) -> ExperimentCounters {
    let counters = closed(variants, Baseline::default(), stripes);
    counters.set_open(true, false);
    counters
}

#[test]
fn every_variant_and_event_has_a_cell_of_its_own() {
    for stripes in [1, 2, 8] {
        for variants in [1, 2, 4, 5, 100] {
            let counters = open(variants, stripes);
            for variant in 0..variants {
                for thread in 0..=variant {
                    assert!(counters.add_as(thread, variant, Event::Exposure));
                }
                for thread in 0..variant * 2 {
                    assert!(counters.add_as(thread, variant, Event::Conversion));
                }
            }
            for (variant, count) in (0u64..).zip(counters.counts()) {
                assert_eq!(count, Count { exposures: variant + 1, conversions: variant * 2 });
            }
        }
    }
}

#[test]
fn stripes_lie_on_lines_of_their_own() {
    let counters = open(2, 4);
    let address = |stripe| {
        std::ptr::from_ref(counters.cell(stripe, 0, Event::Exposure, Access::Exclusive).unwrap())
            .addr()
    };
    for stripe in 0..4 {
        assert_eq!(address(stripe) % align_of::<Line>(), 0);
        assert_eq!(address(stripe), address(0) + stripe as usize * size_of::<Line>());
    }
}

#[test]
fn threads_that_share_a_stripe_add_to_the_cell_that_is_added_to_atomically() {
    for stripes in [1, 2, 64] {
        let counters = open(1, stripes);
        for thread in 0..200 {
            assert!(counters.add_as(thread, 0, Event::Conversion));
        }
        for stripe in 0..stripes {
            let count = |access| {
                let cell = counters.cell(stripe, 0, Event::Conversion, access).unwrap();
                cell.load(Ordering::Relaxed)
            };
            let threads = (stripe..200).step_by(stripes as usize).count() as u64;
            assert_eq!((count(Access::Exclusive), count(Access::Shared)), (1, threads - 1));
        }
    }
}

/// Adds exposures, and returns how many were counted.
fn add_many(counters: &ExperimentCounters, times: u32) -> u64 {
    (0..times).map(|_| u64::from(counters.add(0, Event::Exposure))).sum()
}

#[test]
fn threads_beyond_the_64_numbers_lose_no_count() {
    let _alone = one_at_a_time();
    // A machine of 64 hardware threads, and one of a single one.
    for stripes in [64, 1] {
        let counters = &open(1, stripes);
        let all_have_numbers = &Barrier::new(CROWD);
        let reported: u64 = thread::scope(|scope| {
            let work = || {
                stripe::number();
                all_have_numbers.wait();
                add_many(counters, 10_000)
            };
            let threads: Vec<_> = (0..CROWD).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(counters.counts()[0].exposures, reported);
    }
}

/// A thread that ends counts in a destructor, while the next thread counts with its number.
#[test]
fn threads_that_take_over_numbers_lose_no_count() {
    /// Enough for a thread to be interrupted in the middle.
    const TIMES: u32 = 100_000;
    struct Ending {
        counters: Arc<ExperimentCounters>,
        reported: Arc<AtomicU64>,
        number_is_free: Arc<Barrier>,
    }
    impl Drop for Ending {
        fn drop(&mut self) {
            self.number_is_free.wait();
            self.reported.fetch_add(add_many(&self.counters, TIMES), Ordering::Relaxed);
        }
    }
    thread_local!(static ENDING: OnceCell<Ending> = const { OnceCell::new() });

    let _alone = one_at_a_time();
    let counters = Arc::new(open(1, 64));
    let reported = Arc::new(AtomicU64::new(0));
    for _ in 0..20 {
        let number_is_free = Arc::new(Barrier::new(2));
        let ending = Ending {
            counters: Arc::clone(&counters),
            reported: Arc::clone(&reported),
            number_is_free: Arc::clone(&number_is_free),
        };
        let first = thread::spawn(move || {
            // Used before the number is claimed, so destroyed after it has gone back.
            ENDING.with(|cell| assert!(cell.set(ending).is_ok()));
            ENDING.with(|cell| cell.get().map_or(0, |ending| add_many(&ending.counters, 1)))
        });
        let next = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || {
                number_is_free.wait();
                add_many(&counters, TIMES)
            })
        };
        let counted = first.join().unwrap() + next.join().unwrap();
        reported.fetch_add(counted, Ordering::Relaxed);
    }
    assert_eq!(counters.counts()[0].exposures, reported.load(Ordering::Relaxed));
}

#[test]
fn closed_counters_count_nothing() {
    let counters = closed(2, Baseline::default(), 2);
    assert!(!counters.add(0, Event::Exposure));
    counters.set_open(true, false);
    assert!(counters.add(0, Event::Exposure));
    counters.set_open(false, false);
    assert!(!counters.add(0, Event::Conversion));
    assert_eq!(counters.counts()[0], Count { exposures: 1, conversions: 0 });
}

/// Whether users are counted can change, and their counts stay until the next run.
#[test]
fn users_are_counted_while_the_counters_are_open_for_them() {
    let base = Count { exposures: 5, conversions: 3 };
    let counters = closed(2, Baseline::new(&[base]), 2);
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let begin = |run, is_whole| {
        let since = Timestamp::from_unix_seconds(0);
        let experiment = ExperimentId::from_bytes([1; 16]);
        let scope = Scope { experiment, run, goal: None, since, is_whole, capacity: 10 };
        counters.begin_users(Run::new(scope, &*memory), &memory);
    };
    let users = || {
        let sample =
            counters.users().unwrap().counts(&Allocation::of([100, 0].into_iter()), 2, &[], 0);
        let UserCount { exposed, converted, converted_unexposed } = sample.variants[0];
        (sample.scope.run, [exposed, converted, converted_unexposed])
    };
    let add = |event, user| counters.add_with_user(0, event, user);

    counters.set_open(true, true);
    assert_eq!(counters.add_event(0, Event::Exposure), Some(true), "there is no table yet");
    begin(1, true);
    counters.set_open(true, true);
    assert_eq!(counters.add_event(0, Event::Exposure), None, "it would not count the user");
    assert_eq!(add(Event::Conversion, 1), Added::Unexposed);
    assert_eq!(add(Event::Exposure, 1), Added::Counted);
    assert_eq!(add(Event::Conversion, 1), Added::Counted);
    assert_eq!(add(Event::Conversion, 2), Added::Unexposed);
    assert_eq!(users(), (1, [1, 1, 1]));

    counters.set_open(false, true);
    assert_eq!(add(Event::Exposure, 3), Added::Closed);
    assert_eq!(add(Event::Conversion, 1), Added::Closed);
    counters.set_open(true, false);
    assert_eq!(add(Event::Exposure, 3), Added::Counted);
    assert_eq!(add(Event::Conversion, 4), Added::Counted, "only events are counted");
    assert_eq!(users(), (1, [1, 1, 1]));

    // In the middle of a run: a user may have been exposed before.
    begin(2, false);
    counters.set_open(true, true);
    assert_eq!(add(Event::Conversion, 5), Added::Counted);
    assert_eq!(add(Event::Exposure, 6), Added::Counted);
    assert_eq!(users(), (2, [1, 0, 1]));
    assert_eq!(counters.counts()[0], Count { exposures: 5 + 4, conversions: 3 + 3 });
}

/// Once they are forgotten, until another run begins.
#[test]
fn users_that_are_forgotten_hold_no_conversion_back() {
    let memory: Arc<dyn Memory> = Arc::new(InProcess);
    let counters = closed(1, Baseline::default(), 2);
    let begin = |run| {
        let since = Timestamp::from_unix_seconds(0);
        let experiment = ExperimentId::from_bytes([1; 16]);
        let scope = Scope { experiment, run, goal: None, since, is_whole: true, capacity: 10 };
        counters.begin_users(Run::new(scope, &*memory), &memory);
    };
    let convert = || counters.add_with_user(0, Event::Conversion, 7);
    begin(2);
    counters.set_open(true, true);
    assert_eq!(convert(), Added::Unexposed);
    counters.forget_users();
    assert!(counters.users().is_none());
    counters.set_open(true, true);
    assert_eq!((convert(), counters.counts()[0].conversions), (Added::Counted, 1));
    begin(3);
    counters.set_open(true, true);
    assert_eq!(counters.users().map(|users| users.scope().run), Some(3));
    assert_eq!(convert(), Added::Unexposed);
}

#[test]
fn a_count_near_the_end_of_its_range_stays_there() {
    let base = Count { exposures: u64::MAX, conversions: u64::MAX - 1 };
    let counters = closed(1, Baseline::new(&[base]), 2);
    counters.set_open(true, false);
    for _ in 0..3 {
        counters.add(0, Event::Exposure);
        counters.add(0, Event::Conversion);
    }
    assert_eq!(counters.counts()[0], Count { exposures: u64::MAX, conversions: u64::MAX });
}
