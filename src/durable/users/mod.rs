//! The users of running experiments: each table is a file of its own, mapped whole.
//!
//! * `table`: the file of one table; `head`: its first line;
//! * `open`: finding the files of a former process.
//!
//! A table is replaced when another one has all its users, while requests go on. Its file stays
//! until that other one has been synced: a loss of power in between loses neither. No call of a
//! request removes or unmaps a file.

mod head;
mod open;
mod table;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use self::open::{Copies, count_left, set_damaged_aside, verify};
use self::table::{Key, Mapped, Table};
use super::counters::Counters;
use super::{definitions, disk};
use crate::count::distinct_users::slots::{Head, Memory, Slots};
use crate::engine::process::Process;
use crate::model::error::FileError;
use crate::model::id::{ExperimentId, GoalId};

/// The tables of an engine's directory. Everything that adds users owns it, and so the lock.
#[derive(Debug)]
pub(super) struct Users {
    counters: Arc<Counters>,
    folder: PathBuf,
    owner: Process,
    tables: Arc<Mutex<Tables>>,
    /// The number of the next table.
    next: AtomicU64,
    /// Whether files have been made since their names were synced.
    has_new_names: AtomicBool,
}

#[derive(Debug, Default)]
struct Tables {
    used: BTreeMap<Key, Arc<Table>>,
    /// Those that a former process left, until the definitions say which are needed.
    left: BTreeMap<Key, Arc<Table>>,
    /// Their files are removed, and some call may still be at their memory.
    removed: Vec<Arc<Table>>,
    /// Whether the definitions have been read.
    is_open: bool,
}

/// What a sync does.
struct Plan {
    flushed: Vec<Arc<Table>>,
    removed: Vec<(Key, Arc<Table>)>,
    /// Why some users are in no file.
    unkept: Option<FileError>,
}

/// The tables of a run: of what its users did, or of the sums of a goal.
fn run_of(id: ExperimentId, run: u32, goal: Option<GoalId>) -> RangeInclusive<Key> {
    (id, run, goal, 0)..=(id, run, goal, u64::MAX)
}

impl Users {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables that a former process left of a run. They are used from now on.
    pub(super) fn left(
        &self,
        id: ExperimentId,
        run: u32,
        goal: Option<GoalId>,
    ) -> Vec<(Head, Slots)> {
        let mut tables = self.tables();
        let keys: Vec<Key> =
            tables.left.range(run_of(id, run, goal)).map(|(key, _)| *key).collect();
        let mut left = Vec::new();
        for key in keys {
            if let Some(table) = tables.left.remove(&key) {
                left.push((table.head, Arc::clone(&table).slots()));
                tables.used.insert(key, table);
            }
        }
        left
    }

    /// Says that the definitions have been read: files that were not asked for are removed.
    pub(super) fn begin(&self) {
        let left = {
            let mut tables = self.tables();
            tables.is_open = true;
            std::mem::take(&mut tables.left)
        };
        for table in left.values() {
            // If this fails, the next opening removes it.
            let _ = table.remove();
        }
        if self.tables().used.values().any(|table| table.is_replaced()) {
            // Several tables are one now. If this fails, the next sync says so.
            let _ = self.sync_tables();
        }
    }

    /// Removes tables that nothing uses: a change that was not made had begun a run.
    pub(super) fn give_up(&self) {
        if !self.owner.is_current() {
            return;
        }
        let mut tables = self.tables();
        if !tables.is_open {
            return;
        }
        // What is replaced waits for a sync, and what is dropped has no file.
        let unused = tables.used.iter().filter(|(_, table)| table.is_live());
        let unused = unused.filter(|(_, table)| Arc::strong_count(table) == 1);
        let unused: Vec<Key> = unused.map(|(key, _)| *key).collect();
        let unused: Vec<_> = unused.iter().filter_map(|key| tables.used.remove(key)).collect();
        let freed = tables.free();
        drop(tables);
        for table in &unused {
            let _ = table.remove();
        }
        drop(freed);
    }

