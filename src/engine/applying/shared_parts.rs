//! What a merge needs of each kind of thing that flags share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shared_plan::SharedContext;
use crate::engine::goals;
use crate::engine::holdouts::{self, refuse_fixed};
use crate::engine::layers;
use crate::format::document::{HOLDOUTS, LAYERS, SEGMENTS};
use crate::format::goals::GOALS;
use crate::format::units::named;
use crate::model::change::Unit;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::definition::{Goal, KIND};
use crate::model::id::{GoalId, HoldoutId, LayerId, SegmentId};
use crate::model::merge::{Merge, UnitFields};
use crate::model::path::Path;
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::layer::Layer;
use crate::model::targeting::segment::Segment;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;

pub(super) fn named_fields<T: Part>(part: &T) -> UnitFields {
    let mut fields = part.fields();
    // The engine's own.
    fields.remove("updated_at");
    fields
}

/// A segment, a layer, a holdout or a goal.
pub(super) trait Part: Clone + PartialEq {
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

impl Part for Goal {
    type Id = GoalId;
    const LIST: &'static str = GOALS;

    fn unit(goal: GoalId) -> Unit {
        Unit::Goal { goal }
    }

    fn id_in(unit: Unit) -> Option<GoalId> {
        if let Unit::Goal { goal } = unit { Some(goal) } else { None }
    }

    fn all(shared: &mut Shared) -> &mut BTreeMap<GoalId, Arc<Goal>> {
        &mut shared.goals
    }

    fn name(&self) -> &str {
        &self.key
    }

    fn fields(&self) -> UnitFields {
        named(Goal::fields(self))
    }

    /// What a goal says is one thing: a unit of one kind of values, with decimals of another, was
    /// meant by neither side.
    fn merged(&self, given: &Goal, merge: &Merge) -> Goal {
        if merge.set.is_empty() { self.clone() } else { given.clone() }
    }

    fn check(&self, context: &SharedContext<'_>, path: &Path<'_>, faults: &mut Faults) {
        goals::refuse_fixed(context.old.shared(), context.history, self, path, faults);
        // Also one that the document takes away: its flag can have a fault, and stay as it was.
        if !self.has_values() && goals::has_cap(context.old, &self.key) {
            let kind = FaultKind::CapWithoutValues { goal: (*self.key).to_owned() };
            faults.add(&path.field(KIND), kind);
        }
    }
}
