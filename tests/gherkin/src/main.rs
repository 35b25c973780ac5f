//! OpenFeature's own scenarios, run against the provider. README.md says what is run and what is not.

mod applies;
mod flags;
mod steps;
mod world;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use applies::{FEATURES, Feature, applies};
use cucumber::World as _;
use cucumber::writer::Stats;
use world::{Setup, World};

fn main() -> ExitCode {
    let mut is_good = true;
    for feature in FEATURES {
        is_good &= every_exception_is_a_scenario(feature);
        for setup in [Setup::Default, Setup::Experiment] {
            is_good &= run(feature, setup);
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the scenarios of a feature that apply; says whether as many as expected have passed, and
/// nothing else happened.
fn run(feature: &'static Feature, setup: Setup) -> bool {
    println!("\n{} with the value as {setup}", feature.file);
    let scenarios = World::cucumber()
        .with_default_cli()
        .max_concurrent_scenarios(1)
        .before(move |_, _, _, world| {
            world.setup = setup;
            Box::pin(std::future::ready(()))
        })
        .filter_run(path(feature), move |_, _, scenario| applies(feature, &scenario.name, setup));
    let result = pollster::block_on(scenarios);
    let counts = result.scenarios_stats();
    let expected = match setup {
        Setup::Default => feature.run_on_defaults,
        Setup::Experiment => feature.run_on_experiments,
    };
    let is_good = !result.execution_has_failed()
        && (counts.passed, counts.skipped, counts.failed) == (expected, 0, 0);
    if !is_good {
        println!("FAILED: {expected} scenarios have to pass, and nothing else: {counts:?}");
    }
    is_good
}

fn every_exception_is_a_scenario(feature: &Feature) -> bool {
    let text = fs::read_to_string(path(feature)).expect("the feature is in the repository");
    let names: Vec<_> =
        text.lines().filter_map(|line| Some(line.split_once("Scenario")?.1)).collect();
    let unknown = feature.exceptions.iter().filter(|exception| {
        !names
            .iter()
            .any(|name| name.split_once(": ").is_some_and(|(_, name)| name == exception.scenario))
    });
    let unknown: Vec<_> = unknown.map(|exception| exception.scenario).collect();
    if !unknown.is_empty() {
        println!("FAILED: {} has no scenarios {unknown:?}", feature.file);
    }
    unknown.is_empty()
}

fn path(feature: &Feature) -> PathBuf {
    PathBuf::from(env!("OUT_DIR")).join(feature.file)
}
