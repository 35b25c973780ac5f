//! The running experiment of a flag, compiled for evaluations.

use std::sync::Arc;

use crate::assign::assignment::Assignment;
use crate::count::counters::{Event, ExperimentCounters};
use crate::model::variant::Variant;
use crate::read::place::VariantPosition;
use crate::read::state::{ExperimentState, FlagState};

/// The running experiment of a flag. Everything that an evaluation reads before it borrows the
/// value lies together.
#[derive(Debug)]
pub(crate) struct RunningSplit {
    pub(super) assignment: Assignment,
    pub(super) variants: Arc<[Variant]>,
    counters: Arc<ExperimentCounters>,
    /// The experiment's position in the flag.
    pub(super) experiment: usize,
    pub(super) state: Arc<FlagState>,
}

impl RunningSplit {
    pub(super) fn new(
        state: &Arc<FlagState>,
        experiment: usize,
        of: &ExperimentState,
    ) -> RunningSplit {
        RunningSplit {
            assignment: of.definition.assignment(),
            variants: Arc::clone(&of.definition.terms.variants),
            counters: Arc::clone(&of.counters),
            experiment,
            state: Arc::clone(state),
        }
    }

    /// Counts an event for a variant, and the user if users are counted; returns whether the event
    /// was counted.
    #[inline]
    pub(crate) fn count(&self, variant: VariantPosition, event: Event, user_key: &str) -> bool {
        match self.counters.add_event(variant.number(), event) {
            Some(is_counted) => is_counted,
            None => self.count_with_user(variant, event, user_key),
        }
    }

    /// A separate function, not a closure: a closure's captures would be written to memory before
    /// every count.
    #[inline(never)]
    fn count_with_user(&self, variant: VariantPosition, event: Event, user_key: &str) -> bool {
        let user = || self.assignment.seed().hash(user_key);
        self.counters.add_with_user(variant.number(), event, user)
    }
}
