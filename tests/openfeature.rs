//! The OpenFeature provider: every reason, error, type, and what is counted.
#[test]
fn x() {}
