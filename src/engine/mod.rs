//! The engine: what a service links, shares between its threads and asks.

pub(crate) mod clock;
mod control;
mod drain;
pub(crate) mod events;
mod load;
pub(crate) mod report;
mod select;
pub(crate) mod storage;
mod users;
mod writer;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::count::counts::Counts;
use crate::count::registry::Registry;
use crate::engine::clock::Clock;
use crate::engine::report::LastReload;
use crate::engine::storage::Storage;
use crate::model::environment::Environment;
use crate::model::error::StorageError;
use crate::model::experiment::Experiment;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::ExperimentId;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::handle::FlagHandle;
use crate::read::snapshot::Snapshot;
use crate::read::view::{Current, Reader, Retired, View};

/// The flags and experiments of a service, answered from memory.
///
/// Cheap to clone and shared by threads; clones are the same engine. There is no global one, no
/// runtime and no background thread.
///
/// **Reading** never blocks. [`evaluate`](Engine::evaluate) and its kin read the current
/// [`Snapshot`], and count in cells that threads do not share. There are three ways in, with one
/// meaning: by names on the engine; by a [`FlagHandle`] that was resolved once; on a pinned
/// [`View`] for many flags on one version.
///
/// **Writing** makes a new snapshot and swaps it in: all of a change, or none of it. Writers wait
/// for each other, and readers for nobody. A refused call changes nothing.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, Environment, NewExperiment, NewFlag, Reason};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let experiment = engine.create_experiment(
///     "hero-banner",
///     NewExperiment::new("Hero Banner A/B Test", "production")
///         .variant("control", "old", 50)
///         .variant("treatment", "new", 50),
/// )?;
/// engine.start(experiment.id())?;
///
/// let production = Environment::new("production")?;
/// let banner = engine.evaluate(&production, "hero-banner", "user-1");
/// assert_eq!(banner.reason(), Reason::Split);
/// assert!(matches!(banner.str_or("old"), "old" | "new"));
/// assert!(engine.convert(&production, "hero-banner", "user-1").is_counted());
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    current: Current,
    control: Arc<Control>,
}

/// What only writers need.
#[derive(Debug)]
struct Control {
    /// Held while a snapshot is made from the one before it.
    writer: Mutex<Retired>,
    registry: Registry,
    last_reload: Mutex<Option<LastReload>>,
    /// Held while counts are handed over.
    marks: Mutex<drain::Marks>,
    clock: Box<dyn Clock>,
    /// None for an engine in memory.
    storage: Option<Box<dyn Storage>>,
}

impl Engine {
    /// An engine with no flags, on the system's clock.
    ///
    /// Not on `wasm32-unknown-unknown`, which has no clock: use [`Engine::with_clock`] there.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    #[must_use]
    pub fn new() -> Engine {
        Engine::with_clock(crate::engine::clock::SystemClock)
    }

    /// An engine with no flags, on this clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use fairsplit::{Engine, ManualClock, Timestamp};
    ///
    /// let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(0)));
    /// let engine = Engine::with_clock(Arc::clone(&clock));
    /// clock.advance(3600);
    /// # let _ = engine;
    /// ```
    #[must_use]
    pub fn with_clock(clock: impl Clock + 'static) -> Engine {
        Engine::with_storage(Box::new(clock), None)
    }

    pub(crate) fn with_storage(clock: Box<dyn Clock>, storage: Option<Box<dyn Storage>>) -> Engine {
        static ENGINES: AtomicU64 = AtomicU64::new(0);
        let number = ENGINES.fetch_add(1, Ordering::Relaxed);
        Engine {
            current: Current::new(Snapshot::empty(number)),
            control: Arc::new(Control {
                writer: Mutex::default(),
                registry: Registry::new(),
                last_reload: Mutex::default(),
                marks: Mutex::default(),
                clock,
                storage,
            }),
        }
    }

    // Reading.

