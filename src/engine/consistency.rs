//! What has to hold between a flag and what it shares with others: segments, layers, holdouts. And
//! between its values and its type. Every change keeps all of it.

use std::sync::Arc;

use crate::format::goals::GOALS;
use crate::model::definition::Definition;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::flag::Flag;
use crate::model::flag_type::FlagType;
use crate::model::goal::of_experiment::{CAP, GOAL, GoalUse, Goals};
use crate::model::id::{ExperimentId, HoldoutId, SegmentId};
use crate::model::path::{Path, quote};
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::{
    AUDIENCE, BUCKET_BY, COVERAGE, HELD_OUT_BY, HOLDOUTS, LAYER, Targeting,
};
use crate::model::targeting::rule::Rule;
use crate::model::targeting::shared::Shared;
use crate::model::variant::Variant;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

/// Adds what is wrong between a flag and the segments, layers and holdouts that there are, and
/// between its values and its type.
pub(super) fn check_flag_state(
    state: &FlagState,
    shared: &Shared,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let flag_type = state.flag.flag_type();
    check_default(&state.flag, path, faults);
    let of_rules = path.field("rules");
    for (at, rule) in state.rules.iter().enumerate() {
        check_rule(rule, flag_type, shared, &of_rules.item(at), faults);
    }
    let (of_experiments, of_targeting) = (path.field("experiments"), path.field("targeting"));
    let of_goals = path.field(GOALS);
    for (at, experiment) in state.experiments.iter().enumerate() {
        let variants = &experiment.definition.terms.variants;
        check_variants(variants, flag_type, &of_experiments.item(at), faults);
        let id = experiment.definition.id.to_string();
        if let Some(goals) = &experiment.definition.goals {
            check_goals(goals, shared, &of_goals.field(&id), faults);
        }
        if experiment.definition.targeting.is_none() && shared.holdouts.is_empty() {
            continue;
        }
        Targeted::of(&state.flag, experiment).check(shared, &of_targeting.field(&id), faults);
    }
}

/// Adds a fault if the default of a flag is not of its type; `null` is of every type.
pub(super) fn check_default(flag: &Flag, path: &Path<'_>, faults: &mut Faults) {
    if let Some(flag_type) = flag.flag_type()
        && !flag.default_value().is_null()
    {
        flag_type.check(flag.default_value(), &path.field("default_value"), faults);
    }
}

/// Adds what is wrong between a rule, the type of its flag, and the segments.
pub(super) fn check_rule(
    rule: &Rule,
    flag_type: Option<FlagType>,
    shared: &Shared,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if let Some(flag_type) = flag_type {
        flag_type.check(&rule.value, &path.field("value"), faults);
    }
    if let Some(segment) = rule.segment {
        check_segment(segment, shared, &path.field("segment_id"), faults);
    }
}

/// Adds a fault for each variant whose value is not of its flag's type.
pub(super) fn check_variants(
    variants: &[Variant],
    flag_type: Option<FlagType>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let Some(flag_type) = flag_type else { return };
    let path = path.field("variants");
    for (at, variant) in variants.iter().enumerate() {
        flag_type.check(variant.value(), &path.item(at).field("value"), faults);
    }
}

fn check_segment(id: SegmentId, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
    if !shared.segments.contains_key(&id) {
        faults.add(path, FaultKind::NoSuch { what: "segment", found: id.to_string() });
    }
}

/// Adds what is wrong between the goals of an experiment and those of the engine.
pub(super) fn check_goals(goals: &Goals, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
    goals.each(path, |goal, path| check_goal(goal, shared, path, faults));
    goals.check_attached(path, faults);
}

/// Adds what is wrong between a goal of an experiment and those of the engine.
pub(super) fn check_goal(goal: &GoalUse, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
    match shared.goal(goal.goal()) {
        None => {
            faults.add(&path.field(GOAL), FaultKind::NoSuchGoal { found: quote(goal.goal()) });
        }
        Some(known) if goal.cap.is_some() && !known.has_values() => {
            let goal = known.key().to_owned();
            faults.add(&path.field(CAP), FaultKind::CapWithoutValues { goal });
        }
        Some(_) => {}
    }
}

/// An experiment, as far as its targeting depends on what it shares with others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targeted<'d> {
    pub(super) definition: &'d Definition,
    /// Whether it has ever been started.
    pub(super) is_started: bool,
    /// Whether it cannot run before it, or its flag, is taken out of the archive.
    pub(super) is_archived: bool,
}

