//! The engine: what a service shares between its threads and calls. Every change goes through it,
//! one at a time, published whole.
//!
//! The methods of `Engine`, in files named after what they do:
//! * `environment`: the engine bound to an environment, for requests; `requests`: what needs no
//!   environment;
//! * `flags`: creating and listing flags; `changing`: names, defaults and notes;
//! * `lifecycle`: creating, starting, stopping and listing experiments; `shipping`: ending one with
//!   a variant as the default; `archiving` and `deleting`: flags and experiments; `forcing`: users
//!   forced into a variant;
//! * `targeting`: who is in an experiment; `rules`: values for some users, without an experiment;
//!   `segments`, `layers`, `holdouts`: what flags share; `goals`: what experiments are for;
//! * `loading`: replacing everything by a document, and writing one; `applying`: merging one with
//!   the configuration; `sharing`: the memory of its equal parts; `load_report`: what a load
//!   reports;
//! * `counting`: reading the counts of events; `users`: counting users; `deltas` and
//!   `delta_reader`: handing counts over, each event once; `exposures`: the first exposure of each
//!   user.
//!
//! What they build on:
//! * `writer`: one change, staged and published;
//! * `store`: where changes are committed before they are published; `changes`: those that were;
//! * `remembering`: what is known of what has left the definitions;
//! * `consistency`: what has to hold between flags and what they share; `references`: that what a
//!   document names is there;
//! * `durability`: the interface to counters that outlive the process; `process`: which process
//!   that is;
//! * `clock`: the source of time; `ids`: random ids; `events`: what is traced.

pub(crate) mod applying;
mod archiving;
mod changes;
mod changing;
pub(crate) mod clock;
mod consistency;
mod counting;
mod deleting;
pub(crate) mod delta_reader;
mod deltas;
pub(crate) mod durability;
pub(crate) mod environment;
pub(crate) mod events;
mod exposures;
mod flags;
mod forcing;
pub(crate) mod goals;
mod holdouts;
mod ids;
mod layers;
mod lifecycle;
pub(crate) mod load_report;
mod loading;
#[cfg(any(feature = "durable", feature = "watch"))]
pub(crate) mod process;
mod references;
mod remembering;
mod replacing;
mod requests;
mod rules;
pub(crate) mod segments;
mod sharing;
mod shipping;
pub(crate) mod store;
mod targeting;
mod user_sums;
mod users;
mod writer;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::count::distinct_users::slots::{InProcess, Memory};
use crate::count::registry::Registry;
use crate::engine::clock::Clock;
use crate::engine::durability::Durability;
use crate::engine::load_report::LastLoad;
use crate::engine::store::Store;
use crate::model::actor::Actor;
use crate::read::current::Current;
use crate::read::snapshot::Snapshot;

