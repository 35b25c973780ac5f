//! Deltas: what was added to the counts since they were last handed over.

use serde::Serialize;

use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::model::id::ExperimentId;

/// What was counted for one variant since the previous deltas: see
/// [`Engine::with_deltas`](crate::Engine::with_deltas).
///
/// # Examples
///
/// A receiver that may get a delta twice keeps the total that it has recorded:
///
/// ```
/// use fairsplit::Engine;
/// use fairsplit::counts::Delta;
///
/// let (engine, mut total) = (Engine::new(), 0);
/// let mut receive = |delta: &Delta| total = total.max(delta.to.conversions);
/// engine.with_deltas(|deltas| {
///     deltas.iter().for_each(&mut receive);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Delta {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The variant's key.
    pub variant: String,
    /// The place of the variant in the experiment, from 0.
    pub position: usize,
    /// The number of the [run](crate::Counts::run) that it was counted in.
    pub run: u32,
    /// The count "ever" at which the previous delta ended; for the first, at which this engine
    /// began to count.
    pub from: Count,
    /// The count "ever" at which this delta ends, and the next begins.
    pub to: Count,
    /// What was added to each goal whose counts have grown, in the order in which the experiment
    /// got them; empty for most. Where nothing else has grown, `from` and `to` are equal.
    pub goals: Vec<GoalDelta>,
}

/// What was counted for a goal in a variant since the previous deltas: a part of a [`Delta`].
///
/// Events of the primary goal are the experiment's conversions, and are in both. Of a goal, what was
/// counted before the last start, and not handed over by then, is in the run before that start, also
/// if it was counted in an earlier one; only the events of the primary goal are in the run that they
/// were counted in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GoalDelta {
    /// The goal's key.
    pub goal: String,
    /// The count "ever" at which the goal's previous delta ended; for the first, at which this
    /// engine began to count it.
    pub from: GoalCount,
    /// The count "ever" at which this delta ends, and the next begins.
    pub to: GoalCount,
}

impl GoalDelta {
    /// The difference: what this delta adds.
    #[must_use]
    pub fn added(&self) -> GoalCount {
        self.to.since(self.from)
    }
}

impl Delta {
    /// The difference: what this delta adds.
    #[must_use]
    pub fn added(&self) -> Count {
        self.to.since(self.from)
    }
}

/// Why no deltas were handed over. The next call hands over everything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaError<E> {
    /// Another call on this engine has not returned yet.
    #[error("deltas are already being handed over")]
    UnderWay,
    /// The caller's function returned this error.
    #[error("the deltas were refused: {0}")]
    Refused(E),
}
