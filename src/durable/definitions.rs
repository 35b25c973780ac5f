//! A text file that is replaced whole: a reader finds the text before or the text after.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use super::lock::expect_file;

/// The name of the file while it is written. A file that a crash leaves is ignored.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// Replaces the text; the change is permanent once the directory is synced. If it fails, the old
/// text is still there.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = unfinished(path);
    let written = disk::write(&new, text).and_then(|()| disk::rename(&new, path));
    if let Err(error) = written {
        // If this fails too, the next opening ignores the file and removes it.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    Ok(())
}

/// The content, if there is a file.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    expect_file(path)?;
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
