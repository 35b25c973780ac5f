//! How much has to be counted before a comparison says anything.

use super::observations::Observed;

/// What each of the two variants of a comparison needs before the comparison says anything.
///
/// It guards what is only asymptotic. A variant in which nothing varies yet has a variance of 0; beside a
/// variant with most of the users, an interval from that variance is far too narrow, and its error rate
/// many times its level (at 0.3 % and 99 : 1, most experiments without a difference are then "worse").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minimum {
    pub(super) exposed: u64,
    /// As many have to have converted, and as many not.
    pub(super) converted: u64,
}

impl Minimum {
    /// How many are missing of the three: 0 where the minimum is met.
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
