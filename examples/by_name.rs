//! The convenient way in: by names, on an environment. `cargo run --example by_name`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fairsplit::{Engine, Error, NewExperiment, NewFlag, Reason};

fn main() -> Result<(), Error> {
    // An engine is shared by the whole service; clones of it are the same engine.
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        // The id decides which variant a user gets, so processes that must agree have to share it.
        .id("3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse()?)
        .variant("control", "old", 50)
        .variant("treatment", "new", 50);
    let id = engine.create_experiment("hero-banner", experiment)?.id();

    // Bound once, at start-up. A draft splits nothing: everyone gets the default.
    let production = engine.environment("production")?;
    let banner = production.evaluate("hero-banner", "user-1");
    assert_eq!((banner.str_or("none"), banner.reason()), ("old", Reason::NotRunning));

    engine.start(id)?;
    for number in 1..=8 {
        let user = format!("user-{number}");
        let banner = production.evaluate("hero-banner", &user);
        let variant = banner.variant().unwrap_or("none");
        println!("{user} sees the {} banner ({variant})", banner.str_or("old"));
        if number % 4 == 0 {
            // Only this return value says whether the conversion was counted.
            let conversion = production.convert("hero-banner", &user);
            println!("{user} buys: {}", conversion.outcome());
        }
    }

    println!("\n{}\n", production.explain("hero-banner", "user-1"));

    let counts = engine.counts(id).expect("it was created above");
    for variant in counts.variants() {
        let count = variant.ever;
        let (exposures, conversions) = (count.exposures, count.conversions);
        println!("{}: {exposures} exposures, {conversions} conversions", variant.key);
    }
    let exposures: u64 = counts.variants().iter().map(|variant| variant.ever.exposures).sum();
    assert_eq!(exposures, 8, "the evaluation before the start was none");
    Ok(())
}