impl<'d> Targeted<'d> {
    /// An experiment of a flag.
    pub(super) fn of(flag: &Flag, experiment: &'d ExperimentState) -> Targeted<'d> {
        Targeted {
            definition: &experiment.definition,
            is_started: has_been_started(experiment),
            is_archived: experiment.definition.is_archived || flag.is_archived(),
        }
    }

    /// Adds what is wrong between the experiment and the segments, layers and holdouts.
    pub(super) fn check(self, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
        if let Some(targeting) = &self.definition.targeting {
            let of_audience = path.field(AUDIENCE);
            let audience = &targeting.audience;
            for (name, segments) in
                [("segments", &audience.segments), ("not_segments", &audience.not_segments)]
            {
                let path = of_audience.field(name);
                for (at, segment) in segments.iter().enumerate() {
                    check_segment(*segment, shared, &path.item(at), faults);
                }
            }
            check_layer(targeting, shared, path, faults);
        }
        self.check_holdouts(shared, path, faults);
    }

    fn check_holdouts(self, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
        let bound = self.held_out_by();
        let of_bound = path.field(HELD_OUT_BY);
        for (at, id) in bound.iter().enumerate() {
            // A holdout that is over can be deleted while what it binds is archived. Its id stays,
            // so that the experiment never runs with more users than before.
            if !self.is_archived && !shared.holdouts.contains_key(id) {
                let kind = FaultKind::NoSuch { what: "holdout", found: id.to_string() };
                faults.add(&of_bound.item(at), kind);
            }
        }
        for holdout in shared.holdouts.values() {
            if self.is_for(holdout.id()) && holdout.bucket_by() != self.bucket_by() {
                let kind = unit_fault(holdout.bucket_by(), format!("holdout {}", holdout.id()));
                faults.add(&path.field(BUCKET_BY), kind);
            }
        }
    }

    /// Whether a holdout binds the experiment, or would bind it if it was started now.
    pub(super) fn is_for(self, holdout: HoldoutId) -> bool {
        if self.is_started {
            return self.held_out_by().contains(&holdout);
        }
        let applies = self.definition.targeting.as_ref().is_none_or(|targeting| targeting.holdouts);
        applies && self.definition.status != Status::Completed
    }

    /// The holdouts that bind it.
    pub(super) fn held_out_by(self) -> &'d [HoldoutId] {
        match &self.definition.targeting {
            Some(targeting) if self.is_started => &targeting.held_out_by,
            _ => &[],
        }
    }

    /// The attribute that it is split by.
    pub(super) fn bucket_by(self) -> Option<&'d str> {
        self.definition.targeting.as_ref().and_then(|targeting| targeting.bucket_by())
    }
}

/// Adds what is wrong between an experiment's targeting and its layer.
fn check_layer(targeting: &Targeting, shared: &Shared, path: &Path<'_>, faults: &mut Faults) {
    let Some(part) = &targeting.layer else { return };
    match shared.layers.get(&part.id) {
        Some(layer) if layer.bucket_by() != targeting.bucket_by() => {
            let kind = unit_fault(layer.bucket_by(), format!("layer {}", part.id));
            faults.add(&path.field(BUCKET_BY), kind);
        }
        Some(_) => {}
        None => {
            let kind = FaultKind::NoSuch { what: "layer", found: part.id.to_string() };
            faults.add(&path.field(LAYER).field("id"), kind);
        }
    }
}

/// All experiments, each with the key of its flag.
pub(super) fn targeted(view: &Snapshot) -> impl Iterator<Item = (&str, Targeted<'_>)> {
    view.states().flat_map(|state| {
        let experiments = state.experiments.iter();
        experiments.map(|experiment| (state.flag.key(), Targeted::of(&state.flag, experiment)))
    })
}

/// An experiment in an error, by its id and the key of its flag.
pub(super) fn named(id: ExperimentId, flag_key: &str) -> String {
    format!("experiment {id} of flag {flag_key:?}")
}

/// Whether an experiment has ever been started, also before it left the configuration and came
/// back.
pub(super) fn has_been_started(experiment: &ExperimentState) -> bool {
    experiment.started_at.is_some() || experiment.definition.started_at.is_some()
}

/// The fault of what has another unit than it has to have.
pub(super) fn unit_fault(expected: Option<&str>, of: String) -> FaultKind {
    let expected = expected.map_or_else(|| "the user key".to_owned(), |name| format!("{name:?}"));
    FaultKind::Unit { expected, of }
}

/// Adds a fault for each part of a started experiment's targeting that would change, and for other
/// holdouts than those that bind it; its coverage can grow.
pub(super) fn check_change(
    id: ExperimentId,
    before: &Targeting,
    after: &Targeting,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if !before.has_same_population(after) {
        let parts = [
            (AUDIENCE, before.audience == after.audience),
            (BUCKET_BY, before.bucket_by == after.bucket_by),
            (LAYER, before.layer == after.layer),
            (HOLDOUTS, before.holdouts == after.holdouts),
        ];
        for (name, _) in parts.into_iter().filter(|(_, is_same)| !is_same) {
            faults.add(&path.field(name), FaultKind::TargetingFixed { id: id.to_string() });
        }
    }
    if after.coverage < before.coverage {
        faults.add(&path.field(COVERAGE), FaultKind::CoverageShrinks { was: before.coverage });
    }
    // What does not say which holdouts bind the experiment gets those that did.
    if !after.held_out_by.is_empty() && !before.is_bound_as(after) {
        faults.add(&path.field(HELD_OUT_BY), FaultKind::TargetingFixed { id: id.to_string() });
    }
}

/// Another experiment that runs in the same environment, in a part of the same range of the same
/// layer; with the key of its flag. Experiments of different environments never share a user.
pub(super) fn overlapping<'s>(
    states: impl IntoIterator<Item = &'s Arc<FlagState>>,
    definition: &Definition,
) -> Option<(&'s str, ExperimentId)> {
    let ours = definition.targeting.as_ref()?.layer.as_ref()?;
    let overlaps = |other: &Definition| {
        let theirs = other.targeting.as_ref().and_then(|targeting| targeting.layer.as_ref());
        theirs.is_some_and(|theirs| {
            let mut ranges = theirs.ranges.iter();
            theirs.id == ours.id
                && ranges.any(|theirs| ours.ranges.iter().any(|ours| ours.overlaps(*theirs)))
        })
    };
    states.into_iter().find_map(|state| {
        let other = state.experiments.iter().map(|other| &other.definition).find(|other| {
            other.is_running()
                && other.id != definition.id
                && other.terms.environment == definition.terms.environment
                && overlaps(other)
        })?;
        Some((state.flag.key(), other.id))
    })
}
