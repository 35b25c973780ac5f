//! Requests to the disk, each with a name, so that tests can make each of them fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::counters::segment::{self, BYTES, LINES, Segment};
use crate::count::cells::Line;

/// A text in a file of its own, on the disk when this returns.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    ask("create")?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    // In two parts, as on a disk that gets full.
    let (some, rest) = text.as_bytes().split_at(text.len().checked_div(2).unwrap_or_default());
    file.write_all(some)?;
    ask("write")?;
    file.write_all(rest)?;
    ask("sync")?;
    file.sync_all()
}

/// Writes this number of bytes to a new file, and removes it: whether the disk takes them.
pub(super) fn probe(path: &Path, bytes: u64) -> io::Result<()> {
    ask("remove what is left")?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    ask("create")?;
    // Neither a link nor a file that another process has put there meanwhile.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut written = || {
        io::copy(&mut io::repeat(b' ').take(bytes), &mut file)?;
        ask("write")?;
        file.sync_all()
    };
    let outcome = written();
    // If this fails, the next probe, save or opening removes or replaces it.
    let _ = fs::remove_file(path);
    outcome
}

/// Adds a text to a file, on the disk when this returns.
pub(super) fn append(file: &mut File, text: &str) -> io::Result<()> {
    let (some, rest) = text.as_bytes().split_at(text.len().checked_div(2).unwrap_or_default());
    file.write_all(some)?;
    ask("append")?;
    file.write_all(rest)?;
    ask("sync the list")?;
    file.sync_data()
}

/// Gives a file the name of another one, which is gone then.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    ask("rename")?;
    fs::rename(from, to)
}

/// Copies a file, with its mode and its owner; the content is on the disk when this returns.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    ask("copy")?;
    fs::copy(from, to)?;
    ask("sync the copy")?;
    // Not for reading only: some systems sync a file only for those who may write to it.
    let copy = OpenOptions::new().append(true).open(to)?;
    copy_rights(from, &copy)?;
    copy.sync_all()
}

/// Gives a file the mode of another one, and its owner if this process may give files away.
pub(super) fn copy_rights(from: &Path, to: &File) -> io::Result<()> {
    let metadata = fs::metadata(from)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let _ = fchown(to, Some(metadata.uid()), Some(metadata.gid()));
    }
    // Last: a change of the owner may take away parts of the mode.
    to.set_permissions(metadata.permissions())
}

/// Makes the names in the directory of this file last.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    ask("sync the directory")?;
    // On other systems a directory cannot be opened as a file.
    if cfg!(unix) {
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    } else {
        Ok(())
    }
}

/// Grows the file by a segment of written zeros, so that a full disk fails here and not during
/// counting.
pub(super) fn grow(file: &File, position: u64) -> io::Result<Segment> {
    ask("seek")?;
    let mut writer = file;
    writer.seek(SeekFrom::Start(position.saturating_mul(BYTES)))?;
    let zeros = vec![0; LINES.saturating_mul(size_of::<Line>())];
    let (some, rest) = zeros.split_at(LINES);
    writer.write_all(some)?;
    ask("grow")?;
    writer.write_all(rest)?;
    ask("sync the longer file")?;
    file.sync_all()?;
    ask("map")?;
    Segment::map(file, position)
}

/// Makes a folder, if it is not there.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    ask("make the folder")?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A new file of zeros without holes, mapped whole. It is not synced.
pub(super) fn create_mapped(path: &Path, bytes: usize) -> io::Result<(File, Segment)> {
    ask("create a table")?;
    // Neither a link nor a file that another process has put there.
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    ask("allocate")?;
    segment::allocate(&file, bytes as u64)?;
    ask("map a table")?;
    let segment = Segment::map_first(&file, bytes)?;
    Ok((file, segment))
}

/// Gives a new table its name.
pub(super) fn name_table(from: &Path, to: &Path) -> io::Result<()> {
    ask("name a table")?;
    fs::rename(from, to)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    ask("remove")?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes the first lines to the disk.
pub(super) fn flush_head(segment: &Segment) -> io::Result<()> {
    ask("flush")?;
    segment.flush_head()
}

/// Writes a segment to the disk.
pub(super) fn flush(segment: &Segment) -> io::Result<()> {
    ask("flush")?;
    segment.flush()
}

/// Allows every request.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
fn ask(_: &'static str) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use self::faulty::{ask, fail_at, failed, left};

/// A disk on which one request fails.
#[cfg(test)]
mod faulty {
    use std::cell::Cell;
    use std::{io, thread};

    thread_local! {
        static LEFT: Cell<u32> = const { Cell::new(0) };
        static FAILED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Makes one of this thread's next requests fail: the one in this position, from 1; 0 for none.
    pub(crate) fn fail_at(position: u32) {
        LEFT.set(position);
        FAILED.set(None);
    }

    /// How many requests are left until one fails.
    pub(crate) fn left() -> u32 {
        LEFT.get()
    }

    /// What failed, if it did.
    pub(crate) fn failed() -> Option<&'static str> {
        FAILED.get()
    }

    pub(crate) fn ask(what: &'static str) -> io::Result<()> {
        // Every request of the background thread fails.
        if thread::current().name() == Some("fairsplit-sync") {
            return Err(io::Error::other("made to fail"));
        }
        match LEFT.get() {
            0 => Ok(()),
            1 => {
                LEFT.set(0);
                FAILED.set(Some(what));
                Err(io::Error::other("made to fail"))
            }
            left => {
                LEFT.set(left - 1);
                Ok(())
            }
        }
    }
}
