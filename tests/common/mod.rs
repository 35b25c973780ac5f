//! What several test files share.
#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(feature = "durable")]
pub(crate) mod changes;
pub(crate) mod conditions;
#[cfg(feature = "durable")]
pub(crate) mod directory;

use std::sync::Arc;

use fairsplit::clock::ManualClock;
use fairsplit::error::ControlError;
use fairsplit::fault::{Fault, FaultKind};
use fairsplit::{
    Counts, Engine, Environment, ExperimentId, FlagId, NewExperiment, NewFlag, Status, Timestamp,
};

/// 2025-03-12T12:00:00Z, the seed's `started_at`.
pub(crate) const NOON: i64 = 1_741_780_800;

pub(crate) fn production(engine: &Engine) -> Environment {
    engine.environment("production").unwrap()
}

pub(crate) fn staging(engine: &Engine) -> Environment {
    engine.environment("staging").unwrap()
}

/// The path and the kind of each fault.
pub(crate) fn pairs(faults: &[Fault]) -> Vec<(String, FaultKind)> {
    faults.iter().map(|fault| (fault.path().to_owned(), fault.kind().clone())).collect()
}

/// The faults of a call that was refused for them.
#[track_caller]
pub(crate) fn faults_of(error: ControlError) -> Vec<(String, FaultKind)> {
    let ControlError::Invalid(invalid) = error else { panic!("{error:?}") };
    pairs(invalid.faults())
}

/// An experiment id that is the same in every run.
pub(crate) fn experiment_id(number: u128) -> ExperimentId {
    ExperimentId::from_bytes(number.to_be_bytes())
}

/// A flag id that is the same in every run.
pub(crate) fn flag_id(number: u128) -> FlagId {
    FlagId::from_bytes(number.to_be_bytes())
}

/// An engine whose clock stands at noon until it is moved.
pub(crate) fn engine_at_noon() -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(NOON)));
    (Engine::with_clock(Arc::clone(&clock)), clock)
}

/// Control and treatment at 50 % each, as in the API's examples.
pub(crate) fn banner(environment: &str) -> NewExperiment {
    NewExperiment::new("Hero Banner A/B Test", environment).variant("control", "old", 50).variant(
        "treatment",
        "new",
        50,
    )
}

/// An engine with the flag "hero-banner" and its experiment running in production.
pub(crate) fn running() -> (Engine, ExperimentId) {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let id = engine.create_experiment("hero-banner", new).unwrap().id();
    (engine, id)
}

/// Exposures and conversions of each variant, ever.
pub(crate) fn ever(counts: &Counts) -> Vec<(u64, u64)> {
    let counts = counts.variants().iter().map(|variant| variant.ever);
    counts.map(|count| (count.exposures, count.conversions)).collect()
}

/// Exposures and conversions of each variant, since the last start.
pub(crate) fn since_start(counts: &Counts) -> Vec<(u64, u64)> {
    let counts = counts.variants().iter().map(|variant| variant.since_start);
    counts.map(|count| (count.exposures, count.conversions)).collect()
}
