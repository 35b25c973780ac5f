//! The directory of an engine: its definitions, its counters and its users.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::background::Background;
use super::changes::Changes;
use super::counters::Counters;
use super::users::Users;
use super::{definitions, disk};
use crate::count::cells::MappedCells;
use crate::count::counts::{Baseline, Count};
use crate::count::distinct_users::slots::{Head, Memory, Slots};
use crate::count::goal_counts::GoalCount;
use crate::engine::durability::Durability;
use crate::engine::store::{Proposal, Store};
use crate::model::change::Change;
use crate::model::definition::Definition;
use crate::model::error::{CommitError, FileError};
use crate::model::id::{ExperimentId, GoalId};
use crate::model::terms::Terms;

/// The configuration document, counts of its last change included.
pub(super) const DEFINITIONS: &str = "definitions.json";
pub(super) const COUNTERS: &str = "counters";
/// The folder of the tables of users.
pub(super) const USERS: &str = "users";
/// A line of JSON for each change.
pub(super) const CHANGES: &str = "changes.jsonl";

/// A directory, as an engine uses it.
#[derive(Debug)]
pub(super) struct Directory {
    /// First: the thread has ended when the counters are dropped.
    pub(super) _background: Option<Background>,
    pub(super) counters: Arc<Counters>,
    pub(super) users: Arc<Users>,
    pub(super) definitions: PathBuf,
    pub(super) changes: Changes,
    pub(super) changes_path: PathBuf,
    /// The definitions have their name, but the directory could not be synced.
    pub(super) may_not_last: AtomicBool,
}

impl Durability for Directory {
    fn may_change(&self) -> Result<(), FileError> {
        self.counters.may_change()
    }

    fn cells(
        &self,
        definition: &Definition,
        base: &Baseline,
    ) -> Result<MappedCells<Baseline>, FileError> {
        self.counters.cells(definition, base)
    }

    fn goal_cells(
        &self,
        definition: &Definition,
        goal: &str,
        base: &[GoalCount],
    ) -> Result<MappedCells<Box<[GoalCount]>>, FileError> {
        self.counters.goal_cells(definition, goal, base)
    }

    fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool {
        self.counters.counts_for_others(id, terms)
    }

    fn keep(&self, definitions: &str) -> Result<(), FileError> {
        // A process may have been killed before this.
        let synced = disk::sync_directory(&self.definitions);
        synced.map_err(|error| FileError::new("sync", &self.definitions, &error))?;
        self.counters.commit(definitions);
        Ok(())
    }

    fn give_up(&self) {
        self.counters.give_up();
        self.users.give_up();
    }

    fn mark(&self, id: ExperimentId) -> Box<[Count]> {
        self.counters.mark(id)
    }

    fn set_mark(&self, id: ExperimentId, mark: &[Count]) {
        self.counters.set_mark(id, mark);
    }

    fn goal_mark(&self, id: ExperimentId, goal: &str) -> Box<[GoalCount]> {
        self.counters.goal_mark(id, goal)
    }

    fn set_goal_mark(&self, id: ExperimentId, goal: &str, mark: &[GoalCount]) {
        self.counters.set_goal_mark(id, goal, mark);
    }

    fn users(&self) -> Arc<dyn Memory> {
        Arc::<Users>::clone(&self.users)
    }

    fn users_left(&self, id: ExperimentId, run: u32, goal: Option<GoalId>) -> Vec<(Head, Slots)> {
        self.users.left(id, run, goal)
    }

    fn sync(&self) -> Result<(), FileError> {
        self.users.sync()
    }

    fn storage_error(&self) -> Option<FileError> {
        self.counters.failures().current().or_else(|| self.users.unkept())
    }
}

impl Store for Directory {
    fn commit(&self, proposal: &Proposal<'_>) -> Result<(), CommitError> {
        let definitions = proposal.stored();
        let save = || self.save(proposal.change(), &definitions);
        Ok(self.counters.failures().saving(definitions.len() as u64, save)?)
    }

    fn changes(&self) -> Result<Vec<Change>, CommitError> {
        Ok(self.changes.read().map_err(|error| self.unlisted("read", &error))?)
    }
}

impl Directory {
    fn save(&self, change: &Change, definitions: &str) -> Result<(), FileError> {
        // Nothing must get into a directory that may be another engine's, or a backup, by now.
        self.counters.is_in_place()?;
        // Then this: no definitions are without the change that led to them.
        let listed = self.changes.append(change);
        listed.map_err(|error| self.unlisted("write", &error))?;
        let outcome = self.replace(definitions);
        if outcome.is_err() {
            self.changes.take_back();
        }
        outcome
    }

    pub(super) fn unlisted(&self, tried: &str, error: &std::io::Error) -> FileError {
        FileError::new(tried, &self.changes_path, error)
    }

    fn replace(&self, definitions: &str) -> Result<(), FileError> {
        let failed = |error| FileError::new("replace", &self.definitions, &error);
        // The current text must be permanent under its name before another one may replace it.
        if self.may_not_last.load(Ordering::Relaxed) {
            disk::sync_directory(&self.definitions).map_err(failed)?;
            self.may_not_last.store(false, Ordering::Relaxed);
        }
        if self.counters.has_saved(definitions) {
            self.counters.commit(definitions);
            return Ok(());
        }
        self.counters.announce(definitions)?;
        definitions::replace(&self.definitions, definitions).map_err(failed)?;
        // The name is in the directory, which is a file of its own. If this fails, only a power
        // loss can bring the old text back.
        if let Err(error) = disk::sync_directory(&self.definitions) {
            self.may_not_last.store(true, Ordering::Relaxed);
            self.counters.exchange(definitions);
            return Err(failed(error));
        }
        self.counters.commit(definitions);
        Ok(())
    }
}
