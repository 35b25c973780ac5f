//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --lib loom`.

use loom::sync::atomic::AtomicBool;

use super::*;
use crate::count::pool::Pool;
use loom::sync::Arc;

fn open() -> Arc<ExperimentCounters> {
    let counters =
        Arc::new(ExperimentCounters::new(1, Baseline::default(), Pool::default().take(1, 1)));
    counters.set_open(true, true);
    counters
}

fn add(counters: &ExperimentCounters, thread: u32) -> u64 {
    u64::from(counters.is_open() && counters.add_as(thread, 0, Event::Exposure))
}

fn sum(counters: &ExperimentCounters) -> u64 {
    counters.counts()[0].exposures
}

/// The owner of the only stripe, and two others.
#[test]
fn loom_no_count_is_lost_and_none_is_invented() {
    loom::model(|| {
        let counters = open();
        let adders = [1, 2].map(|thread| {
            let counters = Arc::clone(&counters);
            loom::thread::spawn(move || add(&counters, thread))
        });
        let own = add(&counters, 0) + add(&counters, 0);
        assert!((own..=own + 2).contains(&sum(&counters)));
        let others: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
        assert_eq!(sum(&counters), own + others);
    });
}

/// A thread gives its number back, and another one claims it, as in `stripe`.
#[test]
fn loom_no_count_is_lost_when_a_number_changes_hands() {
    loom::model(|| {
        let counters = open();
        let is_claimed = Arc::new(AtomicBool::new(true));
        let first = {
            let (counters, is_claimed) = (Arc::clone(&counters), Arc::clone(&is_claimed));
            loom::thread::spawn(move || {
                let added = add(&counters, 0);
                is_claimed.store(false, Ordering::Release);
                added
            })
        };
        let claimed =
            is_claimed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        let thread = if claimed.is_ok() { 0 } else { 1 };
        let second = add(&counters, thread);
        assert_eq!(first.join().unwrap() + second, sum(&counters));
    });
}

#[test]
fn loom_what_is_reported_while_it_closes_is_counted() {
    loom::model(|| {
        let counters = open();
        let adders = [0, 1].map(|thread| {
            let counters = Arc::clone(&counters);
            loom::thread::spawn(move || add(&counters, thread))
        });
        counters.set_open(false, true);
        let reported: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
        assert_eq!(sum(&counters), reported);
        assert_eq!(add(&counters, 0), 0);
    });
}
