//! Any text is refused or loaded, strictly and tolerantly, and what is loaded is written and loaded
//! again as the same.

#![no_main]

use fairsplit::clock::ManualClock;
use fairsplit::{Engine, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let engine = || Engine::with_clock(ManualClock::new(Timestamp::from_unix_seconds(0)));
    let (strict, tolerant) = (engine(), engine());
    let is_loaded = strict.replace(text).is_ok();
    let report = tolerant.replace_tolerant(text);
    if is_loaded {
        let report = report.expect("what is loaded strictly is loaded tolerantly");
        assert!(report.skipped.is_empty());
        assert_eq!(strict.to_json(), tolerant.to_json());
    }
    let written = tolerant.to_json();
    let again = engine();
    again.replace(&written).expect("what was written is sound");
    assert_eq!(again.to_json(), written);
});
