//! Which counts a block has: those of an experiment, or those of a goal of one.

use std::ops::RangeInclusive;

use crate::count::{counters, goal_counters};
use crate::model::id::{ExperimentId, GoalId};

const EXPERIMENT: u64 = u64::from_be_bytes(*b"fs-block");
const GOAL: u64 = u64::from_be_bytes(*b"fs-goal_");

/// The owner of a block. In the order of keys, the blocks of one experiment are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) experiment: ExperimentId,
    /// `None` for the exposures and conversions of the experiment.
    pub(super) goal: Option<GoalId>,
}

impl Key {
    pub(super) fn of_experiment(experiment: ExperimentId) -> Key {
        Key { experiment, goal: None }
    }

    pub(super) fn of_goal(experiment: ExperimentId, goal: &str) -> Key {
        Key { experiment, goal: Some(GoalId::of(goal)) }
    }

    /// The keys that blocks of an experiment can have.
    pub(super) fn all_of(experiment: ExperimentId) -> RangeInclusive<Key> {
        let last = Some(GoalId::from_bytes([u8::MAX; 16]));
        Key::of_experiment(experiment)..=Key { experiment, goal: last }
    }

    /// The key that a block has in its head; `None` if this is not the head of a block.
    pub(super) fn read(word: impl Fn(usize) -> u64) -> Option<Key> {
        let id = |high, low| (u128::from(word(high)) << 64 | u128::from(word(low))).to_be_bytes();
        let goal = match word(0) {
            EXPERIMENT => None,
            GOAL => Some(GoalId::from_bytes(id(8, 9))),
            _ => return None,
        };
        Some(Key { experiment: ExperimentId::from_bytes(id(2, 3)), goal })
    }

    /// The first word of a block.
    pub(super) fn magic(self) -> u64 {
        if self.goal.is_some() { GOAL } else { EXPERIMENT }
    }

    /// The words of the experiment's id.
    pub(super) fn experiment_words(self) -> [u64; 2] {
        halves(self.experiment.to_bytes())
    }

    /// The words of the goal's id; none for an experiment.
    pub(super) fn goal_words(self) -> Option<[u64; 2]> {
        Some(halves(self.goal?.to_bytes()))
    }

    /// How many sums a block has for each variant: exposures and conversions, or events, gained and
    /// lost.
    pub(super) fn sums(self) -> usize {
        if self.goal.is_some() { 3 } else { 2 }
    }

    /// The number of cells in each stripe.
    pub(super) fn cells_for(self, variants: u32) -> u32 {
        match self.goal {
            None => counters::cells_for(variants),
            Some(_) => goal_counters::cells_for(variants),
        }
    }
}

/// The upper and the lower half of an id.
fn halves(id: [u8; 16]) -> [u64; 2] {
    let id = u128::from_be_bytes(id);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of an id")]
    [(id >> 64) as u64, id as u64]
}
