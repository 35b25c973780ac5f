//! Definitions replaced by a document that says who is meant: strictly, and whole.

#[cfg(feature = "durable")]
use super::export;
use super::{
    document, engine, everything, flag, holdout, id, layer, pairs, rule, running, targeted, with,
};
#[cfg(feature = "durable")]
use crate::common::changes::assert_replayed;
#[cfg(feature = "durable")]
use crate::common::directory::Directory;
use crate::common::experiment_id;
use fairsplit::Engine;
use fairsplit::error::LoadError;
use fairsplit::fault::FaultKind;
use serde_json::{Value, json};

fn fault(engine: &Engine, document: &Value) -> (String, FaultKind) {
    let before = engine.to_json();
    let Err(LoadError::Invalid(error)) = engine.replace(&document.to_string()) else {
        panic!("it should have been refused: {document:#}");
    };
    assert_eq!(engine.to_json(), before);
    pairs(error.faults())[0].clone()
}

fn held_out_by(engine: &Engine, number: u128) -> usize {
    let experiment = engine.experiment(experiment_id(number)).unwrap();
    experiment.targeting().map_or(0, |targeting| targeting.held_out_by().len())
}

#[test]
fn what_flags_share_is_that_of_the_document() {
    let engine = engine();
    engine.replace(&everything().to_string()).unwrap();
    engine.replace(&document(&[flag(2)]).to_string()).unwrap();
    assert_eq!(
        (engine.segments().len(), engine.layers().len(), engine.holdouts().len()),
        (0, 0, 0)
    );
    assert!(engine.rules("flag-2").unwrap().is_empty());
}

#[test]
fn a_started_experiment_keeps_its_population_and_its_coverage_grows() {
    let of = |targeting: Value| document(&[targeted(running(1), &targeting)]);
    let engine = engine();
    engine.replace(&of(json!({"coverage": 20})).to_string()).unwrap();
    let path = |field: &str| format!("flags[0].targeting.{}.{field}", id(1));
    let (at, kind) = fault(&engine, &of(json!({"coverage": 10})));
    assert!(at == path("coverage") && matches!(kind, FaultKind::CoverageShrinks { .. }));
    let (at, kind) = fault(&engine, &of(json!({"coverage": 20, "bucket_by": "company_id"})));
    assert!(at == path("bucket_by") && matches!(kind, FaultKind::TargetingFixed { .. }));
    engine.replace(&of(json!({"coverage": 30})).to_string()).unwrap();
    // Also after it has left the configuration.
    engine.replace(&document(&[]).to_string()).unwrap();
    let (_, kind) = fault(&engine, &of(json!({"coverage": 10})));
    assert!(matches!(kind, FaultKind::CoverageShrinks { .. }));
}

#[test]
fn a_first_start_is_bound_by_the_holdouts_of_the_document_and_an_export_keeps_its_own() {
    let all = json!({"holdouts": [holdout(41)], "flags": [running(1), flag(2)]});
    let engine = engine();
    engine.replace(&all.to_string()).unwrap();
    assert_eq!([1, 2].map(|number| held_out_by(&engine, number)), [1, 0]);

    let mut later = all.clone();
    later["holdouts"].as_array_mut().unwrap().push(holdout(42));
    later["flags"][1] = running(2);
    engine.replace(&later.to_string()).unwrap();
    assert_eq!([1, 2].map(|number| held_out_by(&engine, number)), [1, 2]);

    let other = super::engine();
    other.replace(&engine.to_json()).unwrap();
    assert_eq!(other.to_json(), engine.to_json());
    let applied = super::engine();
    let _ = applied.apply(&engine.to_json()).unwrap();
    assert_eq!(applied.to_json(), engine.to_json());

    later["holdouts"][0]["percentage"] = json!(6);
    let (path, kind) = fault(&engine, &later);
    assert_eq!(path, "holdouts[0].percentage");
    assert!(matches!(kind, FaultKind::HoldoutFixed { .. }));
}

#[test]
fn references_are_checked_within_the_document() {
    let part = json!({"layer": {"id": id(21), "ranges": [{"from": 0, "to": 1}]}});
    let engine = engine();
    let sound = json!({"layers": [layer(21)], "flags": [targeted(flag(1), &part)]});
    engine.replace(&sound.to_string()).unwrap();
    // It is there, and would not be.
    let (path, kind) = fault(&engine, &document(&[targeted(flag(1), &part)]));
    assert_eq!(path, format!("flags[0].targeting.{}.layer.id", id(1)));
    assert_eq!(kind, FaultKind::NoSuch { what: "layer", found: id(21) });
}

#[test]
fn a_fault_in_a_rule_is_at_its_place_in_the_text() {
    // The second by its position, and the first in the text.
    let missing = with(rule(31, 1), "segment_id", json!(id(99)));
    let rules = json!([missing, rule(32, 0)]);
    let document = document(&[with(flag(1), "rules", rules)]);
    let expected = FaultKind::NoSuch { what: "segment", found: id(99) };
    let path = "flags[0].rules[0].segment_id".to_owned();
    assert_eq!(fault(&engine(), &document), (path.clone(), expected.clone()));
    let report = engine().apply(&document.to_string()).unwrap();
    assert_eq!(pairs(&report.skipped[0].faults), [(path, expected)]);
}

#[cfg(feature = "durable")]
#[test]
fn a_directory_keeps_all_of_it_with_its_changes_and_what_sources_said() {
    let directory = Directory::new();
    let engine = directory.open();
    let second = targeted(running(2), &json!({"bucket_by": "company_id", "holdouts": false}));
    let first = with(everything(), "flags", json!([everything()["flags"][0], second]));
    let _ = engine.apply(&first.to_string()).unwrap();
    let mut second = first.clone();
    second["segments"][0]["name"] = json!("renamed");
    second["flags"][0]["rules"][0]["value"] = json!("other");
    second["flags"][0]["targeting"][id(1)]["coverage"] = json!(1);
    second["layers"] = json!([first["layers"][0]]);
    let _ = engine.apply(&second.to_string()).unwrap();
    assert_replayed(&engine);
    let written = engine.to_json();
    drop(engine);

    let engine = directory.open();
    assert_eq!(engine.to_json(), written);
    assert_eq!(engine.apply(&second.to_string()).unwrap().to_string(), "nothing to do");
    engine.replace(&document(&[running(2)]).to_string()).unwrap_err();
    engine.replace(&document(&[flag(3)]).to_string()).unwrap();
    assert_replayed(&engine);
    for change in engine.changes().unwrap() {
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(fairsplit::changes::Change::from_json(&text).unwrap(), change);
    }
    assert_eq!(export(&engine)["segments"], Value::Null);
}
