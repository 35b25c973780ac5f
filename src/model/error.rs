//! Why a call of the control plane was refused, or failed.

use std::io;
use std::path::Path;

use crate::model::faults::ValidationError;
use crate::model::id::{ExperimentId, FlagId, HoldoutId, LayerId, RuleId, SegmentId};
use crate::model::status::TransitionError;

/// Why a control-plane call was refused. A refused call changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The definition breaks rules; every fault is named.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// There is no such flag.
    #[error("there is no flag {flag}")]
    FlagNotFound {
        /// The key, quoted, or the id.
        flag: String,
    },
    /// There is no such experiment.
    #[error("there is no experiment {id}")]
    ExperimentNotFound {
        /// The id.
        id: ExperimentId,
    },
    /// There is no such rule.
    #[error("there is no rule {id}")]
    RuleNotFound {
        /// The id.
        id: RuleId,
    },
    /// There is no such segment.
    #[error("there is no segment {id}")]
    SegmentNotFound {
        /// The id.
        id: SegmentId,
    },
    /// There is no such layer.
    #[error("there is no layer {id}")]
    LayerNotFound {
        /// The id.
        id: LayerId,
    },
    /// There is no such holdout.
    #[error("there is no holdout {id}")]
    HoldoutNotFound {
        /// The id.
        id: HoldoutId,
    },
    /// The experiment has no such variant.
    #[error("experiment {experiment} has no variant {variant:?}, only {}", known.join(", "))]
    VariantNotFound {
        /// The experiment's id.
        experiment: ExperimentId,
        /// The key that was given.
        variant: String,
        /// The keys of its variants.
        known: Vec<String>,
    },
    /// Another flag has the key.
    #[error("there is already a flag {key:?}")]
    FlagKeyTaken {
        /// The key.
        key: String,
    },
    /// Another flag has the id.
    #[error("there is already a flag with id {id}")]
    FlagIdTaken {
        /// The id.
        id: FlagId,
    },
    /// Another experiment has the id.
    #[error("there is already an experiment with id {id}")]
    ExperimentIdTaken {
        /// The id.
        id: ExperimentId,
    },
    /// Another rule has the id.
    #[error("there is already a rule with id {id}")]
    RuleIdTaken {
        /// The id.
        id: RuleId,
    },
    /// Another segment has the id.
    #[error("there is already a segment with id {id}")]
    SegmentIdTaken {
        /// The id.
        id: SegmentId,
    },
    /// Another layer has the id.
    #[error("there is already a layer with id {id}")]
    LayerIdTaken {
        /// The id.
        id: LayerId,
    },
    /// Another holdout has the id.
    #[error("there is already a holdout with id {id}")]
    HoldoutIdTaken {
        /// The id.
        id: HoldoutId,
    },
    /// Another goal has the key.
    #[error("there is already a goal {key:?}")]
    GoalKeyTaken {
        /// The key.
        key: String,
    },
    /// No goal has the key.
    #[error("there is no goal {key:?}")]
    GoalNotFound {
        /// The key.
        key: String,
    },
    /// An experiment has the goal, or has counted it.
    #[error("cannot delete goal {key:?}: {by} counts it")]
    GoalInUse {
        /// The goal's key.
        key: String,
        /// What has it.
        by: String,
    },
    /// The status does not allow it.
    #[error(
        "cannot {} experiment {id}: it is {}, and {}",
        source.transition().verb(),
        source.status(),
        source.transition().condition()
    )]
    Transition {
        /// The experiment's id.
        id: ExperimentId,
        /// The status, and the transition that was attempted.
        source: TransitionError,
    },
    /// Another experiment runs on the same flag in the same environment. Two splits of one flag at
    /// once would have no defined answer.
    #[error("experiment {running} is already running on flag {flag:?} in {environment:?}")]
    AlreadyRunning {
        /// The flag's key.
        flag: String,
        /// The environment.
        environment: String,
        /// The id of the running experiment.
        running: ExperimentId,
    },
    /// Another experiment runs in the same environment, and their ranges of a layer overlap: users
    /// of the overlap would be in both.
    #[error(
        "cannot start experiment {id}: its ranges of layer {layer} overlap those of experiment \
         {running}, which is running on flag {flag:?}"
    )]
    LayerTaken {
        /// The experiment's id.
        id: ExperimentId,
        /// The layer.
        layer: LayerId,
        /// The id of the running experiment.
        running: ExperimentId,
        /// The key of its flag.
        flag: String,
    },
    /// A rule or an audience names the segment.
    #[error("cannot delete segment {id}: {by} names it")]
    SegmentInUse {
        /// The segment's id.
        id: SegmentId,
        /// What names it.
        by: String,
    },
    /// An experiment has a part of the layer.
    #[error("cannot delete layer {id}: {by} has a part of it")]
    LayerInUse {
        /// The layer's id.
        id: LayerId,
        /// What has a part of it.
        by: String,
    },
    /// The holdout binds an experiment that is not archived.
    #[error("cannot delete holdout {id}: it binds {by}, which is not archived")]
    HoldoutInUse {
        /// The holdout's id.
        id: HoldoutId,
        /// What it binds.
        by: String,
    },
    /// The experiment is running, and has to be stopped first.
    #[error("cannot delete experiment {id}: it is running")]
    DeletesRunning {
        /// The experiment's id.
        id: ExperimentId,
    },
    /// An experiment is running on the flag, and has to be stopped first.
    #[error("cannot delete flag {flag:?}: experiment {running} is running on it")]
    FlagHasRunning {
        /// The flag's key.
        flag: String,
        /// The id of the running experiment.
        running: ExperimentId,
    },
    /// The experiment is running, and has to be stopped first.
    #[error("cannot archive experiment {id}: it is running")]
    ArchivesRunning {
        /// The experiment's id.
        id: ExperimentId,
    },
    /// An experiment is running on the flag, and has to be stopped first.
    #[error("cannot archive flag {flag:?}: experiment {running} is running on it")]
    ArchivesFlagWithRunning {
        /// The flag's key.
        flag: String,
        /// The id of the running experiment.
        running: ExperimentId,
    },
    /// The experiment is archived, and has to be unarchived first.
    #[error("cannot start experiment {id}: it is archived")]
    StartsArchived {
        /// The experiment's id.
        id: ExperimentId,
    },
    /// The experiment's flag is archived, and has to be unarchived first.
    #[error("cannot start experiment {id}: its flag {flag:?} is archived")]
    StartsOnArchived {
        /// The experiment's id.
        id: ExperimentId,
        /// The flag's key.
        flag: String,
    },
    /// The flag is archived, and has to be unarchived first.
    #[error("cannot create an experiment on flag {flag:?}: it is archived")]
    CreatesOnArchived {
        /// The flag's key.
        flag: String,
    },
    /// The empty user key stands for no user, and cannot be forced into a variant.
    #[error("user key must not be empty")]
    NoUserKey,
    /// The change could not be committed: it was made from an older version, or could not be
    /// stored.
    #[error(transparent)]
    NotCommitted(#[from] CommitError),
    /// The call gave no id, and this platform has no source of randomness to make one.
    #[error("this platform has no source of randomness: the id has to be given")]
    IdRequired,
}

