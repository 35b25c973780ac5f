#![doc = include_str!("../../docs/testing.md")]
#![expect(
    clippy::panic,
    reason = "in a test there is nobody to hand an error to: a failed assertion is a panic, and so is \
              a set-up that cannot be"
)]

mod plan;

use std::sync::Arc;

use serde_json::Value;

use self::plan::{Plan, flag_id};
use crate::count::counts::{Count, Counts};
use crate::engine::Engine;
use crate::engine::clock::ManualClock;
use crate::model::environment::Environment;
use crate::model::experiment::Experiment;
use crate::model::flag::NewFlag;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600;

/// An engine for tests, with flags that answer what the test has fixed, and assertions on what was
/// counted.
///
/// What is under test gets [`engine`](TestEngine::engine), which is an engine like any other. Clones
/// are of the same engine. [The module](self) has an example.
#[derive(Clone, Debug)]
pub struct TestEngine {
    engine: Engine,
    environment: Environment,
    clock: Arc<ManualClock>,
    /// Flag keys, each with its experiment.
    experiments: Vec<(String, ExperimentId)>,
}

impl TestEngine {
    /// Begins with no flags, in an environment of this name. [`build`](TestEngineBuilder::build) ends
    /// it.
    pub fn builder(environment: &str) -> TestEngineBuilder {
        TestEngineBuilder {
            environment: environment.to_owned(),
            flags: Vec::new(),
            plans: Vec::new(),
        }
    }

    /// The engine, for what is under test; a clone of it is the same one. A test changes it as a
    /// service would: [`set_default`](Engine::set_default), [`stop`](Engine::stop), and so on.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The engine's clock. It shows 2025-01-01T00:00:00Z until it is moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The id of the experiment on a flag. It is the same in every run.
    ///
    /// # Panics
    ///
    /// If the builder was given no experiment on the flag.
    #[must_use]
    #[track_caller]
    pub fn experiment(&self, flag: &str) -> ExperimentId {
        match self.experiments.iter().find(|(key, _)| key == flag) {
            Some((_, id)) => *id,
            None => no_experiment(flag, self.experiments.iter().map(|(key, _)| key.as_str())),
        }
    }

    /// User keys that the experiment on a flag puts into a variant: `user-4`, `user-7` and so on,
    /// without end, the same in every run. For tests that need somebody in each variant and do not
    /// mind who it is.
    ///
    /// # Panics
    ///
    /// If the builder was given no such experiment, if that has no such variant, or if nobody can be
    /// in it, since everyone is in another.
    #[track_caller]
    pub fn users_in(&self, flag: &str, variant: &str) -> impl Iterator<Item = String> + use<> {
        let experiment = self.current(flag);
        let position = position(flag, &experiment, variant);
        let assignment = experiment.assignment();
        let is_reachable = !assignment.allocation().buckets(position).is_empty();
        assert!(is_reachable, "nobody can be in {variant:?} of {flag:?}: it has 0 % of the users");
        let users = (1_u64..).map(|number| format!("user-{number}"));
        users.filter(move |user| assignment.variant(user) == Some(position))
    }

    /// How many exposures were counted for a variant.
    ///
    /// # Panics
    ///
    /// If the builder was given no such experiment, or if that has no such variant.
    #[must_use]
    #[track_caller]
    pub fn exposures(&self, flag: &str, variant: &str) -> u64 {
        let (counts, position) = self.counts(flag, variant);
        counts.variants().get(position).map_or(0, |variant| variant.ever.exposures)
    }

    /// How many conversions were counted for a variant.
    ///
    /// # Panics
    ///
    /// If the builder was given no such experiment, or if that has no such variant.
    #[must_use]
    #[track_caller]
    pub fn conversions(&self, flag: &str, variant: &str) -> u64 {
        let (counts, position) = self.counts(flag, variant);
        counts.variants().get(position).map_or(0, |variant| variant.ever.conversions)
    }

