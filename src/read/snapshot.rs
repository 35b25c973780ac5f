//! The immutable view of all flags that evaluations read, swapped whole.

use std::fmt;
use std::sync::Arc;

use crate::count::counts::Counts;
use crate::count::exposures::Exposures;
use crate::model::experiment::Experiment;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::ExperimentId;
use crate::model::targeting::shared::Shared;
use crate::read::compiled_flag::CompiledFlag;
use crate::read::goal::lists::GoalLists;
use crate::read::index::Index;
use crate::read::place::SlotId;
use crate::read::state::{ExperimentState, FlagState};

/// One version of the configuration of an engine, compiled for reading.
///
/// All answers of one snapshot are of one version, whatever is published meanwhile. Counts,
/// however, go to the experiments as they are now: a snapshot from before a stop still answers the
/// variant, but counts nothing.
///
/// [`flags`](Snapshot::flags), [`experiments`](Snapshot::experiments) and
/// [`version`](Snapshot::version) return its content, and
/// [`convert_variant`](Snapshot::convert_variant) counts. Evaluate on it by names with a
/// [`View`](crate::View), or one flag with a [`FlagHandle`](crate::FlagHandle).
///
/// A [`View`](crate::View), a [`Reader`](crate::Reader) and
/// [`Engine::snapshot`](crate::Engine::snapshot) lead to it. Keep one for the length of a request:
/// a snapshot that is kept longer is outdated configuration.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// engine.create_flag(NewFlag::new("checkout", "one-page"))?;
/// let production = engine.environment("production")?;
///
/// let view = production.view();
/// engine.set_default("checkout", "three-page")?;
/// // Both answers are of the version that was pinned.
/// assert_eq!(view.evaluate("hero-banner", "user-1").str_or(""), "old");
/// assert_eq!(view.evaluate("checkout", "user-1").str_or(""), "one-page");
/// # Ok::<(), fairsplit::Error>(())
/// ```
pub struct Snapshot {
    /// The number of its engine, so that a handle of another engine cannot read a wrong slot.
    pub(super) engine: u64,
    pub(super) version: u64,
    /// Compiled flags, by their slots. The first belongs to no slot, and answers that the flag is
    /// not found.
    pub(super) flags: Vec<CompiledFlag>,
    /// Shared by snapshots that have the same flags and experiments.
    pub(super) index: Arc<Index>,
    pub(super) shared: Arc<Shared>,
    /// Shared by snapshots whose running experiments have the same goals.
    pub(super) goals: Arc<GoalLists>,
    /// Where first exposures are queued, if the engine has such a queue.
    pub(super) exposures: Option<Exposures>,
}

/// An experiment of a snapshot, and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoundExperiment<'s> {
    /// The slot of its flag in its environment.
    pub(crate) slot: SlotId,
    pub(crate) flag: &'s FlagState,
    /// Its position in the flag.
    pub(crate) position: usize,
    pub(crate) state: &'s ExperimentState,
}

impl Snapshot {
    /// The version of the configuration: 0 for a new engine, and one more for every published
    /// change. The versions of a durable engine go on over openings.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All flags of this version, in the order in which their keys became known to the engine.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.states().map(|state| &state.flag)
    }

    /// All experiments of this version in the order of their flags, each with its flag and its
    /// counts.
    ///
    /// An experiment and its counts are read together: its conversions equal those of the counts.
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
    /// for (flag, experiment, counts) in engine.snapshot().experiments() {
    ///     assert_eq!((flag.key(), experiment.name()), ("hero-banner", "Hero Banner"));
    ///     assert_eq!(counts.variants()[0].ever.exposures, 0);
    /// }
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn experiments(&self) -> impl Iterator<Item = (&Flag, Experiment, Counts)> {
        self.states().flat_map(|state| {
            state.experiments.iter().map(|experiment| {
                let (experiment, counts) = experiment.read_with_counts();
                (&state.flag, experiment, counts)
            })
        })
    }

    /// The flag of the experiment with this id; `None` if this version has no such experiment.
    #[must_use]
    pub fn flag_of(&self, id: ExperimentId) -> Option<&Flag> {
        self.find_experiment(id).map(|found| &found.flag.flag)
    }

    pub(crate) fn empty(engine: u64) -> Snapshot {
        Snapshot {
            engine,
            version: 0,
            flags: vec![CompiledFlag::NotFound],
            index: Arc::default(),
            shared: Arc::default(),
            goals: Arc::default(),
            exposures: None,
        }
    }

    #[inline]
    pub(crate) fn engine(&self) -> u64 {
        self.engine
    }

    /// The goals of this version, and the experiments that count them.
    #[inline]
    pub(crate) fn goal_lists(&self) -> &GoalLists {
        &self.goals
    }

    /// The segments, layers, holdouts and goals of this version.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Where first exposures are queued.
    pub(crate) fn exposures(&self) -> Option<&Exposures> {
        self.exposures.as_ref()
    }

    /// Names and ids to slots.
    #[inline]
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Whether this snapshot is new enough to have a slot.
    #[inline]
    pub(crate) fn has_slot(&self, slot: SlotId) -> bool {
        SlotId::index(Some(slot)) < self.flags.len()
    }

    /// The flag of a slot.
    #[inline]
    pub(crate) fn compiled(&self, slot: Option<SlotId>) -> &CompiledFlag {
        self.flags.get(SlotId::index(slot)).unwrap_or(&CompiledFlag::NotFound)
    }

    /// A flag, by its key or its id.
    pub(crate) fn find(&self, flag: FlagRef<'_>) -> Option<&Arc<FlagState>> {
        let slot = match flag {
            FlagRef::Key(key) => self.index.flag(key)?,
            FlagRef::Id(id) => self.index.id(id)?,
        };
        self.compiled(Some(slot)).state()
    }

    pub(crate) fn find_experiment(&self, id: ExperimentId) -> Option<FoundExperiment<'_>> {
        let place = self.index.experiment(id)?;
        let (slot, position) = (place.slot, place.position());
        let flag = self.compiled(Some(slot)).state()?;
        Some(FoundExperiment { slot, flag, position, state: flag.experiments.get(position)? })
    }

    /// The states of all flags, in the order in which their keys became known.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Arc<FlagState>> {
        self.index.order().filter_map(|slot| self.compiled(Some(slot)).state())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags().map(Flag::key);
        f.debug_struct("Snapshot")
            .field("version", &self.version)
            .field("flags", &flags.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
