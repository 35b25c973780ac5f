//! What a load reports to its caller.

use crate::model::fault::Fault;
use crate::model::timestamp::Timestamp;

/// How an engine last loaded a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastLoad {
    /// When it was attempted, by the engine's clock.
    pub at: Timestamp,
    /// Whether the document was loaded, as a whole or in part. If not, the configuration did not
    /// change.
    pub succeeded: bool,
    /// The number of flags, segments, layers and holdouts that were skipped, if it succeeded.
    pub skipped: usize,
}

/// A flag of a document that was not loaded because of its faults; or a segment, a layer or a
/// holdout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedFlag {
    /// Its path in the document, as in `flags[3]` or `segments[0]`.
    pub path: String,
    /// The flag's key, or the name of what is not a flag, if it could be read.
    pub key: Option<String>,
    /// Its faults; their paths start at the top of the document.
    pub faults: Vec<Fault>,
    /// Whether the engine keeps the definition that it had before.
    pub kept_previous: bool,
}
