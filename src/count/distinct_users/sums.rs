//! The sum of a user's values, in one word.

use super::DistinctUsers;
use super::kept::Kept;
use super::sample::Sample;
use crate::assign::allocation::Allocation;
use crate::assign::bucket::Bucket;
use crate::model::goal::amount::MAX_UNITS;
use crate::model::timestamp::Timestamp;

/// A table has for each user the sum of the values of one goal.
#[derive(Debug)]
pub(crate) enum Sums {}

/// The word of the sum 0: above the size of the largest sum, so that a user with a sum has a word
/// that is not 0.
const ZERO: i64 = 1 << 54;

impl Kept for Sums {
    type Event = i64;

    /// A sum stays at the largest number to either side of 0 rather than pass it.
    fn after(word: u64, value: i64) -> u64 {
        let sum = if word == 0 { 0 } else { sum_of(word) };
        let sum = sum.saturating_add(value).clamp(MAX_UNITS.saturating_neg(), MAX_UNITS);
        sum.wrapping_add(ZERO).cast_unsigned()
    }

    /// Whatever comes first to a slot has the sum of the table before in it.
    fn with_earlier(word: u64, before: u64) -> u64 {
        if word == 0 { before } else { word }
    }
}

/// The sum that a word has; of a word that no sum has, the nearest one.
fn sum_of(word: u64) -> i64 {
    let sum = word.cast_signed().saturating_sub(ZERO);
    sum.clamp(MAX_UNITS.saturating_neg(), MAX_UNITS)
}

/// The sums of the users that are kept of a run, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct SumsOfUsers {
    /// One user in 2 to the power of this number is kept.
    pub(crate) bits: u32,
    /// Since when values are summed.
    pub(crate) since: Timestamp,
    /// By the hashes of the users.
    pub(crate) sums: Vec<(u64, i64)>,
}

impl SumsOfUsers {
    /// The sums of the exposed users of a sample, by variant, in ascending order. A loss of power
    /// may have left the sum of a user, and not the user.
    pub(crate) fn by_variant(
        &self,
        allocation: &Allocation,
        variants: u32,
        sample: &Sample,
    ) -> Vec<Vec<i64>> {
        let mut all = vec![Vec::new(); variants as usize];
        for (hash, sum) in self.sums.iter().filter(|(hash, _)| sample.has_exposed(*hash)) {
            if let Some(sums) = all.get_mut(allocation.variant(Bucket::from_hash(*hash))) {
                sums.push(*sum);
            }
        }
        for sums in &mut all {
            sums.sort_unstable();
        }
        all
    }
}

impl DistinctUsers<Sums> {
    /// Adds a value of the user with this hash, in minor units.
    #[inline]
    pub(crate) fn add(&self, user: u64, value: i64) {
        self.record_as(user, value, |_, _| ());
    }

    /// The sums of all users that are kept.
    pub(crate) fn read(&self) -> SumsOfUsers {
        let tables = self.settled();
        self.free_now();
        let users = tables.current.all().map(|(hash, word)| (hash, sum_of(word)));
        let (bits, since) = (tables.current.head.bits, tables.scope.since);
        SumsOfUsers { bits, since, sums: users.collect() }
    }
}
