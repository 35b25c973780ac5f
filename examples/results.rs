//! What an experimenter reads: a shop counts an experiment, and asks what came of it.
//!
//! ```text
//! cargo run --release --features results --example results
//! ```
//!
//! Visitors come once each, so that events are users here, and buy with a chance that the new banner
//! raises from 10 % to 12 %. Both the visitors and their minds are fixed: every run prints the same.

use std::error::Error;
use std::io::{self, Write as _};

use fairsplit::results::{Analysis, Observations, Plan, Unit};
use fairsplit::{Bucket, Engine, Environment, ExperimentId, NewExperiment, NewFlag, Seed, Status};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();

    // Before the start: how many does it take to find two points more than 10 %?
    let plan = Plan::new(0.10, 0.02)?;
    let (once, watched) = (plan.per_variant(), plan.per_variant_watched());
    writeln!(out, "Planned: {once} users in each variant for one look at the end,")?;
    writeln!(out, "{watched} for a verdict that may be watched.\n")?;

    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        .id("cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse::<ExperimentId>()?)
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", experiment)?.id();
    let production = Environment::new("production")?;
    let banner = engine.handle(&production, "hero-banner");
    let minds = Seed::from_id(*b"minds of theirs.");
    for visitor in 0..2 * watched {
        let key = format!("visitor-{visitor}");
        let chance = if banner.evaluate(&key).str_or("old") == "new" { 12 } else { 10 };
        if Bucket::from_hash(minds.hash(&key)).index() < chance {
            let _ = banner.convert(&key);
        }
    }

    let counts = engine.counts(id).ok_or("it was created above")?;
    let mut observed = Observations::new(Unit::Users).name("Hero Banner A/B Test");
    for variant in counts.variants() {
        let count = variant.since_start;
        observed = observed.variant(&variant.key, 50, count.exposures, count.conversions);
    }
    let results = Analysis::new().tuning(2 * watched).results_of(&observed)?;
    writeln!(out, "{results}\n{}", results.plot())?;
    Ok(())
}
