//! What flags share: all segments, layers and holdouts of an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::id::{HoldoutId, LayerId, SegmentId};
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::layer::Layer;
use crate::model::targeting::segment::Segment;

/// All segments, layers and holdouts, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shared {
    pub(crate) segments: BTreeMap<SegmentId, Arc<Segment>>,
    pub(crate) layers: BTreeMap<LayerId, Arc<Layer>>,
    pub(crate) holdouts: BTreeMap<HoldoutId, Arc<Holdout>>,
}

impl Shared {
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.layers.is_empty() && self.holdouts.is_empty()
    }
}
