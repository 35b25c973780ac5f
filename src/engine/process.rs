//! The process that something belongs to. A child of `fork` has a copy of everything and owns none
//! of it: the threads, the lock and the file stay its parent's.

#[cfg(feature = "durable")]
use std::io;
#[cfg(feature = "durable")]
use std::path::Path;
use std::process;

#[cfg(feature = "durable")]
use crate::model::error::FileError;

/// A process, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// The process that runs this.
    pub(crate) fn current() -> Process {
        Process(process::id())
    }

    /// Whether this process runs this. Costs a system call.
    pub(crate) fn is_current(self) -> bool {
        self == Process::current()
    }

    /// An error, in any other process, that names this one. `tried` is what is refused, on a path
    /// that belongs to this process.
    #[cfg(feature = "durable")]
    pub(crate) fn refuse_others(self, tried: &str, path: &Path) -> Result<(), FileError> {
        if self.is_current() {
            return Ok(());
        }
        let what = format!("it belongs to process {}, which opened it before a fork", self.0);
        let error = io::Error::new(io::ErrorKind::PermissionDenied, what);
        Err(FileError::new(tried, path, &error))
    }
}
