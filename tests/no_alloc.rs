//! An evaluation and a conversion make no heap allocation, and free none, in any way of asking.
//!
//! A binary of its own: its allocator counts.

#[path = "common/allocator.rs"]
mod allocator;
mod common;
#[path = "no_alloc/exposures.rs"]
mod exposures;
#[path = "no_alloc/goals.rs"]
mod goals;
#[path = "no_alloc/targeting.rs"]
mod targeting;

use std::hint::black_box;
use std::thread;

use allocator::{bytes_each_way, calls};
use common::{production, running, staging};
use fairsplit::targeting::{AttributeValue, Condition, Operator};
use fairsplit::{NewFlag, User};
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

/// Where users are counted, and while they move to a larger table, or to one that keeps fewer.
#[test]
fn evaluating_and_converting_a_known_user_allocate_nothing() {
    for (capacity, is_sampled) in [(1_000_000, false), (60_000, true)] {
        let (engine, id) = running();
        engine.count_users(id, capacity).unwrap();
        let place = production(&engine);
        let handle = place.flag("hero-banner");
        let mut reader = place.reader();
        let keys: Vec<String> = (0..100_000).map(|number| format!("user-{number}")).collect();
        for (number, new) in keys.iter().enumerate() {
            drop(handle.evaluate(new));
            // One who came long ago, and one who came just now.
            for known in [&keys[number / 2], new] {
                let (allocations, counted) = calls(|| {
                    let snapshot = reader.snapshot();
                    [
                        handle.evaluate(known).is_counted(),
                        handle.convert(known).is_counted(),
                        handle.evaluate_on(snapshot, known).is_counted(),
                        handle.convert_on(snapshot, known).is_counted(),
                        place.evaluate("hero-banner", known).is_counted(),
                        place.convert("hero-banner", known).is_counted(),
                    ]
                });
                assert_eq!((allocations, counted), (0, [true; 6]), "{known}, capacity {capacity}");
            }
        }
        assert_eq!(engine.users(id).unwrap().one_in() > 1, is_sampled);
    }
}

/// What the docs say of a call that adds a user: tables are allocated, and freed, a chunk at a
/// time.
#[test]
fn no_call_that_adds_a_user_allocates_or_frees_a_whole_table() {
    /// The bytes of a chunk.
    const CHUNK: usize = 1 << 16;
    // The user's own chunk, and one or two of the users who move on; besides, tables name their
    // chunks, which takes less than 24 KiB here.
    const AT_MOST: [usize; 2] = [3 * CHUNK + 24 * 1024, CHUNK + 24 * 1024];
    for capacity in [1_000_000, 60_000] {
        let (engine, id) = running();
        engine.count_users(id, capacity).unwrap();
        let handle = production(&engine).flag("hero-banner");
        let keys: Vec<String> = (0..300_000).map(|number| format!("user-{number}")).collect();
        let (mut most, mut all) = ([0; 2], [0; 2]);
        for key in &keys {
            let (bytes, is_counted) = bytes_each_way(|| handle.evaluate(key).is_counted());
            assert!(is_counted);
            for way in [0, 1] {
                most[way] = bytes[way].max(most[way]);
                all[way] += bytes[way];
                assert!(bytes[way] <= AT_MOST[way], "{bytes:?} bytes for {key}, {capacity}");
            }
        }
        // It did allocate and free tables, and those who are left are freed by now.
        assert!(most.iter().all(|most| *most >= CHUNK), "{most:?}");
        let kept = all[0] - all[1];
        assert!(kept < 16 * (1 << 19) + 64 * 1024, "{kept} of {all:?} bytes, capacity {capacity}");
    }
}

/// A condition is compiled at each call here, which allocates; asking it adds nothing to that,
/// whatever the attribute is.
#[test]
fn asking_a_condition_allocates_nothing() {
    let texts: Vec<String> = (0..1000).map(|at| format!("user-{at}")).collect();
    let json = json!(["x", 1, null, {"a": []}, 1.5, "user-7"]);
    let long = "1.2.3-a.".repeat(1000);
    let long_number = "1".repeat(1000);
    let values = [
        true.into(),
        7.into(),
        u64::MAX.into(),
        1.5.into(),
        f64::NAN.into(),
        "USER-7".into(),
        "18446744073709551617".into(),
        "1.5e300".into(),
        "1.2.3-rc.1+build".into(),
        "2017-12-06T00:00:00.123-07:00".into(),
        "tomorrow".into(),
        (&long).into(),
        (&long_number).into(),
        AttributeValue::UnixMilliseconds(7),
        AttributeValue::Strings(&texts),
        AttributeValue::Strs(&["a", "b"]),
        AttributeValue::List(&[AttributeValue::Int(1), AttributeValue::Str("1.0")]),
        AttributeValue::Json(&json),
    ];
    // The first list of a process sets its hasher's seed up.
    Condition::new("it", Operator::In, json!(texts)).ask("anna").unwrap();
    for operator in Operator::ALL {
        let value = match operator {
            Operator::IsSet | Operator::IsNotSet => json!(null),
            Operator::In | Operator::NotIn => json!(texts),
            Operator::Matches if cfg!(feature = "regex") => json!("^user-[0-9]+$"),
            Operator::Matches => continue,
            Operator::Before | Operator::After => json!("2017-12-06T00:00:00-07:00"),
            _ => json!("17"),
        };
        let condition = Condition::new("it", operator, value);
        let folded = condition.clone().ignore_case();
        let folded = folded.ask("anna").is_ok().then_some(folded);
        for condition in [condition.clone(), condition.negate()].into_iter().chain(folded) {
            let compiling = calls(|| condition.ask("anna").unwrap()).0;
            for value in values {
                let attributes = [("it", value)];
                let user = User::new("anna").with(&attributes);
                let (all, truth) = calls(|| condition.ask(user).unwrap());
                assert_eq!(all, compiling, "{operator} {value:.60?}: {truth:?}");
            }
        }
    }
}
