//! The immutable view of all flags that evaluations read, swapped whole.

use std::fmt;
use std::sync::Arc;

use crate::counts::Counts;
use crate::entry::{ExperimentEntry, FlagEntry};
use crate::environment::Environment;
use crate::experiment::Experiment;
use crate::flag::{Flag, FlagRef};
use crate::id::ExperimentId;
use crate::index::Index;
use crate::site::Slot;

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
    slots: Vec<Slot>,
    /// Shared by snapshots that have the same flags and experiments.
    index: Arc<Index>,
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

    /// All experiments of this version in the order of their flags, each with its flag and its counts.
    ///
    /// An experiment and its counts are read at one moment: its conversions are those of the counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("golden", "new", 100);
    /// engine.create_experiment("hero-banner", new.status(Status::Running))?;
    ///
    /// for (flag, experiment, counts) in engine.view().experiments() {
    ///     assert_eq!((flag.key(), experiment.name()), ("hero-banner", "Hero Banner"));
    ///     assert_eq!(counts.variants()[0].ever.exposures, 0);
    /// }
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn experiments(&self) -> impl Iterator<Item = (&Flag, Experiment, Counts)> {
        self.entries().flat_map(|entry| {
            entry.experiments.iter().map(|experiment| {
                let (experiment, counts) = experiment.read_with_counts();
                (&entry.flag, experiment, counts)
            })
        })
    }

    /// The flag that the experiment with this id is on; `None` if this version has no such experiment.
    #[must_use]
    pub fn flag_of(&self, id: ExperimentId) -> Option<&Flag> {
        let (slot, _, _) = self.find_experiment(id)?;
        self.slot(slot).entry().map(|entry| &entry.flag)
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

    /// The next version, with one flag put in its place: a new flag, or a changed one.
    pub(crate) fn with(&self, entry: FlagEntry) -> Snapshot {
        let mut next = self.next(self.slots.clone());
        if !next.index.knows(&entry) {
            next.change_index(|index| index.add([&entry].into_iter()));
        }
        let key = entry.flag.key().to_owned();
        let entry = Arc::new(entry);
        let index = Arc::clone(&next.index);
        if let Some(slot) = index.flag(&key) {
            next.put(slot, Slot::Default(Arc::clone(&entry)));
        }
        for (environment, slot) in index.own_of(&key) {
            next.put(slot, Slot::new(&entry, environment));
        }
        next
    }

    /// The next version, of just these flags.
    pub(crate) fn with_all(&self, entries: &[Arc<FlagEntry>]) -> Snapshot {
        let mut next = self.next(vec![Slot::Vacant; self.slots.len()]);
        if !next.index.has_just(entries) {
            next.change_index(|index| {
                index.forget_ids();
                index.add(entries.iter().map(|entry| &**entry));
            });
        }
        let index = Arc::clone(&next.index);
        for entry in entries {
            if let Some(slot) = index.flag(entry.flag.key()) {
                next.put(slot, Slot::Default(Arc::clone(entry)));
            }
        }
        for (environment, slot, flag) in index.all_own() {
            let Some(entry) = next.slot(flag).entry() else { continue };
            let before = self.slot(slot);
            let is_as_before = before.entry().is_some_and(|before| Arc::ptr_eq(before, entry));
            let content = if is_as_before { before.clone() } else { Slot::new(entry, environment) };
            next.put(slot, content);
        }
        next
    }

    /// The same version, with a slot for a flag in an environment.
    pub(crate) fn with_slot(&self, environment: &Environment, key: &str) -> Snapshot {
        let mut next = Snapshot { version: self.version, ..self.next(self.slots.clone()) };
        let slot = next.change_index(|index| index.reserve_own(environment, key));
        if let Some(entry) = self.find(FlagRef::Key(key)) {
            next.put(slot, Slot::new(entry, environment));
        }
        next
    }

    /// The next version, with the same names and ids.
    fn next(&self, slots: Vec<Slot>) -> Snapshot {
        let (version, index) = (self.version.saturating_add(1), Arc::clone(&self.index));
        Snapshot { engine: self.engine, version, slots, index }
    }

    fn change_index<R>(&mut self, change: impl FnOnce(&mut Index) -> R) -> R {
        let result = change(Arc::make_mut(&mut self.index));
        self.slots.resize(self.index.slots(), Slot::Vacant);
        result
    }

    fn put(&mut self, slot: usize, content: Slot) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = content;
        }
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
