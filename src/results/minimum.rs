//! What has to be counted before a comparison is made.

use super::observations::Observed;

/// What each of the two variants of a comparison needs before the comparison is made.
///
/// It guards what holds only asymptotically. A variant in which nothing varies yet has a variance
/// of 0. Compared with a variant that has most of the users, its interval is far too narrow, and
/// the error rate many times the level: at a rate of 0.3 % and 99 : 1, most experiments without a
/// difference are found "worse".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minimum {
    pub(super) exposed: u64,
    /// At least this number has to have converted, and at least this number not.
    pub(super) converted: u64,
}

impl Minimum {
    /// How many units are missing, over the three numbers; 0 if the variant has the minimum.
    pub(super) fn lacking(self, variant: &Observed) -> u64 {
        let not_converted = variant.exposed.saturating_sub(variant.converted);
        [
            (self.exposed, variant.exposed),
            (self.converted, variant.converted),
            (self.converted, not_converted),
        ]
        .into_iter()
        .map(|(needed, counted)| needed.saturating_sub(counted))
        .fold(0, u64::saturating_add)
    }

    pub(super) fn is_met_by(self, variant: &Observed) -> bool {
        self.lacking(variant) == 0
    }
}
