//! The specification's flags, as fairsplit can have them.

use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use serde_json::{Map, Value};

use crate::world::Setup;

/// An engine with the flags of `test-flags.json` that have a default variant: its value is what
/// everybody gets, as the flag's default or from an experiment that gives that variant to all.
pub(crate) fn engine(setup: Setup) -> Engine {
    let flags = include_str!("../../data/openfeature/test-flags.json");
    let flags: Map<String, Value> = serde_json::from_str(flags).expect("it is an object");
    let engine = Engine::new();
    for (key, flag) in &flags {
        let Some(default) = flag["defaultVariant"].as_str() else { continue };
        let variants = flag["variants"].as_object().expect("each flag has variants");
        match setup {
            Setup::Default => {
                engine
                    .create_flag(NewFlag::new(key, variants[default].clone()))
                    .expect("it is new");
            }
            Setup::Experiment => {
                // Nobody gets this default, or a scenario fails.
                engine.create_flag(NewFlag::new(key, Value::Null)).expect("it is new");
                let mut new = NewExperiment::new(key, "production").status(Status::Running);
                for (variant, value) in variants {
                    let percentage = if variant == default { 100 } else { 0 };
                    new = new.variant(variant, value.clone(), percentage);
                }
                engine.create_experiment(key.as_str(), new).expect("it keeps the rules");
            }
        }
    }
    engine
}
