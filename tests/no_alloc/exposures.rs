//! Queuing a user's first exposure allocates nothing, unless the user key is long.

use std::hint::black_box;

use crate::allocator::calls;
use crate::common::{production, running};

#[test]
fn queuing_an_exposure_allocates_only_for_a_long_key() {
    let (engine, id) = running();
    engine.count_users(id, 1_000_000).unwrap();
    let production = production(&engine);
    let banner = production.flag("hero-banner");
    let keys: Vec<String> = (1..=54).map(|length| "k".repeat(length)).collect();
    let long = "k".repeat(1000);
    // They have their places among the users before there is a queue.
    for key in keys.iter().chain([&long]) {
        assert!(banner.evaluate(key).is_counted());
    }
    let exposures = engine.exposures(keys.len());
    let mut batch = Vec::with_capacity(100);
    let (allocations, ()) = calls(|| {
        for key in &keys {
            for _ in 0..2 {
                assert!(black_box(banner.evaluate(key)).is_counted());
            }
        }
    });
    assert_eq!((allocations, exposures.len()), (0, keys.len()));
    // The queue is full.
    let (allocations, is_counted) = calls(|| banner.evaluate(&long).is_counted());
    assert_eq!((allocations, is_counted, exposures.missed()), (0, true, 1));
    let (allocations, taken) = calls(|| exposures.take(&mut batch));
    assert_eq!((allocations, taken), (0, keys.len()));
    let (allocations, is_counted) = calls(|| banner.evaluate(&long).is_counted());
    assert_eq!((allocations, is_counted, exposures.len()), (1, true, 1));
    let (allocations, ()) = calls(|| batch.clear());
    assert_eq!(allocations, 0);
}
