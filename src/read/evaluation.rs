//! The answer for a flag, an environment and a user key: a value, and the reason.

use std::ops::Deref;

use serde::Deserialize;
use serde_json::Value;

use crate::assign::bucket::Bucket;
use crate::count::counters::{Added, Event};
use crate::model::id::{ExperimentId, RuleId};
use crate::model::variant::Variant;
use crate::read::answer::{Answer, Decided};
use crate::read::pinned::Pinned;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;
use crate::read::value::{DeserializeError, MismatchError, exact_f64};
use crate::target::attributes::Attributes;
use crate::target::user::User;

/// The answer for a flag, an environment and a user key: a value, and the reason.
///
/// `S` keeps the snapshot that the value is borrowed from: a [`Pinned`] one if an environment or a
/// handle answered, a reference if a snapshot did. Either way nothing is cloned.
///
/// The accessors never coerce: `"1"` is not a number, `1.5` and `1.0` are not integers, `1` is not
/// a bool. Those with a fallback return it for a flag that is not found, and for a value of another
/// type; those without return a [`MismatchError`].
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag, Reason};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("page-size", 25))?;
/// let production = engine.environment("production")?;
///
/// let answer = production.evaluate("page-size", "user-1");
/// assert_eq!(answer.i64_or(10), 25);
/// assert_eq!(answer.str_or("no text"), "no text");
/// assert_eq!(answer.reason(), Reason::NotRunning);
/// assert_eq!(answer.variant(), None);
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation<S = Pinned> {
    snapshot: S,
    answer: Answer,
    is_counted: bool,
}

impl<S: Deref<Target = Snapshot>> Evaluation<S> {
    /// The value, or `None` if there is no such flag. To read anything but a string, number or
    /// bool, [`deserialize`](Evaluation::deserialize) into your own type.
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

    /// The rule whose value was served; `None` unless the reason is [`Rule`](Reason::Rule).
    #[must_use]
    pub fn rule(&self) -> Option<RuleId> {
        self.answer.rule(&self.snapshot)
    }

    /// The experiment and the variant that the user is assigned. Keep them to convert later, with
    /// [`Engine::convert_variant`](crate::Engine::convert_variant). `None` unless the reason is
    /// [`Split`](Reason::Split): a forced user is not assigned the variant.
    #[must_use]
    pub fn assignment(&self) -> Option<(ExperimentId, &str)> {
        match self.answer.reason {
            Reason::Split => Some((self.experiment()?, self.variant()?)),
            _ => None,
        }
    }

    /// The bucket, 0 to 99, of a user in the [`experiment`](Evaluation::experiment) whose variant
    /// was served, by the unit that it is split by. `None` where no variant was served, and for a
    /// user without such a unit.
    ///
    /// Cost: hashes the unit once more.
    #[must_use]
    pub fn bucket<'u>(&self, user: impl Into<User<'u>>) -> Option<Bucket> {
        self.answer.bucket(&self.snapshot, user.into())
    }

    /// Whether the flag has rules in the environment that are enabled. Where it has none, and the
    /// reason is [`NotRunning`](Reason::NotRunning), the value is the same for all users that are
    /// not forced.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        self.snapshot.compiled(self.answer.slot).has_rules()
    }

    /// Whether this evaluation counted an exposure. A peek never does. An evaluation with the
    /// reason [`Split`](Reason::Split) always does, unless the experiment was stopped after the
    /// snapshot was pinned.
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
    /// float, and so is not an integer.
    #[inline]
    #[must_use]
    pub fn i64_or(&self, fallback: i64) -> i64 {
        self.value().and_then(Value::as_i64).unwrap_or(fallback)
    }

    /// The value if it is a number that an `f64` holds exactly, else the fallback. That is every
    /// float, and each integer that loses no digit as a float: `1` does not, `9007199254740993`
    /// does.
    #[inline]
    #[must_use]
    pub fn f64_or(&self, fallback: f64) -> f64 {
        self.value().and_then(exact_f64).unwrap_or(fallback)
    }

    /// The value if it is `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`MismatchError`] if it is anything else, or if there is no such flag.
    #[inline]
    pub fn as_bool(&self) -> Result<bool, MismatchError> {
        self.typed("true or false", Value::as_bool)
    }

    /// The value if it is an integer that an `i64` holds.
    ///
    /// # Errors
    ///
    /// [`MismatchError`] if it is anything else, or if there is no such flag.
    #[inline]
    pub fn as_i64(&self) -> Result<i64, MismatchError> {
        self.typed("an integer of 64 bits", Value::as_i64)
    }

    /// The value if it is a number that an `f64` holds exactly. `serde_json`'s [`Value::as_f64`]
    /// rounds the integers that an `f64` does not hold; this does not.
    ///
    /// # Errors
    ///
    /// [`MismatchError`] if it is anything else, or if there is no such flag.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("scale", 1))?;
    /// engine.create_flag(NewFlag::new("theme", "dusk"))?;
    /// let production = engine.environment("production")?;
    ///
    /// assert_eq!(production.evaluate("scale", "user-1").as_f64(), Ok(1.0));
    /// let error = production.evaluate("theme", "user-1").as_f64().unwrap_err();
    /// assert_eq!(error.to_string(), "the value is a string, not a number that 64 bits hold exactly");
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[inline]
    pub fn as_f64(&self) -> Result<f64, MismatchError> {
        self.typed("a number that 64 bits hold exactly", exact_f64)
    }

    /// The value if it is a string.
    ///
    /// # Errors
    ///
    /// [`MismatchError`] if it is anything else, or if there is no such flag.
    #[inline]
    pub fn as_str(&self) -> Result<&str, MismatchError> {
        self.typed("a string", Value::as_str)
    }

    #[inline]
    fn typed<'a, T>(
        &'a self,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, MismatchError> {
        let value = self.value();
        value.and_then(read).ok_or_else(|| MismatchError::new(expected, value))
    }

    /// The value if it is a string, else the fallback.
    #[inline]
    #[must_use]
    pub fn str_or<'a>(&'a self, fallback: &'a str) -> &'a str {
        self.value().and_then(Value::as_str).unwrap_or(fallback)
    }

    /// The value as the caller's own type, which may borrow from the value. Costs what the type's
    /// `Deserialize` costs, at every call; a [`TypedReader`](crate::TypedReader) pays it once for
    /// each change of the flag.
    ///
    /// # Errors
    ///
    /// [`DeserializeError`] if there is no such flag, or if the value does not fit the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Theme<'a> { name: &'a str, dark: bool }
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("theme", json!({"name": "dusk", "dark": true})))?;
    /// let answer = engine.environment("production")?.evaluate("theme", "user-1");
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
    pub(crate) fn counting(
        snapshot: S,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
    ) -> Evaluation<S> {
        let Decided { answer, assigned } =
            Answer::decide_to_count(&snapshot, slot, key, attributes);
        let is_counted = match assigned {
            Some(assigned) => assigned.count(answer.position, Event::Exposure) == Added::Counted,
            None => answer.reason == Reason::Split,
        };
        Evaluation { snapshot, answer, is_counted }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(crate) fn peeking(
        snapshot: S,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
    ) -> Evaluation<S> {
        let answer = Answer::decide(&snapshot, slot, key, attributes).answer;
        Evaluation { snapshot, answer, is_counted: false }
    }
}
