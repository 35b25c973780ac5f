//! Who gets what: rules and gates before an experiment, in their order, and what is counted.

mod cases;
mod conversions;
mod explained;
mod laws;
mod model;

use fairsplit::targeting::{Condition, NewTargeting, Operator, RuleId, SegmentId};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};

use crate::common::{banner, engine_at_noon, experiment_id, flag_id};

fn rule_id(number: u128) -> RuleId {
    RuleId::from_bytes(number.to_be_bytes())
}

fn segment_id(number: u128) -> SegmentId {
    SegmentId::from_bytes(number.to_be_bytes())
}

fn plan_is(plan: &str) -> Condition {
    Condition::new("plan", Operator::Equals, plan)
}

/// An engine with the flag "hero-banner" and its experiment running in production, for these users.
fn targeted(targeting: NewTargeting) -> (Engine, ExperimentId) {
    targeted_counting(targeting, 0)
}

/// The same, that keeps at most this many of its users.
fn targeted_counting(targeting: NewTargeting, users: u32) -> (Engine, ExperimentId) {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let new = new.count_users(users).targeting(targeting);
    let id = engine.create_experiment("hero-banner", new).unwrap().id();
    (engine, id)
}

/// How many exposures and conversions there are.
fn counted(engine: &Engine, id: ExperimentId) -> (u64, u64) {
    let counts = engine.counts(id).unwrap();
    let sum = |of: fn(&fairsplit::counts::Count) -> u64| {
        counts.variants().iter().map(|variant| of(&variant.ever)).sum()
    };
    (sum(|count| count.exposures), sum(|count| count.conversions))
}
