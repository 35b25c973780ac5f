//! The specification's flags, as fairsplit's.

use fairsplit::targeting::{Condition, NewRule, NewTargeting, Operator};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use serde_json::{Map, Value, json};

use crate::world::Setup;

/// An engine with those flags that have a default variant: every user gets its value, as the flag's
/// default or from an experiment that gives that variant to all.
///
/// A flag with an expression gives another variant to those for whom it holds: by a rule, or from
/// an experiment with this audience.
pub(crate) fn engine(flags: &Map<String, Value>, setup: Setup) -> Engine {
    let engine = Engine::new();
    let own = context_aware();
    for (key, flag) in flags.iter().chain([(&"context-aware".to_owned(), &own)]) {
        let Some(default) = flag["defaultVariant"].as_str() else { continue };
        let value = flag["variants"][default].clone();
        let targeted = flag["contextEvaluator"].as_str().map(Targeted::new);
        match (setup, targeted) {
            (Setup::Default, targeted) => {
                engine.create_flag(NewFlag::new(key, value)).expect("it is new");
                if let Some(Targeted { conditions, variant }) = targeted {
                    let new = NewRule::new("production", flag["variants"][&variant].clone());
                    let rule = conditions.into_iter().fold(new, NewRule::condition);
                    engine.create_rule(key.as_str(), rule).expect("it keeps the rules");
                }
            }
            (Setup::Experiment, None) => {
                // No user gets this default, or a scenario fails.
                engine.create_flag(NewFlag::new(key, Value::Null)).expect("it is new");
                run(&engine, key, flag, default, NewTargeting::new());
            }
            (Setup::Experiment, Some(Targeted { conditions, variant })) => {
                engine.create_flag(NewFlag::new(key, value)).expect("it is new");
                let audience = conditions.into_iter();
                let audience = audience.fold(NewTargeting::new(), NewTargeting::condition);
                run(&engine, key, flag, &variant, audience);
            }
        }
    }
    engine
}

/// The flag of "Resolves based on context", which the file of flags does not have. The scenario
/// says for whom it answers what.
fn context_aware() -> Value {
    json!({
        "variants": { "internal": "INTERNAL", "external": "EXTERNAL" },
        "defaultVariant": "external",
        "contextEvaluator":
            "fn == 'Sulisław' && ln == 'Świętopełk' && age == 29 && customer == false ? 'internal' : ''",
    })
}

/// Starts an experiment with the flag's variants that serves one of them.
fn run(engine: &Engine, key: &str, flag: &Value, served: &str, targeting: NewTargeting) {
    let new = NewExperiment::new(key, "production").status(Status::Running).targeting(targeting);
    let variants = flag["variants"].as_object().expect("each flag has variants");
    let new = variants.iter().fold(new, |new, (variant, value)| {
        new.variant(variant, value.clone(), if variant == served { 100 } else { 0 })
    });
    engine.create_experiment(key, new).expect("it keeps the rules");
}

/// What a flag's expression says: `!customer && age > 10 ? 'internal' : ''` gives one variant to
/// those for whom all of it holds, and else leaves it to the default.
struct Targeted {
    conditions: Vec<Condition>,
    variant: String,
}

impl Targeted {
    fn new(expression: &str) -> Targeted {
        let (all, rest) = expression.split_once(" ? '").expect("it chooses");
        let variant = rest.strip_suffix("' : ''").expect("it leaves the rest to the default");
        let conditions = all.split(" && ").map(condition).collect();
        Targeted { conditions, variant: variant.to_owned() }
    }
}

fn condition(text: &str) -> Condition {
    if let Some(name) = text.strip_prefix('!') {
        return Condition::new(name, Operator::Equals, false);
    }
    if let Some((name, number)) = text.split_once(" > ") {
        return Condition::new(name, Operator::GreaterThan, literal(number));
    }
    let (name, value) = text.split_once(" == ").unwrap_or_else(|| panic!("no operator: {text}"));
    Condition::new(name, Operator::Equals, literal(value))
}

fn literal(text: &str) -> Value {
    serde_json::from_str(&text.replace('\'', "\""))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}
