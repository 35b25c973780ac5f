//! An in-process engine for A/B experiments on feature flags.
//!
//! A service links this crate and asks, for every request, which value of a flag a user gets. The
//! engine answers from memory, always the same for the same user, with no lock, no allocation and no
//! network, and counts what came of it for each variant.
//!
//! ```
//! use fairsplit::{Engine, Environment, NewExperiment, NewFlag};
//!
//! let engine = Engine::new();
//! engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//! let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
//!     .variant("control", "old", 50)
//!     .variant("treatment", "new", 50);
//! let id = engine.create_experiment("hero-banner", experiment)?.id();
//! engine.start(id)?;
//!
//! // On every request:
//! let production = Environment::new("production")?;
//! let banner = engine.evaluate(&production, "hero-banner", "user-1");
//! assert!(matches!(banner.str_or("old"), "old" | "new"));
//!
//! // When the user does what the experiment hopes for:
//! let conversion = engine.convert(&production, "hero-banner", "user-1");
//! assert!(conversion.is_counted());
//! assert_eq!(conversion.variant(), banner.variant());
//!
//! // At any time:
//! let counts = engine.counts(id).expect("it was created above");
//! let exposures: u64 = counts.variants().iter().map(|variant| variant.ever.exposures).sum();
//! assert_eq!(exposures, 1);
//! # Ok::<(), fairsplit::Error>(())
//! ```
//!
//! On this page: [when not to use it](#when-not-to-use-it), [words](#words),
//! [three ways in](#three-ways-in), [the life of an experiment](#the-life-of-an-experiment),
//! [configuration](#configuration), [features](#features), [promises](#promises). The longer texts
//! are in [`docs`].
//!
//! # When not to use it
//!
//! The engine splits by user key and percentage, and that is all: there are no targeting rules, no
//! percentage gates, no groups of experiments that exclude each other. Its counters count events
//! (and users where [asked to](Engine::count_users)), live in memory, and are those of one process. [`docs::limitations`] has the list.
//!
//! # Words
//!
//! A **flag** is a named decision point with a default value, any JSON. An **experiment** is an A/B
//! test on one flag in one **environment**; it owns **variants**, each with a key, a value and an
//! integer percentage. The **user key** identifies whom it is about: a user, an account, a device.
//! **Assignment** puts a user key into one of 100 **buckets**, and so into a variant; it is a pure
//! function, [published to the bit](docs::assignment_v1). An **evaluation** is the flag's answer: a
//! value, and why. One that served a running experiment's variant is an **exposure**, and is counted;
//! so is a **conversion**, when the user does what the experiment hopes for. A **snapshot** is the
//! immutable view of all flags that evaluations read.
//!
//! # Three ways in
//!
//! They have one meaning, and the same answers. From convenient to fast:
//!
//! * **By names**, on the engine: [`Engine::evaluate`], [`peek`](Engine::peek) (the same, uncounted),
//!   [`explain`](Engine::explain) (how it came about), [`convert`](Engine::convert).
//! * **By a handle** that was resolved once, at start-up: a [`FlagHandle`] knows its flag and
//!   environment, and follows every later change of the configuration by itself.
//! * **On a pinned snapshot**, for many flags on one version within a request: a [`View`] pins one;
//!   a [`Reader`], kept by each worker thread, does it almost for free. With
//!   [`FlagHandle::evaluate_on`] this is the fastest way.
//!
//! ```
//! use fairsplit::{Engine, Environment, NewFlag};
//!
//! let engine = Engine::new();
//! engine.create_flag(NewFlag::new("page-size", 25))?;
//! let production = Environment::new("production")?;
//! let page_size = engine.handle(&production, "page-size");
//!
//! assert_eq!(engine.evaluate(&production, "page-size", "user-1").i64_or(10), 25);
//! assert_eq!(page_size.evaluate("user-1").i64_or(10), 25);
//! assert_eq!(engine.view().evaluate(&production, "page-size", "user-1").i64_or(10), 25);
//! assert_eq!(page_size.evaluate_on(engine.reader().snapshot(), "user-1").i64_or(10), 25);
//! # Ok::<(), fairsplit::Error>(())
//! ```
//!
//! To read anything but a string, a number or a bool, deserialize into your own type:
//! [`Evaluation::deserialize`] decodes it at every call, a [`TypedReader`] once for each change of the
//! flag. What each way costs, counted and timed, is in [`docs::performance`].
//!
//! A flag answers in this order: unknown flag (no value; the accessors give the caller's fallback);
//! no user key (the default); forced; running experiment; default. [`Reason`] says which it was.
//!
//! # The life of an experiment
//!
//! ```text
//! create -> draft --start--> running --stop--> stopped --start--> running ...
//! ```
//!
//! [`Engine::create_experiment`], [`start`](Engine::start), [`stop`](Engine::stop). Anything else is
//! a [`TransitionError`]. One flag has at most one running experiment in one environment. Only a
//! running one counts: what arrives for another is not counted, and the [`Outcome`] says so. Over a
//! restart everyone stays in the variant they had, and the counts go on; [`Counts`] has two numbers,
//! "ever" and "since start". Variants never change: a new split is a new experiment, since editing a
//! running split biases its result.
//!
//! [`Engine::force`] forces a user into a variant, for manual testing: the reason is
//! [`Forced`](Reason::Forced), and nothing is counted.
//!
//! # Configuration
//!
//! Flags and experiments are made one by one on the engine, or loaded from a JSON document, whole:
//! [`Engine::from_json`] at start-up, [`Engine::reload`] on a live engine, [`Engine::to_json`] back
//! again with all counts. The experiments in it are written as the Experiments API writes them.
//! `reload` refuses a document with any fault and names them all; [`Engine::reload_tolerant`], for
//! configuration that is fetched, keeps the last good definition of each faulty flag. See
//! [`docs::document`].
//!
//! # Features
//!
//! None is on by default, and none changes an answer.
//!
//! * `durable`: engines that outlive their process, `Engine::open`.
//! * `watch`: a configuration file is followed, `Engine::watch`.
//! * `results`: rates, intervals, tests and a verdict, `Engine::results`.
//! * `tracing`: events of changes and reloads, never of an evaluation.
//! * `testing`: flags that answer what a test fixes, and assertions on what was counted,
//!   `fairsplit::testing`.
//!
//! Crates beside this one: `fairsplit-http` is the Experiments API over HTTP as a router to mount in a
//! service, `fairsplit-server` the same as a program to run, `fairsplit-prometheus` a collector of the
//! counts for Prometheus, `fairsplit-openfeature` a provider for OpenFeature.
//!
//! # Promises
//!
//! 1. **Deterministic.** An assignment depends on the experiment's id, its percentages in their order,
//!    and the user key: nothing else.
//! 2. **Fair.** Every bucket has the same chance for any realistic population of user keys, and a
//!    user's buckets in two experiments are independent.
//! 3. **Published.** [`docs::assignment_v1`] specifies the function to the bit. It will not change.
//! 4. **Stable under growth.** A wider variant takes only the users whose bucket changes hands.
//! 5. **Never blocks, never allocates.** An evaluation and a conversion take no lock, make no heap
//!    allocation (but a few bytes at a thread's first one), and write no cache line that all cores
//!    share. Publishing never makes a reader wait.
//! 6. **Consistent.** What one snapshot answers is one version of the configuration. A writer publishes
//!    all of a change or none of it.
//! 7. **Nothing lost.** Every conversion that was reported as counted is in the counts: across
//!    snapshots, stop and restart, reload, and threads.
//! 8. **No surprises.** No panic on input, no output, no logging. A bad configuration is refused with
//!    every fault named, and the last good one keeps serving.
// One module of the feature `durable` maps a file: src/durable/counters/segment.rs.
#![cfg_attr(not(feature = "durable"), forbid(unsafe_code))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![doc(test(attr(deny(warnings))))]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The layers, from the ground up. Each imports only from those before it: tests/layers.rs holds that.

