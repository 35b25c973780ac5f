//! What a request asks of an engine, and the ways to hold a snapshot of it.

use super::Engine;
use crate::model::environment::Environment;
use crate::model::id::ExperimentId;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::handle::FlagHandle;
use crate::read::reader::Reader;
use crate::read::view::View;

impl Engine {
    /// The answer for a flag in an environment and a user; counts an exposure if it is the running
    /// experiment's variant.
    ///
    /// One arc-swap load and one hash look-up more than the same by a handle on a reader's
    /// snapshot; no lock, no allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate(&self, environment: &Environment, flag: &str, user_key: &str) -> Evaluation {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Evaluation::counting(view, slot, user_key)
    }

    /// The same answer as [`evaluate`](Engine::evaluate), and nothing is counted.
    #[inline]
    #[must_use]
    pub fn peek(&self, environment: &Environment, flag: &str, user_key: &str) -> Evaluation {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Evaluation::peeking(view, slot, user_key)
    }

    /// How the answer for a flag in an environment and a user comes about; nothing is counted.
    /// For support questions, not for every request: it allocates what it returns.
    #[must_use]
    pub fn explain(&self, environment: &Environment, flag: &str, user_key: &str) -> Explanation {
        self.current.view().explain(environment, flag, user_key)
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running in this environment. Costs what [`evaluate`](Engine::evaluate) costs.
    #[inline]
    pub fn convert(&self, environment: &Environment, flag: &str, user_key: &str) -> Conversion {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Conversion::assigned(view, slot, user_key)
    }

    /// Counts a conversion for a variant that the caller names, having carried it along from
    /// [`Evaluation::assignment`]. The same rule holds: only a running experiment counts. There is
    /// no user key here to recognise a forced user by; `assignment` is `None` for one.
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
    pub fn convert_variant(&self, experiment: ExperimentId, variant: &str) -> Conversion {
        Conversion::named(self.current.view(), experiment, variant)
    }

    /// Pins the current snapshot, for many flags on one version.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View {
        self.current.view()
    }

    /// A cached way to the current snapshot, for one thread to keep.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.current.clone())
    }

    /// Resolves a flag in an environment once, for every later call. The flag need not be there
    /// yet.
    ///
    /// For start-up, not for every request: a key that the engine does not know gets a place of its
    /// own for as long as the engine lives, in a new snapshot.
    #[must_use]
    pub fn handle(&self, environment: &Environment, flag: &str) -> FlagHandle {
        let slot = self.current.view().index().own(environment, flag).unwrap_or_else(|| {
            let mut writer = self.lock();
            let view = self.current.view();
            view.index().own(environment, flag).unwrap_or_else(|| {
                let (next, slot) = view.with_slot(environment, flag);
                writer.publish_unstored(next);
                slot
            })
        });
        let engine = self.current.view().engine();
        FlagHandle::new(self.current.clone(), engine, slot, environment.clone(), flag)
    }
}
