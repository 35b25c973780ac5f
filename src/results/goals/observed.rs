//! What an analysis reads of goals.

use crate::count::goal_counts::GoalCount;
use crate::count::users::{GoalUsers, UserCounts};
use crate::engine::Engine;
use crate::model::experiment::Experiment;
use crate::model::goal::attached::AttachedGoal;
use crate::model::goal::definition::Goal;
use crate::model::goal::of_experiment::{Better, GoalUse, Goals, Guardrail, Role};
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;
use crate::results::observations::{Observations, Period};

/// A goal as it was observed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::results) struct ObservedGoal {
    pub(super) key: String,
    pub(super) role: Role,
    pub(super) better: Better,
    /// Of a guardrail.
    pub(super) margin: Option<f64>,
    pub(super) since: Option<Timestamp>,
    pub(super) unit: Option<String>,
    pub(super) decimals: u8,
    /// By variant, in the order of the variants. `None` where users are not counted; of the primary
    /// goal always, since they are those who converted.
    pub(super) users: Option<Vec<GoalUsers>>,
    /// By variant, in the order of the variants. `None` if it is not known.
    pub(super) counted: Option<Vec<GoalCount>>,
}

impl ObservedGoal {
    fn new(goal: &GoalUse, role: Role) -> ObservedGoal {
        ObservedGoal {
            key: goal.goal().to_owned(),
            role,
            better: goal.better(),
            margin: None,
            since: None,
            unit: None,
            decimals: 0,
            users: None,
            counted: None,
        }
    }

    /// The goals that an experiment has, with their users.
    pub(in crate::results) fn all_of(
        experiment: &Experiment,
        users: Option<&UserCounts>,
    ) -> Vec<ObservedGoal> {
        let Some(goals) = experiment.goals() else { return Vec::new() };
        let each = goals.uses().map(|(role, goal)| {
            let known = |margin: f64| (role == Role::Guardrail).then_some(margin);
            ObservedGoal {
                margin: margin_of(goals, goal.goal()).and_then(known),
                since: since_of(goals, goal.goal()),
                users: users
                    .filter(|_| role != Role::Primary)
                    .and_then(|users| users_of(experiment, users, goal.goal())),
                ..ObservedGoal::new(goal, role)
            }
        });
        each.collect()
    }
}

fn margin_of(goals: &Goals, key: &str) -> Option<f64> {
    let rail = goals.guardrails().iter().find(|rail| rail.goal_use().goal() == key);
    rail.map(Guardrail::margin)
}

fn since_of(goals: &Goals, key: &str) -> Option<Timestamp> {
    let attached = goals.attached().iter().find(|attached| attached.goal() == key);
    attached.map(AttachedGoal::since)
}

/// The users who reached a goal, by the experiment's variants. `None` if the counts lack the goal:
/// they were read before it came.
fn users_of(experiment: &Experiment, users: &UserCounts, key: &str) -> Option<Vec<GoalUsers>> {
    let of_goal = users.goals().iter().find(|of| of.goal == key)?;
    let each = experiment.variants().iter().map(|variant| {
        let at = users.variants().iter().position(|users| users.key == variant.key());
        at.and_then(|at| of_goal.variants.get(at).copied()).unwrap_or_default()
    });
    Some(each.collect())
}

impl Observations {
    /// States which goal the conversions are: its name in the results, and its direction. Its cap is
    /// not used.
    pub fn primary(mut self, goal: impl Into<GoalUse>) -> Observations {
        self.goals.retain(|goal| goal.role != Role::Primary);
        self.goals.insert(0, ObservedGoal::new(&goal.into(), Role::Primary));
        self
    }

    /// Adds a goal that is shown and decides nothing: how many of the exposed users of each variant
    /// reached it, in the order of the variants. Its cap is not used.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::goals::GoalUse;
    /// use fairsplit::results::{Analysis, Finding, Observations, Unit};
    ///
    /// let observed = Observations::new(Unit::Users)
    ///     .variant("control", 50, 10_000, 1_420)
    ///     .variant("treatment", 50, 10_000, 1_610)
    ///     .secondary("signup", [500, 700])
    ///     .guardrail(GoalUse::new("refund").lower(), 0.1, [120, 118]);
    /// let results = Analysis::new().results_of(&observed)?;
    /// assert_eq!(results.goals[0].comparisons[0].finding, Finding::Better);
    /// # Ok::<(), fairsplit::results::AnalysisError>(())
    /// ```
    pub fn secondary(
        self,
        goal: impl Into<GoalUse>,
        reached: impl IntoIterator<Item = u64>,
    ) -> Observations {
        self.with(ObservedGoal::new(&goal.into(), Role::Secondary), reached)
    }

    /// Adds a goal that is to be left unharmed, and how much worse it may be, as a part of the
    /// control's share, 0 to 1; `reached` is as of a [secondary](Observations::secondary) goal.
    pub fn guardrail(
        self,
        goal: impl Into<GoalUse>,
        margin: f64,
        reached: impl IntoIterator<Item = u64>,
    ) -> Observations {
        let goal = ObservedGoal::new(&goal.into(), Role::Guardrail);
        self.with(ObservedGoal { margin: Some(margin), ..goal }, reached)
    }

    fn with(mut self, goal: ObservedGoal, reached: impl IntoIterator<Item = u64>) -> Observations {
        let users = reached.into_iter().map(|reached| GoalUsers { reached, unexposed: 0 });
        self.goals.push(ObservedGoal { users: Some(users.collect()), ..goal });
        self
    }

    /// In which direction the conversions are meant.
    pub(in crate::results) fn better(&self) -> Better {
        let primary = self.goals.iter().find(|goal| goal.role == Role::Primary);
        primary.map_or_else(Better::default, |goal| goal.better)
    }

    /// With the events, the sums and the units of the experiment's goals.
    pub(in crate::results) fn with_counts_of_goals(
        mut self,
        engine: &Engine,
        id: ExperimentId,
    ) -> Observations {
        if self.goals.is_empty() {
            return self;
        }
        let counts = engine.goal_counts(id).unwrap_or_default();
        for goal in &mut self.goals {
            let known = engine.goal(&goal.key);
            goal.unit = known.as_ref().and_then(Goal::unit).map(str::to_owned);
            goal.decimals = known.map_or(0, |known| known.decimals());
            let Some(counts) = counts.iter().find(|counts| counts.goal == goal.key) else {
                continue;
            };
            let each = self.variants.iter().map(|variant| {
                let of = counts.variants.iter().find(|of| of.key == variant.variant);
                of.map_or_else(GoalCount::default, |of| match self.period {
                    Period::SinceStart => of.since_start,
                    Period::Ever => of.ever,
                })
            });
            goal.counted = Some(each.collect());
        }
        self
    }
}
