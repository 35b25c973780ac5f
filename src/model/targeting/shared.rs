//! What flags share: all segments, layers, holdouts and goals of an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::goal::definition::Goal;
use crate::model::id::{GoalId, HoldoutId, LayerId, SegmentId};
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::layer::Layer;
use crate::model::targeting::segment::Segment;

/// All segments, layers, holdouts and goals, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shared {
    pub(crate) segments: BTreeMap<SegmentId, Arc<Segment>>,
    pub(crate) layers: BTreeMap<LayerId, Arc<Layer>>,
    pub(crate) holdouts: BTreeMap<HoldoutId, Arc<Holdout>>,
    pub(crate) goals: BTreeMap<GoalId, Arc<Goal>>,
}

impl Shared {
    /// Whether there is nothing in it that says who is meant.
    pub(crate) fn has_no_targeting(&self) -> bool {
        self.segments.is_empty() && self.layers.is_empty() && self.holdouts.is_empty()
    }

    /// The goal of this key.
    pub(crate) fn goal(&self, key: &str) -> Option<&Arc<Goal>> {
        self.goals.get(&GoalId::of(key)).filter(|goal| goal.key() == key)
    }
}
