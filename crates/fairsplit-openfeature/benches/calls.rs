//! What a call costs in process, by the provider alone, and by the crate's client over it: medians
//! of one run, and each as a ratio to the call in process.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use criterion::Criterion;
use fairsplit::{Engine, ExperimentId, NewExperiment, NewFlag, Status};
use fairsplit_openfeature::Provider;
use open_feature::provider::FeatureProvider as _;
use open_feature::{EvaluationContext, OpenFeature};
use pollster::block_on;
use serde_json::Value;

/// User keys to go through, so that no branch predictor learns one by heart. A power of two.
const KEYS: usize = 1024;
const FLAG: &str = "hero-banner";
const GROUP: &str = "openfeature";

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    let mut criterion = Criterion::default()
        .output_directory(&folder)
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(50)
        .configure_from_args();
    #[expect(clippy::disallowed_methods, reason = "tells this run's results from older ones")]
    let begun = SystemTime::now();

    let keys = user_keys();
    let contexts: Vec<_> =
        keys.iter().map(|key| EvaluationContext::default().with_targeting_key(key)).collect();
    let production = engine().environment("production").unwrap();
    let provider = Provider::new(production.clone());
    let mut api = OpenFeature::default();
    block_on(api.set_provider(provider.clone()));
    let client = api.create_client();

    let mut at = 0;
    let mut next = move || {
        at = (at + 1) % KEYS;
        at
    };
    let mut group = criterion.benchmark_group(GROUP);
    group.bench_function("in process", |bencher| {
        bencher.iter(|| production.evaluate(FLAG, &keys[next()]).str_or("").len());
    });
    group.bench_function("provider", |bencher| {
        bencher.iter(|| block_on(provider.resolve_string_value(FLAG, &contexts[next()])));
    });
    group.bench_function("client", |bencher| {
        bencher.iter(|| block_on(client.get_string_value(FLAG, Some(&contexts[next()]), None)));
    });
    group.finish();
    print_ratios(&folder.join(GROUP), begun);
    criterion.final_summary();
}

/// User keys of 36 bytes, in the form of UUIDs, the same in every run.
fn user_keys() -> Vec<String> {
    let key = |number: usize| {
        let mixed = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        ExperimentId::from_bytes(mixed.to_be_bytes()).to_string()
    };
    (1..=KEYS).map(key).collect()
}

/// An engine with a running experiment, which serves a variant to every user.
fn engine() -> Engine {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new(FLAG, "old")).unwrap();
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    engine.create_experiment(FLAG, experiment).unwrap();
    engine
}

/// Prints what this run has measured; nothing where it only tested that the benches run.
fn print_ratios(folder: &Path, begun: SystemTime) {
    let estimates = |name: &str| folder.join(name).join("new/estimates.json");
    let Some(floor) = median(estimates("in process"), begun) else { return };
    println!("\n| a variant, a string | ns | ratio to in process |");
    println!("|---|---:|---:|");
    for name in ["in process", "provider", "client"] {
        if let Some(median) = median(estimates(name), begun) {
            println!("| {name} | {median:.1} | {:.2} |", median / floor);
        }
    }
    println!();
}

/// The median in nanoseconds that criterion wrote, unless an older run did.
fn median(estimates: PathBuf, begun: SystemTime) -> Option<f64> {
    if fs::metadata(&estimates).ok()?.modified().ok()? < begun {
        return None;
    }
    let estimates: Value = serde_json::from_str(&fs::read_to_string(estimates).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