/// The flags and experiments of a service, evaluated in memory.
///
/// Cheap to clone and shared by threads; clones are the same engine. There is no global engine, no
/// runtime and no background thread.
///
/// **Reading** never blocks. An [`Environment`](crate::Environment), bound once, answers from the
/// current [`Snapshot`] and counts in cells that threads do not share.
///
/// **Writing** makes a new snapshot and swaps it in: all of a change, or none of it. Writers wait
/// for each other; readers never wait. A refused call changes nothing.
///
/// # Methods
///
/// * For requests: [`environment`](Engine::environment), which binds one;
///   [`convert_variant`](Engine::convert_variant), [`snapshot`](Engine::snapshot).
/// * Flags: [`create_flag`](Engine::create_flag), [`change_flag`](Engine::change_flag),
///   [`set_default`](Engine::set_default), [`archive_flag`](Engine::archive_flag),
///   [`unarchive_flag`](Engine::unarchive_flag), [`delete_flag`](Engine::delete_flag),
///   [`flag`](Engine::flag), [`flags`](Engine::flags).
/// * Experiments: [`create_experiment`](Engine::create_experiment),
///   [`change_experiment`](Engine::change_experiment), [`start`](Engine::start),
///   [`stop`](Engine::stop), [`ship`](Engine::ship),
///   [`archive_experiment`](Engine::archive_experiment),
///   [`unarchive_experiment`](Engine::unarchive_experiment),
///   [`delete_experiment`](Engine::delete_experiment), [`experiment`](Engine::experiment),
///   [`experiments`](Engine::experiments); [`force`](Engine::force), [`unforce`](Engine::unforce),
///   [`forced`](Engine::forced).
/// * Who is in an experiment: [`set_targeting`](Engine::set_targeting),
///   [`raise_coverage`](Engine::raise_coverage).
/// * Rules: [`create_rule`](Engine::create_rule), [`change_rule`](Engine::change_rule),
///   [`delete_rule`](Engine::delete_rule), [`rule`](Engine::rule), [`rules`](Engine::rules).
/// * Segments: [`create_segment`](Engine::create_segment),
///   [`change_segment`](Engine::change_segment), [`delete_segment`](Engine::delete_segment),
///   [`segment`](Engine::segment), [`segments`](Engine::segments).
/// * Layers: [`create_layer`](Engine::create_layer), [`change_layer`](Engine::change_layer),
///   [`delete_layer`](Engine::delete_layer), [`layer`](Engine::layer),
///   [`layers`](Engine::layers).
/// * Holdouts: [`create_holdout`](Engine::create_holdout),
///   [`change_holdout`](Engine::change_holdout), [`delete_holdout`](Engine::delete_holdout),
///   [`holdout`](Engine::holdout), [`holdouts`](Engine::holdouts).
/// * What experiments are for: [`create_goal`](Engine::create_goal),
///   [`change_goal`](Engine::change_goal), [`delete_goal`](Engine::delete_goal),
///   [`goal`](Engine::goal), [`goals`](Engine::goals), [`set_goals`](Engine::set_goals);
///   [`goal_counts`](Engine::goal_counts).
/// * Documents: [`from_json`](Engine::from_json), [`replace`](Engine::replace),
///   [`last_load`](Engine::last_load),
///   [`to_json`](Engine::to_json).
/// * Changes: [`acting_as`](Engine::acting_as), [`changes`](Engine::changes),
///   [`changes_of`](Engine::changes_of).
/// * What was counted: [`counts`](Engine::counts), [`runs`](Engine::runs),
///   [`count_users`](Engine::count_users),
///   [`set_default_users`](Engine::set_default_users), [`users`](Engine::users),
///   [`with_deltas`](Engine::with_deltas), [`delta_reader`](Engine::delta_reader),
///   [`exposures`](Engine::exposures), [`missed_exposures`](Engine::missed_exposures),
///   [`sync`](Engine::sync),
///   [`storage_error`](Engine::storage_error).
/// * With features: `open` (`durable`), `watch` (`watch`), `results` (`results`).
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewExperiment, NewFlag, Reason};
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
/// let production = engine.environment("production")?;
/// let banner = production.evaluate("hero-banner", "user-1");
/// assert_eq!(banner.reason(), Reason::Split);
/// assert!(matches!(banner.str_or("old"), "old" | "new"));
/// assert!(production.convert("hero-banner", "user-1").is_counted());
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    current: Current,
    control: Arc<Control>,
    /// Who asks, through this clone.
    actor: Arc<Actor>,
}

/// What only the control plane needs.
#[derive(Debug)]
struct Control {
    /// Held while a snapshot is made from the one before it.
    writer: Mutex<writer::Held>,
    registry: Registry,
    last_load: Mutex<Option<LastLoad>>,
    /// Held while counts are handed over, and by nothing else.
    handing_over: Mutex<()>,
    /// Held then too, and for a moment by changes.
    marks: Mutex<deltas::Marks>,
    readers: Mutex<delta_reader::Readers>,
    clock: Arc<dyn Clock>,
    /// `None` for an engine whose changes are not kept.
    store: Option<Arc<dyn Store>>,
    /// `None` for an engine whose counters are in memory.
    durability: Option<Arc<dyn Durability>>,
    /// The memory of users.
    users: Arc<dyn Memory>,
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
    /// use fairsplit::{Engine, Timestamp};
    /// use fairsplit::clock::ManualClock;
    ///
    /// let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(0)));
    /// let engine = Engine::with_clock(Arc::clone(&clock));
    /// clock.advance(3600);
    /// # let _ = engine;
    /// ```
    #[must_use]
    pub fn with_clock(clock: impl Clock + 'static) -> Engine {
        Engine::with_parts(Box::new(clock), None, None)
    }

    /// An engine with no flags, on this clock, whose changes are committed to a store before they
    /// are published. Counters are in memory.
    ///
    /// [`Store`] has an example.
    #[must_use]
    pub fn with_store(clock: impl Clock + 'static, store: Arc<impl Store + 'static>) -> Engine {
        Engine::with_parts(Box::new(clock), Some(store), None)
    }

    pub(crate) fn with_parts(
        clock: Box<dyn Clock>,
        store: Option<Arc<dyn Store>>,
        durability: Option<Arc<dyn Durability>>,
    ) -> Engine {
        static ENGINES: AtomicU64 = AtomicU64::new(0);
        let number = ENGINES.fetch_add(1, Ordering::Relaxed);
        Engine {
            current: Current::new(Snapshot::empty(number)),
            actor: Arc::default(),
            control: Arc::new(Control {
                writer: Mutex::default(),
                registry: Registry::default(),
                last_load: Mutex::default(),
                handing_over: Mutex::default(),
                marks: Mutex::default(),
                readers: Mutex::default(),
                clock: Arc::from(clock),
                store,
                users: memory(durability.as_deref()),
                durability,
            }),
        }
    }
}

fn memory(durability: Option<&dyn Durability>) -> Arc<dyn Memory> {
    durability.map_or_else(|| Arc::new(InProcess), Durability::users)
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("snapshot", &*self.current.pin()).finish_non_exhaustive()
    }
}
