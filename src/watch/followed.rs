//! A followed file, and its last known content.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::WatchError;
use crate::engine::Engine;
use crate::engine::applying::options::{ApplyError, ApplyOptions};
use crate::engine::applying::report::ApplyReport;
use crate::model::error::{FileError, LoadError};

/// A followed file, and its last known content.
pub(super) struct Followed {
    pub(super) path: PathBuf,
    pub(super) engine: Engine,
    pub(super) options: ApplyOptions,
    pub(super) last: Option<Seen>,
}

#[derive(PartialEq)]
pub(super) enum Seen {
    /// A hash of the text.
    Text(u64),
    Nothing(io::ErrorKind),
}

impl Followed {
    /// Applies the file if it has changed, and returns the outcome.
    pub(super) fn check(&mut self) -> Option<Result<ApplyReport, WatchError>> {
        let text = read(&self.path);
        let seen = match &text {
            Ok(text) => Seen::Text(xxh3_64(text.as_bytes())),
            Err(error) => Seen::Nothing(error.kind()),
        };
        if self.last.as_ref() == Some(&seen) {
            return None;
        }
        self.last = Some(seen);
        let text = match text {
            Ok(text) => text,
            Err(error) => return Some(Err(unreadable(&self.path, &error))),
        };
        let applied = self.options.apply(&self.engine, &text);
        if let Err(ApplyError::Load(LoadError::NotCommitted(_))) = &applied {
            // The engine's disk failed, not the file: forget the content, so that the next check
            // applies it again.
            self.last = None;
        }
        let refused = |source| WatchError::Refused { path: self.path.clone(), source };
        Some(applied.map_err(refused))
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> WatchError {
    WatchError::Unreadable(FileError::new("read", path, error))
}

/// The text of a regular file: reading a pipe or a device may block, or never end.
fn read(path: &Path) -> io::Result<String> {
    let data = fs::metadata(path)?;
    if data.is_file() || data.is_dir() {
        fs::read_to_string(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}
