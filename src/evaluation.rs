//! The answer for a flag, an environment and a user key: a value, and why.

use std::ops::Deref;

use serde::Deserialize;
use serde_json::Value;

use crate::environment::Environment;
use crate::id::ExperimentId;
use crate::reason::Reason;
use crate::site::{Decision, Split};
use crate::snapshot::Snapshot;
use crate::tally::Event;
use crate::variant::Variant;
use crate::view::View;

/// Where on a snapshot an answer is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) slot: usize,
    /// The variant's position among those that the slot can answer.
    pub(crate) position: u32,
    pub(crate) reason: Reason,
}

impl Answer {
    #[inline]
    pub(crate) fn value(self, snapshot: &Snapshot) -> Option<&Value> {
        snapshot.slot(self.slot).value(self.position)
    }

    pub(crate) fn variant(self, snapshot: &Snapshot) -> Option<&Variant> {
        snapshot.slot(self.slot).variant(self.position)
    }

    pub(crate) fn experiment(self, snapshot: &Snapshot) -> Option<ExperimentId> {
        Some(snapshot.slot(self.slot).experiment(self.position)?.definition.id)
    }

    pub(crate) fn experiment_name(self, snapshot: &Snapshot) -> Option<&str> {
        Some(&snapshot.slot(self.slot).experiment(self.position)?.definition.terms.name)
    }
}

/// The answer for a flag, an environment and a user key: a value, and why.
///
/// `S` is what keeps the snapshot that the value is borrowed from: a [`View`] of its own if an
/// engine or a handle was asked, or a reference if a snapshot was. Either way nothing is cloned.
///
/// The typed accessors take the caller's fallback and never coerce: they answer it for a flag that
/// is not found, and for a value of another type. `"1"` is not a number, `1.5` and `1.0` are not
/// integers, `1` is not a bool.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, Environment, NewFlag, Reason};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("page-size", 25))?;
/// let production = Environment::new("production")?;
///
/// let answer = engine.evaluate(&production, "page-size", "user-1");
/// assert_eq!(answer.i64_or(10), 25);
/// assert_eq!(answer.str_or("no text"), "no text");
/// assert_eq!(answer.reason(), Reason::NotRunning);
/// assert_eq!(answer.variant(), None);
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation<S = View> {
    snapshot: S,
    answer: Answer,
    is_counted: bool,
}

impl<S: Deref<Target = Snapshot>> Evaluation<S> {
    /// The value, or `None` if there is no such flag.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.answer.value(&self.snapshot)
    }

    /// The key of the variant that was served, or `None` if the flag answered its default, or was
    /// not found.
    #[inline]
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.answer.variant(&self.snapshot).map(Variant::key)
    }

    /// Why the flag answered this.
    #[inline]
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.answer.reason
    }

    /// The experiment whose variant was served, by its split or by a pin.
    #[must_use]
    pub fn experiment(&self) -> Option<ExperimentId> {
        self.answer.experiment(&self.snapshot)
    }

    /// The display name of the [`experiment`](Evaluation::experiment) whose variant was served.
    #[must_use]
    pub fn experiment_name(&self) -> Option<&str> {
        self.answer.experiment_name(&self.snapshot)
    }

    /// The experiment and the variant that the user is assigned: what a caller carries along to
    /// convert later, by [`Engine::convert_variant`](crate::Engine::convert_variant). `None` unless
    /// the reason is [`Split`](Reason::Split); whoever is pinned to a variant is not assigned it.
    #[must_use]
    pub fn assignment(&self) -> Option<(ExperimentId, &str)> {
        match self.answer.reason {
            Reason::Split => Some((self.experiment()?, self.variant()?)),
            _ => None,
        }
    }

    /// Whether this evaluation counted an exposure. Never for a peek; for an evaluation with the
    /// reason [`Split`](Reason::Split) always, unless the experiment was stopped after the snapshot
    /// was pinned.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// The position of the variant among those that the slot can answer.
    #[inline]
    pub(crate) fn position(&self) -> u32 {
        self.answer.position
    }

    /// The value if it is `true` or `false`, else the fallback.
    #[inline]
    #[must_use]
    pub fn bool_or(&self, fallback: bool) -> bool {
        self.value().and_then(Value::as_bool).unwrap_or(fallback)
    }

    /// The value if it is an integer that an `i64` holds, else the fallback. `1.0` is written as a
    /// float and is none.
    #[inline]
    #[must_use]
    pub fn i64_or(&self, fallback: i64) -> i64 {
        self.value().and_then(Value::as_i64).unwrap_or(fallback)
    }

    /// The value if it is a number that an `f64` holds exactly, else the fallback. That is every
    /// float, and the integers that lose no digit by it: `1` is, `9007199254740993` is not.
    #[inline]
    #[must_use]
    pub fn f64_or(&self, fallback: f64) -> f64 {
        self.as_f64().unwrap_or(fallback)
    }

    /// The value if it is a number that an `f64` holds exactly, else `None`: what
    /// [`f64_or`](Evaluation::f64_or) returns, with a mismatch in place of the fallback.
    ///
    /// `serde_json`'s [`Value::as_f64`] rounds the integers that an `f64` does not hold; this does
    /// not. The other types have no such difference: `evaluation.value()?.as_i64()` will do.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, Environment, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("scale", 1))?;
    /// engine.create_flag(NewFlag::new("serial-number", 9_007_199_254_740_993_u64))?;
    /// let production = Environment::new("production")?;
    ///
    /// assert_eq!(engine.evaluate(&production, "scale", "user-1").as_f64(), Some(1.0));
    /// assert_eq!(engine.evaluate(&production, "serial-number", "user-1").as_f64(), None);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.value().and_then(exact_f64)
    }

    /// The value if it is a string, else the fallback.
    #[inline]
    #[must_use]
    pub fn str_or<'a>(&'a self, fallback: &'a str) -> &'a str {
        self.value().and_then(Value::as_str).unwrap_or(fallback)
    }

    /// The value as a type of the caller's, which may borrow from it. Costs what the type's
    /// `Deserialize` costs, at every call; a [`TypedReader`](crate::TypedReader) pays it once.
    ///
    /// # Errors
    ///
    /// [`DeserializeError`] if there is no such flag, or if the value does not fit the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, Environment, NewFlag};
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Theme<'a> { name: &'a str, dark: bool }
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("theme", json!({"name": "dusk", "dark": true})))?;
    /// let answer = engine.evaluate(&Environment::new("production")?, "theme", "user-1");
    /// let theme: Theme<'_> = answer.deserialize()?;
    /// assert!(theme.name == "dusk" && theme.dark);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DeserializeError> {
        let value = self.value().ok_or_else(DeserializeError::no_such_flag)?;
        T::deserialize(value).map_err(DeserializeError::misfit)
    }

    /// The value as a type of the caller's, or the fallback if there is no such flag or the value
    /// does not fit the type.
    #[must_use]
    pub fn deserialize_or<'a, T: Deserialize<'a>>(&'a self, fallback: T) -> T {
        self.deserialize().unwrap_or(fallback)
    }
}

