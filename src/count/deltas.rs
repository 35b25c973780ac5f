//! Deltas: what was added to the counts since they were last handed over.

use serde::Serialize;

use crate::count::counts::Count;
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
    /// The number of the [run](crate::Counts::run) that it was counted in.
    pub run: u32,
    /// The count "ever" at which the previous delta ended; for the first, at which this engine
    /// began to count.
    pub from: Count,
    /// The count "ever" at which this delta ends, and the next begins.
    pub to: Count,
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
