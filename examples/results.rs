//! What an experimenter reads: a shop counts an experiment, and prints its results.
//!
//! ```text
//! cargo run --release --features results --example results
//! ```
//!
//! Visitors come twice each, and buy with a chance that the new banner raises from 10 % to 12 %.
//! The visitors, their decisions and the clock are fixed: every run prints the same.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fairsplit::assign::{Bucket, Seed};
use fairsplit::clock::ManualClock;
use fairsplit::results::{Analysis, Plan};
use fairsplit::{Engine, Error, NewExperiment, NewFlag, Status, Timestamp};

fn main() -> Result<(), Error> {
    // Before the start: how many users does it take to find two points more than 10 %?
    let plan = Plan::new(0.10, 0.02)?;
    let (once, watched) = (plan.per_variant(), plan.per_variant_watched());
    println!("Planned: {once} users in each variant for one look at the end,");
    println!("{watched} for a verdict that may be watched.\n");

    let engine = Engine::with_clock(ManualClock::new(Timestamp::from_unix_seconds(1_741_780_800)));
    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        .id("cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse()?)
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running)
        // Count users, each once, and not only events; with capacity for all of them.
        .count_users(100_000);
    let id = engine.create_experiment("hero-banner", experiment)?.id();

    let banner = engine.environment("production")?.flag("hero-banner");
    let minds = Seed::from_id(*b"minds of theirs.");
    for visitor in 0..2 * watched {
        let key = format!("visitor-{visitor}");
        for _ in 0..2 {
            let chance = if banner.evaluate(&key).str_or("old") == "new" { 12 } else { 10 };
            if Bucket::from_hash(minds.hash(&key)).index() < chance {
                banner.convert(&key);
            }
        }
    }

    let analysis = Analysis::new().tuning(2 * watched);
    let results = engine.analyse(id, &analysis).expect("it was created above")?;
    println!("{results}\n{}", results.plot());
    Ok(())
}
