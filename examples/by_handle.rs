//! A flag resolved once, at start-up, and then evaluated by all threads.
//! `cargo run --example by_handle`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::thread;

use fairsplit::{Engine, Error, Reason};

/// The configuration that the service fetches some time after it has started.
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

fn main() -> Result<(), Error> {
    let engine = Engine::new();
    let production = engine.environment("production")?;

    // The flag need not exist yet. Until it does, the answer is the caller's fallback.
    let page_size = production.flag("page-size");
    let early = page_size.evaluate("user-1");
    assert_eq!((early.i64_or(10), early.reason()), (10, Reason::FlagNotFound));
    println!("before the configuration: {} products on a page", early.i64_or(10));

    // The handle follows every change by itself.
    engine.replace(DOCUMENT)?;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let page_size = page_size.clone();
            thread::spawn(move || {
                let users = (0..1000).map(|number| format!("user-{thread}-{number}"));
                users.filter(|user| page_size.evaluate(user).i64_or(10) == 48).count()
            })
        })
        .collect();
    let counted_by = |thread: thread::JoinHandle<usize>| thread.join().expect("it does not panic");
    let long_pages: usize = threads.into_iter().map(counted_by).sum();
    println!("with it: {long_pages} of 4000 users get 48 products on a page");

    let id = page_size.peek("user-1").experiment().expect("it is running");
    let counts = engine.counts(id).expect("it was loaded above");
    let long = counts.variant("long").expect("it has two variants");
    assert_eq!(long.ever.exposures, long_pages as u64, "every thread is counted");

    engine.stop(id)?;
    assert_eq!(page_size.evaluate("user-1").i64_or(10), 24);
    println!("after the stop: everyone gets the default again");
    Ok(())
}
