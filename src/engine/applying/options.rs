//! How a document is applied, and why one was not.

use super::report::{ApplyReport, Named};
use crate::engine::Engine;
use crate::model::error::LoadError;

/// Options for applying a document; [`Engine::apply`] uses the defaults.
///
/// # Examples
///
/// ```
/// use fairsplit::Engine;
/// use fairsplit::apply::ApplyOptions;
///
/// let engine = Engine::new();
/// let apply = |revision, text| ApplyOptions::new().revision(revision).apply(&engine, text);
/// let _ = apply(12, r#"{"flags": []}"#)?;
/// // A process of the release before restarts: its document is not news.
/// let report = apply(11, r#"{"flags": []}"#)?;
/// assert_eq!(report.to_string(), "skipped: revision 11 is older than 12");
/// # Ok::<(), fairsplit::error::ApplyError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is applied yet"]
pub struct ApplyOptions {
    pub(super) source: Option<String>,
    pub(super) revision: Option<i64>,
    pub(super) goes_back: bool,
    pub(super) removes: bool,
}

impl ApplyOptions {
    /// The defaults: the source and the revision that the document gives, or else the source
    /// `document` without a revision; no way back, no removals that look like a mistake.
    pub fn new() -> ApplyOptions {
        ApplyOptions::default()
    }

    /// Sets the name of the source. Each source removes and changes only what it named itself, and
    /// a flag belongs to one source. A path is no good name: it changes with each release
    /// directory.
    pub fn source(self, name: impl Into<String>) -> ApplyOptions {
        ApplyOptions { source: Some(name.into()), ..self }
    }

    /// Sets the revision of the document. One that is lower than the last applied one of its source
    /// is skipped, and reported.
    pub fn revision(self, revision: i64) -> ApplyOptions {
        ApplyOptions { revision: Some(revision), ..self }
    }

    /// Applies a document also if its revision is lower than the last one.
    pub fn go_back(self) -> ApplyOptions {
        ApplyOptions { goes_back: true, ..self }
    }

    /// Allows a document to remove running experiments, and to remove more than half of the flags
    /// of its source, where these are five or more.
    pub fn allow_removals(self) -> ApplyOptions {
        ApplyOptions { removes: true, ..self }
    }

    /// Applies a document to an engine: see [`Engine::apply`].
    ///
    /// # Errors
    ///
    /// [`ApplyError`]. The engine then does not change.
    pub fn apply(&self, engine: &Engine, text: &str) -> Result<ApplyReport, ApplyError> {
        engine.apply_with(text, self)
    }
}

/// Why a document was not applied. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The text is not JSON, or not a document; or the change could not be committed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The document no longer names experiments that are running.
    #[error(
        "would remove what is running: {}; `ApplyOptions::allow_removals` removes it all the same",
        list(experiments)
    )]
    RemovesRunning {
        /// The experiments.
        experiments: Vec<Named>,
    },
    /// The document no longer names most of the flags of its source.
    #[error(
        "would remove {removed} of the {of} flags of the source {source_name:?}; \
         `ApplyOptions::allow_removals` removes them all the same"
    )]
    RemovesMost {
        /// The name of the source.
        source_name: String,
        /// How many flags would be removed.
        removed: usize,
        /// How many flags the source named before.
        of: usize,
    },
}

/// The first few of some names.
fn list(names: &[Named]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown}; and {more} more"),
        _ => shown,
    }
}
