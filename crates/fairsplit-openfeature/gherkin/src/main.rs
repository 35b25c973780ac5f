//! OpenFeature's own scenarios, run against the provider. README.md says what is run and what is
//! not.

mod applies;
mod flags;
mod steps;
mod suite;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use applies::{FEATURES, Feature, applies};
use cucumber::World as _;
use cucumber::gherkin;
use cucumber::writer::Stats;
use serde_json::{Map, Value};
use suite::{Parsed, Suite};
use world::{Setup, World};

fn main() -> ExitCode {
    match run_all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("FAILED: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run_all() -> Result<bool, String> {
    let suite = Suite::from_environment()?;
    let flags = Arc::new(suite.flags()?);
    let mut is_good = true;
    for feature in FEATURES {
        let parsed = suite.feature(feature.file)?;
        is_good &= every_exception_is_a_scenario(feature, &parsed);
        for setup in [Setup::Default, Setup::Experiment] {
            is_good &= run(feature, parsed.clone(), &flags, setup);
        }
    }
    Ok(is_good)
}

/// Runs the scenarios of a feature that apply; says whether as many as expected have passed, and
/// nothing else happened.
fn run(
    feature: &'static Feature,
    parsed: gherkin::Feature,
    flags: &Arc<Map<String, Value>>,
    setup: Setup,
) -> bool {
    println!("\n{} with the value as {setup}", feature.file);
    let flags = Arc::clone(flags);
    let scenarios = World::cucumber::<&str>()
        .with_parser(Parsed)
        .with_default_cli()
        .max_concurrent_scenarios(1)
        .before(move |_, _, _, world| {
            world.setup = setup;
            world.flags = Arc::clone(&flags);
            Box::pin(std::future::ready(()))
        })
        .filter_run(parsed, move |_, _, scenario| applies(feature, &scenario.name, setup));
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

fn every_exception_is_a_scenario(feature: &Feature, parsed: &gherkin::Feature) -> bool {
    let unknown: Vec<_> = feature
        .exceptions
        .iter()
        .map(|exception| exception.scenario)
        .filter(|name| !parsed.scenarios.iter().any(|scenario| scenario.name == *name))
        .collect();
    if !unknown.is_empty() {
        println!("FAILED: {} has no scenarios {unknown:?}", feature.file);
    }
    unknown.is_empty()
}
