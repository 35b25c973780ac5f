//! A goal in an environment, resolved once.

use std::sync::Arc;

use crate::model::environment_name::EnvironmentName;
use crate::model::id::GoalId;
use crate::read::current::Current;
use crate::read::goal::lists::GoalList;
use crate::read::goal::recorded::{Recorded, Refusal};
use crate::read::goal::recording::{Given, value_of};
use crate::read::snapshot::Snapshot;
use crate::target::user::User;

/// A goal in an environment, resolved once: one call counts for every running experiment there that
/// has the goal, and follows every later change of the configuration.
///
/// Make it at start-up, by [`Environment::goal`](crate::Environment::goal), and keep it; clones are
/// cheap and can be shared by threads. The goal need not exist yet.
///
/// # What is counted
///
/// An event counts for an experiment whose variant the user is assigned, as a
/// [conversion](crate::FlagHandle::convert) does: where users are counted, if this one has been
/// exposed since the start. For others, [`Recorded`] has how many there were and why, and
/// [`Engine::goal_tallies`](crate::Engine::goal_tallies) adds up what should not happen: goals that
/// there are not, values that are refused, users who were not exposed.
///
/// # Cost
///
/// A load of the snapshot, and for each of those experiments what a conversion costs; where users
/// are counted, a value costs one more look for its user. No lock and no allocation, but that a
/// user's first value in an experiment may allocate, as the user's exposure may.
///
/// # Examples
///
/// ```
/// use fairsplit::goals::{NewGoal, NewGoals};
/// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
///
/// let engine = Engine::new();
/// engine.create_goal(NewGoal::value("purchase", "EUR"))?;
/// for flag in ["hero-banner", "checkout"] {
///     engine.create_flag(NewFlag::new(flag, "old"))?;
///     let new = NewExperiment::new(flag, "production")
///         .variant("golden", "new", 100)
///         .goals(NewGoals::new().secondary("purchase"))
///         .status(Status::Running);
///     engine.create_experiment(flag, new)?;
/// }
///
/// let purchase = engine.environment("production")?.goal("purchase");
/// assert_eq!(purchase.record_value("anna", 49.90).counted(), 2);
/// // A purchase without its value is not counted.
/// assert!(!purchase.record("anna").is_counted());
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GoalHandle {
    current: Current,
    engine: u64,
    place: usize,
    environment: EnvironmentName,
    key: Arc<str>,
}

impl GoalHandle {
    pub(crate) fn new(
        current: Current,
        engine: u64,
        place: usize,
        environment: EnvironmentName,
        key: Arc<str>,
    ) -> GoalHandle {
        GoalHandle { current, engine, place, environment, key }
    }

    /// The goal's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// Counts that a user reached the goal. Refused for a goal whose events have values.
    #[inline]
    pub fn record<'u>(&self, user: impl Into<User<'u>>) -> Recorded {
        self.record_on(&self.current.pin(), user)
    }

    /// Counts that a user reached the goal, with a value in the goal's unit: `49.90`. It is rounded
    /// to the goal's decimals, a half away from zero. Refused if it is not finite, beyond 2^53
    /// minor units, or below 0 for a goal that is not signed; and for a goal whose events have no
    /// values.
    #[inline]
    pub fn record_value<'u>(&self, user: impl Into<User<'u>>, value: f64) -> Recorded {
        self.record_value_on(&self.current.pin(), user, value)
    }

    /// As [`record_value`](GoalHandle::record_value), with the value in minor units: `4990` cents.
    #[inline]
    pub fn record_units<'u>(&self, user: impl Into<User<'u>>, units: i64) -> Recorded {
        self.record_units_on(&self.current.pin(), user, units)
    }

    /// As [`record`](GoalHandle::record), on a pinned snapshot.
    #[inline]
    pub fn record_on<'u>(&self, snapshot: &Snapshot, user: impl Into<User<'u>>) -> Recorded {
        self.given_on(snapshot, user.into(), Given::Nothing)
    }

    /// As [`record_value`](GoalHandle::record_value), on a pinned snapshot.
    #[inline]
    pub fn record_value_on<'u>(
        &self,
        snapshot: &Snapshot,
        user: impl Into<User<'u>>,
        value: f64,
    ) -> Recorded {
        self.given_on(snapshot, user.into(), Given::Value(value))
    }

    /// As [`record_units`](GoalHandle::record_units), on a pinned snapshot.
    #[inline]
    pub fn record_units_on<'u>(
        &self,
        snapshot: &Snapshot,
        user: impl Into<User<'u>>,
        units: i64,
    ) -> Recorded {
        self.given_on(snapshot, user.into(), Given::Units(units))
    }

    fn given_on(&self, snapshot: &Snapshot, user: User<'_>, given: Given) -> Recorded {
        if let Some(list) = self.list_on(snapshot) {
            return list.record(snapshot, user, given);
        }
        // No experiment has it on this snapshot, which is older than the handle.
        let goal = snapshot.shared().goal(&self.key).ok_or(Refusal::GoalNotFound);
        let refusal = goal.and_then(|goal| value_of(goal, given)).err();
        refusal.map_or_else(Recorded::default, Recorded::refused)
    }

    /// The goal's list on a snapshot; looked up by names if the snapshot is another engine's, or
    /// older than the list.
    #[inline]
    fn list_on<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s GoalList> {
        let lists = snapshot.goal_lists();
        if snapshot.engine() == self.engine
            && let Some(list) = lists.get(self.place)
        {
            return Some(list);
        }
        lists.get(lists.find(&self.environment, GoalId::of(&self.key))?)
    }
}
