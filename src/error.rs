//! What can go wrong: a small type for each operation, and [`Error`], the sum of them.
//!
//! A method returns the small type, which can be matched on; a function that does several things
//! returns [`Error`], and `?` converts. ([`DeltaError`], which carries the caller's own error, and
//! [`AllocationError`] do not convert.)
//!
//! ```
//! use fairsplit::{Engine, Error, NewFlag};
//!
//! fn service(document: &str) -> Result<(), Error> {
//!     let engine = Engine::from_json(document)?; // LoadError
//!     engine.create_flag(NewFlag::new("hero-banner", "old"))?; // ControlError
//!     let production = engine.environment("production")?; // ValidationError
//!     let _banner = production.flag("hero-banner");
//!     Ok(())
//! }
//! assert_eq!(service("{").unwrap_err().to_string(), "invalid JSON at line 1, column 1: EOF while parsing an object");
//! ```

use thiserror::Error as ThisError;

pub use crate::assign::allocation::AllocationError;
pub use crate::count::deltas::DeltaError;
#[cfg(feature = "durable")]
#[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
pub use crate::durable::OpenError;
pub use crate::engine::applying::options::ApplyError;
pub use crate::model::error::{CommitError, ControlError, FileError, LoadError, SyntaxError};
pub use crate::model::faults::ValidationError;
pub use crate::model::status::{Transition, TransitionError};
pub use crate::read::value::{DeserializeError, MismatchError};
#[cfg(feature = "results")]
#[cfg_attr(docsrs, doc(cfg(feature = "results")))]
pub use crate::results::means::MeansError;
#[cfg(feature = "results")]
#[cfg_attr(docsrs, doc(cfg(feature = "results")))]
pub use crate::results::{AnalysisError, ConfidenceError, PlanError, ProportionError};
#[cfg(feature = "watch")]
#[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
pub use crate::watch::WatchError;

/// Any error of an engine: the sum of the errors of its methods, each of which converts into it.
/// Displays as the error that it contains.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A change of flags or experiments was refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A name or a definition is not valid.
    #[error(transparent)]
    Validation(#[from] ValidationError),
    /// A document was refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A document was not applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A change could not be committed, or the list of changes could not be read.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value does not have the requested type.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
    /// A value could not be deserialized.
    #[error(transparent)]
    Deserialize(#[from] DeserializeError),
    /// A directory could not be opened.
    #[cfg(feature = "durable")]
    #[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file could not be followed.
    #[cfg(feature = "watch")]
    #[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// An analysis does not fit the experiment.
    #[cfg(feature = "results")]
    #[cfg_attr(docsrs, doc(cfg(feature = "results")))]
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// A plan for an experiment is not possible.
    #[cfg(feature = "results")]
    #[cfg_attr(docsrs, doc(cfg(feature = "results")))]
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A confidence is out of range.
    #[cfg(feature = "results")]
    #[cfg_attr(docsrs, doc(cfg(feature = "results")))]
    #[error(transparent)]
    Confidence(#[from] ConfidenceError),
    /// Two counts have no rate.
    #[cfg(feature = "results")]
    #[cfg_attr(docsrs, doc(cfg(feature = "results")))]
    #[error(transparent)]
    Proportion(#[from] ProportionError),
    /// A value, a sum of values, a cap or a margin is out of range.
    #[cfg(feature = "results")]
    #[cfg_attr(docsrs, doc(cfg(feature = "results")))]
    #[error(transparent)]
    Means(#[from] MeansError),
}
