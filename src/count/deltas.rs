//! Counts that leave the engine: what has been added since they left the last time.

use serde::Serialize;

use crate::count::counts::Count;
use crate::model::id::ExperimentId;

/// What has been counted for one variant since the last drain: see [`Engine::drain`](crate::Engine::drain).
///
/// # Examples
///
/// A receiver that may be told something twice keeps how far it has got, and adds what is beyond:
///
/// ```
/// use fairsplit::{Drained, Engine};
///
/// let (engine, mut total) = (Engine::new(), 0);
/// let mut receive = |drained: &Drained| total = total.max(drained.to.conversions);
/// engine.drain(|counts| {
///     counts.iter().for_each(&mut receive);
///     Ok::<(), std::convert::Infallible>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drained {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The variant's key.
    pub variant: String,
    /// The count "ever" up to which earlier drains have told; at the first one, where this engine began to
    /// count.
    pub from: Count,
    /// The count "ever" up to which this one tells. The next begins there.
    pub to: Count,
}

impl Drained {
    /// What has been added.
    #[must_use]
    pub fn added(&self) -> Count {
        self.to.since(self.from)
    }
}

/// Why nothing was drained. The next drain has it all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError<E> {
    /// Another drain of this engine has not come to its end.
    #[error("another drain is under way")]
    UnderWay,
    /// Whoever was to take the counts has not.
    #[error("the counts were not taken: {0}")]
    NotTaken(E),
}
