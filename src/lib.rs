//! An in-process engine for A/B experiments on feature flags.
//!
//! A service links this crate and asks, for every request, which value of a flag a user gets. The
//! engine answers from memory, the same for a user while the configuration stays, with no network
//! and normally no lock and no allocation, and counts exposures and conversions of each variant.
//!
//! ```
//! use fairsplit::{Engine, Error, NewExperiment, NewFlag};
//!
//! fn main() -> Result<(), Error> {
//!     let engine = Engine::new();
//!     engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//!     let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
//!         .id("cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse()?) // decides the split
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
//! On this page: [when not to use it](#when-not-to-use-it), [words](#words), [three ways to
//! ask](#three-ways-to-ask), [the life of an experiment](#the-life-of-an-experiment), [who is
//! meant](#who-is-meant), [what for](#what-for), [configuration](#configuration), [features and
//! crates](#features-and-crates), [promises](#promises). The longer texts are in [`docs`].
//!
//! # When not to use it
//!
//! The engine counts events, and distinct users where [asked to](Engine::count_users). Counts are
//! of one process, and in memory unless the engine is from `Engine::open` (feature `durable`).
//! Flags do not depend on other flags, and users have the attributes that a call gives: nothing
//! about them is stored. [`docs::limitations`] has the list.
//!
//! # Words
//!
//! A **flag** is a named decision point with a default value, any JSON. An **experiment** is an A/B
//! test on one flag in one **environment**. It has **variants**, each with a key, a value and an
//! integer percentage. The **user key** identifies the user: a person, an account, a device; a
//! [`User`] is a key with **attributes**, what the caller knows of the user. A **rule** answers a
//! value to some users without an experiment; an experiment's **audience** and **coverage** say
//! which users it is for. **Assignment** puts a user key into one of 100 **buckets**, and so into a
//! variant; it is a pure function, [published to the bit](docs::assignment_v1). An **evaluation**
//! is the flag's answer: a value, and the reason for it. `evaluate` counts an **exposure** when the
//! split of a running experiment decides; `convert` counts a **conversion**, when the user does
//! what the experiment hopes for. A **snapshot** is one version of the whole configuration,
//! immutable, that evaluations read.
//!
//! # Three ways to ask
//!
//! Each starts at an [`Environment`], bound once at start-up, and gives the same answer. From
//! convenient to fast:
//!
//! * **By names**, on the environment: [`evaluate`](Environment::evaluate),
//!   [`peek`](Environment::peek) (the same, uncounted), [`explain`](Environment::explain) (how it
//!   came about), [`convert`](Environment::convert).
//! * **By a handle** that was resolved once, at start-up: a [`FlagHandle`] knows its flag, and
//!   follows every later change of the configuration by itself.
//! * **On one version**, for many flags within a request: a [`View`] pins a version; a [`Reader`],
//!   kept by each worker thread, returns the current version almost for free. A handle's
//!   [`evaluate_on`](FlagHandle::evaluate_on) with a reader's snapshot is the fastest way.
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
//! ([`Evaluation::as_i64`]) returns an error that says what did not fit. To read anything but a
//! string, number or boolean, use [`Evaluation::value`] or deserialize into your own type:
//! [`Evaluation::deserialize`] decodes at every call, a [`TypedReader`] once for each change of the
//! flag. What each way costs, counted and timed, is in [`docs::performance`].
//!
//! The first that holds decides: unknown flag (no value; the accessors give the caller's fallback);
//! archived or disabled (the default); forced; a rule; the running experiment, if it is for this
//! user; default. [`Reason`] says which it was.
//!
//! # The life of an experiment
//!
//! ```text
//! create -> draft --start--> running --stop--> stopped --start--> running ...
//! ```
//!
//! [`Engine::create_experiment`], [`start`](Engine::start), [`stop`](Engine::stop). Any other start
//! or stop is refused, as [`ControlError::Transition`](error::ControlError::Transition). A flag has
//! at most one running experiment per environment. Only a running experiment counts: a conversion
//! for one that is not running is not counted, and its [`Outcome`] says why. After a restart (stop,
//! then start) all users are in the variants they had, and the counts go on; [`Counts`] has each
//! count twice, `ever` and `since_start`. Variants never change, not even in a draft: a new split
//! is a new experiment, since editing a running split biases its result.
//!
//! Forcing a user into a variant ([`Engine::force`]) is for manual testing: the reason is
//! [`Forced`](Reason::Forced), and nothing is counted for that user.
//!
//! # Who is meant
//!
//! Without more, everybody with a user key is in a running experiment. Its [`targeting`] narrows
//! that: conditions on what is known of the user, a coverage that grows from 1 per cent to all, a
//! unit other than the user, layers of experiments that share no user, holdouts. Rules answer to
//! some users without an experiment.
//!
//! ```
//! use fairsplit::targeting::{Condition, NewRule, NewTargeting, Operator};
//! use fairsplit::{Engine, NewExperiment, NewFlag, Reason, Status, User};
//!
//! let engine = Engine::new();
//! engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//! let germans = NewTargeting::new()
//!     .condition(Condition::new("country", Operator::Equals, "DE"))
//!     .coverage(10);
//! let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
//!     .variant("control", "old", 50)
//!     .variant("treatment", "new", 50)
//!     .targeting(germans)
//!     .status(Status::Running);
//! let id = engine.create_experiment("hero-banner", experiment)?.id();
//! let staff = Condition::new("email", Operator::EndsWith, "@example.com");
//! engine.create_rule("hero-banner", NewRule::new("production", "new").condition(staff))?;
//!
//! let banner = engine.environment("production")?.flag("hero-banner");
//! let known = [("country", "FR".into()), ("email", "ben@example.org".into())];
//! let answer = banner.evaluate(User::new("ben").with(&known));
//! assert_eq!(answer.reason(), Reason::NotInAudience);
//!
//! // The day after: half of the Germans. Those of yesterday stay, in the variants that they had.
//! engine.raise_coverage(id, 50)?;
//! # Ok::<(), fairsplit::Error>(())
//! ```
//!
//! [`docs::targeting`] has the rules, [`docs::launching`] a launch step by step.
//!
//! # What for
//!
//! A conversion is one goal, without a name, of one flag. A goal of its own has a name, and may
//! have values; it is defined once for the engine, and one call counts for every running experiment
//! that has it:
//!
//! ```
//! use fairsplit::goals::{NewGoal, NewGoals};
//! use fairsplit::{Engine, NewExperiment, NewFlag, Status};
//!
//! let engine = Engine::new();
//! engine.create_goal(NewGoal::value("purchase", "EUR"))?;
//! engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//! let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
//!     .variant("control", "old", 50)
//!     .variant("treatment", "new", 50)
//!     .goals(NewGoals::new().secondary("purchase"))
//!     .status(Status::Running);
//! engine.create_experiment("hero-banner", experiment)?;
//!
//! let purchase = engine.environment("production")?.goal("purchase");
//! assert_eq!(purchase.record_value("user-1", 49.90).counted(), 1);
//! # Ok::<(), fairsplit::Error>(())
//! ```
//!
//! [`docs::goals`] says which goal is for what, and what is counted.
//!
//! # Configuration
//!
//! Flags and experiments are made one by one on the engine, or come from a JSON document.
//! [`Engine::apply`] is for a document that comes again with each deploy: it changes what was
//! changed in the document, and nothing that was done by calls; a flag with a fault is skipped.
//! [`Engine::from_json`] and [`Engine::replace`] load a document whole, or refuse it and name every
//! fault. [`Engine::to_json`] writes one, with its counts of events. See [`docs::document`].
//!
//! Each change is recorded with who asked for it: [`Engine::acting_as`], [`Engine::changes`].
//!
//! A method that can fail returns a small error type, which converts into [`Error`]: see
//! [`mod@error`].
//!
//! # Features and crates
//!
//! None is on by default; enabling one changes no answer.
//!
//! * `durable`: definitions and counts that outlive the process, `Engine::open`.
//! * `watch`: applies a configuration file whenever it changes, `Engine::watch`.
//! * `results`: rates, intervals, tests and a verdict, `Engine::results`.
//! * `regex`: the operator `matches` of conditions; without it, a condition that uses it is
//!   refused.
//! * `tracing`: events of changes and documents, never of an evaluation.
//! * `testing`: flags that answer what a test fixes, and assertions on what was counted,
//!   `fairsplit::testing`.
//!
//! Crates beside this one:
//!
//! * `fairsplit-http`: an HTTP API for flags and experiments, as a router to mount in a service;
//! * `fairsplit-server`: the same as a program to run;
//! * `fairsplit-prometheus`: a collector of the counts for Prometheus;
//! * `fairsplit-postgres`: one exact count over many processes, on a PostgreSQL database;
//! * `fairsplit-openfeature`: a provider for OpenFeature.
//!
//! # Promises
//!
//! 1. **Deterministic.** An assignment depends on the experiment's id, its percentages in their
//!    order, and the user key (or what it is split by in its place): nothing else. Who is in an
//!    experiment depends on its targeting and on what the call knows of the user, never on time.
//! 2. **Fair.** Every bucket has the same chance for any realistic population of user keys, and a
//!    user's buckets in two experiments are independent.
//! 3. **Published.** [`docs::assignment_v1`] specifies the function to the bit. It will not change.
//! 4. **Stable under growth.** A user's bucket stays. With other percentages for the same id, a
//!    user changes variant only if that bucket goes to another variant. (That takes a new engine:
//!    one engine refuses other percentages for an id that it knows.)
//! 5. **Never blocks, never allocates.** An evaluation and a conversion take no lock, make no heap
//!    allocation, and write no cache line that all cores share. Exceptions: a thread's first call
//!    may allocate; a thread that holds more than eight snapshots, and a reader's first call after
//!    a change, write a shared reference count; a typed reader decodes when its flag has changed;
//!    and where distinct users are counted, a call for a new user may allocate, and in a durable
//!    engine make a file. Publishing never
//!    makes a reader wait.
//! 6. **Consistent.** All answers of one view are of one version of the configuration. A writer
//!    publishes all of a change or none of it.
//! 7. **Nothing lost.** Every conversion that was reported as counted is in the counts: across
//!    snapshots, stop and restart, reload, and threads, while the engine lives; and in an engine
//!    from `Engine::open`, after exit and after SIGKILL.
//! 8. **No surprises.** No panic on input, no output, no logging unless the feature `tracing` is
//!    on. A replacement with any fault is refused, and every fault named by its path; applying a
//!    document skips the faulty flags, changes only what changed in the document, and undoes
//!    nothing that people did. Refused or skipped flags keep their last good definition. (The
//!    feature `testing` panics, as assertions do.)
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

