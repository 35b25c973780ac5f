//! Flags of a document that would start an experiment whose users another one of its layer has.

use std::collections::BTreeSet;

use super::Application;
use super::plan::ExperimentPlan;
use super::removals::Removals;
use crate::engine::load_report::SkippedFlag;
use crate::format::overlaps::range_path;
use crate::model::fault::{Fault, FaultKind};
use crate::model::flag::FlagRef;
use crate::model::id::FlagId;
use crate::model::targeting::overlaps::{RunningRange, overlapping};

/// A range of an experiment that runs after this, and what it belongs to.
struct Running {
    range: RunningRange,
    flag: FlagId,
    /// The position of its flag, if the document changes that.
    at: Option<usize>,
    starts: bool,
}

impl Application<'_> {
    /// Skips flags that would start an experiment in a range of which another one has a part; of
    /// two that would start, the first one does. Returns whether there were any.
    pub(super) fn skip_overlapping(&mut self, removals: &Removals) -> bool {
        let running = self.running(removals);
        let ranges: Vec<_> = running.iter().map(|running| running.range.clone()).collect();
        let mut skipped: BTreeSet<FlagId> = BTreeSet::new();
        for (one, other) in overlapping(&ranges) {
            let (Some(one), Some(other)) = (running.get(one), running.get(other)) else { continue };
            // Without a flag that is skipped, they may not overlap any more.
            if skipped.contains(&one.flag) || skipped.contains(&other.flag) {
                continue;
            }
            let (ours, theirs) = match (one.starts, other.starts) {
                (true, false) => (one, other),
                (false, true) => (other, one),
                _ if one.at > other.at => (one, other),
                _ => (other, one),
            };
            if self.skip_one(ours, theirs) {
                skipped.insert(ours.flag);
            }
        }
        !skipped.is_empty()
    }

    fn skip_one(&mut self, ours: &Running, theirs: &Running) -> bool {
        let Some((at, plan)) = self.plans.remove(&ours.flag) else { return false };
        self.skipped.insert(ours.flag);
        let other = match theirs.at {
            Some(at) => range_path(at, theirs.range.experiment, theirs.range.at),
            None => format!("experiment {}", theirs.range.experiment),
        };
        let path = range_path(at, ours.range.experiment, ours.range.at);
        self.report.skipped.push(SkippedFlag {
            path: format!("flags[{at}]"),
            key: Some(plan.flag.key().to_owned()),
            faults: vec![Fault::at(path, FaultKind::Overlap { other })],
            kept_previous: self.old.find(FlagRef::Id(ours.flag)).is_some(),
        });
        true
    }

    /// The ranges of all experiments that run after this.
    fn running(&self, removals: &Removals) -> Vec<Running> {
        let mut running = Vec::new();
        // Most documents start nothing that has a part of a layer.
        let plans = || self.plans.values().flat_map(|(_, plan)| &plan.experiments);
        let has_layer = |plan: &ExperimentPlan| {
            plan.targeting().is_some_and(|targeting| targeting.layer.is_some())
        };
        if !plans().any(|plan| plan.starts() && has_layer(plan)) {
            return running;
        }
        for state in self.unplanned(removals) {
            let flag = state.flag.id();
            let removed = removals.experiments_of(flag);
            for experiment in state.experiments.iter().filter(|of| of.definition.is_running()) {
                let definition = &experiment.definition;
                if removed.is_some_and(|removed| removed.contains(&definition.id)) {
                    continue;
                }
                let (id, environment) = (definition.id, experiment.environment());
                let ranges = RunningRange::of(id, environment, definition.targeting.as_deref());
                let ranges = ranges.map(|range| Running { range, flag, at: None, starts: false });
                running.extend(ranges);
            }
        }
        for (flag, (at, plan)) in &self.plans {
            for experiment in &plan.experiments {
                let Some(environment) = experiment.runs_in() else { continue };
                let ranges = RunningRange::of(experiment.id(), environment, experiment.targeting());
                let (flag, at, starts) = (*flag, Some(*at), experiment.starts());
                running.extend(ranges.map(|range| Running { range, flag, at, starts }));
            }
        }
        running
    }
}
