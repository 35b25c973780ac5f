//! The immutable view of all flags that evaluations read, swapped whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::compiled::{ExperimentEntry, FlagEntry};
use crate::flag::{Flag, FlagRef};
use crate::id::{ExperimentId, FlagId};

/// One version of the configuration of an engine, compiled for reading.
///
/// What one snapshot answers is one version, however many flags are evaluated on it and whatever is
/// published meanwhile. Counting is another matter: it goes to the experiments as they are now, so
/// a snapshot from before a stop still answers the variant, but counts nothing.
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
    engine: u64,
    version: u64,
    /// A flag's slot belongs to its key for good, so that handles can keep it. `None` while the
    /// configuration has no such flag.
    slots: Vec<Option<Arc<FlagEntry>>>,
    /// Shared by snapshots that have the same flags and experiments.
    index: Arc<Index>,
}

#[derive(Clone, Debug, Default)]
struct Index {
    keys: HashMap<Arc<str>, usize, RandomState>,
    ids: HashMap<FlagId, usize, RandomState>,
    /// The slot of an experiment's flag, and the experiment's position in it.
    experiments: HashMap<ExperimentId, (usize, usize), RandomState>,
}

impl Snapshot {
    pub(crate) fn empty(engine: u64) -> Snapshot {
        Snapshot { engine, version: 0, slots: Vec::new(), index: Arc::default() }
    }

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

    pub(crate) fn engine(&self) -> u64 {
        self.engine
    }

    /// The slot of a flag key; also one that is reserved for a flag that is not there.
    #[inline]
    pub(crate) fn slot(&self, key: &str) -> Option<usize> {
        self.index.keys.get(key).copied()
    }

    #[inline]
    pub(crate) fn entry(&self, slot: usize) -> Option<&FlagEntry> {
        self.slots.get(slot)?.as_deref()
    }

    /// A flag and its slot, by its key or its id.
    pub(crate) fn find(&self, flag: FlagRef<'_>) -> Option<(usize, &Arc<FlagEntry>)> {
        let slot = match flag {
            FlagRef::Key(key) => self.slot(key)?,
            FlagRef::Id(id) => *self.index.ids.get(&id)?,
        };
        Some((slot, self.slots.get(slot)?.as_ref()?))
    }

    /// The slot of an experiment's flag, and the experiment's position in it.
    #[inline]
    pub(crate) fn place(&self, id: ExperimentId) -> Option<(usize, usize)> {
        self.index.experiments.get(&id).copied()
    }

    #[inline]
    pub(crate) fn experiment(&self, slot: usize, at: usize) -> Option<&ExperimentEntry> {
        self.entry(slot)?.experiments.get(at)
    }

    /// The flags that are there, in the order in which their keys were first met.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<FlagEntry>> {
        self.slots.iter().flatten()
    }

    /// The next version, with one flag put in its slot: a new flag, or a changed one.
    pub(crate) fn with(&self, entry: FlagEntry) -> Snapshot {
        let mut next = self.next();
        next.put(Arc::new(entry));
        next
    }

    /// The next version, of just these flags.
    pub(crate) fn with_all(&self, entries: impl IntoIterator<Item = Arc<FlagEntry>>) -> Snapshot {
        let mut next = self.next();
        next.slots.fill(None);
        let index = Arc::make_mut(&mut next.index);
        index.ids.clear();
        index.experiments.clear();
        for entry in entries {
            next.put(entry);
        }
        next
    }

    /// The same version, with a slot for a flag key.
    pub(crate) fn with_slot(&self, key: &str) -> Snapshot {
        let mut next = Snapshot { version: self.version, ..self.next() };
        next.reserve(key);
        next
    }

    fn next(&self) -> Snapshot {
        Snapshot {
            engine: self.engine,
            version: self.version.saturating_add(1),
            slots: self.slots.clone(),
            index: Arc::clone(&self.index),
        }
    }

    fn reserve(&mut self, key: &str) -> usize {
        if let Some(slot) = self.slot(key) {
            return slot;
        }
        let slot = self.slots.len();
        self.slots.push(None);
        Arc::make_mut(&mut self.index).keys.insert(key.into(), slot);
        slot
    }

    fn put(&mut self, entry: Arc<FlagEntry>) {
        let slot = self.reserve(entry.flag.key());
        let Some(place) = self.slots.get_mut(slot) else {
            return;
        };
        // A start or a stop leaves the index as it is, and shared.
        let indexed = place.as_ref().map_or(0, |old| old.experiments.len());
        let is_new = place.is_none();
        if is_new || indexed < entry.experiments.len() {
            let index = Arc::make_mut(&mut self.index);
            index.ids.insert(entry.flag.id(), slot);
            for (at, experiment) in entry.experiments.iter().enumerate().skip(indexed) {
                index.experiments.insert(experiment.definition.id, (slot, at));
            }
        }
        *place = Some(entry);
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