    /// Waits until the disk has every count and every user.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        if !self.owner.is_current() {
            // An error, before any lock that a thread of the parent may hold for ever.
            return self.counters.sync();
        }
        let outcome = self.counters.sync().and_then(|()| self.sync_tables());
        self.counters.synced(&outcome);
        outcome
    }

    fn sync_tables(&self) -> Result<(), FileError> {
        let plan = self.tables().plan();
        // A table that is replaced from here on stays until the next sync.
        for table in &plan.flushed {
            if let Ok(mapped) = &table.file {
                let failed = |error| FileError::new("write", &table.path, &error);
                mapped.flush().map_err(failed)?;
                // In this order: a table is removed after it was dropped.
                if !mapped.is_at(&table.path).map_err(failed)? && !table.is_dropped() {
                    return Err(table.out_of_place());
                }
            }
        }
        if self.has_new_names.swap(false, Ordering::AcqRel) {
            // The names in the folder, and the folder's own.
            let synced = disk::sync_directory(&self.folder.join("any"))
                .and_then(|()| disk::sync_directory(&self.folder));
            synced.map_err(|error| {
                self.has_new_names.store(true, Ordering::Release);
                FileError::new("sync", &self.folder, &error)
            })?;
        }
        for (_, table) in &plan.removed {
            table.remove().map_err(|error| FileError::new("remove", &table.path, &error))?;
        }
        let Plan { flushed, removed, unkept } = plan;
        drop(flushed);
        let freed = {
            let mut tables = self.tables();
            for (key, _) in removed {
                // Another sync may have done the same.
                let table = tables.used.remove(&key);
                tables.removed.extend(table);
            }
            tables.free()
        };
        drop(freed);
        unkept.map_or(Ok(()), Err)
    }

    /// Why some users are in memory alone, if any are.
    pub(super) fn unkept(&self) -> Option<FileError> {
        let tables = self.tables();
        if tables.used.values().all(|table| table.file.is_ok()) {
            return None;
        }
        tables.plan().unkept
    }

    fn make(&self, key: Key, head: &Head) -> Arc<Table> {
        let path = self.folder.join(table::name(key));
        let made = || {
            // Nothing must get into a directory that may be another engine's, or a backup, by now.
            self.counters.is_in_place_now()?;
            let failed = |path: &PathBuf| {
                let path = path.clone();
                move |error| FileError::new("make", &path, &error)
            };
            disk::make_folder(&self.folder).map_err(failed(&self.folder))?;
            let mapped = Mapped::make(&path, head).map_err(failed(&path))?;
            self.has_new_names.store(true, Ordering::Release);
            Ok(mapped)
        };
        let file = made();
        Table::new(key, path, *head, file, Arc::downgrade(&self.tables))
    }
}

impl Memory for Users {
    fn slots(&self, head: &Head) -> Slots {
        if !self.owner.is_current() {
            // A child of `fork`: the directory is not its own, and a lock may be held for ever.
            return Slots::new(head.slots);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = (head.experiment, head.run, head.goal, number);
        let table = self.make(key, head);
        self.tables().used.insert(key, Arc::clone(&table));
        table.slots()
    }
}

impl Tables {
    /// The tables of a run before this one.
    fn before(&self, (id, run, goal, number): Key) -> Vec<Arc<Table>> {
        self.used
            .range((id, run, goal, 0)..(id, run, goal, number))
            .map(|(_, table)| Arc::clone(table))
            .collect()
    }

    /// What a sync does with the tables as they are now.
    fn plan(&self) -> Plan {
        let mut plan = Plan { flushed: Vec::new(), removed: Vec::new(), unkept: None };
        // From the last table of each run to its first: whether a file has the users of all tables
        // before, once it is flushed. `None` while there is no other table.
        let mut follows = None;
        let mut run = None;
        for (key, table) in self.used.iter().rev() {
            let of = (key.0, key.1, key.2);
            if run.replace(of) != Some(of) {
                follows = None;
            }
            match &table.file {
                _ if table.is_dropped() => plan.removed.push((*key, Arc::clone(table))),
                _ if table.is_replaced() && follows == Some(true) => {
                    plan.removed.push((*key, Arc::clone(table)));
                }
                Ok(_) => {
                    follows = Some(true);
                    plan.flushed.push(Arc::clone(table));
                }
                Err(error) => {
                    follows = Some(false);
                    plan.unkept = Some(error.clone());
                }
            }
        }
        plan
    }

    /// Takes out the removed tables that no call is at any more. They are unmapped where they are
    /// dropped, so not under the lock.
    fn free(&mut self) -> Vec<Arc<Table>> {
        self.removed.extract_if(.., |table| Arc::strong_count(table) == 1).collect()
    }
}

impl Table {
    fn out_of_place(&self) -> FileError {
        let what = "it was removed, moved or replaced while it was open; users since then are not \
                    in it";
        let error = std::io::Error::new(std::io::ErrorKind::NotFound, what);
        FileError::new("write", &self.path, &error)
    }
}

impl Counters {
    /// Remembers how a sync ended.
    fn synced(&self, outcome: &Result<(), FileError>) {
        let definitions = self.definitions();
        self.failures().synced(outcome, &definitions::unfinished(&definitions));
    }
}
