//! The specification's flags, as fairsplit's.

use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use serde_json::{Map, Value};

use crate::world::Setup;

/// An engine with those flags that have a default variant: every user gets its value, as the flag's
/// default or from an experiment that gives that variant to all.
pub(crate) fn engine(flags: &Map<String, Value>, setup: Setup) -> Engine {
    let engine = Engine::new();
    for (key, flag) in flags {
        let Some(default) = flag["defaultVariant"].as_str() else { continue };
        let variants = flag["variants"].as_object().expect("each flag has variants");
        match setup {
            Setup::Default => {
                engine
                    .create_flag(NewFlag::new(key, variants[default].clone()))
                    .expect("it is new");
            }
            Setup::Experiment => {
                // No user gets this default, or a scenario fails.
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
