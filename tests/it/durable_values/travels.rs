//! A directory that engines of different builds open in turn.

use std::env;
use std::path::{Path, PathBuf};

use super::{conversions, value};
use crate::common::directory::Directory;
use crate::common::experiment_id;
use fairsplit::clock::ManualClock;
use fairsplit::durable::OpenOptions;
use fairsplit::{NewExperiment, NewFlag, Status, Timestamp};

/// What each visit counts.
const EVENTS: u64 = 3;

/// The values of what travels; the fields of the first are in no order.
const TRAVELLING: [&str; 3] = [
    r#"{"rows": 1, "columns": [{"width": 0.1, "align": -0.0}], "box": {"z": 1e300, "a": null}}"#,
    "-0.0",
    "[18446744073709551615, -9223372036854775808, 1e-7, 1.0]",
];

/// Opens the directory as the last visitor left it, looks whether all is there, counts and leaves.
fn visit(path: &Path) {
    let clock = ManualClock::new(Timestamp::from_unix_seconds(0));
    let engine = OpenOptions::new().clock(clock).open(path).unwrap();
    let visits = engine.flag("visits").map_or(0, |flag| flag.default_value().as_u64().unwrap());
    if visits == 0 {
        engine.create_flag(NewFlag::new("visits", 0)).unwrap();
    }
    for (number, text) in TRAVELLING.into_iter().enumerate() {
        let (key, id) = (format!("flag-{number}"), experiment_id(number as u128));
        if visits == 0 {
            engine.create_flag(NewFlag::new(&key, value(text))).unwrap();
        }
        // It left the definitions on the last visit.
        if engine.experiment(id).is_none() {
            let new = NewExperiment::new("travels", "production").id(id).status(Status::Running);
            engine.create_experiment(&key, new.variant("a", value(text), 100)).unwrap();
        }
        assert_eq!(conversions(&engine, id), visits * EVENTS, "{number}");
        for _ in 0..EVENTS {
            assert!(engine.convert_variant(id, "a").is_counted());
        }
    }
    engine.set_default("visits", visits + 1).unwrap();
    // The second flag's experiment leaves, until the next visitor brings it back.
    let mut document = value(&engine.to_json());
    for flag in document["flags"].as_array_mut().unwrap() {
        if flag["key"] == "flag-1" {
            flag["experiments"] = value("[]");
            flag["counters"] = value("{}");
            flag["forced"] = value("{}");
        }
    }
    engine.replace(&document.to_string()).unwrap();
    assert!(engine.experiment(experiment_id(1)).is_none());
}

/// The directory is one that builds with other features of `serde_json` visit too, if the gate
/// names it; else one of this test's own.
#[test]
fn a_directory_travels_between_builds() {
    let own = Directory::new();
    let path = env::var_os("FAIRSPLIT_TRAVELS").map_or_else(|| own.0.clone(), PathBuf::from);
    for _ in 0..2 {
        visit(&path);
    }
}
