//! What an engine accepts, its directory and its export accept again: values in every writing,
//! and whatever `serde_json` features the builds on both sides have.

mod accepted;
mod travels;

use std::fs;
use std::path::Path;

use crate::common::directory::Directory;
use crate::common::{ever, since_start};
use fairsplit::durable::recover;
use fairsplit::error::{ControlError, OpenError};
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, ExperimentId, FlagChange, NewExperiment, NewFlag, Status};
use serde_json::Value;

const FLAG: &str = "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a";
const EXPERIMENT: &str = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f";

fn id() -> ExperimentId {
    EXPERIMENT.parse().unwrap()
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A flag with this default value, and an experiment whose one variant has the same value.
fn document(value: &str, status: &str) -> String {
    format!(
        r#"{{"flags": [{{"id": "{FLAG}", "key": "f", "default_value": {value}, "experiments": [{{
            "id": "{EXPERIMENT}", "name": "n", "environment": "production", "status": "{status}",
            "variants": [{{"key": "a", "value": {value}, "percentage": 100}}]
        }}]}}]}}"#
    )
}

fn count(engine: &Engine, events: u64) {
    for _ in 0..events {
        assert!(engine.convert_variant(id(), "a").is_counted());
    }
}

fn conversions(engine: &Engine, id: ExperimentId) -> u64 {
    ever(&engine.counts(id).unwrap()).iter().map(|count| count.1).sum()
}

/// The engine's directory and its export make engines that are equal to it.
#[track_caller]
fn assert_comes_back(engine: Engine, directory: &Directory) -> Engine {
    let text = engine.to_json();
    assert_eq!(Engine::from_json(&text).unwrap().to_json(), text);
    drop(engine);
    let engine = directory.open();
    assert_eq!(engine.to_json(), text);
    engine
}

