//! How much of the counts of a block has been handed over as deltas, beyond where they start.

use super::Counters;
use super::key::Key;
use super::sums::Sums;
use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::model::id::ExperimentId;

impl Counters {
    /// How much of each variant's counts has been handed over; empty for an experiment without
    /// counters.
    pub(in crate::durable) fn mark(&self, id: ExperimentId) -> Box<[Count]> {
        self.mark_of(Key::of_experiment(id))
    }

    /// Sets the [`mark`](Counters::mark).
    pub(in crate::durable) fn set_mark(&self, id: ExperimentId, mark: &[Count]) {
        self.set_mark_of(Key::of_experiment(id), mark);
    }

    /// The same for a goal of an experiment.
    pub(in crate::durable) fn goal_mark(&self, id: ExperimentId, goal: &str) -> Box<[GoalCount]> {
        self.mark_of(Key::of_goal(id, goal))
    }

    /// Sets the [`goal_mark`](Counters::goal_mark).
    pub(in crate::durable) fn set_goal_mark(
        &self,
        id: ExperimentId,
        goal: &str,
        mark: &[GoalCount],
    ) {
        self.set_mark_of(Key::of_goal(id, goal), mark);
    }

    fn mark_of<S: Sums>(&self, key: Key) -> Box<[S]> {
        self.with_layout(|layout| {
            let block = layout.blocks.get(&key)?;
            let segment = layout.segments.get(block.segment)?;
            Some(block.mark(segment.lines()))
        })
        .unwrap_or_default()
    }

    fn set_mark_of<S: Sums>(&self, key: Key, mark: &[S]) {
        self.with_layout(|layout| {
            let block = layout.blocks.get(&key)?;
            let segment = layout.segments.get(block.segment)?;
            block.set_mark(segment.lines(), mark);
            Some(())
        });
    }
}
