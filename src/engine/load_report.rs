//! What a caller gets to know of a load.

use crate::model::fault::Fault;
use crate::model::timestamp::Timestamp;

/// What a [tolerant reload](crate::Engine::reload_tolerant) has loaded, and what it has skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "this is the only report of skipped flags"]
#[non_exhaustive]
pub struct LoadReport {
    /// How many flags were loaded from the document.
    pub loaded: usize,
    /// The flags that were skipped, and why.
    pub skipped: Vec<SkippedFlag>,
    /// Fields that this release does not know, by path.
    pub unknown_fields: Vec<Fault>,
}

/// The last reload of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastReload {
    /// When it was tried, by the engine's clock.
    pub at: Timestamp,
    /// Whether the document was loaded, as a whole or in part. If not, the configuration is as it
    /// was before.
    pub succeeded: bool,
    /// How many flags a reload that succeeded has skipped.
    pub skipped: usize,
}

/// A flag of a document that was not loaded, for its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedFlag {
    /// Where it stands in the document, as in `flags[3]`.
    pub path: String,
    /// Its key, if that could be read.
    pub key: Option<String>,
    /// What is wrong with it; paths are from the top of the document.
    pub faults: Vec<Fault>,
    /// Whether the engine keeps the definition that the flag had before.
    pub kept_previous: bool,
}
