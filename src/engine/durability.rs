//! The interface between an engine and what makes its counters outlive the process. `durable`
//! implements it, and the engine depends on nothing else of `durable`.

use std::fmt;
use std::sync::Arc;

use crate::count::cells::MappedCells;
use crate::count::counts::{Baseline, Count};
use crate::count::distinct_users::slots::{Head, Memory, Slots};
use crate::count::goal_counts::GoalCount;
use crate::model::definition::Definition;
use crate::model::error::FileError;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::terms::Terms;

/// Keeps counters beyond the process; a [`Store`](super::store::Store) keeps the definitions.
/// Called by one writer at a time.
pub(crate) trait Durability: fmt::Debug + Send + Sync {
    /// An error if this process is not the one that may change what is kept: a child of `fork`.
    fn may_change(&self) -> Result<(), FileError>;

    /// The cells of an experiment's counters: those that exist under its id, or else new ones that
    /// start at `base` and become the experiment's when the change is committed.
    fn cells(
        &self,
        definition: &Definition,
        base: &Baseline,
    ) -> Result<MappedCells<Baseline>, FileError>;

    /// The same for a goal of the experiment, by its key.
    fn goal_cells(
        &self,
        definition: &Definition,
        goal: &str,
        base: &[GoalCount],
    ) -> Result<MappedCells<Box<[GoalCount]>>, FileError>;

    /// Whether cells exist under this id that belong to other variants, or to another environment.
    fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool;

    /// Makes the cells that were handed out those of their experiments, for definitions that are
    /// saved already.
    fn keep(&self, definitions: &str) -> Result<(), FileError>;

    /// Releases the cells that were handed out since the last change that was committed.
    fn give_up(&self);

    /// How much of an experiment's counts has been handed over as deltas, beyond where they start.
    fn mark(&self, id: ExperimentId) -> Box<[Count]>;

    /// Sets the [`mark`](Durability::mark).
    fn set_mark(&self, id: ExperimentId, mark: &[Count]);

    /// The same for a goal of the experiment, by its key.
    fn goal_mark(&self, id: ExperimentId, goal: &str) -> Box<[GoalCount]>;

    /// Sets the [`goal_mark`](Durability::goal_mark).
    fn set_goal_mark(&self, id: ExperimentId, goal: &str, mark: &[GoalCount]);

    /// Where users are kept.
    fn users(&self) -> Arc<dyn Memory>;

    /// The tables of users that a former process left of a run of an experiment, in the order in
    /// which they were made; with a goal, those of the sums of its values. To be asked for each
    /// experiment while the definitions are restored, once: what is not asked for by then is not
    /// needed any more.
    fn users_left(&self, id: ExperimentId, run: u32, goal: Option<GoalId>) -> Vec<(Head, Slots)>;

    /// Waits until everything that has been counted would survive a loss of power.
    fn sync(&self) -> Result<(), FileError>;

    /// Why the last save or sync failed; `None` if it did not.
    fn storage_error(&self) -> Option<FileError>;
}
