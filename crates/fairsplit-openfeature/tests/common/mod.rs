//! What the test files share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use fairsplit::{Engine, Environment, ExperimentId, NewExperiment, NewFlag, Status};
use fairsplit_openfeature::Provider;
use open_feature::{Client, EvaluationContext, OpenFeature};
use pollster::block_on;

pub(crate) fn production(engine: &Engine) -> Environment {
    engine.environment("production").unwrap()
}

/// An engine with the flag "hero-banner" and its experiment running in production.
pub(crate) fn running() -> (Engine, ExperimentId) {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        .id(ExperimentId::from_bytes([1; 16]))
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", experiment).unwrap().id();
    (engine, id)
}

pub(crate) fn provider(engine: &Engine) -> Provider {
    Provider::new(production(engine))
}

/// A client whose provider answers for this engine.
pub(crate) fn client(engine: &Engine) -> Client {
    let mut api = OpenFeature::default();
    block_on(api.set_provider(provider(engine)));
    api.create_client()
}

pub(crate) fn user(key: &str) -> EvaluationContext {
    EvaluationContext::default().with_targeting_key(key)
}
