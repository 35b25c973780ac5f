//! The running experiment of a flag, compiled for evaluations.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::assign::allocation::Allocation;
use crate::assign::bucket::{Bucket, Seed};
use crate::count::counters::{Added, Event, ExperimentCounters};
use crate::count::distinct_users::{Deed, Known};
use crate::count::exposures::{Exposure, Exposures};
use crate::count::goal_counters::GoalCounters;
use crate::model::variant::Variant;
use crate::read::answer::unit;
use crate::read::place::VariantPosition;
use crate::read::state::{ExperimentState, FlagState};
use crate::target::user::User;

/// The running experiment of a flag. Everything that an evaluation reads before it borrows the
/// value lies together.
#[derive(Debug)]
pub(crate) struct RunningSplit {
    seed: Seed,
    allocation: Arc<Allocation>,
    pub(super) variants: Arc<[Variant]>,
    counters: Arc<ExperimentCounters>,
    /// The experiment's position in the flag.
    pub(super) experiment: usize,
    pub(super) state: Arc<FlagState>,
}

/// A unit that the running experiment splits. Two words, so that a function returns it in
/// registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assigned<'s> {
    split: &'s RunningSplit,
    hash: u64,
}

impl RunningSplit {
    pub(super) fn new(
        state: &Arc<FlagState>,
        experiment: usize,
        of: &ExperimentState,
        known: &mut Allocations,
    ) -> RunningSplit {
        let assignment = of.definition.assignment();
        RunningSplit {
            seed: assignment.seed(),
            allocation: known.share(assignment.allocation()),
            variants: Arc::clone(&of.definition.terms.variants),
            counters: Arc::clone(&of.counters),
            experiment,
            state: Arc::clone(state),
        }
    }

    /// Assigns a unit: the user key, unless the experiment is split by something else.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    pub(super) fn assign(&self, unit: &str) -> Assigned<'_> {
        Assigned { split: self, hash: self.seed.hash(unit) }
    }

    /// A separate function, not a closure: a closure's captures would be written to memory before
    /// every count.
    #[inline(never)]
    fn count_with_user(&self, variant: VariantPosition, event: Event, user: u64) -> Added {
        self.counters.add_with_user(variant.number(), event, user)
    }
}

impl Assigned<'_> {
    /// The variant that the unit is assigned.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    pub(super) fn position(self) -> VariantPosition {
        self.split.allocation.position(Bucket::from_hash(self.hash)).into()
    }

    /// Counts an event for a variant, and the user if users are counted.
    #[inline]
    pub(crate) fn count(self, variant: VariantPosition, event: Event) -> Added {
        match self.split.counters.add_event(variant.number(), event) {
            Some(true) => Added::Counted,
            Some(false) => Added::Closed,
            None => self.split.count_with_user(variant, event, self.hash),
        }
    }

    /// Counts an exposure for a variant, and the user if users are counted; then the first exposure
    /// of the user is queued. Returns whether it is counted.
    pub(super) fn expose(
        self,
        variant: VariantPosition,
        user: User<'_>,
        exposures: &Exposures,
    ) -> bool {
        let Assigned { split, hash } = self;
        split.counters.expose(variant.number(), hash, |kept| {
            exposures.push(|at| {
                let definition = &split.state.experiments.get(split.experiment)?.definition;
                let (flag, unit) = (split.state.flag.shared_key(), unit(definition, user)?);
                Some(Exposure::new(definition, flag, unit.as_str(), variant.number(), kept, at))
            })
        })
    }

    /// Whether an event counts, as [`ExperimentCounters::admit`] says.
    #[inline]
    pub(super) fn admit(
        self,
        deed: Deed,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Result<Known, Added>> {
        self.split.counters.admit(self.hash, deed, is_meant)
    }

    /// Counts an event for a variant that has been [admitted](Assigned::admit).
    #[inline]
    pub(super) fn count_admitted(self, variant: VariantPosition, event: Event) {
        self.split.counters.add_admitted(variant.number(), event);
    }

    /// Adds a value of a goal to the sum of the unit, if users are counted.
    #[inline(never)]
    pub(super) fn add_to_user(self, counters: &GoalCounters, value: i64) {
        counters.add_to_user(self.hash, value);
    }

    /// Counts a conversion for a variant as [`ExperimentCounters::convert_if`] does.
    pub(super) fn convert_if(
        self,
        variant: VariantPosition,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Added> {
        self.split.counters.convert_if(variant.number(), self.hash, is_meant)
    }
}

/// The allocations of the flags that are compiled together, each once: most experiments split by
/// few different percentages, so the tables stay in the caches.
#[derive(Debug, Default)]
pub(super) struct Allocations(HashSet<Arc<Allocation>, RandomState>);

impl Allocations {
    fn share(&mut self, allocation: &Allocation) -> Arc<Allocation> {
        if let Some(known) = self.0.get(allocation) {
            return Arc::clone(known);
        }
        let new = Arc::new(allocation.clone());
        self.0.insert(Arc::clone(&new));
        new
    }
}
