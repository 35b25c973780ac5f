//! An engine to ask, at noon.

use std::sync::Arc;

use fairsplit::clock::ManualClock;
use fairsplit::{Counts, Engine, Environment, ExperimentId, FlagId, NewExperiment, Timestamp};

pub(crate) fn production(engine: &Engine) -> Environment {
    engine.environment("production").unwrap()
}

/// An experiment id that is the same in every run.
pub(crate) fn experiment_id(number: u128) -> ExperimentId {
    ExperimentId::from_bytes(number.to_be_bytes())
}

/// A flag id that is the same in every run.
pub(crate) fn flag_id(number: u128) -> FlagId {
    FlagId::from_bytes(number.to_be_bytes())
}

/// An engine whose clock stands at 2025-03-12T12:00:00Z until it is moved.
pub(crate) fn engine_at_noon() -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(1_741_780_800)));
    (Engine::with_clock(Arc::clone(&clock)), clock)
}

/// Control and treatment at 50 % each, as in the API's examples.
pub(crate) fn banner(environment: &str) -> NewExperiment {
    let new = NewExperiment::new("Hero Banner A/B Test", environment);
    new.variant("control", "old", 50).variant("treatment", "new", 50)
}

/// Exposures and conversions of each variant, ever.
pub(crate) fn ever(counts: &Counts) -> Vec<(u64, u64)> {
    let counts = counts.variants().iter().map(|variant| variant.ever);
    counts.map(|count| (count.exposures, count.conversions)).collect()
}
