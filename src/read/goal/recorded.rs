//! What recording a goal returns.

use serde::Serialize;

use crate::model::id::ExperimentId;
use crate::read::conversion::Outcome;

/// For how many experiments an event of a goal was counted, and for how many it was not.
///
/// Experiments that do not run in the environment, or do not have the goal, are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    counted: u32,
    unexposed: u32,
    forced: u32,
    others: u32,
    refusal: Option<Refusal>,
}

/// Why nothing was recorded at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The engine has no goal of this key.
    #[error("there is no such goal")]
    GoalNotFound,
    /// The events of the goal have values, and none was given.
    #[error("the events of the goal have values, and none was given")]
    ValueNeeded,
    /// The events of the goal have no values, and one was given.
    #[error("the events of the goal have no values, and one was given")]
    WithoutValues,
    /// The value is not finite, or out of range, or below 0 for a goal whose values are not.
    #[error("the value is not finite, or out of the range of the goal")]
    ValueRefused,
}

impl Refusal {
    /// The refusal in JSON: `goal_not_found`, `value_needed`, `without_values` or `value_refused`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Refusal::GoalNotFound => "goal_not_found",
            Refusal::ValueNeeded => "value_needed",
            Refusal::WithoutValues => "without_values",
            Refusal::ValueRefused => "value_refused",
        }
    }
}

impl Recorded {
    pub(super) fn refused(refusal: Refusal) -> Recorded {
        Recorded { refusal: Some(refusal), ..Recorded::default() }
    }

    #[inline]
    pub(super) fn add(&mut self, outcome: Outcome) {
        let number = match outcome {
            Outcome::Counted => &mut self.counted,
            Outcome::NotExposed => &mut self.unexposed,
            Outcome::Forced => &mut self.forced,
            _ => &mut self.others,
        };
        *number = number.saturating_add(1);
    }

    /// Whether it was counted for an experiment.
    #[must_use]
    pub fn is_counted(self) -> bool {
        self.counted > 0
    }

    /// For how many experiments it was counted.
    #[must_use]
    pub fn counted(self) -> u32 {
        self.counted
    }

    /// For how many it was not, since their users are counted and this one had not been exposed.
    #[must_use]
    pub fn unexposed(self) -> u32 {
        self.unexposed
    }

    /// For how many it was not, since the user is forced into a variant.
    #[must_use]
    pub fn forced(self) -> u32 {
        self.forced
    }

    /// For how many it was not for another reason: the user is not in the experiment, or has an
    /// empty key, or the flag is disabled.
    #[must_use]
    pub fn others(self) -> u32 {
        self.others
    }

    /// Why nothing was recorded at all; `None` if the event was valid, also where no running
    /// experiment has the goal.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        self.refusal
    }
}

impl RecordedFor {
    /// Whether it was counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.outcome == Outcome::Counted
    }
}

/// Whether an event of a goal was counted for one experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecordedFor {
    /// The key of the experiment's flag.
    pub flag: String,
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The key of the variant that it was counted for, or that the user is forced into.
    pub variant: Option<String>,
    /// Whether it was counted, or why not.
    pub outcome: Outcome,
}
