//! The immutable view of all flags that evaluations read, swapped whole.

use std::fmt;
use std::sync::Arc;

use crate::model::environment::Environment;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::ExperimentId;
use crate::read::compiled_flag::Slot;
use crate::read::index::Index;
use crate::read::state::{ExperimentEntry, FlagEntry};

/// One version of the configuration of an engine, compiled for reading.
///
/// What one snapshot answers is one version, however many flags are evaluated on it and whatever is
/// published meanwhile. Counting is another matter: it goes to the experiments as they are now, so
/// a snapshot from before a stop still answers the variant, but counts nothing.
///
/// [`evaluate`](Snapshot::evaluate), [`peek`](Snapshot::peek), [`explain`](Snapshot::explain),
/// [`convert`](Snapshot::convert) and [`convert_variant`](Snapshot::convert_variant) ask it by names;
/// [`flags`](Snapshot::flags) and [`version`](Snapshot::version) say what it holds.
///
/// Reached through a [`View`](crate::View) or a [`Reader`](crate::Reader). Both are for the length
/// of a request: a snapshot that is held on to is configuration that grows old.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, Environment, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// engine.create_flag(NewFlag::new("checkout", "one-page"))?;
/// let production = Environment::new("production")?;
///
/// let view = engine.view();
/// engine.set_default("checkout", "three-page")?;
/// // Both answers are of the version that was pinned.
/// assert_eq!(view.evaluate(&production, "hero-banner", "user-1").str_or(""), "old");
/// assert_eq!(view.evaluate(&production, "checkout", "user-1").str_or(""), "one-page");
/// # Ok::<(), fairsplit::Error>(())
/// ```
pub struct Snapshot {
    /// Which engine it is of, so that a handle of another engine cannot read a wrong slot.
    pub(super) engine: u64,
    pub(super) version: u64,
    pub(super) slots: Vec<Slot>,
    /// Shared by snapshots that have the same flags and experiments.
    pub(super) index: Arc<Index>,
}

impl Snapshot {
    /// The version of the configuration: 0 for a new engine, and one more with every change or
    /// reload that was published.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All flags of this version, in the order in which the engine first met their keys.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.entries().map(|entry| &entry.flag)
    }

    /// The slot of a flag in an environment.
    #[inline]
    pub(crate) fn slot_of(&self, environment: &Environment, flag: &str) -> usize {
        self.index().find(environment, flag).unwrap_or(NO_SLOT)
    }

    pub(crate) fn empty(engine: u64) -> Snapshot {
        Snapshot { engine, version: 0, slots: Vec::new(), index: Arc::default() }
    }

    #[inline]
    pub(crate) fn engine(&self) -> u64 {
        self.engine
    }

    /// Names and ids to slots.
    #[inline]
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Whether this snapshot is young enough to have a slot.
    #[inline]
    pub(crate) fn has_slot(&self, slot: usize) -> bool {
        slot < self.slots.len()
    }

    /// What is in a slot.
    #[inline]
    pub(crate) fn slot(&self, slot: usize) -> &Slot {
        self.slots.get(slot).unwrap_or(&Slot::Vacant)
    }

    /// A flag, by its key or its id.
    pub(crate) fn find(&self, flag: FlagRef<'_>) -> Option<&Arc<FlagEntry>> {
        let slot = match flag {
            FlagRef::Key(key) => self.index.flag(key)?,
            FlagRef::Id(id) => self.index.id(id)?,
        };
        self.slot(slot).entry()
    }

    /// An experiment, with the slot of its flag in its environment and its position in the flag.
    pub(crate) fn find_experiment(
        &self,
        id: ExperimentId,
    ) -> Option<(usize, usize, &ExperimentEntry)> {
        let (slot, at) = self.index.experiment(id)?;
        Some((slot, at, self.slot(slot).entry()?.experiments.get(at)?))
    }

    /// The flags that are there, in the order in which their keys were first met.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<FlagEntry>> {
        self.index.order().filter_map(|slot| self.slot(slot).entry())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.entries().map(|entry| entry.flag.key());
        f.debug_struct("Snapshot")
            .field("version", &self.version)
            .field("flags", &flags.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A slot that no snapshot has.
pub(crate) const NO_SLOT: usize = usize::MAX;