/// The number, if an `f64` holds it without losing a digit.
fn exact_f64(value: &Value) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "the cast back shows whether anything was lost"
    )]
    fn exactly(integer: i128) -> Option<f64> {
        let float = integer as f64;
        (float as i128 == integer).then_some(float)
    }
    match (value.as_i64(), value.as_u64()) {
        (Some(integer), _) => exactly(integer.into()),
        (None, Some(integer)) => exactly(integer.into()),
        (None, None) => value.as_f64(),
    }
}

/// Why a value could not be had as a type of the caller's.
#[derive(Debug, thiserror::Error)]
#[error("{}", if source.is_some() { "the value does not fit the type" } else { "there is no such flag" })]
pub struct DeserializeError {
    source: Option<serde_json::Error>,
}

impl DeserializeError {
    pub(crate) fn no_such_flag() -> DeserializeError {
        DeserializeError { source: None }
    }

    pub(crate) fn misfit(error: serde_json::Error) -> DeserializeError {
        DeserializeError { source: Some(error) }
    }
}

impl Snapshot {
    /// The answer for a flag in an environment and a user; counts an exposure if it is the running
    /// experiment's variant.
    ///
    /// Two hash look-ups at most, one XXH3, one table look-up, one uncontended atomic add; no lock, no
    /// allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate(
        &self,
        environment: &Environment,
        flag: &str,
        user_key: &str,
    ) -> Evaluation<&Snapshot> {
        Evaluation::counting(self, self.slot_of(environment, flag), user_key)
    }

    /// The same answer as [`evaluate`](Snapshot::evaluate), and nothing is counted.
    #[inline]
    #[must_use]
    pub fn peek(
        &self,
        environment: &Environment,
        flag: &str,
        user_key: &str,
    ) -> Evaluation<&Snapshot> {
        Evaluation::peeking(self, self.slot_of(environment, flag), user_key)
    }

    /// The one way to an answer: evaluate, peek, explain and convert all take it.
    ///
    /// Left to itself, the compiler makes a function of its own of it; then the answer goes through
    /// memory and is taken apart again for the value: a fifth more instructions for a peek by a handle
    /// (`cargo bench --bench instructions`). What is rare, or not of this crate's doing, is apart.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured, as said above")]
    pub(crate) fn decide(&self, slot: usize, user_key: &str) -> (Answer, Decision<'_>) {
        let decision = self.slot(slot).decide(user_key);
        (Answer { slot, position: decision.position, reason: decision.reason }, decision)
    }

    /// The slot of a flag in an environment.
    #[inline]
    pub(crate) fn slot_of(&self, environment: &Environment, flag: &str) -> usize {
        self.index().find(environment, flag).unwrap_or(NO_SLOT)
    }
}

/// A slot that no snapshot has.
pub(crate) const NO_SLOT: usize = usize::MAX;

impl<S: Deref<Target = Snapshot>> Evaluation<S> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Snapshot::decide`")]
    pub(crate) fn counting(snapshot: S, slot: usize, user_key: &str) -> Evaluation<S> {
        let (answer, decision) = snapshot.decide(slot, user_key);
        let count = |split: &Split| split.count(decision.position, Event::Exposure, user_key);
        let is_counted = decision.split.is_some_and(count);
        Evaluation { snapshot, answer, is_counted }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Snapshot::decide`")]
    pub(crate) fn peeking(snapshot: S, slot: usize, user_key: &str) -> Evaluation<S> {
        let (answer, _) = snapshot.decide(slot, user_key);
        Evaluation { snapshot, answer, is_counted: false }
    }
}
