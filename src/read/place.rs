//! Positions on a snapshot.

use std::num::NonZeroU32;

/// The place of a compiled flag on every snapshot of an engine that is new enough to have it. It
/// belongs to a flag, or to a flag in one environment, forever, so that handles can keep it.
///
/// Never 0: that place holds the answer for a flag that is not found, so that `None` needs no
/// branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(NonZeroU32);

impl SlotId {
    /// The slot of this number, from 1. More slots than 32 bits count do not fit into memory.
    pub(crate) fn new(number: usize) -> SlotId {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        SlotId(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    /// The index on a snapshot; 0 for `None`.
    #[inline]
    pub(crate) fn index(slot: Option<SlotId>) -> usize {
        slot.map_or(0, |slot| slot.0.get() as usize)
    }
}

/// An environment, numbered in the order in which the engine came to know it. The number belongs to
/// the name forever, so that a bound environment can keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EnvironmentId(u32);

impl EnvironmentId {
    /// An environment that no index has: no flag has an experiment in it.
    pub(crate) const UNKNOWN: EnvironmentId = EnvironmentId(u32::MAX);

    /// More than 32 bits of them do not fit into memory.
    pub(crate) fn new(number: usize) -> EnvironmentId {
        EnvironmentId(u32::try_from(number).unwrap_or(u32::MAX))
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A variant, by its position among those that a compiled flag can answer; or
/// [`NONE`](VariantPosition::NONE), for the default value.
///
/// A number and not an `Option`, so that it stays in a register, and one comparison finds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VariantPosition(u32);

impl VariantPosition {
    /// No list of variants is as long as this.
    pub(crate) const NONE: VariantPosition = VariantPosition(u32::MAX);
    /// As [`NONE`](VariantPosition::NONE), where an exposure is to be counted with the answer.
    pub(super) const TO_COUNT: VariantPosition = VariantPosition(u32::MAX - 1);

    #[inline]
    pub(crate) fn new(position: usize) -> VariantPosition {
        u32::try_from(position).map_or(VariantPosition::NONE, VariantPosition)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

impl From<u8> for VariantPosition {
    #[inline]
    fn from(position: u8) -> VariantPosition {
        VariantPosition(position.into())
    }
}

/// A variant, by the positions of its experiment in the flag and of itself in the experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VariantPlace {
    pub(crate) experiment: usize,
    pub(crate) variant: usize,
}
