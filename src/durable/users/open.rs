//! Finding the tables that a former process left.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::table::{Key, Mapped, Table};
use super::{Tables, Users, head, run_of, table};
use crate::count::cells::Line;
use crate::count::distinct_users::slots::{Head, InProcess, Slots};
use crate::count::distinct_users::{Activities, Run, Scope};
use crate::durable::counters::Counters;
use crate::durable::counters::segment::{HEAD, Segment};
use crate::durable::directory::USERS;
use crate::durable::disk;
use crate::durable::error::OpenError;
use crate::durable::lock::expect_file;
use crate::engine::process::Process;
use crate::model::error::FileError;
use crate::model::id::ExperimentId;

/// A table whose head is sound, and what was taken of its file. The file is not kept open: there
/// may be more of them than a process may have open.
struct Found<T> {
    path: PathBuf,
    head: Head,
    taken: T,
}

/// What is in the folder.
struct Folder<T> {
    tables: BTreeMap<Key, Found<T>>,
    /// Files that were never finished, or of which nothing reached the disk.
    unfinished: Vec<PathBuf>,
}

impl Users {
    /// The tables in the directory of these counters, whose lock is held. Changes nothing but what
    /// was never finished.
    pub(in crate::durable) fn open(
        counters: Arc<Counters>,
        directory: &Path,
    ) -> Result<Users, OpenError> {
        let folder = directory.join(USERS);
        let tables = Arc::new(Mutex::new(Tables::default()));
        let found = Folder::read(&folder, true, ("map", Mapped::open), &mut Err)?;
        let next = found.tables.keys().map(|key| key.3.saturating_add(1)).max();
        let table = |(key, Found { path, head, taken })| {
            (key, Table::new(key, path, head, Ok(taken), Arc::downgrade(&tables)))
        };
        let left = found.tables.into_iter().map(table).collect();
        tables.lock().unwrap_or_else(PoisonError::into_inner).left = left;
        for path in &found.unfinished {
            disk::remove(path).map_err(|error| FileError::new("remove", path, &error))?;
        }
        Ok(Users {
            counters,
            folder,
            owner: Process::current(),
            tables,
            next: AtomicU64::new(next.unwrap_or(1)),
            has_new_names: AtomicBool::new(false),
        })
    }
}

/// Copies of the tables in a directory, by their experiments and runs.
#[derive(Debug)]
pub(in crate::durable) struct Copies(BTreeMap<Key, Arc<Table>>);

/// Verifies the heads of all tables in a directory, and copies them.
pub(in crate::durable) fn verify(directory: &Path) -> Result<Copies, OpenError> {
    let found = Folder::read(&directory.join(USERS), false, ("read", Mapped::copy), &mut Err)?;
    let copy = |(key, Found { path, head, taken })| {
        (key, Table::new(key, path, head, Ok(taken), Weak::new()))
    };
    Ok(Copies(found.tables.into_iter().map(copy).collect()))
}

/// The number of users that are kept of a run.
pub(in crate::durable) fn count_left(copies: &Copies, id: ExperimentId, run: u32) -> usize {
    let tables = copies.0.range(run_of(id, run, None));
    let tables: Vec<(Head, Slots)> =
        tables.map(|(_, table)| (table.head, Arc::clone(table).slots())).collect();
    let Some((Head { since, is_whole, .. }, _)) = tables.first() else { return 0 };
    let (since, is_whole) = (*since, *is_whole);
    let scope = Scope { experiment: id, run, goal: None, since, is_whole, capacity: usize::MAX };
    Run::united::<Activities>(scope, tables, &InProcess).users()
}

/// Renames the files of tables whose head is damaged; where they are now.
pub(in crate::durable) fn set_damaged_aside(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let folder = directory.join(USERS);
    let mut damaged = Vec::new();
    let nothing = |_: &File, _| Ok(());
    Folder::read(&folder, false, ("read", nothing), &mut |error| match error {
        OpenError::Damaged { path, .. } => {
            damaged.push(path);
            Ok(())
        }
        error => Err(error),
    })?;
    let mut set_aside = Vec::new();
    for path in &damaged {
        let mut aside = table::with_suffix(path, "damaged");
        let mut number = 1_u64;
        while aside.try_exists().map_err(|error| FileError::new("look for", &aside, &error))? {
            number = number.saturating_add(1);
            aside = table::with_suffix(path, &format!("damaged-{number}"));
        }
        let renamed = disk::rename(path, &aside);
        renamed.map_err(|error| FileError::new("rename", path, &error))?;
        set_aside.push(aside);
    }
    if let Some(path) = damaged.first() {
        let synced = disk::sync_directory(path);
        synced.map_err(|error| FileError::new("sync", &folder, &error))?;
    }
    Ok(set_aside)
}

impl<T> Folder<T> {
    /// Reads the heads of all tables, and does with the file of each what `take` says, with its
    /// length in memory. `wrong` gets each that is damaged, which is then skipped.
    fn read(
        folder: &Path,
        is_written: bool,
        (tried, take): (&'static str, impl Fn(&File, usize) -> io::Result<T>),
        wrong: &mut impl FnMut(OpenError) -> Result<(), OpenError>,
    ) -> Result<Folder<T>, OpenError> {
        let mut this = Folder { tables: BTreeMap::new(), unfinished: Vec::new() };
        let failed = |error: io::Error| FileError::new("read", folder, &error);
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(this),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let is_unfinished = name.strip_suffix(".new").and_then(table::key).is_some();
            if is_unfinished {
                this.unfinished.push(path);
                continue;
            }
            // What has another name is not of an engine, or was set aside.
            let Some(key) = table::key(name) else { continue };
            let failed = |tried, error: io::Error| FileError::new(tried, &path, &error);
            expect_file(&path).map_err(|error| failed("open", error))?;
            let file = OpenOptions::new().read(true).write(is_written).open(&path);
            let file = file.map_err(|error| failed("open", error))?;
            let length = file.metadata().map_err(|error| failed("read", error))?.len();
            let first = Segment::copy_first(&file, HEAD).map_err(|error| failed("read", error))?;
            let line = first.lines().first();
            if head::is_zero(line) {
                this.unfinished.push(path);
                continue;
            }
            match sound(line, key, length) {
                Ok((head, bytes)) => {
                    let taken = take(&file, bytes).map_err(|error| failed(tried, error))?;
                    this.tables.insert(key, Found { path, head, taken });
                }
                Err((at, what)) => wrong(OpenError::Damaged { path, at, what })?,
            }
        }
        Ok(this)
    }
}

/// The head of a table, if the file is that of this key and has its length.
fn sound(
    line: Option<&Line>,
    (id, run, goal, _): Key,
    length: u64,
) -> Result<(Head, usize), (u64, String)> {
    let head = head::read(line)?;
    if (head.experiment, head.run, head.goal) != (id, run, goal) {
        let what = "it is of another experiment, run or goal than its name says";
        return Err((24, what.to_owned()));
    }
    match head::bytes_for(head.slots) {
        Some(bytes) if bytes as u64 == length => Ok((head, bytes)),
        _ => Err((length, format!("it does not end with the last of {} slots", head.slots))),
    }
}
