//! What makes the state of an engine outlive its process: the seam between the two. The core knows
//! that there may be such a thing, and nothing of what it is.

use std::fmt;

use crate::count::cells::KeptCells;
use crate::count::counts::Baseline;
use crate::count::counts::Count;
use crate::model::definition::Definition;
use crate::model::error::StorageError;
use crate::model::id::ExperimentId;
use crate::model::terms::Terms;

/// Keeps definitions and counters. Asked by one writer at a time.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// The cells of an experiment's counters: those that are kept under its id, or else new ones that
    /// start at `base` and become its own when the change is saved.
    fn cells(&self, definition: &Definition, base: Baseline) -> Result<KeptCells, StorageError>;

    /// Whether cells are kept under this id that were counted in for other variants, or elsewhere.
    fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool;

    /// Keeps these definitions in the place of those before, and the cells that were asked for since.
    /// When it returns, they outlive the process; or it fails, and nothing has changed.
    fn save(&self, definitions: &str) -> Result<(), StorageError>;

    /// Gives back the cells that were asked for since the last save.
    fn give_up(&self);

    /// How far the counts of an experiment have been drained, beyond where they start.
    fn drained(&self, id: ExperimentId) -> Box<[Count]>;

    /// Takes note of that.
    fn set_drained(&self, id: ExperimentId, mark: &[Count]);

    /// Waits until what has been counted outlives a loss of power, too.
    fn sync(&self) -> Result<(), StorageError>;
}
