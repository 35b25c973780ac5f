//! Many flags on one version of the configuration, within a request. `cargo run --example pinned_view`

use std::error::Error;
use std::io::{self, Write as _};

use fairsplit::{Engine, Environment, NewFlag};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let production = Environment::new("production")?;
    let engine = Engine::new();
    // Two flags that only make sense together.
    engine.create_flag(NewFlag::new("theme", "light"))?;
    engine.create_flag(NewFlag::new("logo", "dark on light"))?;

    // A view pins the snapshot of this moment.
    let view = engine.view();
    let theme = view.evaluate(&production, "theme", "user-1");

    // While the request is under way, somebody changes both.
    engine.set_default("theme", "dark")?;
    engine.set_default("logo", "light on dark")?;

    // By names each call reads the newest version, and half of the page would be of the old one.
    let logo = engine.evaluate(&production, "logo", "user-1");
    writeln!(out, "without a view: {} theme, logo {}", theme.str_or(""), logo.str_or(""))?;
    assert_eq!((theme.str_or(""), logo.str_or("")), ("light", "light on dark"));

    // On the view both are of one version.
    let logo = view.evaluate(&production, "logo", "user-1");
    writeln!(out, "on the view:    {} theme, logo {}", theme.str_or(""), logo.str_or(""))?;
    assert_eq!((theme.str_or(""), logo.str_or("")), ("light", "dark on light"));

    // A worker thread keeps a reader, which pins the newest snapshot for each request almost for
    // free; with handles that were resolved at start-up, this is the fastest way.
    let (theme, logo) = (engine.handle(&production, "theme"), engine.handle(&production, "logo"));
    let mut reader = engine.reader();
    for user in ["user-1", "user-2", "user-3"] {
        let snapshot = reader.snapshot();
        let (theme, logo) = (theme.evaluate_on(snapshot, user), logo.evaluate_on(snapshot, user));
        let (theme, logo) = (theme.str_or(""), logo.str_or(""));
        writeln!(out, "{user}, version {}: {theme} theme, logo {logo}", snapshot.version())?;
        assert_eq!((theme, logo), ("dark", "light on dark"));
    }
    Ok(())
}
