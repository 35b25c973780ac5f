//! Since when an experiment has had which coverage: kept by the engine, through calls and
//! documents.

use std::sync::Arc;

use crate::common::{NOON, banner, engine_at_noon, experiment_id, flag_id};
use fairsplit::clock::ManualClock;
use fairsplit::targeting::{Condition, NewTargeting};
use fairsplit::{Engine, ExperimentId, NewFlag};

fn ten() -> NewTargeting {
    NewTargeting::new().condition(Condition::is_set("plan")).coverage(10)
}

/// A draft with a coverage of 10 %.
fn draft() -> (Engine, Arc<ManualClock>, ExperimentId) {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).targeting(ten());
    let id = engine.create_experiment("banner", new).unwrap().id();
    (engine, clock, id)
}

/// Seconds after noon and per cent, of each step.
fn steps(engine: &Engine, id: ExperimentId) -> Vec<(i64, f64)> {
    let experiment = engine.experiment(id).unwrap();
    let steps = experiment.targeting().map_or(&[][..], |targeting| targeting.coverages());
    let steps = steps.iter();
    steps.map(|step| (step.at().unix_seconds() - NOON, step.coverage().percent())).collect()
}

#[test]
fn the_first_start_and_each_raise_are_noted_with_their_times() {
    let (engine, clock, id) = draft();
    engine.raise_coverage(id, 5).unwrap();
    engine.raise_coverage(id, 10).unwrap();
    assert_eq!(steps(&engine, id), []);
    clock.advance(60);
    engine.start(id).unwrap();
    assert_eq!(steps(&engine, id), [(60, 10.0)]);
    clock.advance(60);
    engine.raise_coverage(id, 10).unwrap();
    engine.stop(id).unwrap();
    clock.advance(60);
    engine.start(id).unwrap();
    assert_eq!(steps(&engine, id), [(60, 10.0)]);
    clock.advance(60);
    engine.set_targeting(id, ten().coverage(20)).unwrap();
    engine.raise_coverage(id, 100).unwrap();
    assert_eq!(steps(&engine, id), [(60, 10.0), (240, 20.0), (240, 100.0)]);
}

#[test]
fn an_experiment_that_always_covered_everybody_notes_nothing() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let id = engine.create_experiment("banner", banner("production")).unwrap().id();
    engine.start(id).unwrap();
    assert_eq!(engine.experiment(id).unwrap().targeting(), None);
}

#[test]
fn an_experiment_that_comes_back_under_its_id_keeps_what_was_noted() {
    let (engine, clock, id) = draft();
    engine.start(id).unwrap();
    engine.stop(id).unwrap();
    engine.replace(r#"{"version": 1, "flags": []}"#).unwrap();
    engine.create_flag(NewFlag::new("banner", "old").id(flag_id(1))).unwrap();
    clock.advance(60);
    let new = banner("production").id(id).targeting(ten().coverage(20));
    engine.create_experiment("banner", new).unwrap();
    engine.start(id).unwrap();
    assert_eq!(steps(&engine, id), [(0, 10.0), (60, 20.0)]);
}

#[test]
fn an_export_has_what_was_noted_and_a_document_without_it_keeps_and_extends_it() {
    let (engine, clock, id) = draft();
    engine.start(id).unwrap();
    clock.advance(60);
    engine.raise_coverage(id, 20).unwrap();
    let export = engine.to_json();
    let copy = Engine::with_clock(Arc::clone(&clock));
    copy.replace(&export).unwrap();
    assert_eq!(steps(&copy, id), [(0, 10.0), (60, 20.0)]);
    assert_eq!(copy.to_json(), export);

    let mut document: serde_json::Value = serde_json::from_str(&export).unwrap();
    let targeting = &mut document["flags"][0]["targeting"][id.to_string()];
    assert_eq!(targeting.as_object_mut().unwrap().remove("coverages").unwrap()[1]["coverage"], 20);
    targeting["coverage"] = 30.into();
    clock.advance(60);
    let text = document.to_string();
    copy.replace(&text).unwrap();
    let expected = [(0, 10.0), (60, 20.0), (120, 30.0)];
    assert_eq!(steps(&copy, id), expected);
    let _ = engine.apply(&text).unwrap();
    assert_eq!(steps(&engine, id), expected);
    // Elsewhere it is known only since when the run is.
    let elsewhere = Engine::with_clock(clock);
    elsewhere.replace(&text).unwrap();
    assert_eq!(steps(&elsewhere, id), [(0, 30.0)]);
}

#[test]
fn the_coverages_that_a_request_gives_are_read_and_not_used() {
    let steps = r#"[{"at": "2025-03-12T12:00:00Z", "coverage": 5}]"#;
    let text = format!(r#"{{"coverage": 10, "coverages": {steps}}}"#);
    let (given, plain) = (NewTargeting::from_json(&text), NewTargeting::new().coverage(10));
    assert_eq!(given.unwrap(), plain);
    assert!(NewTargeting::from_json(r#"{"coverages": 5}"#).is_err());
}
