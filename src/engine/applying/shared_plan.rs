//! What a document changes of the segments, layers, holdouts and goals that flags share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::note;
use super::report::{ApplyReport, Left, Named};
use super::shared_parts::{Part, named_fields};
use crate::engine::consistency::targeted;
use crate::engine::load_report::SkippedFlag;
use crate::engine::references::FaultyParts;
use crate::engine::remembering::History;
use crate::format::document::{Document, HOLDOUTS, SEGMENTS};
use crate::format::goals::GOALS;
use crate::format::targeting::shared_part::SharedPart;
use crate::model::change::Unit;
use crate::model::fault::{Fault, FaultKind, MAX_GOALS, MAX_SEGMENTS};
use crate::model::faults::ValidationError;
use crate::model::goal::definition::Goal;
use crate::model::id::GoalId;
use crate::model::merge::{Said, merge, said};
use crate::model::path::Path;
use crate::model::source::{Source, Sources};
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::layer::Layer;
use crate::model::targeting::segment::Segment;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

/// What flags share, as it will be.
#[derive(Debug, Default)]
pub(super) struct SharedPlan {
    /// With what no flag names any more.
    pub(super) next: Shared,
    /// What has faults, and stays as it was.
    pub(super) faulty: FaultyParts,
    /// What the source says of each unit.
    pub(super) said: BTreeMap<Unit, Said>,
    /// Units of which it stays what the source has said before.
    pub(super) stays: BTreeSet<Unit>,
    /// Segments and layers that the source no longer names.
    gone: Vec<Unit>,
}

/// What the parts of a document are planned from.
#[derive(Clone, Copy)]
pub(super) struct SharedContext<'a> {
    pub(super) old: &'a Snapshot,
    pub(super) sources: &'a Sources,
    /// The name of the source, and what it said last.
    pub(super) name: &'a str,
    pub(super) source: Option<&'a Source>,
    pub(super) history: History<'a>,
    pub(super) now: Timestamp,
}

impl SharedPlan {
    /// Plans every part of the document, and skips those with faults.
    pub(super) fn of(
        document: &mut Document,
        context: &SharedContext<'_>,
        report: &mut ApplyReport,
    ) -> SharedPlan {
        let mut plan = SharedPlan {
            next: (**context.old.shared()).clone(),
            faulty: FaultyParts::of(document),
            ..SharedPlan::default()
        };
        plan.add(std::mem::take(&mut document.segments), context, report);
        plan.add(std::mem::take(&mut document.layers), context, report);
        plan.add(std::mem::take(&mut document.holdouts), context, report);
        plan.add(std::mem::take(&mut document.goals), context, report);
        plan.remove_holdouts(context.old, report);
        plan
    }

    fn add<T: Part>(
        &mut self,
        parts: Vec<SharedPart<T::Id, T>>,
        context: &SharedContext<'_>,
        report: &mut ApplyReport,
    ) {
        let (mut in_document, mut is_any_unidentified) = (BTreeSet::new(), false);
        let list = Path::Root.field(T::LIST);
        for (at, mut part) in parts.into_iter().enumerate() {
            let path = list.item(at);
            match part.id {
                Some(id) => drop(in_document.insert(T::unit(id))),
                None => is_any_unidentified = true,
            }
            let unit = part.id.map(T::unit);
            let owner = unit.and_then(|unit| context.sources.owner_beside(context.name, unit));
            if let Some(owner) = owner {
                part.faults.add(&path, FaultKind::OwnedByOther { owner: owner.to_owned() });
            }
            if part.is_sound() {
                self.merge(&mut part, context, &path, report);
            }
            if part.faults.has_any() {
                self.skip(part, &path, report);
            }
        }
        let units = context.source.into_iter().flat_map(|source| source.units.keys());
        for unit in units.filter(|unit| !in_document.contains(unit)) {
            let Some(id) = T::id_in(*unit) else { continue };
            let Some(part) = T::all(&mut self.next).get(&id) else { continue };
            if is_any_unidentified {
                report.left.push((Named::shared(*unit, part.name()), Left::MayBeUnread));
                self.stays.insert(*unit);
            } else {
                self.gone.push(*unit);
            }
        }
    }

