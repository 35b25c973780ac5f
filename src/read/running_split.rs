//! The running experiment of a flag, as evaluations read it.

use std::sync::Arc;

use crate::assign::assignment::Assignment;
use crate::count::counters::{Event, Tally};
use crate::model::variant::Variant;
use crate::read::state::{ExperimentEntry, FlagEntry};

/// The running experiment of a flag. All that an evaluation reads before it borrows the value lies
/// together.
#[derive(Debug)]
pub(crate) struct Split {
    pub(super) assignment: Assignment,
    pub(super) variants: Arc<[Variant]>,
    pub(super) tally: Arc<Tally>,
    /// Its position in the flag.
    pub(super) experiment: usize,
    pub(super) entry: Arc<FlagEntry>,
}

impl Split {
    /// Counts an event for the variant in this position, and the user if users are counted; whether
    /// it did.
    #[inline]
    pub(crate) fn count(&self, position: u32, event: Event, user_key: &str) -> bool {
        self.tally.add_for(position, event, || self.assignment.seed().hash(user_key))
    }

    pub(super) fn new(entry: &Arc<FlagEntry>, at: usize, experiment: &ExperimentEntry) -> Split {
        Split {
            assignment: experiment.definition.assignment(),
            variants: Arc::clone(&experiment.definition.terms.variants),
            tally: Arc::clone(&experiment.tally),
            experiment: at,
            entry: Arc::clone(entry),
        }
    }
}
