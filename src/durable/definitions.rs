//! A text file that is replaced whole: whoever reads it finds the text before or the text after.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk;

/// The name of what is being written. Left over by a crash, it is nothing.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// Replaces the text, which lasts once the directory is synced. If it fails, the text before is still
/// there.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = unfinished(path);
    let written = disk::write(&new, text).and_then(|()| disk::rename(&new, path));
    if let Err(error) = written {
        // Not to be found by whoever opens the directory next; if it stays, it is ignored there.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    Ok(())
}

/// The text, if there is one.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
