//! Why a directory could not be opened.

use std::path::PathBuf;

use crate::model::error::{FileError, LoadError};

/// Why a directory could not be opened. Nothing in it was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another engine has the directory open, in this process or in another.
    #[error("{} is in use by another engine", path.display())]
    InUse {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The counters' file, or a table of users, is damaged.
    /// [`recover`](crate::durable::recover) saves what can be read.
    #[error("{} is damaged at byte {at}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The position in the file, in bytes.
        at: u64,
        /// What was found there.
        what: String,
    },
    /// One of the two files is missing, and the other exists.
    #[error("{} is missing, though the directory has been used", path.display())]
    Missing {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The definitions differ from the saved ones: they were edited, or are damaged.
    /// [`accept_edited_definitions`](crate::durable::OpenOptions::accept_edited_definitions)
    /// accepts them if they are UTF-8 text without a fault.
    #[error("{} has been changed since it was saved", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
    },
    /// The definitions have faults; every fault is named.
    #[error("{}: {source}", path.display())]
    Definitions {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: LoadError,
    },
}
