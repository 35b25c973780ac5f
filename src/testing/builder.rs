//! What a test fixes before it begins.

use std::sync::Arc;

use serde_json::Value;

use super::engine::TestEngine;
use super::plan::{Plan, flag_id, rule_id};
use super::unknown::{no_experiment, no_variant};
use crate::engine::Engine;
use crate::engine::clock::ManualClock;
use crate::model::goal::definition::NewGoal;
use crate::model::goal::of_experiment::NewGoals;
use crate::model::new_flag::NewFlag;
use crate::model::targeting::experiment_targeting::NewTargeting;
use crate::model::targeting::rule::NewRule;
use crate::model::targeting::segment::NewSegment;
use crate::model::timestamp::Timestamp;
use crate::target::condition::Condition;
use crate::target::user::User;

/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600;

/// What flags of a [`TestEngine`] answer. A later call overrides an earlier one for the same flag
/// or user, so that a test can change a shared set-up.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `build`"]
pub struct TestEngineBuilder {
    environment: String,
    flags: Vec<(String, Value)>,
    segments: Vec<NewSegment>,
    goals: Vec<NewGoal>,
    rules: Vec<(String, Vec<Condition>, Value)>,
    plans: Vec<Plan>,
}

impl TestEngine {
    /// Begins with no flags, in an environment of this name. [`build`](TestEngineBuilder::build)
    /// makes the engine.
    pub fn builder(environment: &str) -> TestEngineBuilder {
        TestEngineBuilder {
            environment: environment.to_owned(),
            flags: Vec::new(),
            segments: Vec::new(),
            goals: Vec::new(),
            rules: Vec::new(),
            plans: Vec::new(),
        }
    }
}

impl TestEngineBuilder {
    /// Adds a flag that answers this value to every user. If it has an experiment too, it answers
    /// this value to the empty user key, and to every user once the experiment is stopped.
    pub fn flag(mut self, key: impl Into<String>, value: impl Into<Value>) -> TestEngineBuilder {
        let (key, value) = (key.into(), value.into());
        self.flags.retain(|(known, _)| *known != key);
        self.flags.push((key, value));
        self
    }

    /// Adds a rule to a flag: users for whom all conditions hold get this value, in place of what
    /// the flag answers otherwise. The first of several rules that holds answers.
    pub fn rule(
        mut self,
        flag: impl Into<String>,
        conditions: impl IntoIterator<Item = Condition>,
        value: impl Into<Value>,
    ) -> TestEngineBuilder {
        self.rules.push((flag.into(), conditions.into_iter().collect(), value.into()));
        self
    }

    /// Adds a segment, which [`targeting`](TestEngineBuilder::targeting) can name by the id that it
    /// is given.
    pub fn segment(mut self, segment: NewSegment) -> TestEngineBuilder {
        self.segments.push(segment);
        self
    }

    /// Adds a goal, which [`goals`](TestEngineBuilder::goals) can name by its key.
    pub fn goal(mut self, goal: NewGoal) -> TestEngineBuilder {
        self.goals.retain(|known| known.key() != goal.key());
        self.goals.push(goal);
        self
    }

    /// Sets what the experiment on a flag is for.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before.
    #[track_caller]
    pub fn goals(mut self, flag: &str, goals: NewGoals) -> TestEngineBuilder {
        let _ = self.plan(flag);
        self.try_plan(flag, |plan| {
            plan.goals = goals;
            Ok(())
        });
        self
    }

    /// Sets who is in the experiment on a flag. Users that are assigned are covered, whatever the
    /// coverage; whether they are in the audience is up to the attributes that they are evaluated
    /// with.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before, or if users are assigned to it already.
    #[track_caller]
    pub fn targeting(mut self, flag: &str, targeting: NewTargeting) -> TestEngineBuilder {
        let _ = self.plan(flag);
        self.try_plan(flag, |plan| plan.target(targeting));
        self
    }

