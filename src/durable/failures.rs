//! Why the last save and the last sync failed, and when that is over.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::disk;
use crate::model::error::FileError;

#[derive(Debug, Default)]
pub(super) struct Failures {
    last: Mutex<Last>,
    /// Held by a save, and by a probe of whether a save would succeed: both write the same file.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Last {
    save: Option<FailedSave>,
    sync: Option<FileError>,
}

#[derive(Clone, Debug, PartialEq)]
struct FailedSave {
    error: FileError,
    /// What it was to write.
    bytes: u64,
}

impl Failures {
    /// Saves, and remembers how that ended; this number of bytes is written.
    pub(super) fn saving(
        &self,
        bytes: u64,
        save: impl FnOnce() -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let _writing = guard(&self.writing);
        let outcome = save();
        match &outcome {
            Ok(()) => guard(&self.last).save = None,
            Err(error) => self.save_failed(error, bytes),
        }
        outcome
    }

    /// Remembers that a save failed before anything was written.
    pub(super) fn save_failed(&self, error: &FileError, bytes: u64) {
        guard(&self.last).save = Some(FailedSave { error: error.clone(), bytes });
    }

    /// Remembers how a sync ended. A disk that is full may still sync: after a sync that succeeded,
    /// a failed save is over if as many bytes can be written to the file at this path.
    pub(super) fn synced(&self, outcome: &Result<(), FileError>, unfinished: &Path) {
        let save = {
            let mut last = guard(&self.last);
            last.sync = outcome.as_ref().err().cloned();
            last.save.clone()
        };
        let Some(failed) = save.filter(|_| outcome.is_ok()) else { return };
        let _writing = guard(&self.writing);
        if disk::probe(unfinished, failed.bytes).is_ok() {
            // A save that failed meanwhile is another matter.
            guard(&self.last).save.take_if(|save| *save == failed);
        }
    }

    /// Why changes cannot be saved, or else why counts cannot be synced, as far as is known.
    pub(super) fn current(&self) -> Option<FileError> {
        let last = guard(&self.last);
        last.save.as_ref().map(|save| save.error.clone()).or_else(|| last.sync.clone())
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
