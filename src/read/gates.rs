//! What decides whether a user is in a running experiment, before it splits: unit, holdouts, layer,
//! audience, coverage. None of them looks at the variant.

use std::sync::Arc;

use crate::assign::slot::{Gate, GateSeed, Slot};
use crate::model::definition::Definition;
use crate::model::id::{HoldoutId, LayerId};
use crate::model::targeting::experiment_targeting::{LayerRange, Targeting};
use crate::model::targeting::share::Share;
use crate::model::targeting::shared::Shared;
use crate::read::compiled_audience::CompiledAudience;
use crate::read::reason::Reason;
use crate::target::user::User;
use crate::target::user_key::Unit;

/// The gates of one experiment.
#[derive(Debug)]
pub(crate) struct Gates {
    /// The attribute that is split by, in place of the user key.
    pub(super) bucket_by: Option<Arc<str>>,
    pub(super) holdouts: Box<[HoldoutGate]>,
    pub(super) layer: Option<LayerGate>,
    /// `None` for everybody.
    pub(super) audience: Option<CompiledAudience>,
    /// `None` for all of the audience.
    pub(super) coverage: Option<CoverageGate>,
}

#[derive(Debug)]
pub(crate) struct HoldoutGate {
    pub(super) id: HoldoutId,
    pub(super) seed: GateSeed,
    pub(super) share: Share,
}

#[derive(Debug)]
pub(crate) struct LayerGate {
    pub(super) id: LayerId,
    pub(super) seed: GateSeed,
    pub(super) ranges: Box<[LayerRange]>,
}

#[derive(Debug)]
pub(crate) struct CoverageGate {
    pub(super) seed: GateSeed,
    pub(super) share: Share,
}

impl HoldoutGate {
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.share.has(slot)
    }
}

impl LayerGate {
    pub(super) fn has(&self, slot: Slot) -> bool {
        self.ranges.iter().any(|range| range.has(slot))
    }
}

impl Gates {
    /// The gates of an experiment, or `None` if it has none.
    pub(super) fn new(definition: &Definition, shared: &Shared) -> Option<Gates> {
        let targeting: &Targeting = definition.targeting.as_deref()?;
        let holdouts = targeting.held_out_by.iter().filter_map(|id| {
            let holdout = shared.holdouts.get(id)?;
            let seed = GateSeed::new(Gate::Holdout, id.to_bytes());
            Some(HoldoutGate { id: *id, seed, share: holdout.percentage })
        });
        let layer = targeting.layer.as_ref().map(|part| LayerGate {
            id: part.id,
            seed: GateSeed::new(Gate::Layer, part.id.to_bytes()),
            ranges: part.ranges.clone().into(),
        });
        let is_everybody = targeting.audience.is_everybody();
        let coverage = (targeting.coverage != Share::ALL).then(|| CoverageGate {
            seed: GateSeed::new(Gate::Coverage, definition.id.to_bytes()),
            share: targeting.coverage,
        });
        let gates = Gates {
            bucket_by: targeting.bucket_by.clone(),
            holdouts: holdouts.collect(),
            layer,
            audience: (!is_everybody).then(|| CompiledAudience::new(&targeting.audience, shared)),
            coverage,
        };
        let is_open = gates.are_simple() && gates.audience.is_none() && gates.coverage.is_none();
        (!is_open).then_some(gates)
    }

    /// Whether there is nothing but an audience and a coverage, of user keys.
    pub(super) fn are_simple(&self) -> bool {
        self.bucket_by.is_none() && self.holdouts.is_empty() && self.layer.is_none()
    }

    /// What is split by, for a user.
    #[inline]
    pub(super) fn unit<'u>(&self, user: User<'u>) -> Result<Unit<'u>, Reason> {
        match &self.bucket_by {
            None if user.key().is_empty() => Err(Reason::NoUserKey),
            None => Ok(Unit::Text(user.key())),
            Some(attribute) => user.get(attribute).and_then(Unit::of).ok_or(Reason::NoUnit),
        }
    }

    /// Why a user of this unit is not in the experiment; `None` if the user is.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(super) fn refuse(&self, unit: &str, user: User<'_>) -> Option<Reason> {
        // Not `or_else`, which the compiler makes a separate function.
        match self.refuse_place(unit) {
            Some(reason) => Some(reason),
            None => self.refuse_user(unit, user),
        }
    }

    /// Whether the audience or the coverage refuses a user of this unit.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(super) fn refuse_user(&self, unit: &str, user: User<'_>) -> Option<Reason> {
        if self.audience.as_ref().is_some_and(|audience| !audience.has(user)) {
            return Some(Reason::NotInAudience);
        }
        self.refuse_slot(unit)
    }

    /// Whether the coverage refuses the unit.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    fn refuse_slot(&self, unit: &str) -> Option<Reason> {
        match &self.coverage {
            Some(gate) if !gate.share.has(gate.seed.slot(unit)) => Some(Reason::NotCovered),
            _ => None,
        }
    }

    /// What the unit alone refuses, before the audience is asked.
    #[inline]
    fn refuse_place(&self, unit: &str) -> Option<Reason> {
        // Most experiments have neither, and most of the code is apart from them.
        if self.holdouts.is_empty() && self.layer.is_none() {
            return None;
        }
        self.refuse_known_place(unit)
    }

    #[inline(never)]
    fn refuse_known_place(&self, unit: &str) -> Option<Reason> {
        if self.holdouts.iter().any(|gate| gate.has(gate.seed.slot(unit))) {
            return Some(Reason::HeldOut);
        }
        let is_out = |gate: &LayerGate| !gate.has(gate.seed.slot(unit));
        self.layer.as_ref().is_some_and(is_out).then_some(Reason::OtherLayerRange)
    }

    /// What the unit alone refuses, whatever else is known of the user.
    pub(super) fn refuse_unit(&self, unit: &str) -> Option<Reason> {
        self.refuse_place(unit).or_else(|| self.refuse_slot(unit))
    }
}
