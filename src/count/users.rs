//! Users, each counted once, as they are read.

use std::sync::Arc;

use serde::Serialize;

use crate::model::goal::definition::Goal;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

/// The users of one run of an experiment, each counted once, by variant, at one moment.
///
/// Beyond its capacity a set of users is downsampled to one in 2, 4, 8 and so on, drawn by a
/// separate hash. These counts are of the sample, which is unbiased: rates and tests hold on it
/// unchanged. Multiply a count by [`one_in`](UserCounts::one_in) to estimate the total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCounts {
    pub(crate) experiment: ExperimentId,
    pub(crate) run: u32,
    pub(crate) variants: Vec<VariantUsers>,
    pub(crate) goals: Vec<UsersOfGoal>,
    pub(crate) sampled_bits: u32,
    pub(crate) since: Timestamp,
    pub(crate) is_since_start: bool,
}

impl UserCounts {
    /// The experiment that they are of.
    #[must_use]
    pub fn experiment(&self) -> ExperimentId {
        self.experiment
    }

    /// The number of the run, as [`Counts::run`](crate::Counts::run) has it.
    #[must_use]
    pub fn run(&self) -> u32 {
        self.run
    }

    /// One for each variant, in the variants' order.
    #[must_use]
    pub fn variants(&self) -> &[VariantUsers] {
        &self.variants
    }

    /// One for each goal that the experiment has, or has had since its first start, in the order in
    /// which it got them.
    #[must_use]
    pub fn goals(&self) -> &[UsersOfGoal] {
        &self.goals
    }

    /// The sample has one user in this number: a power of two, and 1 if it has all users.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        1_u64.checked_shl(self.sampled_bits).unwrap_or(u64::MAX)
    }

    /// Since when users are counted: since the run began, or later.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether users are counted since the run began. If not, a user from before is counted on the
    /// next event, and a user that was exposed before and converts after counts as unexposed.
    #[must_use]
    pub fn is_since_start(&self) -> bool {
        self.is_since_start
    }
}

/// The users of one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariantUsers {
    /// The variant's key.
    pub key: String,
    /// Its users.
    pub count: UserCount,
}

/// The users who reached one goal of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsersOfGoal {
    /// The goal's key.
    pub goal: String,
    /// One for each variant, in the variants' order.
    pub variants: Vec<GoalUsers>,
    /// Of a goal with values: what `sums` are in.
    #[serde(skip)]
    pub(crate) unit: Option<GoalUnit>,
    /// Of a goal with values: for each variant, the sum of each exposed user who reached it, in
    /// minor units, in ascending order.
    #[serde(skip)]
    pub(crate) sums: Option<Arc<[Vec<i64>]>>,
    /// Since when its values are summed, if they are.
    #[serde(skip)]
    pub(crate) summed_since: Option<Timestamp>,
}

impl UsersOfGoal {
    /// Of a goal with values: the sum of each exposed user of a variant who has one, in minor units
    /// and in ascending order; the variant by its place. The others of the exposed have 0. `None`
    /// for a goal without values, and for one that came after the run had ended.
    ///
    /// A sum stays at 2^53, or at -2^53, rather than pass it.
    #[must_use]
    pub fn sums(&self, variant: usize) -> Option<&[i64]> {
        Some(self.sums.as_ref()?.get(variant)?)
    }
}

/// What the sums of a goal are in: minor units of this unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GoalUnit {
    pub(crate) name: String,
    pub(crate) decimals: u8,
}

impl GoalUnit {
    /// `None` if the goal has no values.
    pub(crate) fn of(goal: &Goal) -> Option<GoalUnit> {
        Some(GoalUnit { name: goal.unit()?.to_owned(), decimals: goal.decimals() })
    }
}

/// Users who reached a goal, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct GoalUsers {
    /// Those of the exposed who reached it after it.
    pub reached: u64,
    /// Users who reached it without an exposure: counted separately, and in no rate.
    pub unexposed: u64,
}

/// Users who were exposed, and users who converted, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct UserCount {
    /// Users who were exposed.
    pub exposed: u64,
    /// Those of the exposed who converted after it.
    pub converted: u64,
    /// Users who converted without an exposure: counted separately, and in no rate.
    pub converted_unexposed: u64,
}