// The layers, from the lowest up. Each imports only from those before it; tests/it/layers.rs checks
// that.

// Assignment v1: from a user key to a variant, in integers.
pub mod assign;

// Who is meant: conditions on what is known of a user.
mod target;

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

// On top of the engine, each behind a feature; none imports another.
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

/// The source of time: the system's clock, or one that a test moves.
pub mod clock {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub use crate::engine::clock::SystemClock;
    pub use crate::engine::clock::{Clock, ManualClock};
}

/// Applying documents: each source changes what it changed in its own text, and nothing else.
pub mod apply {
    pub use crate::engine::applying::options::ApplyOptions;
    pub use crate::engine::applying::report::{ApplyReport, Left, Named};
}

/// Changes of the definitions, as they were committed: who asked, for what, and every field before
/// and after.
pub mod changes {
    pub use crate::model::actor::Actor;
    pub use crate::model::change::{Action, Change, Edit, Unit};
}

/// What was counted: events and users of each variant, and deltas since counts were last handed
/// over.
pub mod counts {
    pub use crate::count::counts::{Count, Counts, RunCounts, VariantCounts};
    pub use crate::count::deltas::{Delta, GoalDelta};
    pub use crate::count::goal_counts::{GoalCount, GoalCounts, GoalVariant};
    pub use crate::count::users::{GoalUsers, UserCount, UserCounts, UsersOfGoal, VariantUsers};
    pub use crate::engine::delta_reader::DeltaReader;
}

