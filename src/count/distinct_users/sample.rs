//! What the users of a run did, by variant.

use std::sync::Arc;

use super::activity::{Activities, EXPOSED, GoalPlace};
use super::{DistinctUsers, Scope, Tables, rank};
use crate::assign::allocation::Allocation;
use crate::assign::bucket::Bucket;
use crate::count::users::{GoalUsers, UserCount};

/// The users that are kept of a run, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) scope: Scope,
    /// One in 2 to the power of this number is kept.
    pub(crate) bits: u32,
    /// In the variants' order.
    pub(crate) variants: Vec<UserCount>,
    /// For each goal that was asked for, in the variants' order.
    pub(crate) goals: Vec<Vec<GoalUsers>>,
    /// Where the users are found.
    users: Arc<Tables>,
}

impl Sample {
    /// Whether it has this user, as exposed.
    pub(super) fn has_exposed(&self, hash: u64) -> bool {
        let table = &self.users.current;
        (self.bits <= table.head.bits || rank(hash) >= self.bits)
            && table.known(hash) & EXPOSED != 0
    }
}

impl DistinctUsers<Activities> {
    /// The sampled users of each variant of the current run.
    ///
    /// A user whose event was recorded before is counted, once: users stay where they are found
    /// here, even if they begin to move. `goals` are those of which the users who reached them are
    /// counted too. The sample has no more than one user in 2 to the power of `bits`.
    pub(crate) fn counts(
        &self,
        allocation: &Allocation,
        variants: u32,
        goals: &[GoalPlace],
        bits: u32,
    ) -> Sample {
        let tables = self.settled();
        self.free_now();
        let mut counts = vec![UserCount::default(); variants as usize];
        let mut of_goals = vec![vec![GoalUsers::default(); variants as usize]; goals.len()];
        let of_table = tables.current.head.bits;
        let is_kept = |hash: u64| bits <= of_table || rank(hash) >= bits;
        for (hash, activity) in tables.current.all().filter(|(hash, _)| is_kept(*hash)) {
            let variant = allocation.variant(Bucket::from_hash(hash));
            if let Some(count) = counts.get_mut(variant) {
                count.add(activity);
            }
            for (goal, place) in of_goals.iter_mut().zip(goals) {
                if let Some(count) = goal.get_mut(variant) {
                    count.add(activity, *place);
                }
            }
        }
        let (scope, bits) = (tables.scope, bits.max(of_table));
        Sample { scope, bits, variants: counts, goals: of_goals, users: tables }
    }
}
