//! An evaluation and a conversion make no heap allocation, and free none, in any way of asking.
//!
//! A binary of its own: its allocator counts.

#[path = "common/allocator.rs"]
mod allocator;
mod common;

use std::hint::black_box;
use std::thread;

use allocator::calls;
use common::{production, running, staging};
use fairsplit::NewFlag;
use serde_json::json;

#[test]
fn the_allocator_counts_an_allocation_and_its_release() {
    assert_eq!(calls(|| drop(black_box(Box::new(1)))).0, 2);
}

#[test]
fn evaluating_and_converting_allocate_nothing() {
    let (engine, id) = running();
    engine.create_flag(NewFlag::new("theme", json!({"name": "dusk", "sizes": [1, 2, 3]}))).unwrap();
    engine.force(id, "qa", "treatment").unwrap();
    let (place, other) = (production(&engine), staging(&engine));
    let handle = place.flag("hero-banner");
    let mut reader = place.reader();
    // The first call of a thread sets up its place in arc-swap.
    drop(engine.snapshot());

    let long = "key".repeat(1000);
    for user in ["anna", "", "qa", "0b9bd4a6-0b3c-4d3e-9e1c-4c3f0c0d7a11", "日本", &long] {
        let (allocations, ()) = calls(|| {
            for flag in ["hero-banner", "theme", "no such flag"] {
                for place in [&place, &other] {
                    let answer = place.evaluate(flag, user);
                    black_box((answer.value(), answer.variant(), answer.reason()));
                    black_box((answer.str_or(""), answer.bool_or(true), answer.i64_or(1)));
                    let _ = black_box((answer.as_f64(), answer.as_str()));
                    black_box((answer.f64_or(1.0), answer.is_counted()));
                    black_box((answer.experiment(), answer.experiment_name()));
                    black_box(place.peek(flag, user).value());
                    black_box(place.convert(flag, user).variant());
                    let view = place.view();
                    black_box(view.evaluate(flag, user).value());
                    black_box(view.peek(flag, user).value());
                    black_box(view.convert(flag, user).outcome());
                    let view = reader.view();
                    black_box(view.evaluate(flag, user).value());
                    black_box(view.convert(flag, user).outcome());
                    let view = view.in_environment(place.name());
                    black_box(view.evaluate(flag, user).value());
                }
            }
            black_box(handle.evaluate(user).value());
            black_box(handle.peek(user).value());
            black_box(handle.convert(user).outcome());
            let snapshot = reader.snapshot();
            black_box(handle.evaluate_on(snapshot, user).value());
            black_box(handle.peek_on(snapshot, user).value());
            black_box(handle.convert_on(snapshot, user).outcome());
            black_box(engine.convert_variant(id, "treatment").outcome());
            black_box(engine.convert_variant(id, "no such variant").outcome());
        });
        assert_eq!(allocations, 0, "{user:?}");
    }
}

#[test]
fn typed_values_that_borrow_allocate_nothing() {
    let (engine, _) = running();
    engine.create_flag(NewFlag::new("page", json!([25, 1.5]))).unwrap();
    let production = production(&engine);
    let answer = production.evaluate("page", "anna");
    let (allocations, page) = calls(|| answer.deserialize::<(u8, f32)>().unwrap());
    assert_eq!((allocations, page), (0, (25, 1.5)));
}

#[test]
fn decoded_values_allocate_nothing_while_the_flag_stays_as_it_is() {
    let (engine, _) = running();
    let mut banner = production(&engine).flag("hero-banner").typed::<String>();
    assert!(banner.evaluate("anna").value().is_ok());
    let (allocations, is_counted) = calls(|| {
        let evaluation = banner.evaluate("anna");
        assert!(evaluation.value().is_ok());
        evaluation.evaluation().is_counted()
    });
    assert_eq!((allocations, is_counted), (0, true));
}

/// What the docs say of a thread's first call: arc-swap sets something up, once. How much is its
/// affair.
#[test]
fn no_call_of_a_thread_after_its_first_allocates() {
    let (engine, _) = running();
    // Outlives the threads below, so that their places in arc-swap are not this thread's.
    let held = engine.snapshot();
    let production = production(&engine);
    for _ in 0..4 {
        thread::scope(|scope| {
            scope.spawn(|| {
                let ask = || black_box(production.evaluate("hero-banner", "anna").is_counted());
                ask();
                for _ in 0..100 {
                    assert_eq!(calls(ask).0, 0);
                }
            });
        });
    }
    drop(held);
}

#[test]
fn a_thread_with_many_views_still_allocates_nothing() {
    let (engine, _) = running();
    let mut views = Vec::with_capacity(100);
    let production = production(&engine);
    drop(production.view());
    let (allocations, ()) = calls(|| {
        for _ in 0..100 {
            views.push(production.view());
        }
    });
    assert_eq!(allocations, 0);
}
