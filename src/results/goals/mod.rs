//! The goals of an experiment, as its results have them.

mod compared;
mod means_table;
mod observed;
pub(super) mod table;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(super) use self::observed::ObservedGoal;
use super::comparison::Finding;
use super::confidence::Interval;
use super::means::{Capped, GuardrailStatus, Lacking, VariantMean};
use super::measure::Measure;
use super::sequential::AlwaysValid;
use crate::count::goal_counts::GoalCount;
use crate::model::goal::of_experiment::{Better, Role};
use crate::model::timestamp::Timestamp;

/// A goal of an experiment: what was counted in each variant, and, except for the primary one, the
/// variants compared: by what each user amounts to where the goal has values and the sums of users
/// are known, else by the share of users who reached it. The comparisons of the primary goal are
/// [those of the results](super::Results::comparisons).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GoalResult {
    /// The goal's key.
    pub key: String,
    /// What it is to the experiment.
    pub role: Role,
    /// In which direction it is meant.
    pub better: Better,
    /// What the variants are compared by.
    pub measure: Measure,
    /// How much worse a guardrail may be, as a part of the control's share or mean.
    pub margin: Option<f64>,
    /// From when on the experiment has had it, or its values are summed, if that is later: where
    /// the sums of a run were lost. What was before is missing, in all variants alike: that makes a
    /// difference smaller, and finds none where there is none. Of a goal that came back, what was
    /// counted before it was left out is there.
    pub since: Option<Timestamp>,
    /// The unit of its values. Absent if it has none, and in an analysis of counts alone.
    pub unit: Option<String>,
    /// How many decimals its values have: a sum of 14970 with two is 149.70.
    pub decimals: u8,
    /// The most that one user counts for, in minor units. Absent if there is no cap, and where
    /// shares are compared.
    pub cap: Option<i64>,
    /// What the cap took in all variants together. Absent where it is not known.
    pub capped: Option<CappedUsers>,
    /// Every variant, in the experiment's order.
    pub variants: Vec<GoalVariantResult>,
    /// Every other variant above 0 % compared with the control, where users are counted.
    pub comparisons: Vec<GoalComparison>,
}

/// What was counted for a goal in one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GoalVariantResult {
    /// The variant's key.
    pub key: String,
    /// How many were exposed.
    pub exposed: u64,
    /// How many of these reached the goal, each counted once. Absent where users are not counted, and
    /// of means from elsewhere.
    pub reached: Option<u64>,
    /// Users who reached it without an exposure; no share includes them.
    pub reached_unexposed: Option<u64>,
    /// The users who reached it as a share of the exposed, 0 to 1. Absent without exposed users.
    pub share: Option<f64>,
    /// The Wilson interval of the share, for this variant by itself; do not compare variants by it.
    pub interval: Option<Interval>,
    /// What its exposed users amount to after the cap, in minor units: mean, sum, deviation, and
    /// whether enough users carry the sum. Absent where shares are compared. Beside several
    /// treatments, the control needs what the comparison that asks for most needs.
    pub values: Option<VariantMean>,
    /// What the cap took. Absent where it is not known.
    pub capped: Option<CappedUsers>,
    /// Its events, and the sums of their values in minor units, over the period of the results: of
    /// all users, where a sample of them is kept. Absent in an analysis of counts alone.
    pub counted: Option<GoalCount>,
}

/// What a cap took from users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CappedUsers {
    /// How many users have more than the cap.
    pub users: u64,
    /// What it took as a share of the sum of all users, 0 to 1; of values below 0 as well, their
    /// sizes count. Absent if all are 0.
    pub share: Option<f64>,
}

/// A variant compared with the control by a goal's [measure](GoalResult::measure): by means, or by
/// the share of users as a mean of ones and zeros. Only figures that are valid at every look. Those
/// of shares are shares of 1, and those of means are in minor units for each user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GoalComparison {
    /// The variant's key.
    pub variant: String,
    /// Its share or mean less the control's.
    pub difference: Option<f64>,
    /// The difference as a share of the control's share or mean. Absent unless that is above 0.
    pub lift: Option<f64>,
    /// Where the difference is. The intervals of all secondary goals and treatments hold together,
    /// and so do those of all guardrails and treatments, by Bonferroni.
    pub always_valid: Option<AlwaysValid>,
    /// What that interval has shown.
    pub finding: Finding,
    /// Of a guardrail: by how much the share or mean is better than the margin allows. It is kept once the
    /// interval is above 0. Not adjusted for several guardrails: to ship, all have to be kept.
    pub margin_left: Option<AlwaysValid>,
    /// Of a guardrail: whether it is kept, harmed or open.
    pub status: Option<GuardrailStatus>,
    /// Why there are no intervals.
    pub lacking: Option<Lacking>,
}

impl CappedUsers {
    fn of(capped: Capped) -> CappedUsers {
        CappedUsers { users: capped.users(), share: capped.share() }
    }
}

impl GoalResult {
    /// What the users of this variant amount to.
    pub(super) fn values_of(&self, variant: &str) -> Option<VariantMean> {
        self.variants.iter().find(|one| one.key == variant)?.values
    }

    /// What a guardrail has shown of this variant.
    pub(super) fn status_of(&self, variant: &str) -> Option<GuardrailStatus> {
        self.comparisons.iter().find(|one| one.variant == variant)?.status
    }
}