    /// Merges a part with what is there, if there is nothing wrong with what comes of it.
    fn merge<T: Part>(
        &mut self,
        part: &mut SharedPart<T::Id, T>,
        context: &SharedContext<'_>,
        path: &Path<'_>,
        report: &mut ApplyReport,
    ) {
        let (Some(id), Some(given)) = (part.id, part.part.take()) else { return };
        let (unit, fields) = (T::unit(id), named_fields(&given));
        let before = context.source.and_then(|source| source.units.get(&unit));
        let name = Named::shared(unit, given.name());
        let known = T::all(&mut self.next).get(&id).cloned();
        let (merged, done) = match &known {
            None if before.is_some_and(|before| *before == said(&fields)) => {
                self.stays.insert(unit);
                report.left.push((name, Left::RemovedElsewhere));
                return;
            }
            None => (given.dated(part.updated_at, None, context.now), None),
            Some(known) => {
                let merge = merge(before, &fields, &named_fields(&**known));
                let merged = known.merged(&given, &merge).dated(None, Some(known), context.now);
                (merged, Some(merge))
            }
        };
        let is_news = known.as_ref().is_none_or(|known| **known != merged);
        if is_news {
            merged.check(context, path, &mut part.faults);
        }
        if part.faults.has_any() {
            return;
        }
        match done {
            None => report.added.push(name),
            Some(merge) => note(report, &Named::shared(unit, merged.name()), &merge),
        }
        self.said.insert(unit, said(&fields));
        if is_news {
            T::all(&mut self.next).insert(id, Arc::new(merged));
        }
    }

    fn skip<T: Part>(
        &mut self,
        part: SharedPart<T::Id, T>,
        path: &Path<'_>,
        report: &mut ApplyReport,
    ) {
        if T::LIST == HOLDOUTS {
            self.faulty.holdout.get_or_insert_with(|| path.to_string());
        }
        if let Some(unit) = part.id.map(T::unit) {
            self.stays.insert(unit);
            match unit {
                Unit::Segment { segment } => drop(self.faulty.segments.insert(segment)),
                Unit::Layer { layer } => drop(self.faulty.layers.insert(layer)),
                Unit::Goal { goal } => drop(self.faulty.goals.insert(goal)),
                _ => {}
            }
        }
        let known = part.id.is_some_and(|id| T::all(&mut self.next).contains_key(&id));
        report.skipped.push(SkippedFlag {
            path: path.to_string(),
            key: part.name,
            faults: part.faults.into_vec(),
            kept_previous: known,
        });
    }

    /// Removes the holdouts that the source no longer names, before any experiment is bound by
    /// them. One that binds an experiment stays.
    fn remove_holdouts(&mut self, old: &Snapshot, report: &mut ApplyReport) {
        for unit in std::mem::take(&mut self.gone) {
            let Unit::Holdout { holdout } = unit else {
                self.gone.push(unit);
                continue;
            };
            let binds =
                targeted(old).any(|(_, of)| !of.is_archived && of.held_out_by().contains(&holdout));
            self.remove::<Holdout>(unit, binds, report);
        }
    }

