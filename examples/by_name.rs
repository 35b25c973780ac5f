//! The convenient way in: by names, on the engine. `cargo run --example by_name`

use std::error::Error;
use std::io::{self, Write as _};

use fairsplit::{Engine, Environment, NewExperiment, NewFlag, Reason};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let production = Environment::new("production")?;

    // An engine is shared by the whole service; clones of it are the same engine.
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        // The id decides who is in which variant, so processes that must agree have to share it.
        .id("3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse()?)
        .variant("control", "old", 50)
        .variant("treatment", "new", 50);
    let id = engine.create_experiment("hero-banner", experiment)?.id();

    // A draft splits nothing: everyone gets the default.
    let banner = engine.evaluate(&production, "hero-banner", "user-1");
    assert_eq!((banner.str_or("none"), banner.reason()), ("old", Reason::NotRunning));

    engine.start(id)?;
    for number in 1..=8 {
        let user = format!("user-{number}");
        let banner = engine.evaluate(&production, "hero-banner", &user);
        let (value, variant) = (banner.str_or("old"), banner.variant().unwrap_or("none"));
        writeln!(out, "{user} sees the {value} banner ({variant})")?;
        if number % 4 == 0 {
            // Whether it was counted is told here and nowhere else.
            let conversion = engine.convert(&production, "hero-banner", &user);
            writeln!(out, "{user} buys: {}", conversion.outcome())?;
        }
    }

    writeln!(out, "\n{}\n", engine.explain(&production, "hero-banner", "user-1"))?;

    let counts = engine.counts(id).ok_or("it was created above")?;
    for variant in counts.variants() {
        let count = variant.ever;
        writeln!(
            out,
            "{}: {} exposures, {} conversions",
            variant.key, count.exposures, count.conversions
        )?;
    }
    let exposures: u64 = counts.variants().iter().map(|variant| variant.ever.exposures).sum();
    assert_eq!(exposures, 8, "the evaluation before the start was none");
    Ok(())
}