    /// Asserts how many exposures were counted for a variant, since the engine was built.
    ///
    /// # Panics
    ///
    /// If it was another number: the text has both, and all counts of the experiment. Also if the
    /// builder was given no such experiment, or if that has no such variant.
    #[track_caller]
    pub fn assert_exposures(&self, flag: &str, variant: &str, expected: u64) {
        let found = self.exposures(flag, variant);
        self.assert_count("exposures", flag, variant, expected, found);
    }

    /// Asserts how many conversions were counted for a variant, since the engine was built.
    ///
    /// # Panics
    ///
    /// As [`assert_exposures`](TestEngine::assert_exposures).
    #[track_caller]
    pub fn assert_conversions(&self, flag: &str, variant: &str, expected: u64) {
        let found = self.conversions(flag, variant);
        self.assert_count("conversions", flag, variant, expected, found);
    }

    /// Asserts that no experiment of the builder's has counted anything.
    ///
    /// # Panics
    ///
    /// If one has: the text says which, and what.
    #[track_caller]
    pub fn assert_nothing_counted(&self) {
        for (flag, id) in &self.experiments {
            let Some(counts) = self.engine.counts(*id) else { continue };
            let is_nothing =
                counts.variants().iter().all(|variant| variant.ever == Count::default());
            assert!(
                is_nothing,
                "counts of {flag:?}: expected none, found {}",
                list_counts(&counts)
            );
        }
    }

    #[track_caller]
    fn assert_count(&self, what: &str, flag: &str, variant: &str, expected: u64, found: u64) {
        if expected != found {
            let (counts, _) = self.counts(flag, variant);
            panic!(
                "{what} of {variant:?} on {flag:?}: expected {expected}, found {found}\ncounted: {}",
                list_counts(&counts)
            );
        }
    }

    #[track_caller]
    fn counts(&self, flag: &str, variant: &str) -> (Counts, usize) {
        let experiment = self.current(flag);
        let position = position(flag, &experiment, variant);
        match self.engine.counts(experiment.id()) {
            Some(counts) => (counts, position),
            None => panic!("the engine has never met the experiment on {flag:?}"),
        }
    }

    #[track_caller]
    fn current(&self, flag: &str) -> Experiment {
        let id = self.experiment(flag);
        match self.engine.experiment(id) {
            Some(experiment) => experiment,
            None => panic!("the experiment on {flag:?} has left the configuration"),
        }
    }
}

/// What flags of a [`TestEngine`] answer. What is said last holds, so that a test can change what a
/// set-up that it shares with others has said.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `build`"]
pub struct TestEngineBuilder {
    environment: String,
    flags: Vec<(String, Value)>,
    plans: Vec<Plan>,
}

impl TestEngineBuilder {
    /// A flag that answers this value to everybody. If it has an experiment too, this is what it
    /// answers to the empty user key, and to everybody once the experiment is stopped.
    pub fn flag(mut self, key: impl Into<String>, value: impl Into<Value>) -> TestEngineBuilder {
        let (key, value) = (key.into(), value.into());
        self.flags.retain(|(known, _)| *known != key);
        self.flags.push((key, value));
        self
    }

    /// A running experiment on a flag, with these variants and as even a split as whole percentages
    /// can be. Without a default of its own, by [`flag`](TestEngineBuilder::flag), the flag's is the
    /// value of the first variant. An experiment that was given for the flag before is replaced, and
    /// who was put into its variants forgotten.
    ///
    /// Who is in which variant is left to assignment, and is the same in every run, but for those whom
    /// [`assign`](TestEngineBuilder::assign) names.
    pub fn experiment<K: Into<String>, V: Into<Value>>(
        mut self,
        flag: impl Into<String>,
        variants: impl IntoIterator<Item = (K, V)>,
    ) -> TestEngineBuilder {
        let flag = flag.into();
        let variants = variants.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.plans.retain(|plan| plan.flag != flag);
        self.plans.push(Plan::new(flag, variants.collect()));
        self
    }

