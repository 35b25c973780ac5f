//! Users counted once, as a reader gets them.

use serde::Serialize;

use crate::model::timestamp::Timestamp;

/// Users of an experiment, each counted once, by variant, at the moment it was asked for.
///
/// Where users are more than the ledger has room for, it keeps one in so many of them, drawn by a hash
/// of their own, and these counts are of those that are kept: an unbiased sample, of which rates and
/// tests hold as they are. A total is the count times [`one_in`](UserCounts::one_in), with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCounts {
    pub(crate) variants: Vec<VariantUsers>,
    pub(crate) sampled_bits: u32,
    pub(crate) since: Timestamp,
}

impl UserCounts {
    /// One for each variant, in the variants' order.
    #[must_use]
    pub fn variants(&self) -> &[VariantUsers] {
        &self.variants
    }

    /// One user in so many is kept: a power of two, and 1 where all of them are.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        1_u64.checked_shl(self.sampled_bits).unwrap_or(u64::MAX)
    }

    /// When the ledger was begun. Who came before is in it only if they came again.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }
}

/// The users of one variant that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariantUsers {
    /// The variant's key.
    pub variant: String,
    /// Since the ledger was begun, restarts included.
    pub ever: UserCount,
    /// Since the experiment was last started.
    pub since_start: UserCount,
}

/// Users who were exposed, and what became of them. Each is in once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct UserCount {
    /// Users who were exposed.
    pub exposed: u64,
    /// Those of the exposed who converted.
    pub converted: u64,
    /// Users who converted without having been exposed: counted apart, and in no rate.
    pub converted_unexposed: u64,
}
