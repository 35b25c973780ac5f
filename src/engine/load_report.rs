//! What became of a document that was loaded tolerantly.

use crate::model::fault::Fault;
use crate::model::timestamp::Timestamp;

/// What became of a document that was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "flags that were left out are told here and nowhere else"]
#[non_exhaustive]
pub struct LoadReport {
    /// How many flags were taken from the document.
    pub taken: usize,
    /// The flags that were not, and why.
    pub left_out: Vec<LeftOut>,
    /// Fields that this release does not know, by path.
    pub unknown_fields: Vec<Fault>,
}

/// What became of the last reload of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastReload {
    /// When it was tried, by the engine's clock.
    pub at: Timestamp,
    /// Whether it was taken, as a whole or in part. If not, the configuration is as it was before.
    pub is_taken: bool,
    /// How many flags were left out of one that was taken.
    pub left_out: usize,
}

/// A flag of a document that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Where it stands in the document, as in `flags[3]`.
    pub path: String,
    /// Its key, if that could be read.
    pub key: Option<String>,
    /// What is wrong with it; paths are from the top of the document.
    pub faults: Vec<Fault>,
    /// Whether the engine goes on with the definition that it had.
    pub kept: bool,
}
