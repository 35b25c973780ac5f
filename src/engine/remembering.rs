//! What has left the definitions, and may come back: what is known of it, and what a change leaves
//! to be remembered.

use std::sync::Arc;

use super::writer::Writer;
use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::count::registry::Registry;
use crate::model::id::{ExperimentId, HoldoutId};
use crate::model::remembered::{Group, Population, Remembered};
use crate::read::snapshot::Snapshot;
use crate::read::state::ExperimentState;

/// All that is known of experiments and holdouts, also of those that have left the definitions.
#[derive(Clone, Copy, Debug)]
pub(super) struct History<'a> {
    pub(super) registry: &'a Registry,
    pub(super) remembered: &'a Remembered,
}

impl History<'_> {
    /// Who an experiment is for, if it has ever been started.
    pub(super) fn population(self, id: ExperimentId) -> Option<Population> {
        let of_record = self.registry.with(id, |record| record.population());
        of_record.unwrap_or_else(|| self.remembered.experiments.get(&id).cloned())
    }

    /// A started experiment that counts this goal, or has counted it.
    pub(super) fn counting(self, goal: &str) -> Option<ExperimentId> {
        self.registry.counting(goal).or_else(|| self.remembered.counting(goal))
    }

    /// A started experiment that a holdout binds.
    pub(super) fn bound_by(self, holdout: HoldoutId) -> Option<ExperimentId> {
        let of_record = self.registry.bound_by(holdout, &[]);
        of_record.or_else(|| self.remembered.bound_by(holdout))
    }

    /// Whom a holdout holds out, or has held out.
    pub(super) fn group(self, view: &Snapshot, id: HoldoutId) -> Option<Group> {
        let known = view.shared().holdouts.get(&id);
        known.map(|known| (&**known).into()).or_else(|| self.remembered.holdouts.get(&id).cloned())
    }
}

impl Writer<'_> {
    pub(super) fn history(&self) -> History<'_> {
        History { registry: &self.engine.control.registry, remembered: self.remembered() }
    }

    /// Stages what is to be remembered once these definitions are published.
    pub(super) fn remember(&mut self, next: &Snapshot) {
        let old = self.engine.current.pin();
        let mut remembered = (**self.remembered()).clone();
        // Counts in memory go with the registry's record, which has the definition.
        if self.engine.control.durability.is_some() {
            remember_experiments(&mut remembered, &old, next);
        }
        self.remember_holdouts(&mut remembered, &old, next);
        if remembered != **self.remembered() {
            self.set_remembered(Arc::new(remembered));
        }
    }

    fn remember_holdouts(&self, remembered: &mut Remembered, old: &Snapshot, next: &Snapshot) {
        let is_there = |id: &HoldoutId| next.shared().holdouts.contains_key(id);
        let before = remembered.holdouts.len();
        if !Arc::ptr_eq(old.shared(), next.shared()) {
            remembered.holdouts.retain(|id, _| !is_there(id));
            let holdouts = old.shared().holdouts.values();
            let gone = holdouts.filter(|holdout| !is_there(&holdout.id));
            let gone = gone.map(|holdout| (holdout.id, Group::from(&**holdout)));
            remembered.holdouts.extend(gone);
        }
        // Only a deletion ends that an experiment is bound.
        if remembered.holdouts.len() > before || !self.deleting.is_empty() {
            let registry = &self.engine.control.registry;
            let bound: Vec<HoldoutId> = remembered
                .holdouts
                .keys()
                .filter(|id| {
                    registry.bound_by(**id, &self.deleting).is_some()
                        || remembered.bound_by(**id).is_some()
                })
                .copied()
                .collect();
            remembered.holdouts.retain(|id, _| bound.contains(id));
        }
    }
}

/// Adds the started experiments that the next definitions no longer show as such, and removes those
/// that they do.
fn remember_experiments(remembered: &mut Remembered, old: &Snapshot, next: &Snapshot) {
    let known = |id| next.find_experiment(id).map(|found| found.state);
    remembered.experiments.retain(|id, _| {
        known(*id).is_none_or(|experiment| experiment.definition.started_at.is_none())
    });
    // What came back as a draft: the definitions have no date of a start.
    for draft in experiments(next).filter(|of| of.definition.started_at.is_none()) {
        let population = draft.population();
        remembered.experiments.extend(population.map(|of| (draft.definition.id, of)));
    }
    for gone in experiments(old).filter(|of| known(of.definition.id).is_none()) {
        let id = gone.definition.id;
        match gone.population().filter(|_| has_counts(gone)) {
            Some(population) => drop(remembered.experiments.insert(id, population)),
            None => drop(remembered.experiments.remove(&id)),
        }
    }
}

fn experiments(snapshot: &Snapshot) -> impl Iterator<Item = &ExperimentState> {
    snapshot.states().flat_map(|state| &*state.experiments)
}

/// Whether there are counts that could go on, or may still be before it is closed.
fn has_counts(experiment: &ExperimentState) -> bool {
    let counts = experiment.counters.counts();
    let mut goals = experiment.goals.iter().flat_map(|goals| &**goals);
    experiment.definition.is_running()
        || counts.iter().any(|count| *count != Count::default())
        || goals
            .any(|goal| goal.counters.counts().iter().any(|count| *count != GoalCount::default()))
}