    /// Adds a running experiment on a flag, with these variants and a split as even as whole
    /// percentages allow. Without a default from [`flag`](TestEngineBuilder::flag), the flag's
    /// default is the value of the first variant. An earlier experiment on the flag is replaced,
    /// along with its assigned users.
    ///
    /// Assignment decides which variant a user is in, the same in every run, except for the users
    /// that [`assign`](TestEngineBuilder::assign) names.
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
    /// The user is assigned as in production, and counted: the experiment gets an id that assigns
    /// the user to this variant. ([`Engine::force`] differs: forced users are never counted.) One
    /// id must fit all users of the experiment; the search finds one for about 18 users in two
    /// variants. [`users_in`](TestEngine::users_in) has no such limit.
    ///
    /// Of an experiment that is split by an attribute, all users with the attribute of this one are
    /// put into the variant.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before, if it has no such variant, or if the user key
    /// is empty, which stands for no user; where the experiment is split by an attribute, if the
    /// user has none.
    #[track_caller]
    pub fn assign<'u>(
        mut self,
        flag: &str,
        user: impl Into<User<'u>>,
        variant: &str,
    ) -> TestEngineBuilder {
        let position = self.position(flag, variant);
        let user = user.into();
        self.try_plan(flag, |plan| plan.assign(user, position));
        self
    }

    /// Puts every user into a variant of the experiment on a flag: the variant gets 100 %.
    ///
    /// # Panics
    ///
    /// If no experiment on the flag was given before, or if it has no such variant.
    #[track_caller]
    pub fn assign_everyone(mut self, flag: &str, variant: &str) -> TestEngineBuilder {
        let position = self.position(flag, variant);
        self.try_plan(flag, |plan| {
            plan.assign_everyone(position);
            Ok(())
        });
        self
    }

    /// Makes the engine.
    ///
    /// # Panics
    ///
    /// If the set-up is impossible: a name is blank, two variants have one key, a user is assigned
    /// to one variant and everyone to another, or no id is found that fits all assigned users. The
    /// message says which.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> TestEngine {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(START)));
        let engine = Engine::with_clock(Arc::clone(&clock));
        let environment = match engine.environment(&self.environment) {
            Ok(environment) => environment,
            Err(error) => panic!("the environment {:?} is refused: {error}", self.environment),
        };
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
        for segment in self.segments {
            let name = segment.name.clone();
            if let Err(error) = engine.create_segment(segment) {
                panic!("the segment {name:?} is refused: {error}");
            }
        }
        for goal in self.goals {
            let key = goal.key().to_owned();
            if let Err(error) = engine.create_goal(goal) {
                panic!("the goal {key:?} is refused: {error}");
            }
        }
        for (at, (flag, conditions, value)) in self.rules.into_iter().enumerate() {
            let rule = NewRule::new(&self.environment, value).id(rule_id(&flag, at));
            let rule = conditions.into_iter().fold(rule, NewRule::condition);
            if let Err(error) = engine.create_rule(flag.as_str(), rule) {
                panic!("a rule of {flag:?} is refused: {error}");
            }
        }
        let mut experiments = Vec::new();
        for plan in self.plans {
            let new = match plan.experiment(environment.name().as_str()) {
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
        let plan = self.plan(flag);
        match plan.position(variant) {
            Some(position) => position,
            None => no_variant(flag, variant, plan.keys()),
        }
    }

    #[track_caller]
    fn plan(&self, flag: &str) -> &Plan {
        match self.plans.iter().find(|plan| plan.flag == flag) {
            Some(plan) => plan,
            None => no_experiment(flag, self.plans.iter().map(|plan| plan.flag.as_str())),
        }
    }

    /// Changes the experiment on a flag.
    #[track_caller]
    fn try_plan(&mut self, flag: &str, change: impl FnOnce(&mut Plan) -> Result<(), String>) {
        let plan = self.plans.iter_mut().find(|plan| plan.flag == flag);
        if let Some(Err(message)) = plan.map(change) {
            panic!("{message}");
        }
    }
}
