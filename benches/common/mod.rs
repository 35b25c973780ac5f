//! Fixtures of the benches, and the table of ratios that each prints at its end.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod chain;
pub(crate) mod targeted;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use criterion::Criterion;
use fairsplit::{Engine, Environment, ExperimentId, FlagId, NewExperiment, NewFlag, Status};
use serde_json::{Value, json};

/// User keys to go through, so that no branch predictor learns one by heart. A power of two.
pub(crate) const KEYS: usize = 1024;

/// A fixed sequence of numbers (`SplitMix64`), so that every run measures the same keys.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Positions of user keys, round and round. What comes out costs a mask, in a floor as in a
/// subject.
pub(crate) fn positions() -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at = (at + 1) % KEYS;
        at
    }
}

/// User keys of 36 bytes, in the form of UUIDs.
pub(crate) fn uuid_keys() -> Vec<String> {
    let mut numbers = Numbers(1);
    let id = |_| {
        let [high, low] = [numbers.next(), numbers.next()].map(u64::to_be_bytes);
        ExperimentId::from_bytes([high, low].concat().try_into().unwrap()).to_string()
    };
    (0..KEYS).map(id).collect()
}

pub(crate) fn production(engine: &Engine) -> Environment {
    engine.environment("production").unwrap()
}

pub(crate) fn flag_key(number: usize) -> String {
    format!("flag-{number}")
}

pub(crate) fn experiment_id(number: usize) -> ExperimentId {
    let mut numbers = Numbers(number as u64);
    let bytes = [numbers.next(), numbers.next()].map(u64::to_be_bytes).concat();
    ExperimentId::from_bytes(bytes.try_into().unwrap())
}

/// An engine with this number of flags, each with a running experiment of two variants.
pub(crate) fn engine(flags: usize) -> Engine {
    let engine = Engine::new();
    if flags > 1 {
        engine.replace(&document(flags)).unwrap();
        return engine;
    }
    engine.create_flag(NewFlag::new(flag_key(0), "old")).unwrap();
    let experiment = NewExperiment::new("experiment", "production")
        .id(experiment_id(0))
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    engine.create_experiment(&flag_key(0), experiment).unwrap();
    engine
}

/// A document of this number of flags, each with a running experiment of two variants.
pub(crate) fn document(flags: usize) -> String {
    let flag = |number: usize| -> Value {
        let id = FlagId::from_bytes(experiment_id(number).to_bytes());
        json!({
            "id": id,
            "key": flag_key(number),
            "default_value": "old",
            "experiments": [{
                "id": experiment_id(number),
                "name": format!("experiment {number}"),
                "environment": "production",
                "status": "running",
                "variants": [
                    {"key": "control", "value": "old", "percentage": 50},
                    {"key": "treatment", "value": "new", "percentage": 50}
                ],
                "conversions": {"control": 142, "treatment": 187},
                "started_at": "2025-03-12T12:00:00Z",
                "stopped_at": null,
                "created_at": "2025-03-12T11:00:00Z",
                "updated_at": "2025-03-16T08:00:00Z"
            }]
        })
    };
    json!({"version": 1, "flags": (0..flags).map(flag).collect::<Vec<_>>()}).to_string()
}

/// A bench's results: where criterion leaves them, and since when they are of this run.
pub(crate) struct Report {
    folder: PathBuf,
    begun: SystemTime,
}

/// Criterion, and the report to print when all has been measured.
pub(crate) fn setup() -> (Criterion, Report) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/criterion");
    let criterion = Criterion::default()
        .output_directory(&folder)
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(50)
        .configure_from_args();
    #[expect(clippy::disallowed_methods, reason = "tells this run's results from older ones")]
    let begun = SystemTime::now();
    (criterion, Report { folder, begun })
}

/// How criterion names the folder of a group or a bench. It cuts a name at 64 bytes; ours are
/// shorter.
fn file_name(name: &str) -> String {
    assert!(name.len() <= 64, "criterion would cut {name:?}");
    name.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_")
}

impl Report {
    /// The median of a bench in nanoseconds, if this run measured it.
    fn median(&self, group: &str, name: &str) -> Option<f64> {
        let file = self.folder.join(file_name(group)).join(file_name(name));
        let file = file.join("new/estimates.json");
        let written = fs::metadata(&file).ok()?.modified().ok()?;
        if written < self.begun {
            return None;
        }
        let estimates: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        estimates["median"]["point_estimate"].as_f64()
    }

    /// A table of medians, each as a ratio to the sum of some floors' medians.
    #[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
    pub(crate) fn print(&self, group: &str, rows: &[(&str, &[&str])]) {
        let measured: Vec<_> = rows
            .iter()
            .filter_map(|(name, floors)| {
                let floor =
                    floors.iter().map(|floor| self.median(group, floor)).sum::<Option<f64>>();
                Some((name, self.median(group, name)?, floor?, floors.join(" + ")))
            })
            .collect();
        if measured.is_empty() {
            return;
        }
        println!("\n{group}: medians of this run\n");
        println!("| what | ns | ratio | to |");
        println!("|---|---:|---:|---|");
        for (name, median, floor, floors) in measured {
            println!("| {name} | {median:.1} | {:.2} | {floors} |", median / floor);
        }
        println!();
    }
}