/// How an answer came about.
pub mod explain {
    pub use crate::read::explanation::steps::{
        ExplainedAudience, ExplainedCondition, ExplainedGate, ExplainedRule, ExplainedSegment,
        ExplainedSlot,
    };
    pub use crate::read::explanation::{ExplainedAssignment, ExplainedExperiment, Explanation};
}

/// The first exposures of users, for a warehouse.
pub mod exposures {
    pub use crate::count::exposures::{Exposure, Exposures};
}

/// What can be wrong with a configuration, each fault with its path.
pub mod fault {
    pub use crate::model::capacity::MAX_USERS;
    pub use crate::model::fault::{
        Fault, FaultKind, MAX_CONDITIONS, MAX_DESCRIPTION_LENGTH, MAX_GOALS,
        MAX_GOALS_OF_EXPERIMENT, MAX_NAME_LENGTH, MAX_RANGES, MAX_RULES, MAX_SEGMENTS, MAX_TAGS,
        MAX_VALUE_DEPTH,
    };
}

/// What an experiment is for: goals of an engine, and those of its experiments.
pub mod goals {
    pub use crate::model::goal::amount::MAX_UNITS;
    pub use crate::model::goal::attached::AttachedGoal;
    pub use crate::model::goal::definition::{Goal, MAX_DECIMALS, NewGoal};
    pub use crate::model::goal::of_experiment::{
        Better, GoalUse, Goals, Guardrail, NewGoals, Role,
    };
    pub use crate::model::id::GoalId;
    pub use crate::read::goal::recorded::{Recorded, RecordedFor, Refusal};
    pub use crate::read::goal::tally::GoalTally;
}

