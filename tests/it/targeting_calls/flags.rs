//! Flags that are disabled, or have a type; and what is recorded of calls.

use std::sync::{Arc, Mutex};

use super::{everybody, experiment, faults, holdout_id, layer_id, plan, rule_id, segment_id, shop};
use crate::common::{banner, experiment_id};
use fairsplit::changes::{Action, Change};
use fairsplit::clock::SystemClock;
use fairsplit::error::CommitError;
use fairsplit::fault::FaultKind;
use fairsplit::store::{Proposal, Store};
use fairsplit::targeting::{FlagType, NewHoldout, NewLayer, NewRule, NewSegment};
use fairsplit::{Engine, FlagChange, NewExperiment, NewFlag, Status};
use serde_json::json;

#[test]
fn a_flag_is_disabled_and_enabled_also_while_an_experiment_runs_on_it() {
    let engine = shop();
    assert!(engine.flag("banner").unwrap().is_enabled());
    let created = engine.create_flag(NewFlag::new("off", 1).enabled(false)).unwrap();
    assert!(!created.is_enabled());
    let id = experiment(&engine, 1, everybody(), Status::Running);
    let disabled = engine.change_flag("banner", FlagChange::new().enabled(false)).unwrap();
    assert!(!disabled.is_enabled());
    assert!(engine.experiment(id).unwrap().is_running());
    // Another change does not enable it.
    engine.set_default("banner", "other").unwrap();
    assert!(!engine.flag("banner").unwrap().is_enabled());
    assert!(engine.change_flag("banner", FlagChange::new().enabled(true)).unwrap().is_enabled());
}

#[test]
fn every_value_of_a_flag_is_of_its_type_and_each_that_is_not_is_named() {
    let engine = shop();
    let expected = FlagType::String;
    let fault = |path: &str| (path.to_owned(), FaultKind::ValueType { expected });
    let new = NewFlag::new("typed", 1).flag_type(expected);
    assert_eq!(faults(&engine, |engine| engine.create_flag(new)), [fault("default_value")]);
    engine.create_flag(NewFlag::new("typed", json!(null)).flag_type(expected)).unwrap();
    let wrong = faults(&engine, |engine| engine.set_default("typed", 1));
    assert_eq!(wrong, [fault("default_value")]);
    let variants = NewExperiment::new("n", "production").variant("a", "x", 50).variant("b", 1, 50);
    let wrong = faults(&engine, |engine| engine.create_experiment("typed", variants));
    assert_eq!(wrong, [fault("variants[1].value")]);
    // With values of another type, a flag does not get the type.
    engine.create_flag(NewFlag::new("mixed", 1)).unwrap();
    let variants =
        NewExperiment::new("n", "production").variant("a", true, 50).variant("b", "x", 50);
    engine.create_experiment("mixed", variants.status(Status::Completed)).unwrap();
    engine.create_rule("mixed", NewRule::new("production", "fits")).unwrap();
    engine.create_rule("mixed", NewRule::new("production", 2)).unwrap();
    let change = || FlagChange::new().flag_type(expected);
    let wrong = faults(&engine, |engine| engine.change_flag("mixed", change()));
    let places = ["default_value", "rules[1].value", "experiments[0].variants[0].value"];
    assert_eq!(wrong, places.map(fault));
    let wrong =
        faults(&engine, |engine| engine.change_flag("mixed", change().default_value("fits too")));
    assert_eq!(wrong.len(), 2);
    let json = FlagChange::new().flag_type(FlagType::Json);
    assert_eq!(engine.change_flag("mixed", json).unwrap().flag_type(), Some(FlagType::Json));
}

/// Keeps the changes.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Change>>);

impl Store for Kept {
    fn commit(&self, proposal: &Proposal<'_>) -> Result<(), CommitError> {
        self.0.lock().unwrap().push(proposal.change().clone());
        Ok(())
    }

    fn changes(&self) -> Result<Vec<Change>, CommitError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[test]
fn each_call_is_recorded_once_as_the_action_that_it_is() {
    let engine = Engine::with_store(SystemClock, Arc::new(Kept::default()));
    let (rule, segment, layer, holdout) = (rule_id(1), segment_id(1), layer_id(1), holdout_id(1));
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let id = experiment_id(1);
    engine.create_experiment("banner", banner("production").id(id)).unwrap();
    for changes in [false, true] {
        let name = if changes { "a" } else { "b" };
        let new_rule = NewRule::new("production", name).id(rule);
        let new_segment = NewSegment::new(name).condition(plan("pro")).id(segment);
        let (new_layer, new_holdout) =
            (NewLayer::new(name).id(layer), NewHoldout::new(name, 5).id(holdout));
        if changes {
            engine.change_rule(rule, new_rule).unwrap();
            engine.change_segment(segment, new_segment).unwrap();
            engine.change_layer(layer, new_layer).unwrap();
            engine.change_holdout(holdout, new_holdout).unwrap();
        } else {
            engine.create_rule("banner", new_rule).unwrap();
            engine.create_segment(new_segment).unwrap();
            engine.create_layer(new_layer).unwrap();
            engine.create_holdout(new_holdout).unwrap();
        }
    }
    engine.delete_rule(rule).unwrap();
    engine.delete_segment(segment).unwrap();
    engine.delete_layer(layer).unwrap();
    engine.delete_holdout(holdout).unwrap();
    engine.set_targeting(id, everybody().coverage(1)).unwrap();
    engine.raise_coverage(id, 2).unwrap();
    let changes = engine.changes().unwrap();
    let actions: Vec<_> = changes.iter().skip(2).map(|change| change.action).collect();
    assert_eq!(
        actions,
        [
            Action::CreateRule,
            Action::CreateSegment,
            Action::CreateLayer,
            Action::CreateHoldout,
            Action::ChangeRule,
            Action::ChangeSegment,
            Action::ChangeLayer,
            Action::ChangeHoldout,
            Action::DeleteRule,
            Action::DeleteSegment,
            Action::DeleteLayer,
            Action::DeleteHoldout,
            Action::SetTargeting,
            Action::RaiseCoverage,
        ]
    );
    let versions: Vec<_> = changes.iter().map(|change| change.version).collect();
    assert_eq!(versions, (1..=16).collect::<Vec<_>>());
    for action in actions {
        let json = serde_json::to_value(action).unwrap();
        assert_eq!(json, action.as_str());
    }
    // Each is read again as it was written.
    for change in changes.iter().filter(|change| change.edits.is_empty()) {
        let text = serde_json::to_string(change).unwrap();
        assert_eq!(Change::from_json(&text).as_ref(), Ok(change));
    }
}