// Assignment v1: from a user key to a variant, in integers.
mod assign;

// Flags, experiments, variants: what is valid, and what may follow what.
mod model;

// Counters, and sets of users.
mod count;

// What a request runs.
mod read;

// JSON in and out.
mod format;

// The control plane.
mod engine;

// On top of the engine, each behind a feature, and none imports another.
#[cfg(feature = "durable")]
mod durable;
#[cfg(feature = "results")]
#[cfg_attr(docsrs, doc(cfg(feature = "results")))]
pub mod results;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[cfg(feature = "watch")]
mod watch;

pub mod docs;

pub use crate::assign::allocation::{Allocation, AllocationError, MAX_VARIANTS};
pub use crate::assign::assignment::Assignment;
pub use crate::assign::bucket::{Bucket, Seed};
pub use crate::count::counts::{Count, Counts, VariantCounts};
pub use crate::count::deltas::{Delta, DeltaError};
pub use crate::count::users::{UserCount, UserCounts, VariantUsers};
#[cfg(feature = "durable")]
#[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
pub use crate::durable::{OpenError, OpenOptions, Recovered, recover};
pub use crate::engine::Engine;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use crate::engine::clock::SystemClock;
pub use crate::engine::clock::{Clock, ManualClock};
pub use crate::engine::load_report::{LastReload, LoadReport, SkippedFlag};
pub use crate::model::environment::Environment;
pub use crate::model::error::SyntaxError;
pub use crate::model::error::{Error, FileError, LoadError};
pub use crate::model::experiment::Experiment;
pub use crate::model::fault::{Fault, FaultKind, MAX_NAME_LENGTH, MAX_VALUE_DEPTH};
pub use crate::model::faults::ValidationError;
pub use crate::model::flag::{Flag, FlagChange, FlagRef};
pub use crate::model::id::{ExperimentId, FlagId};
pub use crate::model::new_experiment::NewExperiment;
pub use crate::model::new_flag::NewFlag;
pub use crate::model::status::{Status, Transition, TransitionError};
pub use crate::model::timestamp::Timestamp;
pub use crate::model::variant::Variant;
pub use crate::read::conversion::{Conversion, Outcome};
pub use crate::read::evaluation::Evaluation;
pub use crate::read::explanation::{ExplainedAssignment, ExplainedExperiment, Explanation};
pub use crate::read::handle::FlagHandle;
pub use crate::read::reader::Reader;
pub use crate::read::reason::Reason;
pub use crate::read::snapshot::Snapshot;
pub use crate::read::typed::{Typed, TypedReader};
pub use crate::read::value::DeserializeError;
pub use crate::read::view::View;
#[cfg(feature = "watch")]
#[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
pub use crate::watch::{Watch, WatchError};

/// The examples of the README are tested with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
