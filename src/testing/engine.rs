//! The engine of a test, and what it asserts.

use std::sync::Arc;

use super::unknown::{no_experiment, no_goal, no_variant};
use crate::assign::slot::{Gate, GateSeed};
use crate::count::counts::{Count, Counts};
use crate::count::goal_counts::GoalCount;
use crate::engine::Engine;
use crate::engine::clock::ManualClock;
use crate::engine::environment::Environment;
use crate::model::experiment::Experiment;
use crate::model::id::ExperimentId;
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::targeting::share::Share;
use crate::model::variant::Variant;

/// An engine for tests, with flags that answer what the test has fixed, and assertions on what was
/// counted.
///
/// Pass [`engine`](TestEngine::engine) to the code under test: it is an engine like any other.
/// Clones share the engine. [The module](crate::testing) has an example.
#[derive(Clone, Debug)]
pub struct TestEngine {
    pub(super) engine: Engine,
    pub(super) environment: Environment,
    pub(super) clock: Arc<ManualClock>,
    /// Flag keys, each with its experiment.
    pub(super) experiments: Vec<(String, ExperimentId)>,
}

impl TestEngine {
    /// The engine, for the code under test; its clones are the same engine. A test changes it as a
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

    /// User keys that the experiment on a flag assigns to a variant: `user-4`, `user-7` and so on,
    /// without end, the same in every run. For tests that need some user in a variant, but no
    /// particular one.
    ///
    /// With targeting, they are of those that the experiment covers; where it is split by an
    /// attribute, they are values of that attribute. Layers, holdouts and the audience are not
    /// asked.
    ///
    /// # Panics
    ///
    /// If the builder was given no such experiment, if that has no such variant, or if no user can
    /// be in the variant, since the variant or the coverage has 0 %.
    #[track_caller]
    pub fn users_in(&self, flag: &str, variant: &str) -> impl Iterator<Item = String> + use<> {
        let experiment = self.current(flag);
        let position = position(flag, &experiment, variant);
        let assignment = experiment.assignment();
        let coverage = experiment.targeting().map_or(Share::ALL, Targeting::coverage);
        let gate = GateSeed::new(Gate::Coverage, experiment.id().to_bytes());
        let is_reachable =
            !assignment.allocation().buckets(position).is_empty() && coverage != Share::NONE;
        assert!(is_reachable, "no user can be in {variant:?} of {flag:?}: it has 0 % of the users");
        let users = (1_u64..).map(|number| format!("user-{number}"));
        users.filter(move |user| {
            assignment.variant(user) == Some(position) && coverage.has(gate.slot(user))
        })
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
    /// If the number differs: the message has both numbers, and all counts of the experiment. Also
    /// if the builder was given no such experiment, or if that has no such variant.
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

    /// What was counted for a goal in a variant.
    ///
    /// # Panics
    ///
    /// If the builder was given no such experiment, or if that has no such variant, or no such
    /// goal.
    #[must_use]
    #[track_caller]
    pub fn goal(&self, flag: &str, variant: &str, goal: &str) -> GoalCount {
        let (counts, position) = self.counts(flag, variant);
        let all = self.engine.goal_counts(counts.experiment()).unwrap_or_default();
        match all.iter().find(|counts| counts.goal == goal) {
            Some(counts) => {
                counts.variants.get(position).map(|variant| variant.ever).unwrap_or_default()
            }
            None => no_goal(flag, goal, all.iter().map(|counts| counts.goal.as_str())),
        }
    }

    /// Asserts how often a goal was counted for a variant, since the engine was built.
    ///
    /// # Panics
    ///
    /// If the number differs: the message has both numbers, and all counts of the experiment. Also
    /// as [`goal`](TestEngine::goal).
    #[track_caller]
    pub fn assert_goal(&self, flag: &str, variant: &str, goal: &str, events: u64) {
        let found = self.goal(flag, variant, goal).events;
        self.assert_count(&format!("{goal:?}"), flag, variant, events, found);
    }

    /// Asserts the sum of the values of a goal for a variant, since the engine was built: what was
    /// gained, less what was lost. `expected` is written in the goal's unit with its decimals, as
    /// in `"149.70"`: so it is exact.
    ///
    /// # Panics
    ///
    /// If the sum differs: the message has both. Also as [`goal`](TestEngine::goal).
    #[track_caller]
    pub fn assert_sum(&self, flag: &str, variant: &str, goal: &str, expected: &str) {
        let sum = self.goal(flag, variant, goal).sum();
        let decimals = self.engine.goal(goal).map_or(0, |goal| goal.decimals());
        let found = written(sum, decimals);
        assert!(
            found == expected,
            "the sum of {goal:?} of {variant:?} on {flag:?}: expected {expected}, found {found}"
        );
    }

    /// Asserts that no experiment of the builder's has counted anything.
    ///
    /// # Panics
    ///
    /// If one has: the message names it, with its counts.
    #[track_caller]
    pub fn assert_nothing_counted(&self) {
        for (flag, id) in &self.experiments {
            let Some(counts) = self.engine.counts(*id) else { continue };
            let is_nothing =
                counts.variants().iter().all(|variant| variant.ever == Count::default());
            let goals = self.engine.goal_counts(*id).unwrap_or_default();
            let is_nothing = is_nothing
                && goals
                    .iter()
                    .flat_map(|goal| &goal.variants)
                    .all(|variant| variant.ever == GoalCount::default());
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
            None => panic!("the engine does not know the experiment on {flag:?}"),
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

#[track_caller]
fn position(flag: &str, experiment: &Experiment, variant: &str) -> usize {
    let keys = || experiment.variants().iter().map(Variant::key);
    match keys().position(|key| key == variant) {
        Some(position) => position,
        None => no_variant(flag, variant, keys()),
    }
}

/// A sum in minor units, in the unit itself.
fn written(sum: i128, decimals: u8) -> String {
    let digits = usize::from(decimals);
    let minor = format!("{:0width$}", sum.unsigned_abs(), width = digits.saturating_add(1));
    let (whole, rest) = minor.split_at(minor.len().saturating_sub(digits));
    let sign = if sum < 0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
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