    /// Puts a user into a variant of the experiment on a flag.
    ///
    /// That is assignment as in production, and counted: the experiment gets an id that assigns the
    /// user this variant. ([`Engine::force`] is another thing, and is never counted.) An id is looked
    /// for that is right for all users at once, which finds one for a dozen and a half of them between
    /// two variants. [`users_in`](TestEngine::users_in) has no such limit.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before, if it has no such variant, or if the user key is
    /// empty: that is nobody.
    #[track_caller]
    pub fn assign(mut self, flag: &str, user_key: &str, variant: &str) -> TestEngineBuilder {
        assert!(
            !user_key.is_empty(),
            "the empty user key is nobody, and cannot be in {variant:?} of {flag:?}"
        );
        let position = self.position(flag, variant);
        self.plan(flag).for_each(|plan| plan.assign(user_key, position));
        self
    }

    /// Puts everyone into a variant of the experiment on a flag: it gets 100 %.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before, or if it has no such variant.
    #[track_caller]
    pub fn assign_everyone(mut self, flag: &str, variant: &str) -> TestEngineBuilder {
        let position = self.position(flag, variant);
        self.plan(flag).for_each(|plan| plan.assign_everyone(position));
        self
    }

    /// The engine.
    ///
    /// # Panics
    ///
    /// If what was asked for cannot be: a name is blank, two variants have one key, a user is to be in
    /// one variant and everyone in another, or more users are named than an id can be found for. The
    /// text says which.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> TestEngine {
        let environment = match Environment::new(&self.environment) {
            Ok(environment) => environment,
            Err(error) => panic!("the environment {:?} is refused: {error}", self.environment),
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(START)));
        let engine = Engine::with_clock(Arc::clone(&clock));
        let mut flags = self.flags;
        for plan in &self.plans {
            if !flags.iter().any(|(key, _)| *key == plan.flag) {
                flags.push((plan.flag.clone(), plan.first_value()));
            }
        }
        for (key, value) in flags {
            if let Err(error) = engine.create_flag(NewFlag::new(&key, value).id(flag_id(&key))) {
                panic!("the flag {key:?} is refused: {error}");
            }
        }
        let mut experiments = Vec::new();
        for plan in self.plans {
            let new = match plan.experiment(environment.as_str()) {
                Ok(new) => new,
                Err(message) => panic!("{message}"),
            };
            match engine.create_experiment(plan.flag.as_str(), new) {
                Ok(experiment) => experiments.push((plan.flag, experiment.id())),
                Err(error) => panic!("the experiment on {:?} is refused: {error}", plan.flag),
            }
        }
        TestEngine { engine, environment, clock, experiments }
    }

    #[track_caller]
    fn position(&self, flag: &str, variant: &str) -> usize {
        match self.plans.iter().find(|plan| plan.flag == flag) {
            Some(plan) => match plan.position(variant) {
                Some(position) => position,
                None => no_variant(flag, variant, plan.keys()),
            },
            None => no_experiment(flag, self.plans.iter().map(|plan| plan.flag.as_str())),
        }
    }

    fn plan<'a>(&'a mut self, flag: &'a str) -> impl Iterator<Item = &'a mut Plan> {
        self.plans.iter_mut().filter(move |plan| plan.flag == flag)
    }
}

#[track_caller]
fn position(flag: &str, experiment: &Experiment, variant: &str) -> usize {
    let keys = || experiment.variants().iter().map(crate::model::variant::Variant::key);
    match keys().position(|key| key == variant) {
        Some(position) => position,
        None => no_variant(flag, variant, keys()),
    }
}

#[track_caller]
fn no_experiment<'a>(flag: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("there is no experiment on {flag:?}, only on {}", list(known))
}

#[track_caller]
fn no_variant<'a>(flag: &str, variant: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("the experiment on {flag:?} has no variant {variant:?}, only {}", list(known))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn list_counts(counts: &Counts) -> String {
    let counts = counts.variants().iter().map(|variant| {
        let count = variant.ever;
        format!(
            "{:?} exposures {}, conversions {}",
            variant.key, count.exposures, count.conversions
        )
    });
    counts.collect::<Vec<_>>().join("; ")
}