    /// The answer for a flag in an environment and a user; counts an exposure if it is the running
    /// experiment's variant.
    ///
    /// One arc-swap load and one hash look-up more than the same by a handle on a reader's snapshot;
    /// no lock, no allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate(&self, environment: &Environment, flag: &str, user_key: &str) -> Evaluation {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Evaluation::counting(view, slot, user_key)
    }

    /// The same answer as [`evaluate`](Engine::evaluate), and nothing is counted.
    #[inline]
    #[must_use]
    pub fn peek(&self, environment: &Environment, flag: &str, user_key: &str) -> Evaluation {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Evaluation::peeking(view, slot, user_key)
    }

    /// How the answer for a flag in an environment and a user comes about; nothing is counted.
    /// For support questions, not for every request: it allocates what it tells.
    #[must_use]
    pub fn explain(&self, environment: &Environment, flag: &str, user_key: &str) -> Explanation {
        self.current.view().explain(environment, flag, user_key)
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running in this environment. Costs what [`evaluate`](Engine::evaluate) costs.
    #[inline]
    pub fn convert(&self, environment: &Environment, flag: &str, user_key: &str) -> Conversion {
        let view = self.current.view();
        let slot = view.slot_of(environment, flag);
        Conversion::assigned(view, slot, user_key)
    }

    /// Counts a conversion for a variant that the caller names, having carried it along from
    /// [`Evaluation::assignment`]. The same rule holds: only a running experiment counts. Nobody's
    /// user key is asked for here, so whoever is pinned to a variant has to be kept out by the caller;
    /// `assignment` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Outcome, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let experiment = NewExperiment::new("Hero Banner", "production")
    ///     .variant("control", "old", 100)
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", experiment)?.id();
    ///
    /// assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::Counted);
    /// assert_eq!(engine.convert_variant(id, "contorl").outcome(), Outcome::VariantNotFound);
    /// engine.stop(id)?;
    /// assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::NotRunning);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[inline]
    pub fn convert_variant(&self, experiment: ExperimentId, variant: &str) -> Conversion {
        Conversion::named(self.current.view(), experiment, variant)
    }

    /// Pins the current snapshot, for many flags on one version.
    #[inline]
    #[must_use]
    pub fn view(&self) -> View {
        self.current.view()
    }

    /// A cached way to the current snapshot, for one thread to keep.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.current.clone())
    }

    /// Resolves a flag in an environment once, for every later call. The flag need not be there yet.
    ///
    /// For start-up, not for every request: a key that the engine has never met is given a place of
    /// its own for as long as the engine lives, in a new snapshot.
    #[must_use]
    pub fn handle(&self, environment: &Environment, flag: &str) -> FlagHandle {
        let slot = self.current.view().index().own(environment, flag).unwrap_or_else(|| {
            let mut writer = self.lock();
            let view = self.current.view();
            view.index().own(environment, flag).unwrap_or_else(|| {
                let next = view.with_slot(environment, flag);
                let slot = next.slot_of(environment, flag);
                writer.publish_unstored(next);
                slot
            })
        });
        let engine = self.current.view().engine();
        FlagHandle::new(self.current.clone(), engine, slot, environment.clone(), flag)
    }

    /// Waits until everything that has been counted so far would outlive a loss of power. Of an engine
    /// in memory there is nothing to wait for.
    ///
    /// Changes need no such thing: they are on disk when their call returns. Nor does a crash of the
    /// process, which loses no count.
    ///
    /// # Errors
    ///
    /// [`StorageError`] if the disk fails. The counts go on in memory.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.control.storage.as_ref().map_or(Ok(()), |storage| storage.sync())
    }

    /// All flags, in the order in which the engine first met their keys.
    #[must_use]
    pub fn flags(&self) -> Vec<Flag> {
        self.current.view().flags().cloned().collect()
    }

    /// The flag of this key or id.
    #[must_use]
    pub fn flag<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Option<Flag> {
        self.current.view().find(flag.into()).map(|entry| entry.flag.clone())
    }

    /// The experiment of this id, as it stands now.
    #[must_use]
    pub fn experiment(&self, id: ExperimentId) -> Option<Experiment> {
        let view = self.current.view();
        view.find_experiment(id).map(|(_, _, entry)| entry.read())
    }

    /// What has been counted for an experiment: ever, and since its last start. Also for one that has
    /// left the configuration since; `None` for one that the engine has never met.
    ///
    /// [`Counts`] says what a reader may assume. Sums the stripes of every cell.
    #[must_use]
    pub fn counts(&self, id: ExperimentId) -> Option<Counts> {
        let view = self.current.view();
        if let Some((_, _, entry)) = view.find_experiment(id) {
            let variants = &entry.definition.terms.variants;
            return Some(Counts::new(id, variants, &entry.at_start, &entry.tally.counts()));
        }
        self.control.registry.look(id, |record| {
            let variants = &record.definition.terms.variants;
            Counts::new(id, variants, &record.at_start, &record.tally.counts())
        })
    }
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("snapshot", &*self.current.view()).finish_non_exhaustive()
    }
}
