//! What was counted for a goal of an experiment, as it is read.

use serde::Serialize;

use crate::model::id::ExperimentId;

/// What was counted for one goal in one variant: events, not users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct GoalCount {
    /// How often the goal was reached.
    pub events: u64,
    /// The sum of the values above 0, in the goal's minor units: cents, if it has two decimals.
    pub gained: u64,
    /// The sum of the values below 0, without its sign, in minor units.
    pub lost: u64,
}

impl GoalCount {
    /// The increase since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: GoalCount) -> GoalCount {
        GoalCount {
            events: self.events.saturating_sub(earlier.events),
            gained: self.gained.saturating_sub(earlier.gained),
            lost: self.lost.saturating_sub(earlier.lost),
        }
    }

    /// What was gained less what was lost, in minor units.
    #[must_use]
    pub fn sum(self) -> i128 {
        i128::from(self.gained).saturating_sub(i128::from(self.lost))
    }

    /// The smaller of each.
    pub(crate) fn at_most(self, other: GoalCount) -> GoalCount {
        GoalCount {
            events: self.events.min(other.events),
            gained: self.gained.min(other.gained),
            lost: self.lost.min(other.lost),
        }
    }

    /// The larger of each.
    pub(crate) fn at_least(self, other: GoalCount) -> GoalCount {
        GoalCount {
            events: self.events.max(other.events),
            gained: self.gained.max(other.gained),
            lost: self.lost.max(other.lost),
        }
    }

    pub(crate) fn plus(self, other: GoalCount) -> GoalCount {
        GoalCount {
            events: self.events.saturating_add(other.events),
            gained: self.gained.saturating_add(other.gained),
            lost: self.lost.saturating_add(other.lost),
        }
    }
}

/// What was counted for one goal of an experiment, by variant, at the moment of the call. A reader
/// may assume what it may of [`Counts`](crate::Counts).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GoalCounts {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The goal's key.
    pub goal: String,
    /// One for each variant, in the variants' order.
    pub variants: Vec<GoalVariant>,
}

/// What was counted for one goal in one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GoalVariant {
    /// The variant's key.
    pub key: String,
    /// Since the goal was first counted, restarts included.
    pub ever: GoalCount,
    /// Since the experiment was last started.
    pub since_start: GoalCount,
}
