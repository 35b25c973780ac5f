//! The lock of a directory, which is on its counters' file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::OpenError;
use crate::model::error::FileError;

/// How long to pause before the lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the file may be replaced while it is being locked.
const REPLACEMENTS: u32 = 100;

/// What a file is opened for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access<'a> {
    /// To read one that is there.
    Read,
    /// To count in it; a new one is created.
    Count,
    /// To count in it; a new one is created as long as there are no definitions at this path.
    CountBeside(&'a Path),
}

impl Access<'_> {
    fn open(self, path: &Path) -> Result<File, OpenError> {
        let failed = |tried: &str, error: io::Error| FileError::new(tried, path, &error);
        let mut options = OpenOptions::new();
        options.read(true);
        let has_definitions = match self {
            Access::Read | Access::Count => false,
            Access::CountBeside(definitions) => definitions
                .try_exists()
                .map_err(|error| FileError::new("look for", definitions, &error))?,
        };
        if !matches!(self, Access::Read) {
            options.write(true).create(!has_definitions).truncate(false);
        }
        expect_file(path).map_err(|error| failed("open", error))?;
        options.open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if has_definitions => {
                OpenError::Missing { path: path.to_owned() }
            }
            _ => failed("open", error).into(),
        })
    }
}

/// An error if there is something else than a regular file: opening a pipe waits for its other end.
pub(super) fn expect_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens the file and locks it. If it is locked already, tries again for this long.
pub(super) fn lock(path: &Path, access: Access<'_>, patience: Duration) -> Result<File, OpenError> {
    let failed = |tried: &str, error: io::Error| FileError::new(tried, path, &error);
    let (start, mut replacements) = (Instant::now(), 0_u32);
    loop {
        // Each time anew: while this waits, definitions are saved and files removed.
        let file = access.open(path)?;
        match file.try_lock() {
            Ok(()) if is_at(path, &file).map_err(|error| failed("find", error))? => {
                return Ok(file);
            }
            // Between the opening and the locking, a recovery gave the name to another file.
            Ok(()) if replacements < REPLACEMENTS => replacements = replacements.saturating_add(1),
            Ok(()) => {
                let error = io::Error::other("it is replaced again and again");
                return Err(failed("lock", error).into());
            }
            Err(TryLockError::WouldBlock) => {
                let left = patience.saturating_sub(start.elapsed());
                if left.is_zero() {
                    return Err(OpenError::InUse { path: path.to_owned() });
                }
                thread::sleep(PAUSE.min(left));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", error).into()),
        }
    }
}

/// Whether this open file is the one at the path.
#[cfg(unix)]
pub(super) fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let open = file.metadata()?;
    Ok((there.dev(), there.ino()) == (open.dev(), open.ino()))
}

/// Whether there is a file at the path. What it is cannot be seen here.
#[cfg(not(unix))]
pub(super) fn is_at(path: &Path, _: &File) -> io::Result<bool> {
    fs::exists(path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// The other file gets the name as in a recovery, again and again.
    #[test]
    fn a_file_whose_name_goes_to_another_one_while_it_is_locked_is_not_returned() {
        let name = format!("fairsplit-lock-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let (path, new) = (&directory.join("counters"), &directory.join("new"));
        let is_over = &AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let Ok(_locked) = lock(path, Access::Count, Duration::ZERO) else { continue };
                    let _fresh = lock(new, Access::Count, Duration::ZERO).unwrap();
                    fs::rename(new, path).unwrap();
                }
            });
            for _ in 0..100_000 {
                // With the lock held, the name stays where it is.
                if let Ok(file) = lock(path, Access::Count, Duration::ZERO)
                    && !is_at(path, &file).unwrap()
                {
                    is_over.store(true, Ordering::Relaxed);
                    panic!("another file is at the path");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        fs::remove_dir_all(&directory).unwrap();
    }
}
