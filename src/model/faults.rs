//! All faults of an input: as they are collected, and as they are returned.

use std::fmt;

use crate::model::fault::{Fault, FaultKind};
use crate::model::path::Path;

/// The most faults that are kept of one input; further ones are only counted. A text of a few
/// megabytes can have a fault in every byte.
const MAX_FAULTS: usize = 1000;

/// The faults that a reader has found so far.
///
/// Unknown fields are kept separately: a strict reader refuses them, a tolerant one only reports
/// them, since a newer server may send more than this release knows.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    unknown_fields: Vec<Fault>,
    omitted: usize,
}

impl Faults {
    pub(crate) fn add(&mut self, path: &Path<'_>, kind: FaultKind) {
        self.push(|| Fault::new(path, kind), |this| &mut this.found);
    }

    pub(crate) fn add_at(&mut self, path: String, kind: FaultKind) {
        self.push(|| Fault { path, kind }, |this| &mut this.found);
    }

    pub(crate) fn add_unknown_field(&mut self, path: &Path<'_>) {
        let fault = || Fault::new(path, FaultKind::UnknownField);
        self.push(fault, |this| &mut this.unknown_fields);
    }

    fn push(&mut self, fault: impl FnOnce() -> Fault, list: fn(&mut Self) -> &mut Vec<Fault>) {
        let list = list(self);
        if list.len() < MAX_FAULTS {
            list.push(fault());
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    pub(crate) fn append(&mut self, other: Faults) {
        for fault in other.found {
            self.push(|| fault, |this| &mut this.found);
        }
        for fault in other.unknown_fields {
            self.push(|| fault, |this| &mut this.unknown_fields);
        }
        self.omitted = self.omitted.saturating_add(other.omitted);
    }

    /// Whether there is a fault other than an unknown field.
    pub(crate) fn has_any(&self) -> bool {
        !self.found.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Fault> {
        self.found
    }

    pub(crate) fn take_unknown_fields(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.unknown_fields)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.unknown_fields.is_empty()
    }

    /// `Ok` if there is no fault and no unknown field.
    pub(crate) fn into_result(self) -> Result<(), ValidationError> {
        if self.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    /// All faults, then the unknown fields.
    pub(crate) fn into_error(mut self) -> ValidationError {
        self.found.append(&mut self.unknown_fields);
        ValidationError { faults: self.found, omitted: self.omitted }
    }
}

/// Every fault of an input: at least one. Displays on one line; the alternate form, `{:#}`, has one
/// line for each fault. It keeps the first 1,000 faults and counts the rest.
///
/// # Examples
///
/// ```
/// use fairsplit::error::ControlError;
/// use fairsplit::{Engine, NewExperiment, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let lopsided = NewExperiment::new("", "production")
///     .variant("control", "old", 50)
///     .variant("treatment", "new", 101);
/// let Err(ControlError::Invalid(invalid)) = engine.create_experiment("hero-banner", lopsided) else {
///     panic!("a blank name and 151 per cent");
/// };
/// let faults: Vec<String> = invalid.faults().iter().map(ToString::to_string).collect();
/// assert_eq!(faults, [
///     "name: must not be blank",
///     "variants[1].percentage: must be an integer from 0 to 100, found 101",
///     "variants: percentages must sum to 100, found 151",
/// ]);
/// # Ok::<(), ControlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    faults: Vec<Fault>,
    omitted: usize,
}

impl ValidationError {
    /// The faults, in the order in which they were found.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The number of faults beyond those of [`faults`](ValidationError::faults).
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl From<Fault> for ValidationError {
    fn from(fault: Fault) -> ValidationError {
        ValidationError { faults: vec![fault], omitted: 0 }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n" } else { "; " };
        for (position, fault) in self.faults.iter().enumerate() {
            if position > 0 {
                f.write_str(separator)?;
            }
            fault.fmt(f)?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "{separator}and {more} more"),
        }
    }
}

impl std::error::Error for ValidationError {}
