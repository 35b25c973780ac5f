//! An engine, bound to one environment: what a request asks.

use std::fmt;

use super::Engine;
use crate::model::environment_name::EnvironmentName;
use crate::model::faults::ValidationError;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::handle::FlagHandle;
use crate::read::place::{EnvironmentId, SlotId};
use crate::read::reader::Reader;
use crate::read::snapshot::Snapshot;
use crate::read::view::View;

/// An engine as one environment reads it: bound once, at start-up, and asked on every request.
///
/// Cheap to clone and shared by threads. It follows every change of the engine's configuration.
///
/// There are three ways to ask, with one meaning. From convenient to fast: by names, here; by a
/// [`FlagHandle`] that was resolved once, by [`flag`](Environment::flag); on a [`View`], for many
/// flags on one version, which a [`Reader`] gives almost for free.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
///
/// let production = engine.environment("production")?;
/// assert_eq!(production.evaluate("hero-banner", "user-1").str_or(""), "old");
/// assert_eq!(production.flag("hero-banner").evaluate("user-1").str_or(""), "old");
/// assert_eq!(production.view().evaluate("hero-banner", "user-1").str_or(""), "old");
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone)]
pub struct Environment {
    engine: Engine,
    id: EnvironmentId,
    name: EnvironmentName,
}

impl Engine {
    /// Binds the environment of this name: "production", "staging"; a name of the user's choosing.
    /// It need not be declared: where no experiment runs, flags answer their defaults.
    ///
    /// For start-up, not for every request: a name that the engine does not know gets a place of
    /// its own for as long as the engine lives, in a new snapshot.
    ///
    /// # Errors
    ///
    /// [`ValidationError`] if the name is blank or longer than
    /// [`MAX_NAME_LENGTH`](crate::fault::MAX_NAME_LENGTH).
    pub fn environment(&self, name: &str) -> Result<Environment, ValidationError> {
        let name = EnvironmentName::new(name)?;
        let known = |snapshot: &Snapshot| snapshot.index().environment_id(&name);
        let id = known(&self.current.pin()).unwrap_or_else(|| {
            let mut writer = self.lock();
            let snapshot = self.current.pin();
            known(&snapshot).unwrap_or_else(|| {
                let (next, id) = snapshot.with_environment(&name);
                writer.publish_unstored(next);
                id
            })
        });
        Ok(Environment { engine: self.clone(), id, name })
    }
}

impl Environment {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &EnvironmentName {
        &self.name
    }

    /// The engine that it belongs to.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The answer for a flag and a user; counts an exposure if it is the running experiment's
    /// variant.
    ///
    /// One arc-swap load and one hash look-up more than the same by a handle on a reader's
    /// snapshot; no lock, no allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate(&self, flag: &str, user_key: &str) -> Evaluation {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        Evaluation::counting(snapshot, slot, user_key)
    }

    /// The same answer as [`evaluate`](Environment::evaluate), and nothing is counted.
    #[inline]
    #[must_use]
    pub fn peek(&self, flag: &str, user_key: &str) -> Evaluation {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        Evaluation::peeking(snapshot, slot, user_key)
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running here. Costs what [`evaluate`](Environment::evaluate) costs.
    #[inline]
    #[expect(clippy::must_use_candidate, reason = "it records; the outcome is there to be read")]
    pub fn convert(&self, flag: &str, user_key: &str) -> Conversion {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        Conversion::assigned(snapshot, slot, user_key)
    }

    /// How the answer for a flag and a user comes about; nothing is counted. For support questions,
    /// not for every request: it allocates what it returns.
    #[must_use]
    pub fn explain(&self, flag: &str, user_key: &str) -> Explanation {
        self.view().explain(flag, user_key)
    }

    /// Resolves a flag once, for every later call. The flag need not be there yet.
    ///
    /// For start-up, not for every request: a key that the engine does not know gets a place of its
    /// own for as long as the engine lives, in a new snapshot.
    #[must_use]
    pub fn flag(&self, key: &str) -> FlagHandle {
        let current = &self.engine.current;
        let own = |snapshot: &Snapshot| snapshot.index().own(&self.name, key);
        let slot = own(&current.pin()).unwrap_or_else(|| {
            let mut writer = self.engine.lock();
            let snapshot = current.pin();
            own(&snapshot).unwrap_or_else(|| {
                let (next, slot) = snapshot.with_slot(&self.name, key);
                writer.publish_unstored(next);
                slot
            })
        });
        let number = current.pin().engine();
        FlagHandle::new(current.clone(), number, slot, self.name.clone(), key)
    }

    /// Pins the current version, for many flags within one request.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View {
        View::new(self.engine.current.pin(), self.id)
    }

    /// A cached way to the current version, for one thread to keep.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.engine.current.clone(), self.id)
    }

    #[inline]
    fn slot(&self, snapshot: &Snapshot, flag: &str) -> Option<SlotId> {
        snapshot.index().find(self.id, flag)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewExperiment, NewFlag, Reason, Status};

    #[test]
    fn a_name_that_comes_with_a_request_leaves_nothing_behind_and_a_bound_one_a_place() {
        let engine = Engine::new();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let running = NewExperiment::new("Hero Banner", "production")
            .variant("golden", "new", 100)
            .status(Status::Running);
        engine.create_experiment("hero-banner", running).unwrap();

        let name = EnvironmentName::new("a tenant").unwrap();
        let snapshot = engine.snapshot();
        let answer = snapshot.in_environment(&name).peek("hero-banner", "anna");
        assert_eq!((answer.str_or(""), answer.reason()), ("old", Reason::NotRunning));
        assert_eq!(snapshot.in_environment(&name).explain("hero-banner", "anna").experiments, []);
        assert_eq!(engine.snapshot().index().environment_id(&name), None);

        let tenant = engine.environment("a tenant").unwrap();
        assert_eq!(engine.snapshot().index().environment_id(&name), Some(tenant.id));
        // The snapshot from before does not know it, and answers as it did.
        let answer = snapshot.in_environment(&name).peek("hero-banner", "anna");
        assert_eq!(answer.reason(), Reason::NotRunning);
        let production = EnvironmentName::new("production").unwrap();
        let answer = snapshot.in_environment(&production).peek("hero-banner", "anna");
        assert_eq!(answer.reason(), Reason::Split);
    }
}
