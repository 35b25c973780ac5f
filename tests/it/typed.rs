//! Values as a type of the caller's: the same as decoded at every call, and decoded once.

use std::cell::Cell;
use std::error::Error as _;

use crate::common::{banner, ever, experiment_id, flag_id, production, running, staging};
use fairsplit::{Engine, NewFlag, Reason, Status, TypedReader};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::json;

thread_local!(static DECODED: Cell<usize> = const { Cell::new(0) });

/// Counts how often one is made.
#[derive(Debug, PartialEq)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        DECODED.set(DECODED.get() + 1);
        String::deserialize(deserializer).map(Text)
    }
}

/// What the typed reader answers is what the handle answers, decoded.
#[track_caller]
fn assert_same(typed: &mut TypedReader<Text>, user: &str) {
    let handle = typed.handle().clone();
    let expected = handle.peek(user);
    let (reason, variant) = (expected.reason(), expected.variant().map(str::to_owned));
    let value = expected.deserialize::<Text>();
    let answer = typed.peek(user);
    assert_eq!(answer.evaluation().reason(), reason);
    assert_eq!(answer.evaluation().variant(), variant.as_deref());
    match (answer.value(), value) {
        (Ok(ours), Ok(theirs)) => assert_eq!(*ours, theirs),
        (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
        (ours, theirs) => panic!("{ours:?} and {theirs:?}"),
    }
}

#[test]
fn a_value_is_decoded_once_for_each_change_of_the_flag() {
    let (engine, id) = running();
    let mut banner = production(&engine).flag("hero-banner").typed::<Text>();
    let mut decoded = |work: &dyn Fn()| {
        work();
        let before = DECODED.get();
        for user in 0..100 {
            assert!(banner.peek(&user.to_string()).value().is_ok());
        }
        DECODED.get() - before
    };
    // Both variants, and the default.
    assert_eq!(decoded(&|| ()), 3);
    assert_eq!(decoded(&|| ()), 0);
    // A change elsewhere is none of this flag.
    assert_eq!(decoded(&|| drop(engine.create_flag(NewFlag::new("other", 1)).unwrap())), 0);
    assert_eq!(decoded(&|| drop(staging(&engine).flag("hero-banner"))), 0);
    assert_eq!(decoded(&|| drop(engine.set_default("other", 2).unwrap())), 0);
    assert_eq!(decoded(&|| engine.replace(&engine.to_json()).unwrap()), 0);
    assert_eq!(decoded(&|| drop(engine.set_default("hero-banner", "older").unwrap())), 3);
    assert_eq!(decoded(&|| drop(engine.stop(id).unwrap())), 1);
}

#[test]
fn an_evaluation_counts_and_a_peek_does_not() {
    let (engine, id) = running();
    let mut typed = production(&engine).flag("hero-banner").typed::<Text>();
    for _ in 0..3 {
        assert!(!typed.peek("anna").evaluation().is_counted());
        assert!(typed.evaluate("anna").evaluation().is_counted());
    }
    let mut clone = typed.clone();
    assert_eq!(clone.evaluate("anna").value().unwrap(), typed.peek("anna").value().unwrap());
    assert_eq!(ever(&engine.counts(id).unwrap()).iter().map(|count| count.0).sum::<u64>(), 4);
}

#[test]
fn a_missing_flag_or_a_value_of_another_type_is_an_error_or_the_fallback() {
    let engine = Engine::new();
    let mut typed = production(&engine).flag("hero-banner").typed::<Text>();
    let fallback = Text("fallback".to_owned());
    assert!(typed.peek("anna").value().unwrap_err().source().is_none());
    assert_eq!(typed.peek("anna").value_or(&fallback), &fallback);
    engine.create_flag(NewFlag::new("hero-banner", 7)).unwrap();
    let answer = typed.peek("anna");
    assert!(answer.value().unwrap_err().source().is_some());
    assert_eq!(answer.value_or(&fallback), &fallback);
    assert_eq!(answer.evaluation().value(), Some(&json!(7)));
    assert_eq!(answer.evaluation().reason(), Reason::NotRunning);
}

proptest! {
    /// Whatever happens to the flag in between.
    #[test]
    fn a_typed_answer_is_the_untyped_one_decoded(steps in prop::collection::vec(0..10_u8, 1..40)) {
        let engine = Engine::new();
        let mut typed = production(&engine).flag("hero-banner").typed::<Text>();
        let full = {
            let (engine, _) = running();
            engine.to_json()
        };
        for (at, step) in steps.into_iter().enumerate() {
            // Refused where it makes no sense now; that is no matter here.
            match step {
                0 => drop(engine.create_flag(NewFlag::new("hero-banner", "x").id(flag_id(1)))),
                1 => drop(engine.set_default("hero-banner", format!("default {at}"))),
                2 => drop(engine.set_default("hero-banner", at)),
                3 => drop(engine.create_experiment(
                    "hero-banner",
                    banner("production").id(experiment_id(1)).status(Status::Draft),
                )),
                4 => drop(engine.start(experiment_id(1))),
                5 => drop(engine.stop(experiment_id(1))),
                6 => drop(engine.force(experiment_id(1), "anna", "treatment")),
                7 => drop(engine.unforce(experiment_id(1), "anna")),
                8 => drop(engine.replace(&full)),
                _ => drop(engine.replace(r#"{"flags": []}"#)),
            }
            for user in ["anna", "ben", "carla", ""] {
                assert_same(&mut typed, user);
            }
        }
    }
}
