//! Counts as words of a block.

use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;

/// A count of a variant that a block has as some words.
pub(super) trait Sums: Copy + Default {
    fn words(self) -> impl Iterator<Item = u64>;

    /// `None` for a number of words that is not its own.
    fn of(words: &[u64]) -> Option<Self>;
}

impl Sums for Count {
    fn words(self) -> impl Iterator<Item = u64> {
        [self.exposures, self.conversions].into_iter()
    }

    fn of(words: &[u64]) -> Option<Count> {
        match words {
            [exposures, conversions] => {
                Some(Count { exposures: *exposures, conversions: *conversions })
            }
            _ => None,
        }
    }
}

impl Sums for GoalCount {
    fn words(self) -> impl Iterator<Item = u64> {
        [self.events, self.gained, self.lost].into_iter()
    }

    fn of(words: &[u64]) -> Option<GoalCount> {
        match words {
            [events, gained, lost] => {
                Some(GoalCount { events: *events, gained: *gained, lost: *lost })
            }
            _ => None,
        }
    }
}

/// The words of the counts of variants.
pub(super) fn words_of<S: Sums>(counts: impl IntoIterator<Item = S>) -> Box<[u64]> {
    counts.into_iter().flat_map(Sums::words).collect()
}
