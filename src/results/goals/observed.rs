//! What an analysis reads of goals.

use crate::count::goal_counts::GoalCount;
use crate::count::users::{GoalUnit, GoalUsers, UserCounts, UsersOfGoal};
use crate::engine::Engine;
use crate::model::experiment::Experiment;
use crate::model::goal::amount::{MAX_UNITS, units};
use crate::model::goal::attached::AttachedGoal;
use crate::model::goal::of_experiment::{Better, GoalUse, Goals, Guardrail, Role};
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;
use crate::results::means::{Cap, Values};
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
    /// In the goal's unit.
    pub(super) cap: Option<f64>,
    /// What users amount to, after the cap. `None` if it is not known.
    pub(super) values: Option<Values>,
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
            cap: goal.cap_of_user(),
            values: None,
            users: None,
            counted: None,
        }
    }

    pub(in crate::results) fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    pub(in crate::results) fn better(&self) -> Better {
        self.better
    }

    pub(in crate::results) fn values(&self) -> Option<&Values> {
        self.values.as_ref()
    }

    fn with_values(self, values: Values) -> ObservedGoal {
        let (unit, decimals) = (Some(values.unit.clone()), values.decimals);
        ObservedGoal { unit, decimals, values: Some(values), ..self }
    }

    /// The goals that an experiment has, with their users and what these amount to.
    pub(in crate::results) fn all_of(
        experiment: &Experiment,
        users: Option<&UserCounts>,
    ) -> Vec<ObservedGoal> {
        let Some(goals) = experiment.goals() else { return Vec::new() };
        let each = goals.uses().map(|(role, goal)| {
            let known = |margin: f64| (role == Role::Guardrail).then_some(margin);
            let of_goal = users.and_then(|users| {
                let of_goal = users.goals().iter().find(|of| of.goal == goal.goal())?;
                Some((users, of_goal))
            });
            let unit = of_goal.and_then(|(_, of_goal)| of_goal.unit.as_ref());
            ObservedGoal {
                margin: margin_of(goals, goal.goal()).and_then(known),
                since: since_of(goals, goal.goal()).max(of_goal.and_then(summed_since)),
                unit: unit.map(|unit| unit.name.clone()),
                decimals: unit.map_or(0, |unit| unit.decimals),
                // If the counts lack the goal, they were read before it came.
                users: of_goal
                    .filter(|_| role != Role::Primary)
                    .map(|(users, of_goal)| users_of(experiment, users, of_goal)),
                values: of_goal.and_then(|(users, of)| values_of(experiment, users, of, goal)),
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

/// Since when the values of a goal are summed, if that is later than its users are counted: since
/// the sums of the run were lost.
fn summed_since((users, of_goal): (&UserCounts, &UsersOfGoal)) -> Option<Timestamp> {
    of_goal.summed_since.filter(|since| *since > users.since)
}

fn since_of(goals: &Goals, key: &str) -> Option<Timestamp> {
    let attached = goals.attached().iter().find(|attached| attached.goal() == key);
    attached.map(AttachedGoal::since)
}

/// Where the users of each of the experiment's variants are in the counts.
fn places<'u>(
    experiment: &'u Experiment,
    users: &'u UserCounts,
) -> impl Iterator<Item = Option<usize>> {
    experiment
        .variants()
        .iter()
        .map(|variant| users.variants().iter().position(|users| users.key == variant.key()))
}

/// The users who reached a goal, by the experiment's variants.
fn users_of(experiment: &Experiment, users: &UserCounts, of_goal: &UsersOfGoal) -> Vec<GoalUsers> {
    let each = places(experiment, users);
    each.map(|at| at.and_then(|at| of_goal.variants.get(at).copied()).unwrap_or_default()).collect()
}

/// What the exposed users amount to, by the experiment's variants. `None` where there are no sums.
fn values_of(
    experiment: &Experiment,
    users: &UserCounts,
    of_goal: &UsersOfGoal,
    goal: &GoalUse,
) -> Option<Values> {
    let (sums, GoalUnit { name, decimals }) = of_goal.sums.as_ref().zip(of_goal.unit.as_ref())?;
    let cap = goal.cap_of_user().and_then(|cap| cap_of(cap, *decimals));
    places(experiment, users).try_fold(Values::new(name, *decimals), |values, at| {
        let exposed = at.and_then(|at| users.variants().get(at)).map_or(0, |of| of.count.exposed);
        let sums = at.and_then(|at| sums.get(at)).map_or(&[][..], Vec::as_slice);
        values.with_sums(sums, exposed, cap)
    })
}

/// A cap in minor units: at least one of them. `None` for one that no sum reaches.
pub(super) fn cap_of(cap: f64, decimals: u8) -> Option<Cap> {
    Cap::new(units(cap, decimals)?.clamp(1, MAX_UNITS)).ok()
}

impl Observations {
    /// States which goal the conversions are: its name in the results, and its direction. Variants are
    /// compared by their shares, so a cap is not used.
    pub fn primary(mut self, goal: impl Into<GoalUse>) -> Observations {
        self.goals.retain(|goal| goal.role != Role::Primary);
        self.goals.insert(0, ObservedGoal::new(&goal.into(), Role::Primary));
        self
    }

    /// Adds a goal that is shown and decides nothing: how many of the exposed users of each variant
    /// reached it, in the order of the variants. They are compared by that share, so a cap is not used.
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

    /// States which goal the conversions are, and what each user amounts to: the variants are compared
    /// by their means, and the verdict is about them. Conversions stay the users who reached the goal.
    ///
    /// The cap of the goal has to have been [applied](Values::capped_variant) to the values.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::results::means::{Sample, Values};
    /// use fairsplit::results::{Analysis, Observations, Unit};
    ///
    /// // Cents, and how many users have them: most users buy nothing.
    /// let control = Sample::of([(0, 9_500), (1_990, 300), (4_990, 150), (19_900, 50)])?;
    /// let treatment = Sample::of([(0, 9_200), (1_990, 450), (4_990, 260), (19_900, 90)])?;
    /// let values = Values::new("EUR", 2).variant(control).variant(treatment);
    /// let observed = Observations::new(Unit::Users)
    ///     .variant("control", 50, 10_000, 500)
    ///     .variant("treatment", 50, 10_000, 800)
    ///     .primary_means("purchase", values);
    /// assert_eq!(
    ///     Analysis::new().results_of(&observed)?.verdict.to_string(),
    ///     "treatment is better than control, by 1.64 EUR for each user, 2.34 -> 3.98 (always-valid p \
    ///      <0.0001)."
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn primary_means(mut self, goal: impl Into<GoalUse>, values: Values) -> Observations {
        self.goals.retain(|goal| goal.role != Role::Primary);
        let goal = ObservedGoal::new(&goal.into(), Role::Primary).with_values(values);
        self.goals.insert(0, goal);
        self
    }

    /// Adds a goal that is shown and decides nothing: what each user amounts to, as of
    /// [the primary goal](Observations::primary_means).
    pub fn secondary_means(mut self, goal: impl Into<GoalUse>, values: Values) -> Observations {
        let goal = ObservedGoal::new(&goal.into(), Role::Secondary);
        self.goals.push(goal.with_values(values));
        self
    }

    /// Adds a goal that is to be left unharmed, and how much worse it may be, as a part of the
    /// control's mean, 0 to 1; the values are as of [the primary goal](Observations::primary_means).
    pub fn guardrail_means(
        mut self,
        goal: impl Into<GoalUse>,
        margin: f64,
        values: Values,
    ) -> Observations {
        let goal = ObservedGoal::new(&goal.into(), Role::Guardrail);
        self.goals.push(ObservedGoal { margin: Some(margin), ..goal.with_values(values) });
        self
    }

    fn with(mut self, goal: ObservedGoal, reached: impl IntoIterator<Item = u64>) -> Observations {
        let users = reached.into_iter().map(|reached| GoalUsers { reached, unexposed: 0 });
        self.goals.push(ObservedGoal { users: Some(users.collect()), ..goal });
        self
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
            if let Some(known) = engine.goal(&goal.key) {
                goal.unit = known.unit().map(str::to_owned);
                goal.decimals = known.decimals();
            }
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
