//! The answer for a flag, an environment and a user key: a value, and why.

use std::ops::Deref;

use serde::Deserialize;
use serde_json::Value;

use crate::count::counters::Event;
use crate::model::id::ExperimentId;
use crate::model::variant::Variant;
use crate::read::answer::Answer;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::RunningSplit;
use crate::read::snapshot::Snapshot;
use crate::read::value::{DeserializeError, exact_f64};
use crate::read::view::View;

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

    /// The experiment whose variant was served, by its split or because the user is forced.
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
    /// the reason is [`Split`](Reason::Split): a forced user is not assigned the variant.
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

    #[inline]
    pub(crate) fn position(&self) -> VariantPosition {
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

    /// The value as the caller's own type, which may borrow from it. Costs what the type's
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

    /// The value as the caller's own type, or the fallback if there is no such flag or the value
    /// does not fit the type.
    #[must_use]
    pub fn deserialize_or<'a, T: Deserialize<'a>>(&'a self, fallback: T) -> T {
        self.deserialize().unwrap_or(fallback)
    }
}

impl<S: Deref<Target = Snapshot>> Evaluation<S> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(crate) fn counting(snapshot: S, slot: Option<SlotId>, user_key: &str) -> Evaluation<S> {
        let (answer, decision) = Answer::decide(&snapshot, slot, user_key);
        let count =
            |split: &RunningSplit| split.count(decision.position, Event::Exposure, user_key);
        let is_counted = decision.split.is_some_and(count);
        Evaluation { snapshot, answer, is_counted }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(crate) fn peeking(snapshot: S, slot: Option<SlotId>, user_key: &str) -> Evaluation<S> {
        let (answer, _) = Answer::decide(&snapshot, slot, user_key);
        Evaluation { snapshot, answer, is_counted: false }
    }
}
