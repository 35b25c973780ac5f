//! Any text is refused or loaded, as a replacement and as an applied document, and what is loaded
//! is written and loaded again as the same.

#![no_main]

use fairsplit::clock::ManualClock;
use fairsplit::{Engine, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let engine = || Engine::with_clock(ManualClock::new(Timestamp::from_unix_seconds(0)));
    let (replaced, applied) = (engine(), engine());
    let is_loaded = replaced.replace(text).is_ok();
    let report = applied.apply(text);
    if is_loaded {
        let report = report.expect("what replaces is applied");
        assert!(report.skipped.is_empty());
        assert_eq!(replaced.to_json(), applied.to_json());
    }
    let written = applied.to_json();
    let again = engine();
    again.replace(&written).expect("what was written is sound");
    assert_eq!(again.to_json(), written);
});
