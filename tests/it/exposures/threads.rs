//! Threads that expose the same users, and one that empties the queue.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{exposing, taken};
use crate::common::production;
use fairsplit::Engine;
use fairsplit::exposures::Exposure;

const THREADS: usize = 8;

/// Each user is exposed by all threads at about the same moment.
fn expose(engine: &Engine, users: usize) {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let banner = production(engine).flag("hero-banner");
                for user in 0..users {
                    if user.is_multiple_of(100) {
                        barrier.wait();
                    }
                    assert!(banner.evaluate(&format!("user-{user}")).is_counted());
                }
            });
        }
    });
}

fn times(batch: &[Exposure]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for exposure in batch {
        *times.entry(exposure.user_key()).or_default() += 1;
    }
    times
}

#[test]
fn each_user_of_eight_threads_is_queued_and_at_most_once_by_each_thread() {
    const USERS: usize = 5000;
    let (engine, _, exposures, _) = exposing(THREADS * USERS);
    expose(&engine, USERS);
    let batch = taken(&exposures);
    let times = times(&batch);
    assert_eq!((times.len(), exposures.missed()), (USERS, 0));
    assert!(times.values().all(|times| *times <= THREADS));
    // Once all threads are done, all users are known.
    expose(&engine, USERS);
    assert!(exposures.is_empty());
}

#[test]
fn no_user_is_forgotten_where_the_queue_is_often_full() {
    const USERS: usize = 5000;
    let (engine, _, exposures, _) = exposing(64);
    let is_over = AtomicBool::new(false);
    let mut batch = thread::scope(|scope| {
        let taker = scope.spawn(|| {
            let mut batch = Vec::new();
            while !is_over.load(Ordering::Acquire) {
                if exposures.take(&mut batch) == 0 {
                    thread::yield_now();
                }
            }
            batch
        });
        expose(&engine, USERS);
        is_over.store(true, Ordering::Release);
        taker.join().unwrap()
    });
    // Every one who was missed comes again, and finds room.
    for user in 0..USERS {
        exposures.take(&mut batch);
        let _ = production(&engine).evaluate("hero-banner", &format!("user-{user}"));
    }
    exposures.take(&mut batch);
    let times = times(&batch);
    assert_eq!(times.len(), USERS);
    assert!(times.values().all(|times| *times <= THREADS));
}
