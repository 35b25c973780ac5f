//! Saving what is left of a damaged directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::counters::Counters;
use super::directory::{COUNTERS, DEFINITIONS};
use super::error::OpenError;
use super::lock::{Access, lock};
use super::{definitions, disk, users};
use crate::model::error::FileError;

/// What [`recover`] has saved of a damaged directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The number of experiments whose counters could be read.
    pub experiments: usize,
    /// What could not be read, each with its place in the file. Changed counts cannot be detected:
    /// any number is a valid count.
    pub damage: Vec<String>,
    /// The number of tables of users that could not be read. Their files are beside the others in
    /// the folder `users`, with `.damaged` behind their names; the users in them are lost.
    pub users_tables: usize,
    /// Where the damaged counters' file is now; or the first table of users, if only such tables
    /// were damaged.
    pub set_aside: PathBuf,
}

/// Saves what can be read of a damaged counters' file, and sets that file aside, and each damaged
/// table of users. Call it after
/// [`OpenError::Damaged`], to go on with what is left: then the directory can be opened. An
/// experiment whose counters are lost starts at the counts that its definition had at its last
/// change, and so does a goal.
///
/// # Errors
///
/// [`OpenError`]: in use, or unreadable. The damaged counters then stay where they are.
pub fn recover(directory: impl AsRef<Path>) -> Result<Recovered, OpenError> {
    let directory = directory.as_ref();
    let (path, definitions) = (directory.join(COUNTERS), directory.join(DEFINITIONS));
    let failed = |tried: &'static str, path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| FileError::new(tried, &path, &error)
    };
    // First: this locks the directory.
    let file = lock(&path, Access::Read, Duration::ZERO)?;
    let (damaged, damage) = Counters::salvage(file, &path)?;
    let tables = users::set_damaged_aside(directory)?;
    if let Some(first) = tables.first().filter(|_| damage.0.is_empty()) {
        // The counters keep the checksum that reveals an edit of the definitions.
        let (experiments, damage) = (damaged.experiments(), damage.0);
        let set_aside = first.clone();
        return Ok(Recovered { experiments, damage, users_tables: tables.len(), set_aside });
    }
    let text = definitions::read(&definitions).map_err(failed("read", &definitions))?;
    // What is not text cannot be opened, however often it is recovered.
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let mut set_aside = directory.join("counters.damaged");
    let mut number = 1_u64;
    while set_aside.try_exists().map_err(failed("look for", &set_aside))? {
        number = number.saturating_add(1);
        set_aside = directory.join(format!("counters.damaged-{number}"));
    }
    let new = unfinished_recovery(directory);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error).into());
        }
        _ => {}
    }
    let replace = || -> Result<Counters, OpenError> {
        let file = lock(&new, Access::Count, Duration::ZERO)?;
        let rights = disk::copy_rights(&path, &file);
        rights.map_err(failed("set the rights of", &new))?;
        let (fresh, _) = Counters::open(file, &new, true)?;
        fresh.copy_from(&damaged, text.as_deref())?;
        fresh.sync()?;
        disk::copy(&path, &set_aside).map_err(failed("copy", &path))?;
        disk::rename(&new, &path).map_err(failed("replace", &path))?;
        Ok(fresh)
    };
    let fresh = replace().inspect_err(|_| {
        // The damaged file still has its name. What cannot be removed now, as it may be on a full
        // disk, the next recovery or opening removes.
        let _ = fs::remove_file(&set_aside);
        let _ = fs::remove_file(&new);
    })?;
    disk::sync_directory(&path).map_err(failed("replace", &path))?;
    let (experiments, damage) = (fresh.experiments(), damage.0);
    Ok(Recovered { experiments, damage, users_tables: tables.len(), set_aside })
}

/// The name of the counters while they are recovered. A file that a crash leaves is ignored.
pub(super) fn unfinished_recovery(directory: &Path) -> PathBuf {
    directory.join("counters.new")
}
