//! Calls for rules, segments, layers, holdouts, and for who is in an experiment: what each makes,
//! what each refuses, and that a refused one changes nothing.

mod coverages;
mod experiments;
mod flags;
mod holdouts;
mod layers;
mod model;
mod model_calls;
mod rules;
mod segments;

use crate::common::{banner, engine_at_noon, experiment_id, faults_of, flag_id};
use fairsplit::error::ControlError;
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, NewLayer, NewSegment, NewTargeting, Operator, RuleId, SegmentId,
};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};
use serde_json::{Value, json};

pub(super) fn rule_id(number: u128) -> RuleId {
    RuleId::from_bytes(number.to_be_bytes())
}

pub(super) fn segment_id(number: u128) -> SegmentId {
    SegmentId::from_bytes(number.to_be_bytes())
}

pub(super) fn layer_id(number: u128) -> LayerId {
    LayerId::from_bytes(number.to_be_bytes())
}

pub(super) fn holdout_id(number: u128) -> HoldoutId {
    HoldoutId::from_bytes(number.to_be_bytes())
}

pub(super) fn plan(plan: &str) -> Condition {
    Condition::new("plan", Operator::Equals, plan)
}

pub(super) fn everybody() -> NewTargeting {
    NewTargeting::new()
}

/// The flags "banner" and "checkout", the segment 1, the layer 1 of the user key, and the layer 2
/// of companies.
pub(super) fn shop() -> Engine {
    let (engine, _) = engine_at_noon();
    for (number, key) in [(1, "banner"), (2, "checkout")] {
        engine.create_flag(NewFlag::new(key, "old").id(flag_id(number))).unwrap();
    }
    engine
        .create_segment(NewSegment::new("beta").condition(plan("beta")).id(segment_id(1)))
        .unwrap();
    engine.create_layer(NewLayer::new("users").id(layer_id(1))).unwrap();
    let companies = NewLayer::new("companies").bucket_by("company").id(layer_id(2));
    engine.create_layer(companies).unwrap();
    engine
}

/// An experiment on "banner" in production.
pub(super) fn experiment(
    engine: &Engine,
    number: u128,
    targeting: NewTargeting,
    status: Status,
) -> ExperimentId {
    let new = banner("production").id(experiment_id(number)).targeting(targeting).status(status);
    engine.create_experiment("banner", new).unwrap().id()
}

/// All definitions, and their version.
pub(super) fn state(engine: &Engine) -> Value {
    let of_flags: Vec<_> = engine
        .flags()
        .iter()
        .map(|flag| {
            let experiments = engine.experiments(flag.id()).unwrap();
            let targeting: Vec<_> =
                experiments.iter().map(|one| one.targeting().cloned()).collect();
            json!([flag, experiments, targeting, engine.rules(flag.id()).unwrap()])
        })
        .collect();
    json!([
        engine.snapshot().version(),
        of_flags,
        engine.segments(),
        engine.layers(),
        engine.holdouts(),
        engine.to_json()
    ])
}

/// A call that is refused, and changes nothing.
#[track_caller]
pub(super) fn refused<T>(
    engine: &Engine,
    call: impl FnOnce(&Engine) -> Result<T, ControlError>,
) -> ControlError {
    let before = state(engine);
    let Err(error) = call(engine) else { panic!("it should have been refused") };
    assert_eq!(state(engine), before);
    error
}

/// The paths and kinds of the faults for which a call is refused.
#[track_caller]
pub(super) fn faults<T>(
    engine: &Engine,
    call: impl FnOnce(&Engine) -> Result<T, ControlError>,
) -> Vec<(String, FaultKind)> {
    faults_of(refused(engine, call))
}

/// A call that changes nothing, and succeeds.
#[track_caller]
pub(super) fn idle<T>(engine: &Engine, call: impl FnOnce(&Engine) -> Result<T, ControlError>) -> T {
    let before = state(engine);
    let Ok(result) = call(engine) else { panic!("it should have succeeded") };
    assert_eq!(state(engine), before);
    result
}

pub(super) fn fixed(id: ExperimentId) -> FaultKind {
    FaultKind::TargetingFixed { id: id.to_string() }
}

pub(super) fn no_such(what: &'static str, found: &dyn ToString) -> FaultKind {
    FaultKind::NoSuch { what, found: found.to_string() }
}

pub(super) fn is_unit(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::Unit { .. })
}
