//! Many flags on one version of the configuration, within a request.
//! `cargo run --example pinned_view`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fairsplit::{Engine, Error, NewFlag};

fn main() -> Result<(), Error> {
    let engine = Engine::new();
    // Two flags that only make sense together.
    engine.create_flag(NewFlag::new("theme", "light"))?;
    engine.create_flag(NewFlag::new("logo", "dark on light"))?;
    let production = engine.environment("production")?;

    // A view pins the version of this moment.
    let view = production.view();
    let theme = view.evaluate("theme", "user-1");

    // While the request is under way, an operator changes both.
    engine.set_default("theme", "dark")?;
    engine.set_default("logo", "light on dark")?;

    // The environment reads the newest version at each call, so half of the page would be old.
    let logo = production.evaluate("logo", "user-1");
    println!("without a view: {} theme, logo {}", theme.str_or(""), logo.str_or(""));
    assert_eq!((theme.str_or(""), logo.str_or("")), ("light", "light on dark"));

    // On the view, both are of one version.
    let logo = view.evaluate("logo", "user-1");
    println!("on the view:    {} theme, logo {}", theme.str_or(""), logo.str_or(""));
    assert_eq!((theme.str_or(""), logo.str_or("")), ("light", "dark on light"));

    // A worker thread keeps a reader, which has the newest version for each request almost for
    // free; with handles that were resolved at start-up, this is the fastest way.
    let (theme, logo) = (production.flag("theme"), production.flag("logo"));
    let mut reader = production.reader();
    for user in ["user-1", "user-2", "user-3"] {
        let view = reader.view();
        let (theme, logo) = (theme.evaluate_on(&view, user), logo.evaluate_on(&view, user));
        let (theme, logo) = (theme.str_or(""), logo.str_or(""));
        println!("{user}, version {}: {theme} theme, logo {logo}", view.version());
        assert_eq!((theme, logo), ("dark", "light on dark"));
    }
    Ok(())
}
