//! A flag resolved once, at start-up, and then asked by all threads. `cargo run --example by_handle`

use std::error::Error;
use std::io::{self, Write as _};
use std::thread;

use fairsplit::{Engine, Environment, Reason};

/// What the service fetches, some time after it has started.
const DOCUMENT: &str = r#"{"flags": [{
    "id": "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a",
    "key": "page-size",
    "default_value": 24,
    "experiments": [{
        "id": "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f",
        "name": "Longer pages",
        "environment": "production",
        "status": "running",
        "variants": [
            {"key": "short", "value": 24, "percentage": 80},
            {"key": "long", "value": 48, "percentage": 20}
        ]
    }]
}]}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let engine = Engine::new();

    // The flag need not be there yet. Until it is, the caller's own fallback is the answer.
    let page_size = engine.handle(&Environment::new("production")?, "page-size");
    let early = page_size.evaluate("user-1");
    assert_eq!((early.i64_or(10), early.reason()), (10, Reason::FlagNotFound));
    writeln!(out, "before the configuration: {} products on a page", early.i64_or(10))?;

    // The handle follows every change by itself.
    engine.reload(DOCUMENT)?;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let page_size = page_size.clone();
            thread::spawn(move || {
                let users = (0..1000).map(|number| format!("user-{thread}-{number}"));
                users.filter(|user| page_size.evaluate(user).i64_or(10) == 48).count()
            })
        })
        .collect();
    let mut long_pages = 0;
    for thread in threads {
        long_pages += thread.join().map_err(|_| "a thread panicked")?;
    }
    writeln!(out, "with it: {long_pages} of 4000 users get 48 products on a page")?;

    let id = page_size.peek("user-1").experiment().ok_or("the experiment is running")?;
    let counts = engine.counts(id).ok_or("it was loaded above")?;
    let long = counts.variant("long").ok_or("it has two variants")?;
    assert_eq!(long.ever.exposures, u64::try_from(long_pages)?, "every thread is counted");

    engine.stop(id)?;
    assert_eq!(page_size.evaluate("user-1").i64_or(10), 24);
    writeln!(out, "after the stop: everyone gets the default again")?;
    Ok(())
}
