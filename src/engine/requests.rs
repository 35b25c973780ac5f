//! What needs no environment: a pinned snapshot, and a conversion for a named variant.

use super::Engine;
use crate::model::id::ExperimentId;
use crate::read::conversion::Conversion;
use crate::read::pinned::Pinned;

impl Engine {
    /// Counts a conversion for a variant that the caller names, usually as an earlier
    /// [`Evaluation::assignment`](crate::Evaluation::assignment) returned it. As always, only a
    /// running experiment counts. Without a user key this call cannot recognise a forced user, for
    /// whom `assignment` is `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Outcome, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let experiment = NewExperiment::new("Hero Banner", "production")
    ///     .variant("control", "old", 100)
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", experiment)?.id();
    ///
    /// assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::Counted);
    /// assert_eq!(engine.convert_variant(id, "contorl").outcome(), Outcome::VariantNotFound);
    /// engine.stop(id)?;
    /// assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::NotRunning);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[inline]
    #[expect(clippy::must_use_candidate, reason = "it records; the outcome is there to be read")]
    pub fn convert_variant(&self, experiment: ExperimentId, variant: &str) -> Conversion {
        Conversion::named(self.current.pin(), experiment, variant)
    }

    /// Pins the current snapshot: all flags and experiments, as one version.
    #[inline]
    #[must_use]
    pub fn snapshot(&self) -> Pinned {
        self.current.pin()
    }
}
