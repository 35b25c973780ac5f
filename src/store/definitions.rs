//! A text file that is replaced whole: whoever reads it finds the text before or the text after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The name of what is being written. Left over by a crash, it is nothing.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

/// Replaces the text. When it returns, the disk has it; if it fails, the text before is still there.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = unfinished(path);
    let written = write(&new, text).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // Not to be found by whoever opens the directory next; if it stays, it is ignored there.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    // The name is in the directory, which is a file of its own. The new text is there, and if this
    // fails only a power loss can bring the old one back.
    sync_directory(path)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Elsewhere a directory cannot be opened as a file.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
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