    /// Removes the segments, layers and goals that the source no longer names, unless one of these
    /// flags does, or a goal has been counted.
    pub(super) fn remove_unused(
        &mut self,
        states: &[Arc<FlagState>],
        history: History<'_>,
        report: &mut ApplyReport,
    ) {
        let used = if self.gone.is_empty() { BTreeSet::new() } else { units_named(states) };
        for unit in std::mem::take(&mut self.gone) {
            let is_used = used.contains(&unit);
            match unit {
                Unit::Segment { .. } => self.remove::<Segment>(unit, is_used, report),
                Unit::Goal { goal } => {
                    let key = self.next.goals.get(&goal).map(|goal| Arc::clone(&goal.key));
                    let is_counted = key.is_some_and(|key| history.counting(&key).is_some());
                    self.remove::<Goal>(unit, is_used || is_counted, report);
                }
                _ => self.remove::<Layer>(unit, is_used, report),
            }
        }
    }

    fn remove<T: Part>(&mut self, unit: Unit, is_used: bool, report: &mut ApplyReport) {
        let Some(id) = T::id_in(unit) else { return };
        let all = T::all(&mut self.next);
        let Some(part) = all.get(&id) else { return };
        let named = Named::shared(unit, part.name());
        if is_used {
            // It goes as soon as nothing uses it.
            self.stays.insert(unit);
            report.left.push((named, Left::InUse));
        } else {
            all.remove(&id);
            report.removed.push(named);
        }
    }

    /// An error if there would be more segments or goals than there may be, and than there are.
    pub(super) fn check_number(&self, old: &Shared) -> Result<(), ValidationError> {
        let numbers = [
            (SEGMENTS, MAX_SEGMENTS, self.next.segments.len(), old.segments.len()),
            (GOALS, MAX_GOALS, self.next.goals.len(), old.goals.len()),
        ];
        let beyond =
            numbers.into_iter().find(|(_, most, found, before)| found > most && found > before);
        match beyond {
            None => Ok(()),
            Some((what, most, found, _)) => {
                let kind = FaultKind::TooMany { what, most, found };
                Err(Fault::new(&Path::Root.field(what), kind).into())
            }
        }
    }

    /// Experiments that run, and that a changed segment decides about: in their audience, or in a
    /// rule above them, which takes users out of them.
    pub(super) fn reaches(&self, old: &Shared, states: &[Arc<FlagState>]) -> Vec<(String, Named)> {
        let mut reaches = Vec::new();
        for segment in self.next.segments.values() {
            let before = old.segments.get(&segment.id);
            let is_changed = before.is_some_and(|before| {
                before.tests != segment.tests || before.match_type != segment.match_type
            });
            for state in states.iter().filter(|_| is_changed) {
                for experiment in state.experiments.iter().filter(|of| of.definition.is_running()) {
                    let targeting = experiment.definition.targeting.as_ref();
                    let is_named = targeting.is_some_and(|targeting| {
                        targeting.audience.all_segments().any(|id| id == segment.id)
                    });
                    let is_above = state.rules.iter().any(|rule| {
                        rule.is_enabled
                            && rule.segment == Some(segment.id)
                            && rule.environment == *experiment.environment()
                    });
                    if is_named || is_above {
                        let (flag, key) = (state.flag.id(), state.flag.key());
                        let named = Named::of_state(flag, key, experiment);
                        reaches.push((segment.name.clone(), named));
                    }
                }
            }
        }
        reaches
    }
}

/// The segments, layers and goals that flags name.
fn units_named(states: &[Arc<FlagState>]) -> BTreeSet<Unit> {
    let mut used = BTreeSet::new();
    for state in states {
        let segments = state.rules.iter().filter_map(|rule| rule.segment);
        used.extend(segments.map(|segment| Unit::Segment { segment }));
        for experiment in &state.experiments {
            let goals = experiment.definition.goals.iter().flat_map(|goals| goals.uses());
            used.extend(goals.map(|(_, goal)| Unit::Goal { goal: GoalId::of(goal.goal()) }));
            let Some(targeting) = &experiment.definition.targeting else { continue };
            let segments = targeting.audience.all_segments();
            used.extend(segments.map(|segment| Unit::Segment { segment }));
            used.extend(targeting.layer.iter().map(|part| Unit::Layer { layer: part.id }));
        }
    }
    used
}
