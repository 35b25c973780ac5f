//! Random changes: the directory and the export take back what the engine accepted.

use super::{assert_comes_back, value};
use crate::common::directory::Directory;
use crate::common::{experiment_id, flag_id, production};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use proptest::prelude::*;
use serde_json::Value;

#[derive(Clone, Debug)]
enum Change {
    CreateFlag(usize, String, Value),
    SetDefault(usize, Value),
    Create(usize, usize, Vec<Value>, Status),
    Start(usize),
    Stop(usize),
    Force(usize, String),
    Count(usize),
    /// The export, in another writing.
    Reload(bool),
    /// The export in another writing, with all experiments stopped.
    StopAll,
    /// The export without its first flag; then with it again, in another writing. The engine may be
    /// opened anew in between.
    Return(bool),
    Reopen,
}

/// Floats that `serde_json` reads as they are, which it does not do for all.
fn float() -> impl Strategy<Value = f64> {
    let special = prop::sample::select(vec![-0.0, 0.0, 1.0, 1e300, f64::MAX, f64::MIN_POSITIVE]);
    prop_oneof![special, any::<f64>()].prop_filter("is read back", |float| {
        let text = serde_json::to_string(float).unwrap();
        serde_json::from_str::<f64>(&text).is_ok_and(|read| read.to_bits() == float.to_bits())
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => prop::sample::select(vec![0.0, -0.0]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => float().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn change() -> impl Strategy<Value = Change> {
    let (flag, experiment) = (0_usize..3, 0_usize..3);
    let status = prop::sample::select(vec![Status::Draft, Status::Running, Status::Stopped]);
    prop_oneof![
        2 => (flag.clone(), any::<String>(), any_value())
            .prop_map(|(flag, name, value)| Change::CreateFlag(flag, name, value)),
        1 => (flag.clone(), any_value()).prop_map(|(flag, value)| Change::SetDefault(flag, value)),
        3 => (experiment.clone(), flag, prop::collection::vec(any_value(), 1..4), status).prop_map(
            |(experiment, flag, values, status)| Change::Create(experiment, flag, values, status)
        ),
        1 => experiment.clone().prop_map(Change::Start),
        1 => experiment.clone().prop_map(Change::Stop),
        1 => (experiment.clone(), any::<String>())
            .prop_map(|(experiment, user)| Change::Force(experiment, user)),
        2 => experiment.prop_map(Change::Count),
        2 => any::<bool>().prop_map(Change::Reload),
        1 => Just(Change::StopAll),
        2 => any::<bool>().prop_map(Change::Return),
        1 => Just(Change::Reopen),
    ]
}

/// The same value, written otherwise.
fn otherwise(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => match number.as_f64().unwrap() {
            0.0 if number.to_string().starts_with('-') => "0.0".to_owned(),
            0.0 => "-0".to_owned(),
            float => format!("{float:e}"),
        },
        Value::Array(items) => {
            format!("[{}]", items.iter().map(otherwise).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().rev().map(|(name, field)| {
                format!("{}: {}", Value::from(name.as_str()), otherwise(field))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Makes the change, or not: what is refused is none of this test's business.
fn make(mut engine: Engine, change: &Change, directory: &Directory) -> Engine {
    let id = |number: usize| experiment_id(number as u128);
    let key = |number: usize| format!("f{number}");
    let export = |engine: &Engine| value(&engine.to_json());
    match change {
        Change::CreateFlag(flag, name, value) => {
            let new = NewFlag::new(key(*flag), value.clone()).id(flag_id(*flag as u128));
            let _ = engine.create_flag(new.name(name));
        }
        Change::SetDefault(flag, value) => {
            let _ = engine.set_default(&key(*flag), value.clone());
        }
        Change::Create(experiment, flag, values, status) => {
            let new = NewExperiment::new("\0 name", "pro\0duction").id(id(*experiment));
            let new = values.iter().enumerate().fold(new, |new, (at, value)| {
                let percentage = if at == 0 { 100 } else { 0 };
                new.variant(format!("v\0{at}"), value.clone(), percentage)
            });
            let _ = engine.create_experiment(&key(*flag), new.status(*status));
        }
        Change::Start(experiment) => drop(engine.start(id(*experiment))),
        Change::Stop(experiment) => drop(engine.stop(id(*experiment))),
        Change::Force(experiment, user) => drop(engine.force(id(*experiment), user, "v\x000")),
        Change::Count(experiment) => {
            let _ = engine.convert_variant(id(*experiment), "v\x000");
        }
        Change::Reload(is_strict) => {
            let before = engine.to_json();
            let text = otherwise(&export(&engine));
            if *is_strict {
                engine.replace(&text).unwrap();
            } else {
                assert!(engine.apply(&text).unwrap().skipped.is_empty());
            }
            assert_eq!(engine.to_json(), before, "{text}");
        }
        Change::StopAll => {
            let mut document = export(&engine);
            for flag in document["flags"].as_array_mut().unwrap() {
                for experiment in flag["experiments"].as_array_mut().unwrap() {
                    experiment["status"] = value("\"stopped\"");
                }
            }
            engine.replace(&otherwise(&document)).unwrap();
        }
        Change::Return(is_reopened) => {
            let document = export(&engine);
            let mut without = document.clone();
            let flags = without["flags"].as_array_mut().unwrap();
            flags.drain(..flags.len().min(1));
            engine.replace(&without.to_string()).unwrap();
            if *is_reopened {
                engine = assert_comes_back(engine, directory);
            }
            engine.replace(&otherwise(&document)).unwrap();
        }
        Change::Reopen => return assert_comes_back(engine, directory),
    }
    engine
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_an_engine_accepts_comes_back_from_its_directory_and_its_export(
        changes in prop::collection::vec(change(), 1..25),
    ) {
        let directory = Directory::new();
        let mut engine = directory.open();
        for (number, key) in (0..).zip(["f0", "f1"]) {
            engine.create_flag(NewFlag::new(key, -0.0).id(flag_id(number))).unwrap();
        }
        for change in &changes {
            engine = make(engine, change, &directory);
        }
        let peeked = |engine: &Engine| {
            let place = engine.environment("pro\0duction").unwrap();
            ["f0", "f1", "f2"].map(|key| {
                let answer = place.peek(key, "anna");
                (answer.reason(), answer.value().map(ToString::to_string))
            })
        };
        let before = peeked(&engine);
        let engine = assert_comes_back(engine, &directory);
        prop_assert_eq!(peeked(&engine), before);
        prop_assert!(production(&engine).peek("f0", "anna").variant().is_none());
    }
}
