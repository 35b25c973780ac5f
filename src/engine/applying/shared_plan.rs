//! What a document changes of the segments, layers and holdouts that flags share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::note;
use super::report::{ApplyReport, Left, Named};
use crate::engine::consistency::targeted;
use crate::engine::holdouts::{self, refuse_fixed};
use crate::engine::layers;
use crate::engine::load_report::SkippedFlag;
use crate::engine::references::FaultyParts;
use crate::engine::remembering::History;
use crate::format::document::{Document, HOLDOUTS, LAYERS, SEGMENTS};
use crate::format::targeting::shared_part::SharedPart;
use crate::format::units::named;
use crate::model::change::Unit;
use crate::model::fault::{Fault, FaultKind, MAX_SEGMENTS};
use crate::model::faults::{Faults, ValidationError};
use crate::model::id::{HoldoutId, LayerId, SegmentId};
use crate::model::merge::{Merge, Said, UnitFields, merge, said};
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

    /// Removes the segments and layers that the source no longer names, unless one of these flags
    /// does.
    pub(super) fn remove_unused(&mut self, states: &[Arc<FlagState>], report: &mut ApplyReport) {
        let used = if self.gone.is_empty() { BTreeSet::new() } else { units_named(states) };
        for unit in std::mem::take(&mut self.gone) {
            let is_used = used.contains(&unit);
            match unit {
                Unit::Segment { .. } => self.remove::<Segment>(unit, is_used, report),
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

    /// An error if there would be more segments than there may be, and than there are.
    pub(super) fn check_number(&self, old: &Shared) -> Result<(), ValidationError> {
        let (found, most) = (self.next.segments.len(), MAX_SEGMENTS);
        if found <= most || found <= old.segments.len() {
            return Ok(());
        }
        let kind = FaultKind::TooMany { what: SEGMENTS, most, found };
        Err(Fault::new(&Path::Root.field(SEGMENTS), kind).into())
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

/// The segments and layers that flags name.
fn units_named(states: &[Arc<FlagState>]) -> BTreeSet<Unit> {
    let mut used = BTreeSet::new();
    for state in states {
        let segments = state.rules.iter().filter_map(|rule| rule.segment);
        used.extend(segments.map(|segment| Unit::Segment { segment }));
        for experiment in &state.experiments {
            let Some(targeting) = &experiment.definition.targeting else { continue };
            let segments = targeting.audience.all_segments();
            used.extend(segments.map(|segment| Unit::Segment { segment }));
            used.extend(targeting.layer.iter().map(|part| Unit::Layer { layer: part.id }));
        }
    }
    used
}

fn named_fields<T: Part>(part: &T) -> UnitFields {
    let mut fields = part.fields();
    // The engine's own.
    fields.remove("updated_at");
    fields
}

/// A segment, a layer or a holdout.
trait Part: Clone + PartialEq {
    type Id: Copy + Ord;

    /// The name of the list in a document.
    const LIST: &'static str;

    fn unit(id: Self::Id) -> Unit;

    /// The id of a unit of this kind.
    fn id_in(unit: Unit) -> Option<Self::Id>;

    /// All of this kind.
    fn all(shared: &mut Shared) -> &mut BTreeMap<Self::Id, Arc<Self>>;

    fn name(&self) -> &str;

    fn fields(&self) -> UnitFields;

    /// This one, with those fields of the given one that the merge sets.
    fn merged(&self, given: &Self, merge: &Merge) -> Self;

    /// This one, dated as [`Segment::dated`].
    fn dated(self, _at: Option<Timestamp>, _known: Option<&Self>, _now: Timestamp) -> Self {
        self
    }

    /// Adds what forbids that it becomes so in this configuration.
    fn check(&self, _context: &SharedContext<'_>, _path: &Path<'_>, _faults: &mut Faults) {}
}

impl Part for Segment {
    type Id = SegmentId;
    const LIST: &'static str = SEGMENTS;

    fn unit(segment: SegmentId) -> Unit {
        Unit::Segment { segment }
    }

    fn id_in(unit: Unit) -> Option<SegmentId> {
        if let Unit::Segment { segment } = unit { Some(segment) } else { None }
    }

    fn all(shared: &mut Shared) -> &mut BTreeMap<SegmentId, Arc<Segment>> {
        &mut shared.segments
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> UnitFields {
        named(Segment::fields(self))
    }

    fn merged(&self, given: &Segment, merge: &Merge) -> Segment {
        let from = |name| if merge.set.contains_key(name) { given } else { self };
        Segment {
            id: self.id,
            name: from("name").name.clone(),
            description: from("description").description.clone(),
            match_type: from("match_type").match_type,
            tests: Arc::clone(&from("rules").tests),
            updated_at: self.updated_at,
        }
    }

    fn dated(self, at: Option<Timestamp>, known: Option<&Segment>, now: Timestamp) -> Segment {
        Segment::dated(self, at, known, now)
    }
}

impl Part for Layer {
    type Id = LayerId;
    const LIST: &'static str = LAYERS;

    fn unit(layer: LayerId) -> Unit {
        Unit::Layer { layer }
    }

    fn id_in(unit: Unit) -> Option<LayerId> {
        if let Unit::Layer { layer } = unit { Some(layer) } else { None }
    }

    fn all(shared: &mut Shared) -> &mut BTreeMap<LayerId, Arc<Layer>> {
        &mut shared.layers
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> UnitFields {
        named(Layer::fields(self))
    }

    fn merged(&self, given: &Layer, merge: &Merge) -> Layer {
        let from = |name| if merge.set.contains_key(name) { given } else { self };
        Layer {
            id: self.id,
            name: from("name").name.clone(),
            bucket_by: from("bucket_by").bucket_by.clone(),
        }
    }

    fn check(&self, context: &SharedContext<'_>, path: &Path<'_>, faults: &mut Faults) {
        layers::refuse_other_unit(context.old, self, path, faults);
    }
}

impl Part for Holdout {
    type Id = HoldoutId;
    const LIST: &'static str = HOLDOUTS;

    fn unit(holdout: HoldoutId) -> Unit {
        Unit::Holdout { holdout }
    }

    fn id_in(unit: Unit) -> Option<HoldoutId> {
        if let Unit::Holdout { holdout } = unit { Some(holdout) } else { None }
    }

    fn all(shared: &mut Shared) -> &mut BTreeMap<HoldoutId, Arc<Holdout>> {
        &mut shared.holdouts
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> UnitFields {
        named(Holdout::fields(self))
    }

    fn merged(&self, given: &Holdout, merge: &Merge) -> Holdout {
        let from = |name| if merge.set.contains_key(name) { given } else { self };
        Holdout {
            id: self.id,
            name: from("name").name.clone(),
            percentage: from("percentage").percentage,
            bucket_by: from("bucket_by").bucket_by.clone(),
        }
    }

    fn check(&self, context: &SharedContext<'_>, path: &Path<'_>, faults: &mut Faults) {
        refuse_fixed(context.old, context.history, self, path, faults);
        if !faults.has_any() {
            holdouts::refuse_other_unit(context.old, self, path, faults);
        }
    }
}
