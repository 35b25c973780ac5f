//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --lib loom`.

use loom::sync::atomic::AtomicBool;

use super::*;
use loom::sync::Arc;

fn open() -> Arc<Tally> {
    let tally = Arc::new(Tally::new(1, Baseline::default(), 1));
    tally.set_open(true);
    tally
}

fn add(tally: &Tally, thread: u32) -> u64 {
    u64::from(tally.is_open() && tally.add_as(thread, 0, Event::Exposure))
}

fn sum(tally: &Tally) -> u64 {
    tally.counts()[0].exposures
}

/// The owner of the only stripe, and two others.
#[test]
fn loom_no_count_is_lost_and_none_is_invented() {
    loom::model(|| {
        let tally = open();
        let adders = [1, 2].map(|thread| {
            let tally = Arc::clone(&tally);
            loom::thread::spawn(move || add(&tally, thread))
        });
        let own = add(&tally, 0) + add(&tally, 0);
        assert!((own..=own + 2).contains(&sum(&tally)));
        let others: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
        assert_eq!(sum(&tally), own + others);
    });
}

/// A thread gives its number back, and another one takes it: as `stripe` does it.
#[test]
fn loom_no_count_is_lost_when_a_number_changes_hands() {
    loom::model(|| {
        let tally = open();
        let is_taken = Arc::new(AtomicBool::new(true));
        let first = {
            let (tally, is_taken) = (Arc::clone(&tally), Arc::clone(&is_taken));
            loom::thread::spawn(move || {
                let added = add(&tally, 0);
                is_taken.store(false, Ordering::Release);
                added
            })
        };
        let taken = is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        let thread = if taken.is_ok() { 0 } else { 1 };
        let second = add(&tally, thread);
        assert_eq!(first.join().unwrap() + second, sum(&tally));
    });
}

#[test]
fn loom_what_is_reported_while_it_closes_is_counted() {
    loom::model(|| {
        let tally = open();
        let adders = [0, 1].map(|thread| {
            let tally = Arc::clone(&tally);
            loom::thread::spawn(move || add(&tally, thread))
        });
        tally.set_open(false);
        let reported: u64 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
        assert_eq!(sum(&tally), reported);
        assert_eq!(add(&tally, 0), 0);
    });
}
