//! Faults as paths and kinds: their wording is asserted in `messages.rs` alone.

use std::fmt::Display;

use fairsplit::error::ValidationError;
use fairsplit::fault::{Fault, FaultKind};

/// A path, and the kind of fault that is there.
pub(crate) type Found = (String, FaultKind);

pub(crate) fn at(path: impl Into<String>, kind: FaultKind) -> Found {
    (path.into(), kind)
}

pub(crate) fn found(fault: &Fault) -> Found {
    at(fault.path(), fault.kind().clone())
}

pub(crate) fn all(error: &ValidationError) -> Vec<Found> {
    error.faults().iter().map(found).collect()
}

/// Something other than what is expected.
pub(crate) fn not(expected: &'static str, found: impl Into<String>) -> FaultKind {
    FaultKind::Type { expected, found: found.into() }
}

pub(crate) fn duplicate(found: impl Display, other: &str) -> FaultKind {
    FaultKind::Duplicate { found: found.to_string(), other: other.to_owned() }
}
