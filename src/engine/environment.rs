//! An engine bound to one environment: what requests call.

use std::fmt;
use std::sync::Arc;

use super::Engine;
use crate::model::environment_name::EnvironmentName;
use crate::model::faults::ValidationError;
use crate::model::id::GoalId;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::goal::handle::GoalHandle;
use crate::read::handle::FlagHandle;
use crate::read::place::{EnvironmentId, SlotId};
use crate::read::reader::Reader;
use crate::read::snapshot::Snapshot;
use crate::read::view::View;
use crate::target::user::User;

/// An engine bound to one environment: bind it once, at start-up, and use it on every request.
///
/// Cheap to clone and shared by threads. It follows every change of the engine's configuration.
///
/// There are three ways to evaluate a flag, with the same answers. From convenient to fast: by
/// names, with the methods here; by a [`FlagHandle`], which [`flag`](Environment::flag) resolves
/// once; on a [`View`], for many flags on one version, which a [`Reader`] returns almost for free.
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
    /// Binds the environment of this name: "production", "staging" or any other. An environment
    /// need not be declared: where no experiment runs, flags answer their defaults.
    ///
    /// Call it at start-up, not on every request: a name that is new to the engine is kept for as
    /// long as the engine lives, and publishes a new snapshot.
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
    /// The environment's name.
    #[must_use]
    pub fn name(&self) -> &EnvironmentName {
        &self.name
    }

    /// The engine that this environment belongs to.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Evaluates a flag for a user. Counts an exposure if the answer is the running experiment's
    /// variant.
    ///
    /// Cost: one arc-swap load and one hash look-up more than by a handle on a reader's snapshot;
    /// no lock, no allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        let user = user.into();
        Evaluation::counting(snapshot, slot, user.key(), user.attributes())
    }

    /// Returns the same answer as [`evaluate`](Environment::evaluate), and counts nothing.
    #[inline]
    #[must_use]
    pub fn peek<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        let user = user.into();
        Evaluation::peeking(snapshot, slot, user.key(), user.attributes())
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running in this environment. Costs what [`evaluate`](Environment::evaluate) costs.
    #[inline]
    pub fn convert<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Conversion {
        let snapshot = self.engine.current.pin();
        let slot = self.slot(&snapshot, flag);
        let user = user.into();
        Conversion::assigned(snapshot, slot, user.key(), user.attributes())
    }

    /// Explains how the answer for a flag and a user comes about, and counts nothing. Meant for
    /// support questions, not for every request: it allocates what it returns.
    #[must_use]
    pub fn explain<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Explanation {
        self.view().explain(flag, user)
    }

    /// Resolves a flag once, for all later calls. The flag need not exist yet.
    ///
    /// Call it at start-up, not on every request: a key that is new to the engine is kept for as
    /// long as the engine lives, and publishes a new snapshot.
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

    /// Resolves a goal once, for all later calls. The goal need not exist yet.
    ///
    /// Call it at start-up, not on every request: a key that is new to the engine is kept for as
    /// long as the engine lives, and publishes a new snapshot.
    #[must_use]
    pub fn goal(&self, key: &str) -> GoalHandle {
        let current = &self.engine.current;
        let id = GoalId::of(key);
        let known = |snapshot: &Snapshot| snapshot.goal_lists().find(&self.name, id);
        let key: Arc<str> = key.into();
        let place = known(&current.pin()).unwrap_or_else(|| {
            let mut writer = self.engine.lock();
            let snapshot = current.pin();
            known(&snapshot).unwrap_or_else(|| {
                let (next, place) = snapshot.with_goal_place(&self.name, &key);
                writer.publish_unstored(next);
                place
            })
        });
        let number = current.pin().engine();
        GoalHandle::new(current.clone(), number, place, self.name.clone(), key)
    }

    /// Pins the current version, for many flags within one request.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View {
        View::new(self.engine.current.pin(), self.id)
    }

    /// A reader of the current version, with a cache, for one thread to keep.
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
