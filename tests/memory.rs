//! How much memory a configuration takes.
//!
//! A binary of its own: its allocator counts.

#[path = "common/allocator.rs"]
mod allocator;
mod common;

use std::thread::available_parallelism;

use allocator::bytes;
use common::{experiment_id, flag_id, production};
use fairsplit::Engine;
use serde_json::{Value, json};

/// Flags with a running experiment of two variants each, as an exporter writes them.
fn document(flags: u128) -> String {
    let flag = |number: u128| {
        json!({
            "id": flag_id(number),
            "key": format!("flag-{number}"),
            "default_value": "old",
            "experiments": [{
                "id": experiment_id(number),
                "name": format!("experiment {number}"),
                "environment": "production",
                "status": "running",
                "variants": [
                    {"key": "control", "value": "old", "percentage": 50},
                    {"key": "treatment", "value": "new", "percentage": 50}
                ],
                "started_at": "2025-03-12T12:00:00Z"
            }]
        })
    };
    let flags: Vec<Value> = (0..flags).map(flag).collect();
    json!({"flags": flags}).to_string()
}

/// The counters of one experiment of up to four variants: a line for each stripe.
fn stripes() -> isize {
    let threads = available_parallelism().map_or(1, Into::into).next_power_of_two();
    128 * isize::try_from(threads.min(64)).unwrap()
}

#[test]
fn a_flag_with_an_experiment_takes_a_kilobyte_and_its_stripes() {
    // Tables double when they are seven eighths full: some are just before that, and some just
    // after.
    for flags in [1000, 1800, 10_000, 14_300, 14_500] {
        let text = document(flags);
        let (taken, engine) = bytes(|| Engine::from_json(&text).unwrap());
        let flags = isize::try_from(flags).unwrap();
        let each = taken / flags - stripes();
        // Below that, not all of it has been counted.
        assert!((700..=1024).contains(&each), "{flags} flags: {each} bytes each");
        drop(engine);
    }
}

#[test]
fn dropping_an_engine_frees_all_that_it_allocated() {
    let text = document(1000);
    // What a thread sets up once for arc-swap stays with it.
    drop(production(&Engine::from_json(&text).unwrap()).evaluate("flag-1", "anna"));
    let (taken, ()) = bytes(|| {
        let engine = Engine::from_json(&text).unwrap();
        drop(production(&engine).evaluate("flag-1", "anna"));
        engine.reload(&text).unwrap();
    });
    assert_eq!(taken, 0);
}

#[test]
fn reloading_the_same_flags_takes_no_more_memory() {
    let text = document(1000);
    let renamed = text.replace("experiment ", "attempt at ");
    let engine = Engine::new();
    let reload = || {
        engine.reload(&renamed).unwrap();
        engine.reload(&text).unwrap();
    };
    reload();
    let (taken, ()) = bytes(|| (0..5).for_each(|_| reload()));
    assert_eq!(taken, 0);
}
