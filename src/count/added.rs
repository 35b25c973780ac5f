//! What was added to the counts between two readings of one reader.

use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::model::id::ExperimentId;

/// What an engine has counted between two readings of a
/// [`DeltaReader`](crate::counts::DeltaReader). Counts that have not grown are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// Exposures and conversions.
    pub variants: Vec<AddedToVariant>,
    /// What was counted for goals. Events of a primary goal are conversions as well, and in both.
    pub goals: Vec<AddedToGoal>,
}

/// Exposures and conversions of one variant in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddedToVariant {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The number of the [run](crate::Counts::run).
    pub run: u32,
    /// The position of the variant, from 0.
    pub variant: usize,
    /// What was added.
    pub count: Count,
}

/// Events and values of one goal in one variant and one run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddedToGoal {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The goal's key.
    pub goal: String,
    /// The number of the [run](crate::Counts::run). Of several starts between two readings, only
    /// the last divides what was counted.
    pub run: u32,
    /// The position of the variant, from 0.
    pub variant: usize,
    /// What was added.
    pub count: GoalCount,
}