const EQUAL: [[&str; 2]; 4] = [
    ["0.0", "-0.0"],
    ["-0", "0e0"],
    [r#"[1.5, {"a": -0.0}]"#, r#"[15e-1, {"a": 0.0}]"#],
    [r#"{"b": {"y": 1, "x": [0.0]}, "a": 2}"#, r#"{"a": 2, "b": {"x": [-0.0], "y": 1}}"#],
];

#[test]
fn an_equal_value_in_another_writing_is_no_change_by_document_by_call_and_after_a_return() {
    for [first, second] in EQUAL {
        let directory = Directory::new();
        let engine = directory.open();
        engine.replace(&document(first, "running")).unwrap();
        let written = || {
            let engine = directory.open();
            let value = engine.experiment(id()).unwrap().variants()[0].value().to_string();
            (value, conversions(&engine, id()))
        };
        let as_first = value_of(&engine);
        count(&engine, 1);
        engine.replace(&document(second, "stopped")).unwrap();
        drop(assert_comes_back(engine, &directory));
        assert_eq!(written(), (as_first.clone(), 1), "{second}");

        // The flag leaves and returns.
        let engine = directory.open();
        engine.replace(r#"{"flags": []}"#).unwrap();
        engine.replace(&document(second, "running")).unwrap();
        count(&engine, 1);
        drop(assert_comes_back(engine, &directory));
        assert_eq!(written(), (as_first.clone(), 2), "{second}");

        // The experiment leaves, and a call creates it again.
        let engine = directory.open();
        engine.replace(r#"{"flags": []}"#).unwrap();
        engine.create_flag(NewFlag::new("f", 0)).unwrap();
        let new = NewExperiment::new("n", "production").id(id()).status(Status::Running);
        engine.create_experiment("f", new.variant("a", value(second), 100)).unwrap();
        count(&engine, 1);
        drop(assert_comes_back(engine, &directory));
        assert_eq!(written(), (as_first, 3), "{second}");

        // It leaves, and only its counters know it when it returns.
        let engine = directory.open();
        engine.replace(r#"{"flags": []}"#).unwrap();
        drop(engine);
        let engine = directory.open();
        engine.replace(&document(second, "running")).unwrap();
        count(&engine, 1);
        drop(assert_comes_back(engine, &directory));
        assert_eq!(written().1, 4, "{second}");
    }
}

fn value_of(engine: &Engine) -> String {
    engine.experiment(id()).unwrap().variants()[0].value().to_string()
}

#[test]
fn an_unequal_value_is_refused_under_a_known_id() {
    for [first, second] in [["0", "0.0"], ["1", "1.0"], ["[]", "{}"], [r#"{"a": 1}"#, "{}"]] {
        let directory = Directory::new();
        let engine = directory.open();
        engine.replace(&document(first, "running")).unwrap();
        engine.replace(&document(second, "running")).unwrap_err();
        engine.replace(r#"{"flags": []}"#).unwrap();
        drop(engine);
        directory.open().replace(&document(second, "running")).unwrap_err();
    }
}

/// With `arbitrary_precision`, a value of the caller's keeps the text of its numbers.
#[test]
fn a_number_of_a_call_is_kept_or_refused_in_every_writing() {
    for text in ["1.50", "1e2", "-0", "1e-400", "100000000000000000000", "1e400", "[{\"a\": 1.50}]"]
    {
        let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
        let directory = Directory::new();
        let engine = directory.open();
        let mut accepted = 0;
        let mut check = |result: Result<(), ControlError>| match result {
            Ok(()) => accepted += 1,
            Err(ControlError::Invalid(error)) => {
                let kinds = error.faults().iter().map(|fault| fault.kind().clone());
                let is_number = |kind: FaultKind| {
                    matches!(kind, FaultKind::Integer { .. } | FaultKind::Float { .. })
                };
                assert!(kinds.into_iter().all(is_number), "{error}");
            }
            Err(error) => panic!("{error}"),
        };
        check(engine.create_flag(NewFlag::new("g", value.clone())).map(drop));
        engine.create_flag(NewFlag::new("f", 0)).unwrap();
        let new = NewExperiment::new("n", "production").id(id()).status(Status::Running);
        check(engine.create_experiment("f", new.variant("a", value.clone(), 100)).map(
            |experiment| {
                // What the engine answers is what it answers after a reopening.
                let held = experiment.variants()[0].value().clone();
                assert_eq!(held.to_string(), serde_json::to_string(&held).unwrap());
            },
        ));
        check(engine.set_default("f", value.clone()).map(drop));
        let change = FlagChange::from_json(r#"{"default_value": 0}"#).unwrap();
        check(engine.change_flag("f", change.default_value(value)).map(drop));
        assert!(accepted == 0 || accepted == 4, "{text}: {accepted}");
        assert_comes_back(engine, &directory);
    }
}

/// `tests/data` holds directories as an earlier engine left them; every build opens them.
pub(crate) fn kept(name: &str) -> Directory {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    for name in ["counters", "definitions.json"] {
        fs::copy(kept.join(name), directory.file(name)).unwrap();
    }
    directory
}

/// Its build had `preserve_order`, so the fields of its values are in the order of their document:
/// `rows` before `columns`.
#[test]
#[cfg(target_endian = "little")]
fn a_directory_whose_values_have_unsorted_fields_opens_with_its_counts() {
    let directory = kept("durable-1-unsorted");
    let text = fs::read_to_string(directory.file("definitions.json")).unwrap();
    let sum = |engine: &Engine| {
        let counts = ever(&engine.counts(id()).unwrap());
        counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    };
    let engine = directory.open();
    assert_eq!(sum(&engine), (100, 10));
    assert!(engine.convert_variant(id(), "wide").is_counted());
    // The same document again, and a stop.
    engine.replace(&text).unwrap();
    engine.stop(id()).unwrap();
    let engine = assert_comes_back(engine, &directory);
    assert_eq!(sum(&engine), (100, 11));
    drop(engine);
    // The counters stay those of these variants.
    recover(&directory.0).unwrap();
    assert_eq!(sum(&directory.open()), (100, 11));
}

/// Its definitions have -0.0 for what was counted as 0.0. Another experiment, of `[-0.0]`, has left
/// them.
#[test]
#[cfg(target_endian = "little")]
fn a_directory_whose_definitions_turned_a_zero_negative_opens_with_its_counts() {
    for is_recovered in [false, true] {
        let directory = kept("durable-1-zeros");
        if is_recovered {
            recover(&directory.0).unwrap();
        }
        let engine = directory.open();
        assert_eq!(conversions(&engine, id()), 10);
        engine.start(id()).unwrap();
        assert!(engine.convert_variant(id(), "none").is_counted());
        let engine = assert_comes_back(engine, &directory);
        assert_eq!(conversions(&engine, id()), 11);
        let left: ExperimentId = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e71".parse().unwrap();
        let new = || NewExperiment::new("Left", "staging").id(left).status(Status::Running);
        engine
            .create_experiment("discount", new().variant("only", value("[1.0]"), 100))
            .unwrap_err();
        engine.create_experiment("discount", new().variant("only", value("[-0.0]"), 100)).unwrap();
        let engine = assert_comes_back(engine, &directory);
        assert_eq!(conversions(&engine, left), 7);
    }
}

#[test]
fn a_recovery_takes_no_edited_variants_for_those_that_were_counted() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.replace(&document("\"old\"", "running")).unwrap();
    count(&engine, 3);
    drop(engine);
    let path = directory.file("definitions.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"value\": \"old\"", "\"value\": \"new\"")).unwrap();
    recover(&directory.0).unwrap();
    assert!(matches!(directory.refused(), OpenError::Definitions { .. }));
    // A second recovery knows no more than the first.
    recover(&directory.0).unwrap();
    assert!(matches!(directory.refused(), OpenError::Definitions { .. }));
    fs::write(&path, &text).unwrap();
    recover(&directory.0).unwrap();
    let engine = assert_comes_back(directory.open(), &directory);
    assert_eq!(conversions(&engine, id()), 3);
}

/// After a loss of power, the definitions may be newer than the counts.
#[test]
fn counts_older_than_the_last_start_keep_the_directory_open() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.replace(&document("1", "running")).unwrap();
    let before = fs::read(directory.file("counters")).unwrap();
    count(&engine, 5);
    engine.stop(id()).unwrap();
    engine.start(id()).unwrap();
    let (mut after, text) = (
        fs::read(directory.file("counters")).unwrap(),
        fs::read(directory.file("definitions.json")).unwrap(),
    );
    drop(engine);
    // Everything beyond the two heads, as it was before the events.
    after[256..].copy_from_slice(&before[256..]);
    fs::write(directory.file("counters"), after).unwrap();
    fs::write(directory.file("definitions.json"), text).unwrap();
    let engine = directory.open();
    assert_eq!(ever(&engine.counts(id()).unwrap()), [(0, 0)]);
    count(&engine, 1);
    assert_eq!(since_start(&engine.counts(id()).unwrap()), [(0, 1)]);
    engine.stop(id()).unwrap();
    assert_comes_back(engine, &directory);
}
