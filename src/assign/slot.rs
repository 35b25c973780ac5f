//! Further decisions about the same user: who is covered, held out, in a range of a layer, or
//! picked by a rule. Each has a seed of its own, so that it is independent of assignment v1, and of
//! every other one.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What a slot decides, beside assignment v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gate {
    /// Which part of its users an experiment covers; by the experiment's id.
    Coverage,
    /// Which experiment of a layer a user can be in; by the layer's id.
    Layer,
    /// Who is held out of experiments; by the holdout's id.
    Holdout,
    /// Whom a rule with a percentage picks; by the rule's id.
    Rule,
}

impl Gate {
    /// The word that makes the seeds of this kind: `coverage`, `layer`, `holdout` or `rule`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Gate::Coverage => "coverage",
            Gate::Layer => "layer",
            Gate::Holdout => "holdout",
            Gate::Rule => "rule",
        }
    }
}

/// What makes one gate independent of every other: the XXH3 of its kind and an id.
///
/// # Examples
///
/// ```
/// use fairsplit::assign::{Gate, GateSeed};
///
/// let id = *b"\xcd\x61\x3e\x30\xd8\xf1\x4a\xdf\x91\xb7\x58\x4a\x22\x65\xb1\xf5";
/// let seed = GateSeed::new(Gate::Coverage, id);
/// assert_eq!(seed.value(), 0x3e17_9212_3d53_98ef);
/// assert_eq!(seed.slot("user-511554").index(), 99_496);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GateSeed(u64);

impl GateSeed {
    /// The seed of a gate: `XXH3_64bits(kind, 0x00, id)`, of the kind's word in ASCII, one zero
    /// byte, and the id's 16 bytes in the order in which its text form writes them. No seed of
    /// assignment v1 is of an input of that length.
    #[must_use]
    pub fn new(gate: Gate, id: [u8; 16]) -> GateSeed {
        let mut input = Vec::with_capacity(32);
        input.extend_from_slice(gate.as_str().as_bytes());
        input.push(0);
        input.extend_from_slice(&id);
        GateSeed(xxh3_64(&input))
    }

    /// The seed as a number; the published vectors write it in hexadecimal.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The slot of a unit: `XXH3_64bits_withSeed(UTF-8 of the unit, seed)`, scaled.
    ///
    /// Cost: one pass over the text, no allocation.
    #[inline]
    #[must_use]
    pub fn slot(self, unit: &str) -> Slot {
        Slot::from_hash(xxh3_64_with_seed(unit.as_bytes(), self.0))
    }
}

impl fmt::Debug for GateSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GateSeed({:016x})", self.0)
    }
}

/// Where a unit falls for one gate, 0 to 99,999: one of [`Slot::COUNT`] equal parts of the hash's
/// range, each a thousandth of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// The number of slots: one for each thousandth of a per cent.
    pub const COUNT: u32 = 100_000;

    /// `floor(hash * 100000 / 2^64)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::assign::Slot;
    ///
    /// assert_eq!(Slot::from_hash(0).index(), 0);
    /// assert_eq!(Slot::from_hash(1 << 63).index(), 50_000);
    /// assert_eq!(Slot::from_hash(u64::MAX).index(), 99_999);
    /// ```
    #[inline]
    #[must_use]
    pub const fn from_hash(hash: u64) -> Slot {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the product is below 100000 * 2^64, so what is left after the shift is below 100000"
        )]
        #[expect(
            clippy::arithmetic_side_effects,
            reason = "a 64-bit by 17-bit product cannot overflow 128 bits"
        )]
        Slot(((hash as u128 * Slot::COUNT as u128) >> 64) as u32)
    }

    /// The slot's number, 0 to 99,999.
    #[inline]
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}