/// What loading a document did.
pub mod load {
    pub use crate::engine::load_report::{LastLoad, SkippedFlag};
}

/// The seam between an engine and what makes its changes permanent.
pub mod store {
    pub use crate::engine::store::{Proposal, Store};
}

/// Who is meant: conditions on what is known of a user.
pub mod targeting {
    pub use crate::engine::segments::SegmentChange;
    pub use crate::model::flag_type::FlagType;
    pub use crate::model::id::{HoldoutId, LayerId, RuleId, SegmentId};
    pub use crate::model::targeting::audience::Audience;
    pub use crate::model::targeting::coverage_step::CoverageStep;
    pub use crate::model::targeting::experiment_targeting::{
        LayerPart, LayerRange, NewTargeting, Targeting,
    };
    pub use crate::model::targeting::holdout::{Holdout, NewHoldout};
    pub use crate::model::targeting::layer::{Layer, NewLayer};
    pub use crate::model::targeting::rule::{NewRule, Rule};
    pub use crate::model::targeting::segment::{MatchType, NewSegment, Segment};
    pub use crate::model::targeting::share::Share;
    pub use crate::target::attribute_value::AttributeValue;
    pub use crate::target::attributes::Attributes;
    pub use crate::target::condition::{Condition, ConditionError};
    pub use crate::target::defect::{
        ConditionDefect, MAX_ATTRIBUTE_LENGTH, MAX_PATTERN_BYTES, MAX_TEXT_BYTES, MAX_VALUES,
    };
    pub use crate::target::operator::{Operator, OperatorError};
    pub use crate::target::truth::{Truth, Undecided};
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
pub use crate::model::experiment_change::ExperimentChange;
pub use crate::model::flag::{Flag, FlagRef};
pub use crate::model::flag_change::FlagChange;
pub use crate::model::id::{ExperimentId, FlagId};
pub use crate::model::new_experiment::NewExperiment;
pub use crate::model::new_flag::NewFlag;
pub use crate::model::status::Status;
pub use crate::model::timestamp::Timestamp;
pub use crate::model::variant::Variant;
pub use crate::read::conversion::{Conversion, Outcome};
pub use crate::read::evaluation::Evaluation;
pub use crate::read::explanation::Explanation;
pub use crate::read::goal::handle::GoalHandle;
pub use crate::read::handle::FlagHandle;
pub use crate::read::pinned::Pinned;
pub use crate::read::reader::Reader;
pub use crate::read::reason::Reason;
pub use crate::read::snapshot::Snapshot;
pub use crate::read::typed::TypedReader;
pub use crate::read::view::View;
pub use crate::target::user::User;
pub use crate::target::user_key::UserKey;

/// Tests the README's examples along with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
