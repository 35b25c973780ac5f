//! One service of a fleet. Start it in two terminals or more, with the URL of one database:
//! `cargo run -p fairsplit-postgres --example service -- "host=/var/run/postgresql user=postgres"`
//!
//! Each serves users and says what it has counted, and what all have. Kill one, and start it again:
//! what all have counted never goes down.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::thread;
use std::time::{Duration, Instant};

use fairsplit::{Counts, Engine, Environment};
use fairsplit_postgres::{Fleet, FleetError, FleetOptions, Schema};

/// What all services are deployed with: the same ids, so the same experiment.
const DOCUMENT: &str = r#"{"flags": [{
    "id": "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a",
    "key": "hero-banner",
    "default_value": "old",
    "experiments": [{
        "id": "cd613e30-d8f1-4adf-91b7-584a2265b1f5",
        "name": "Hero Banner A/B Test",
        "environment": "production",
        "status": "running",
        "variants": [
            {"key": "control", "value": "old", "percentage": 50},
            {"key": "treatment", "value": "new", "percentage": 50}
        ]
    }]
}]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        println!("usage: service URL [SECONDS]");
        return Ok(());
    };
    let seconds = arguments.next().map_or(Ok(60), |seconds| seconds.parse())?;

    // An operator does this once, with a role that may create a schema.
    Schema::default().init(&url)?;

    let engine = Engine::from_json(DOCUMENT)?;
    let fleet = FleetOptions::new().interval(Duration::from_secs(1)).join(&engine, &url)?;
    fleet.flush()?;
    println!("joined; Ctrl-C kills it, and what it counted in the last second is lost");

    let production = engine.environment("production")?;
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        serve(&production);
        show(&engine, &fleet);
    }
    fleet.leave(Duration::from_secs(5))?;
    println!("left, with every event in the database");
    Ok(())
}

/// A second of requests.
fn serve(production: &Environment) {
    let banner = production.flag("hero-banner");
    for user in 0..100 {
        let user = format!("user-{user}");
        let _ = banner.evaluate(&user);
        if user.ends_with('7') {
            banner.convert(&user);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn show(engine: &Engine, fleet: &Fleet) {
    let id = "cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse().expect("it is an id");
    let own: u64 =
        engine.counts(id).iter().flat_map(Counts::variants).map(|of| of.ever.exposures).sum();
    match fleet.counts(id) {
        Ok(counts) => {
            let all = counts.variants.iter().map(|variant| {
                let count = variant.ever;
                format!(
                    "{} {} exposures, {} conversions",
                    variant.key, count.exposures, count.conversions
                )
            });
            println!("this service {own} exposures; all: {}", all.collect::<Vec<_>>().join("; "));
        }
        // It goes on, and ships when the database is back.
        Err(error @ (FleetError::Database { .. } | FleetError::Timeout { .. })) => {
            println!("this service {own} exposures; {error}");
        }
        Err(error) => println!("{error}"),
    }
}
