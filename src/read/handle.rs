//! A flag in an environment, resolved once.

use std::sync::Arc;

use crate::model::environment_name::EnvironmentName;
use crate::read::conversion::Conversion;
use crate::read::current::Current;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::place::SlotId;
use crate::read::snapshot::Snapshot;
use crate::target::user::User;

/// A flag in an environment, resolved once: it answers without looking up a name, and follows every
/// later change of the configuration.
///
/// Make it at start-up, by [`Environment::flag`](crate::Environment::flag), and keep it; clones are
/// cheap and can be shared by threads. It outlives the flag: while the configuration has no flag of
/// this key it answers [`FlagNotFound`](crate::Reason::FlagNotFound), and it works again once there
/// is one.
///
/// The methods ending in `_on` evaluate on a snapshot that the caller has pinned. Through a
/// [`Reader`](crate::Reader) that is the fastest way; on a [`View`](crate::View) it keeps several
/// flags on one version.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
///
/// let engine = Engine::new();
/// let production = engine.environment("production")?;
/// let banner = production.flag("hero-banner");
/// assert_eq!(banner.evaluate("user-1").str_or("fallback"), "fallback");
///
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// assert_eq!(banner.evaluate("user-1").str_or("fallback"), "old");
///
/// let mut reader = production.reader();
/// assert_eq!(banner.evaluate_on(reader.snapshot(), "user-1").str_or("fallback"), "old");
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FlagHandle {
    current: Current,
    engine: u64,
    slot: SlotId,
    environment: EnvironmentName,
    key: Arc<str>,
}

impl FlagHandle {
    pub(crate) fn new(
        current: Current,
        engine: u64,
        slot: SlotId,
        environment: EnvironmentName,
        key: &str,
    ) -> FlagHandle {
        FlagHandle { current, engine, slot, environment, key: key.into() }
    }

    /// The flag's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// Evaluates the flag for a user. Counts an exposure if the answer is the running experiment's
    /// variant.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate<'u>(&self, user: impl Into<User<'u>>) -> Evaluation {
        let user = user.into();
        Evaluation::counting(self.current.pin(), Some(self.slot), user.key(), user.attributes())
    }

    /// Returns the same answer as [`evaluate`](FlagHandle::evaluate), and counts nothing.
    #[inline]
    #[must_use]
    pub fn peek<'u>(&self, user: impl Into<User<'u>>) -> Evaluation {
        let user = user.into();
        Evaluation::peeking(self.current.pin(), Some(self.slot), user.key(), user.attributes())
    }

    /// Counts a conversion for the variant that the user is assigned.
    #[inline]
    pub fn convert<'u>(&self, user: impl Into<User<'u>>) -> Conversion {
        let user = user.into();
        Conversion::assigned(self.current.pin(), Some(self.slot), user.key(), user.attributes())
    }

    /// Explains how the answer for a user comes about, and counts nothing.
    #[must_use]
    pub fn explain<'u>(&self, user: impl Into<User<'u>>) -> Explanation {
        self.explain_on(&self.current.pin(), user)
    }

    /// As [`evaluate`](FlagHandle::evaluate), on a pinned snapshot.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate_on<'s, 'u>(
        &self,
        snapshot: &'s Snapshot,
        user: impl Into<User<'u>>,
    ) -> Evaluation<&'s Snapshot> {
        let user = user.into();
        Evaluation::counting(snapshot, self.slot_on(snapshot), user.key(), user.attributes())
    }

    /// As [`peek`](FlagHandle::peek), on a pinned snapshot.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "else a call is left, which costs a fifth more")]
    #[must_use]
    pub fn peek_on<'s, 'u>(
        &self,
        snapshot: &'s Snapshot,
        user: impl Into<User<'u>>,
    ) -> Evaluation<&'s Snapshot> {
        let user = user.into();
        Evaluation::peeking(snapshot, self.slot_on(snapshot), user.key(), user.attributes())
    }

    /// As [`convert`](FlagHandle::convert), on a pinned snapshot.
    #[inline]
    pub fn convert_on<'s, 'u>(
        &self,
        snapshot: &'s Snapshot,
        user: impl Into<User<'u>>,
    ) -> Conversion<&'s Snapshot> {
        let user = user.into();
        Conversion::assigned(snapshot, self.slot_on(snapshot), user.key(), user.attributes())
    }

    /// As [`explain`](FlagHandle::explain), on a pinned snapshot.
    #[must_use]
    pub fn explain_on<'u>(&self, snapshot: &Snapshot, user: impl Into<User<'u>>) -> Explanation {
        let slot = self.slot_on(snapshot);
        Explanation::of(snapshot, slot, Some(&self.environment), &self.key, user)
    }

    /// The current snapshot of this handle's engine.
    pub(crate) fn current(&self) -> &Current {
        &self.current
    }

    /// The flag's slot on a snapshot; looked up by names if the snapshot is another engine's, or
    /// older than the slot.
    #[inline]
    pub(crate) fn slot_on(&self, snapshot: &Snapshot) -> Option<SlotId> {
        if snapshot.engine() == self.engine && snapshot.has_slot(self.slot) {
            Some(self.slot)
        } else {
            self.look_up_on(snapshot)
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up_on(&self, snapshot: &Snapshot) -> Option<SlotId> {
        snapshot.index().find_by_names(&self.environment, &self.key)
    }
}
