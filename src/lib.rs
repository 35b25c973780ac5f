//! An in-process engine for A/B experiments on feature flags.
//!
//! A service links this crate and asks, for every request, which value of a flag a user gets. The
//! engine answers from memory, always the same for the same user, with no lock, no allocation and no
//! network, and counts exposures and conversions of each variant.
//!
//! ```
//! use fairsplit::{Engine, Error, NewExperiment, NewFlag};
//!
//! fn main() -> Result<(), Error> {
//!     let engine = Engine::new();
//!     engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//!     let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
//!         .variant("control", "old", 50)
//!         .variant("treatment", "new", 50);
//!     let id = engine.create_experiment("hero-banner", experiment)?.id();
//!     engine.start(id)?;
//!
//!     // Once, at start-up:
//!     let production = engine.environment("production")?;
//!     let banner = production.flag("hero-banner");
//!
//!     // On every request:
//!     let answer = banner.evaluate("user-1");
//!     assert!(matches!(answer.str_or("old"), "old" | "new"));
//!
//!     // When the user does what the experiment hopes for:
//!     banner.convert("user-1");
//!
//!     // At any time:
//!     let counts = engine.counts(id).expect("it was created above");
//!     let exposures: u64 = counts.variants().iter().map(|variant| variant.ever.exposures).sum();
//!     assert_eq!(exposures, 1);
//!     Ok(())
//! }
//! ```
//!
//! On this page: [when not to use it](#when-not-to-use-it), [words](#words),
//! [three ways to ask](#three-ways-to-ask), [the life of an experiment](#the-life-of-an-experiment),
//! [configuration](#configuration), [features and crates](#features-and-crates),
//! [promises](#promises). The longer texts are in [`docs`].
//!
//! # When not to use it
//!
//! The engine splits by user key and percentage, and that is all: there are no targeting rules, no
//! percentage gates, no groups of experiments that exclude each other. Its counters count events
//! (and users where [asked to](Engine::count_users)), live in memory unless the feature `durable` is
//! used, and are those of one process. [`docs::limitations`] has the list.
//!
//! # Words
//!
//! A **flag** is a named decision point with a default value, any JSON. An **experiment** is an A/B
//! test on one flag in one **environment**; it owns **variants**, each with a key, a value and an
//! integer percentage. The **user key** identifies the user: a person, an account, a device.
//! **Assignment** puts a user key into one of 100 **buckets**, and so into a variant; it is a pure
//! function, [published to the bit](docs::assignment_v1). An **evaluation** is the flag's answer: a
//! value, and why. An evaluation that served a running experiment's variant is an **exposure**, and is
//! counted; so is a **conversion**, when the user does what the experiment hopes for. A **snapshot** is
//! the immutable view of all flags that evaluations read.
//!
//! # Three ways to ask
//!
//! All start at an [`Environment`], which a service binds once, have one meaning, and give the same
//! answers. From convenient to fast:
//!
//! * **By names**, on the environment: [`evaluate`](Environment::evaluate),
//!   [`peek`](Environment::peek) (the same, uncounted), [`explain`](Environment::explain) (how it came
//!   about), [`convert`](Environment::convert).
//! * **By a handle** that was resolved once, at start-up: a [`FlagHandle`] knows its flag, and follows
//!   every later change of the configuration by itself.
//! * **On one version**, for many flags within a request: a [`View`] pins one; a [`Reader`], kept by
//!   each worker thread, does so almost for free. With [`FlagHandle::evaluate_on`] this is the fastest
//!   way.
//!
//! ```
//! use fairsplit::{Engine, NewFlag};
//!
//! let engine = Engine::new();
//! engine.create_flag(NewFlag::new("page-size", 25))?;
//! let production = engine.environment("production")?;
//! let page_size = production.flag("page-size");
//!
//! assert_eq!(production.evaluate("page-size", "user-1").i64_or(10), 25);
//! assert_eq!(page_size.evaluate("user-1").i64_or(10), 25);
//! assert_eq!(production.view().evaluate("page-size", "user-1").i64_or(10), 25);
//! assert_eq!(page_size.evaluate_on(production.reader().snapshot(), "user-1").i64_or(10), 25);
//! # Ok::<(), fairsplit::Error>(())
//! ```
//!
//! An accessor with a fallback ([`Evaluation::i64_or`] and its kin) never fails; one without
//! ([`Evaluation::as_i64`]) returns what did not fit. To read anything but a string, number or boolean,
//! deserialize into your own type: [`Evaluation::deserialize`] at every call, a [`TypedReader`] once
//! for each change of the flag. What each way costs, counted and timed, is in [`docs::performance`].
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
//! a [`TransitionError`](error::TransitionError). One flag has at most one running experiment in one
//! environment. Only a running one counts: a conversion for another is not counted, and its
//! [`Outcome`] says why. Over a restart all users stay in the variants they had, and the counts go on;
//! [`Counts`] has two numbers, "ever" and "since start". Variants never change: a new split is a new
//! experiment, since editing a running split biases its result.
//!
//! Forcing a user into a variant ([`Engine::force`]) is for manual testing: the reason is
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
//! Each method returns a small error type, and all of them convert into [`Error`]: see [`mod@error`].
//!
//! # Features and crates
//!
//! No feature is on by default, and none changes an answer.
//!
//! * `durable`: engines that outlive their process, `Engine::open`.
//! * `watch`: follows a configuration file, `Engine::watch`.
//! * `results`: rates, intervals, tests and a verdict, `Engine::results`.
//! * `tracing`: events of changes and reloads, never of an evaluation.
//! * `testing`: flags that answer what a test fixes, and assertions on what was counted,
//!   `fairsplit::testing`.
//!
//! What exposes types of other libraries is a crate of its own: `fairsplit-http` is the Experiments API
//! over HTTP as a router to mount in a service, `fairsplit-server` the same as a program to run,
//! `fairsplit-prometheus` a collector of the counts for Prometheus, `fairsplit-openfeature` a provider
//! for OpenFeature.
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