impl From<FileError> for ControlError {
    fn from(error: FileError) -> ControlError {
        ControlError::NotCommitted(error.into())
    }
}

/// Why a JSON text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The text is not JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The text is JSON with faults; every fault is named.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// The document is valid, but the change could not be committed.
    #[error(transparent)]
    NotCommitted(#[from] CommitError),
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> LoadError {
        LoadError::NotCommitted(error.into())
    }
}

/// Why a change was not committed. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The change was made from a version that is not the newest.
    #[error("version {newest} is the newest, and the change was made from an older one")]
    Behind {
        /// The newest version.
        newest: u64,
    },
    /// The change could not be written to the engine's directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store failed, for the reason that it gives.
    #[error("{0}")]
    Store(String),
}

/// Text that is not JSON: where reading stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON at line {line}, column {column}: {message}")]
pub struct SyntaxError {
    line: usize,
    column: usize,
    message: String,
}

impl SyntaxError {
    pub(crate) fn new(error: &serde_json::Error) -> SyntaxError {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        SyntaxError { line, column, message }
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in bytes; 0 if the line is empty.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

/// A file could not be read or written. A change that could not be stored is not made, neither in
/// memory nor on disk. Only an engine that was opened from a directory, or that follows a file,
/// returns this error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {message}")]
pub struct FileError {
    what: String,
    message: String,
    kind: io::ErrorKind,
}

impl FileError {
    #[cfg_attr(
        not(any(feature = "durable", feature = "watch")),
        expect(dead_code, reason = "no file is read or written")
    )]
    pub(crate) fn new(tried: &str, path: &Path, error: &io::Error) -> FileError {
        let what = format!("cannot {tried} {}", path.display());
        FileError { what, message: error.to_string(), kind: error.kind() }
    }

    /// The kind of the operating system's error: no permission, no space left, and so on.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }
}
