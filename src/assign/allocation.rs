//! Assignment v1, second half: the table from bucket to variant.

use std::ops::Range;

use crate::assign::bucket::Bucket;

const BUCKETS: usize = Bucket::COUNT as usize;

/// The most variants that an experiment can have: one for each bucket.
pub const MAX_VARIANTS: usize = BUCKETS;

/// How the buckets are allocated to variants: each variant owns one bucket per percent, side by
/// side, in the order of the percentages.
///
/// A pure function of the percentages. A variant of 0 % owns no bucket and is never assigned.
/// Variants are identified by their position. 100 bytes, no heap allocation.
///
/// # Examples
///
/// ```
/// use fairsplit::assign::{Allocation, Bucket};
///
/// let allocation = Allocation::new(&[90, 0, 10])?;
/// assert_eq!(allocation.variant(Bucket::from_hash(0)), 0);
/// assert_eq!(allocation.variant(Bucket::from_hash(u64::MAX)), 2);
/// assert_eq!(allocation.buckets(0), 0..90);
/// assert_eq!(allocation.buckets(2), 90..100);
/// # Ok::<(), fairsplit::assign::AllocationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Allocation {
    /// The variant of each bucket.
    variants: [u8; BUCKETS],
}

impl Allocation {
    /// The table for percentages that sum to 100.
    ///
    /// # Errors
    ///
    /// [`AllocationError`] if the percentages do not sum to exactly 100, or if there are more than
    /// [`MAX_VARIANTS`] of them.
    pub fn new(percentages: &[u8]) -> Result<Allocation, AllocationError> {
        if percentages.len() > MAX_VARIANTS {
            return Err(AllocationError::TooManyVariants { found: percentages.len() });
        }
        let sum = percentages.iter().map(|&percentage| u32::from(percentage)).sum();
        if sum != u32::from(Bucket::COUNT) {
            return Err(AllocationError::Sum { found: sum });
        }
        Ok(Allocation::of(percentages.iter().copied()))
    }

    /// The allocation by percentages that are known to sum to 100.
    pub(crate) fn of(percentages: impl Iterator<Item = u8>) -> Allocation {
        let mut variants = [0; BUCKETS];
        let owners = (0u8..).zip(percentages).flat_map(|(variant, percentage)| {
            std::iter::repeat_n(variant, usize::from(percentage))
        });
        for (bucket, owner) in variants.iter_mut().zip(owners) {
            *bucket = owner;
        }
        Allocation { variants }
    }

    /// The position of the variant that owns a bucket. Cost: one table look-up.
    #[inline]
    #[must_use]
    pub fn variant(&self, bucket: Bucket) -> usize {
        usize::from(self.position(bucket))
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a bucket is below 100, the length of the table")]
    pub(crate) fn position(&self, bucket: Bucket) -> u8 {
        self.variants[usize::from(bucket.index())]
    }

    /// The buckets that a variant owns; empty for a variant of 0 % and for a position without a
    /// variant.
    #[must_use]
    pub fn buckets(&self, variant: usize) -> Range<u8> {
        let owned = |&(_, &owner): &(u8, &u8)| usize::from(owner) == variant;
        let mut owned = (0u8..).zip(&self.variants).filter(owned).map(|(bucket, _)| bucket);
        match owned.next() {
            None => 0..0,
            Some(first) => first..owned.last().unwrap_or(first).saturating_add(1),
        }
    }
}

/// Why percentages do not make an [`Allocation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllocationError {
    /// The percentages do not sum to 100.
    #[error("percentages must sum to 100, found {found}")]
    Sum {
        /// Their sum.
        found: u32,
    },
    /// There are more than [`MAX_VARIANTS`] percentages.
    #[error("an allocation has at most {MAX_VARIANTS} variants, found {found}")]
    TooManyVariants {
        /// How many there are.
        found: usize,
    },
}
