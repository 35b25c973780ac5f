//! A flag's values as the caller's own type, decoded once.

use std::sync::Arc;

use arc_swap::Cache;
use serde::de::DeserializeOwned;

use crate::read::compiled_flag::CompiledFlag;
use crate::read::current::Current;
use crate::read::evaluation::Evaluation;
use crate::read::handle::FlagHandle;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;
use crate::read::value::DeserializeError;
use crate::target::user::User;

/// One thread's reader of a flag, with its values decoded into one type.
///
/// The values are decoded at the first call after each change of the flag, and then borrowed.
/// Between changes a call costs what it costs by a handle on a [`Reader`](crate::Reader), plus one
/// comparison: no lock, no allocation. Like a reader, it belongs to one thread and keeps its last
/// snapshot alive; a clone decodes for itself.
///
/// [`FlagHandle::typed`] returns one.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize)]
/// struct Theme { name: String, dark: bool }
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("theme", json!({"name": "dusk", "dark": true})))?;
/// let fallback = Theme { name: "plain".to_owned(), dark: false };
///
/// let production = engine.environment("production")?;
/// let mut theme = production.flag("theme").typed::<Theme>();
/// assert_eq!(theme.evaluate("user-1").value_or(&fallback).name, "dusk");
/// // What does not fit the type is an error, or the fallback.
/// engine.set_default("theme", "dawn")?;
/// assert!(theme.evaluate("user-1").value().is_err());
/// assert!(!theme.evaluate("user-1").value_or(&fallback).dark);
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Debug)]
pub struct TypedReader<T> {
    handle: FlagHandle,
    cache: Cache<Current, Arc<Snapshot>>,
    decoded: Decoded<T>,
}

impl FlagHandle {
    /// A reader, for one thread, of the flag's values as a `T`. It decodes them once for each
    /// change of the flag, not at every call.
    #[must_use]
    pub fn typed<T: DeserializeOwned>(&self) -> TypedReader<T> {
        let default = Err(DeserializeError::no_such_flag());
        let decoded = Decoded { version: None, state: None, variants: Vec::new(), default };
        let cache = Cache::new(self.current().clone());
        TypedReader { handle: self.clone(), cache, decoded }
    }
}

impl<T: DeserializeOwned> TypedReader<T> {
    /// Evaluates the flag for a user. Counts an exposure if the answer is the running experiment's
    /// variant.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate<'u>(&mut self, user: impl Into<User<'u>>) -> Typed<'_, T> {
        let snapshot = &**self.cache.load();
        let slot = self.handle.slot_on(snapshot);
        self.decoded.follow(snapshot, slot);
        let user = user.into();
        self.decoded.of(Evaluation::counting(snapshot, slot, user.key(), user.attributes()))
    }

    /// Returns the same answer as [`evaluate`](TypedReader::evaluate), and counts nothing.
    #[inline]
    #[must_use]
    pub fn peek<'u>(&mut self, user: impl Into<User<'u>>) -> Typed<'_, T> {
        let snapshot = &**self.cache.load();
        let slot = self.handle.slot_on(snapshot);
        self.decoded.follow(snapshot, slot);
        let user = user.into();
        self.decoded.of(Evaluation::peeking(snapshot, slot, user.key(), user.attributes()))
    }

    /// The handle that this reader was made from, to convert or to share.
    #[must_use]
    pub fn handle(&self) -> &FlagHandle {
        &self.handle
    }
}

impl<T: DeserializeOwned> Clone for TypedReader<T> {
    fn clone(&self) -> TypedReader<T> {
        self.handle.typed()
    }
}

/// The answer of a [`TypedReader`]: an [`Evaluation`], with its value as a `T`.
#[derive(Debug)]
pub struct Typed<'r, T> {
    evaluation: Evaluation<&'r Snapshot>,
    value: Result<&'r T, &'r DeserializeError>,
}

impl<'r, T> Typed<'r, T> {
    /// The value.
    ///
    /// # Errors
    ///
    /// [`DeserializeError`] if there is no such flag, or if the value does not fit the type.
    #[inline]
    pub fn value(&self) -> Result<&'r T, &'r DeserializeError> {
        self.value
    }

    /// The value, or the fallback if there is no such flag or the value does not fit the type.
    #[inline]
    #[must_use]
    pub fn value_or<'a>(&self, fallback: &'a T) -> &'a T
    where
        'r: 'a,
    {
        self.value.unwrap_or(fallback)
    }

    /// The evaluation: the reason, the variant, and the value as JSON.
    #[inline]
    #[must_use]
    pub fn evaluation(&self) -> &Evaluation<&'r Snapshot> {
        &self.evaluation
    }
}

/// The decoded values that a flag can answer in an environment.
#[derive(Debug)]
struct Decoded<T> {
    /// The version of the last snapshot.
    version: Option<u64>,
    /// The flag that the values belong to. Held, so that its address stays its own.
    state: Option<Arc<FlagState>>,
    /// Values of variants, by their positions.
    variants: Vec<Result<T, DeserializeError>>,
    default: Result<T, DeserializeError>,
}

impl<T: DeserializeOwned> Decoded<T> {
    #[inline]
    fn follow(&mut self, snapshot: &Snapshot, slot: Option<SlotId>) {
        if self.version != Some(snapshot.version()) {
            self.change_to(snapshot.version(), snapshot.compiled(slot));
        }
    }

    #[cold]
    #[inline(never)]
    fn change_to(&mut self, version: u64, compiled: &CompiledFlag) {
        let is_known = match (&self.state, compiled.state()) {
            (Some(known), Some(state)) => Arc::ptr_eq(known, state),
            (None, None) => true,
            _ => false,
        };
        if !is_known {
            let decode = |position| match compiled.value(position) {
                Some(value) => T::deserialize(value).map_err(DeserializeError::misfit),
                None => Err(DeserializeError::no_such_flag()),
            };
            self.variants = compiled.positions().map(decode).collect();
            self.default = decode(VariantPosition::NONE);
            self.state = compiled.state().cloned();
        }
        self.version = Some(version);
    }

    #[inline]
    fn of<'r>(&'r self, evaluation: Evaluation<&'r Snapshot>) -> Typed<'r, T> {
        let position = evaluation.position().index();
        let value = self.variants.get(position).unwrap_or(&self.default).as_ref();
        Typed { evaluation, value }
    }
}