// The layers, from the ground up. Each imports only from those before it: tests/it/layers.rs holds that.

// Assignment v1: from a user key to a variant, in integers.
pub mod assign;

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
#[cfg_attr(docsrs, doc(cfg(feature = "durable")))]
pub mod durable;
#[cfg(feature = "results")]
#[cfg_attr(docsrs, doc(cfg(feature = "results")))]
pub mod results;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[cfg(feature = "watch")]
#[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
pub mod watch;

pub mod docs;
pub mod error;

/// Where time enters: the system's clock, or one that a test moves.
pub mod clock {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub use crate::engine::clock::SystemClock;
    pub use crate::engine::clock::{Clock, ManualClock};
}

/// What was counted: events and users of each variant, and what came since they were handed over.
pub mod counts {
    pub use crate::count::counts::{Count, Counts, VariantCounts};
    pub use crate::count::deltas::Delta;
    pub use crate::count::users::{UserCount, UserCounts, VariantUsers};
}

/// How an answer came about.
pub mod explain {
    pub use crate::read::explanation::{ExplainedAssignment, ExplainedExperiment, Explanation};
}

/// What can be wrong with a configuration, each fault with its path.
pub mod fault {
    pub use crate::model::fault::{Fault, FaultKind, MAX_NAME_LENGTH, MAX_VALUE_DEPTH};
}

/// What a load or a reload did.
pub mod load {
    pub use crate::engine::load_report::{LastReload, LoadReport, SkippedFlag};
}

/// A flag's values as the caller's own type, decoded once.
pub mod typed {
    pub use crate::read::typed::{Typed, TypedReader};
}

pub use crate::count::counts::{Count, Counts};
pub use crate::engine::Engine;
pub use crate::engine::environment::Environment;
pub use crate::error::Error;
pub use crate::model::environment_name::EnvironmentName;
pub use crate::model::experiment::Experiment;
pub use crate::model::flag::{Flag, FlagChange, FlagRef};
pub use crate::model::id::{ExperimentId, FlagId};
pub use crate::model::new_experiment::NewExperiment;
pub use crate::model::new_flag::NewFlag;
pub use crate::model::status::Status;
pub use crate::model::timestamp::Timestamp;
pub use crate::model::variant::Variant;
pub use crate::read::conversion::{Conversion, Outcome};
pub use crate::read::evaluation::Evaluation;
pub use crate::read::explanation::Explanation;
pub use crate::read::handle::FlagHandle;
pub use crate::read::pinned::Pinned;
pub use crate::read::reader::Reader;
pub use crate::read::reason::Reason;
pub use crate::read::snapshot::Snapshot;
pub use crate::read::typed::TypedReader;
pub use crate::read::view::View;

/// The examples of the README are tested with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
