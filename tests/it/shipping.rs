//! Shipping a variant: its value becomes the default as the experiment stops.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{banner, engine_at_noon, experiment_id, flag_id, production, running};
use fairsplit::error::{ControlError, Transition};
use fairsplit::{Engine, NewFlag, Reason, Status};
use serde_json::json;

fn default_of(engine: &Engine) -> serde_json::Value {
    engine.flag("hero-banner").unwrap().default_value().clone()
}

#[test]
fn a_shipped_variant_is_the_default_and_its_experiment_is_stopped_in_one_change() {
    let (engine, id) = running();
    let view = production(&engine).view();
    let version = engine.snapshot().version();
    let shipped = engine.ship(id, "treatment").unwrap();
    assert_eq!(engine.snapshot().version(), version + 1);
    assert_eq!(shipped.status(), Status::Stopped);
    assert!(shipped.stopped_at().is_some());
    assert_eq!(engine.experiment(id).unwrap(), shipped);
    let answer = production(&engine).evaluate("hero-banner", "anna").str_or("").to_owned();
    assert_eq!((default_of(&engine), answer.as_str()), (json!("new"), "new"));
    assert!(!engine.convert_variant(id, "treatment").is_counted());
    assert!(!view.convert("hero-banner", "anna").is_counted());
    // It can run again, and be shipped again.
    engine.start(id).unwrap();
    engine.ship(id, "control").unwrap();
    assert_eq!(default_of(&engine), "old");
}

#[test]
fn a_stopped_experiment_can_be_shipped_and_stays_as_it_was() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = experiment_id(1);
    let new = banner("production").id(id).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    let stopped = engine.stop(id).unwrap();
    clock.advance(60);
    assert_eq!(engine.ship(id, "treatment").unwrap(), stopped);
    assert_eq!(default_of(&engine), "new");
}

#[test]
fn what_cannot_be_shipped_is_refused_and_changes_nothing() {
    let (engine, id) = running();
    let create = |number, status| {
        let new = banner("staging").id(experiment_id(number)).status(status);
        engine.create_experiment("hero-banner", new).unwrap().id()
    };
    let others = [
        (create(2, Status::Draft), Status::Draft),
        (create(3, Status::Completed), Status::Completed),
    ];
    let before = engine.to_json();
    for (other, status) in others {
        let refused = engine.ship(other, "treatment").unwrap_err();
        let ControlError::Transition { source, .. } = refused else { panic!("{refused:?}") };
        assert_eq!((source.status(), source.transition()), (status, Transition::Ship));
    }
    let refused = engine.ship(id, "contorl").unwrap_err();
    assert!(matches!(refused, ControlError::VariantNotFound { .. }), "{refused:?}");
    let unknown = experiment_id(9);
    let refused = engine.ship(unknown, "control").unwrap_err();
    assert_eq!(refused, ControlError::ExperimentNotFound { id: unknown });
    assert_eq!(engine.to_json(), before);
}

#[test]
fn no_request_gets_the_old_default_while_a_variant_is_shipped() {
    for _ in 0..50 {
        let (engine, clock) = engine_at_noon();
        drop(clock);
        engine.create_flag(NewFlag::new("hero-banner", "before").id(flag_id(1))).unwrap();
        let new = banner("production").id(experiment_id(1)).status(Status::Running);
        let id = engine.create_experiment("hero-banner", new).unwrap().id();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let production = production(&engine);
                loop {
                    let is_last = is_done.load(Ordering::Acquire);
                    let answer = production.evaluate("hero-banner", "anna");
                    assert_ne!(answer.str_or(""), "before");
                    if is_last {
                        return answer.reason();
                    }
                }
            });
            engine.ship(id, "treatment").unwrap();
            is_done.store(true, Ordering::Release);
            assert_eq!(reader.join().unwrap(), Reason::NotRunning);
        });
    }
}

#[test]
fn a_document_undoes_what_was_shipped_only_where_it_changes() {
    let document = |default: &str, name: &str| {
        json!({"flags": [{
            "id": flag_id(1), "key": "hero-banner", "default_value": default,
            "experiments": [{
                "id": experiment_id(1), "name": name, "environment": "production",
                "status": "running",
                "variants": [
                    {"key": "control", "value": "old", "percentage": 50},
                    {"key": "treatment", "value": "new", "percentage": 50}
                ]
            }]
        }]})
        .to_string()
    };
    let (engine, _) = engine_at_noon();
    let _ = engine.apply(&document("old", "one")).unwrap();
    engine.ship(experiment_id(1), "treatment").unwrap();
    let _ = engine.apply(&document("old", "other")).unwrap();
    let found = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!((found.name(), found.status()), ("other", Status::Stopped));
    assert_eq!(default_of(&engine), "new");
    let _ = engine.apply(&document("older", "other")).unwrap();
    assert_eq!(default_of(&engine), "older");
}
