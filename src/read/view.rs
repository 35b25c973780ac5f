//! One version of the configuration, in one environment.

use std::ops::Deref;

use crate::model::environment_name::EnvironmentName;
use crate::model::id::GoalId;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::goal::recorded::{RecordedFor, Refusal};
use crate::read::goal::recording::{Given, value_of};
use crate::read::pinned::Pinned;
use crate::read::place::{EnvironmentId, SlotId};
use crate::read::snapshot::Snapshot;
use crate::target::user::User;

/// One version of the configuration, in one environment: it evaluates any number of flags by name,
/// all on this version.
///
/// [`Environment::view`](crate::Environment::view) returns one, and
/// [`Reader::view`](crate::Reader::view) does so almost for free. Derefs to [`Snapshot`], for
/// [`FlagHandle::evaluate_on`](crate::FlagHandle::evaluate_on). Keep it for the length of a
/// request: a view that is kept longer is outdated configuration.
///
/// `S` keeps the snapshot: a [`Pinned`] one, or a borrowed one.
///
/// # Cost
///
/// Per call: one hash look-up of the flag's key, one XXH3, one table look-up, one uncontended
/// addition to a counter; no lock, no allocation.
#[derive(Debug)]
pub struct View<S = Pinned> {
    snapshot: S,
    environment: EnvironmentId,
}

impl<S> View<S> {
    #[inline]
    pub(crate) fn new(snapshot: S, environment: EnvironmentId) -> View<S> {
        View { snapshot, environment }
    }
}

/// On a pinned snapshot, an answer borrows from the view.
impl View {
    /// Evaluates a flag for a user. Counts an exposure if the answer is the running experiment's
    /// variant.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation<&Snapshot> {
        self.borrowed().evaluate(flag, user)
    }

    /// Returns the same answer as [`evaluate`](View::evaluate), and counts nothing.
    #[inline]
    #[must_use]
    pub fn peek<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation<&Snapshot> {
        self.borrowed().peek(flag, user)
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running in this environment. Costs what [`evaluate`](View::evaluate) costs.
    #[inline]
    pub fn convert<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Conversion<&Snapshot> {
        self.borrowed().convert(flag, user)
    }

    /// Explains how the answer for a flag and a user comes about, and counts nothing. Meant for
    /// support questions, not for every request: it allocates what it returns.
    #[must_use]
    pub fn explain<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Explanation {
        self.borrowed().explain(flag, user)
    }

    /// Counts that a user reached a goal, as a [`GoalHandle`](crate::GoalHandle) does, and returns
    /// what came of it for each running experiment in this environment that has the goal: meant for
    /// an operator's call, since it allocates what it returns. `value` is in the goal's unit, and
    /// has to be given for a goal whose events have values, and only there.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was counted.
    pub fn record_goal<'u>(
        &self,
        goal: &str,
        user: impl Into<User<'u>>,
        value: Option<f64>,
    ) -> Result<Vec<RecordedFor>, Refusal> {
        self.borrowed().record_goal(goal, user, value)
    }

    #[inline]
    fn borrowed(&self) -> View<&Snapshot> {
        View { snapshot: &self.snapshot, environment: self.environment }
    }
}

/// On a borrowed snapshot, an answer lives as long as the snapshot, and may outlive the view.
impl<'s> View<&'s Snapshot> {
    /// As [`evaluate`](View::evaluate) on a pinned snapshot.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation<&'s Snapshot> {
        let user = user.into();
        Evaluation::counting(self.snapshot, self.slot(flag), user.key(), user.attributes())
    }

    /// As [`peek`](View::peek) on a pinned snapshot.
    #[inline]
    #[must_use]
    pub fn peek<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Evaluation<&'s Snapshot> {
        let user = user.into();
        Evaluation::peeking(self.snapshot, self.slot(flag), user.key(), user.attributes())
    }

    /// As [`convert`](View::convert) on a pinned snapshot.
    #[inline]
    pub fn convert<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Conversion<&'s Snapshot> {
        let user = user.into();
        Conversion::assigned(self.snapshot, self.slot(flag), user.key(), user.attributes())
    }

    /// As [`explain`](View::explain) on a pinned snapshot.
    #[must_use]
    pub fn explain<'u>(&self, flag: &str, user: impl Into<User<'u>>) -> Explanation {
        let environment = self.snapshot.index().environment_name(self.environment);
        Explanation::of(self.snapshot, self.slot(flag), environment, flag, user)
    }

    /// As [`record_goal`](View::record_goal) on a pinned snapshot.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was counted.
    pub fn record_goal<'u>(
        &self,
        goal: &str,
        user: impl Into<User<'u>>,
        value: Option<f64>,
    ) -> Result<Vec<RecordedFor>, Refusal> {
        let given = value.map_or(Given::Nothing, Given::Value);
        let (lists, user) = (self.snapshot.goal_lists(), user.into());
        let environment = self.snapshot.index().environment_name(self.environment);
        let place = environment.and_then(|name| lists.find(name, GoalId::of(goal)));
        if let Some(list) = place.and_then(|place| lists.get(place)) {
            return list.record_in_detail(self.snapshot, user, given);
        }
        // No experiment has it here.
        let known = self.snapshot.shared().goal(goal).ok_or(Refusal::GoalNotFound)?;
        value_of(known, given).map(|_| Vec::new())
    }

    #[inline]
    fn slot(&self, flag: &str) -> Option<SlotId> {
        self.snapshot.index().find(self.environment, flag)
    }
}

impl Snapshot {
    /// This version in an environment whose name comes with a request, such as an operator's call.
    /// A name that the engine does not know is not kept; its flags answer their defaults, and an
    /// explanation leaves its environment empty.
    ///
    /// Cost: one hash look-up more than a [`View`] of an [`Environment`](crate::Environment), which
    /// a service binds once.
    #[must_use]
    pub fn in_environment(&self, name: &EnvironmentName) -> View<&Snapshot> {
        View::new(self, self.index().environment_id(name).unwrap_or(EnvironmentId::UNKNOWN))
    }
}

impl<S: Deref<Target = Snapshot>> Deref for View<S> {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}
