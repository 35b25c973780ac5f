//! Goals: of an engine, and of its experiments.

use std::sync::Arc;

use super::Engine;
use super::consistency::{check_goals, has_been_started, named};
use super::lifecycle::find_experiment;
use super::remembering::History;
use crate::count::goal_counts::{GoalCounts, GoalVariant};
use crate::count::registry::{GoalRecord, Record};
use crate::engine::events;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::fault::{Fault, FaultKind, MAX_GOALS};
use crate::model::faults::Faults;
use crate::model::goal::definition::{DECIMALS, Goal, KIND, NewGoal, SIGNED, UNIT, Values};
use crate::model::goal::of_experiment::{Goals, NewGoals};
use crate::model::id::ExperimentId;
use crate::model::path::Path;
use crate::model::targeting::shared::Shared;
use crate::read::goal::tally::GoalTally;
use crate::read::snapshot::Snapshot;

impl Engine {
    /// Creates a goal. Experiments [name it](Engine::set_goals) by its key, and a
    /// [`GoalHandle`](crate::GoalHandle) records it.
    ///
    /// Make goals at start-up, and not of what users send: there are at most
    /// [`MAX_GOALS`](crate::fault::MAX_GOALS).
    ///
    /// # Errors
    ///
    /// [`ControlError::GoalKeyTaken`]; [`ControlError::Invalid`] with every fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::goals::{NewGoal, NewGoals};
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_goal(NewGoal::value("purchase", "EUR"))?;
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production")
    ///     .variant("golden", "new", 100)
    ///     .goals(NewGoals::new().primary("purchase"))
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    ///
    /// let production = engine.environment("production")?;
    /// assert_eq!(production.goal("purchase").record_value("anna", 49.90).counted(), 1);
    /// let purchases = &engine.goal_counts(id).unwrap()[0];
    /// assert_eq!(purchases.variants[0].ever.gained, 4990);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn create_goal(&self, new: NewGoal) -> Result<Goal, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let mut faults = Faults::default();
        let goal = new.check(&Path::Root, &mut faults);
        faults.into_result()?;
        if view.shared().goals.contains_key(&goal.id()) {
            return Err(ControlError::GoalKeyTaken { key: goal.key().to_owned() });
        }
        if view.shared().goals.len() >= MAX_GOALS {
            let found = view.shared().goals.len().saturating_add(1);
            let kind = FaultKind::TooMany { what: "goals", most: MAX_GOALS, found };
            return Err(ControlError::Invalid(Fault::new(&Path::Root, kind).into()));
        }
        writer.publish(view.with_goal(&goal), Action::CreateGoal)?;
        events::goal_created(goal.key());
        Ok(goal)
    }

    /// Changes what a goal is, while no experiment that has been started counts it. The goal of
    /// this key; one that is so already stays as it is.
    ///
    /// # Errors
    ///
    /// [`ControlError::GoalNotFound`]; [`ControlError::Invalid`] with every fault, one of them for
    /// each part that would change of a goal that is counted, and one for each experiment, drafts
    /// included, that has a cap of a goal that is to have no values.
    pub fn change_goal(&self, new: NewGoal) -> Result<Goal, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let mut faults = Faults::default();
        let goal = new.check(&Path::Root, &mut faults);
        faults.into_result()?;
        let known = find_goal(&view, goal.key())?;
        if *known == goal {
            return Ok(goal);
        }
        let mut faults = Faults::default();
        refuse_fixed(view.shared(), writer.history(), &goal, &Path::Root, &mut faults);
        let next = view.with_goal(&goal);
        for state in view.states() {
            for experiment in &state.experiments {
                if let Some(goals) = &experiment.definition.goals {
                    check_goals(goals, next.shared(), &Path::Root, &mut faults);
                }
            }
        }
        faults.into_result()?;
        writer.publish(next, Action::ChangeGoal)?;
        events::goal_changed(goal.key());
        Ok(goal)
    }

    /// Deletes a goal that no experiment has, and none that has been started has had, and returns
    /// it as it was.
    ///
    /// # Errors
    ///
    /// [`ControlError::GoalNotFound`]; [`ControlError::GoalInUse`].
    pub fn delete_goal(&self, key: &str) -> Result<Goal, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let goal = (*find_goal(&view, key)?).clone();
        let mut using = view.states().flat_map(|state| {
            let experiments = state.experiments.iter();
            experiments.map(|experiment| (state.flag.key(), &experiment.definition))
        });
        let has = |definition: &Definition| definition.goals.iter().any(|goals| goals.has(key));
        let in_use = |by| ControlError::GoalInUse { key: key.to_owned(), by };
        if let Some((flag, of)) = using.find(|(_, definition)| has(definition)) {
            return Err(in_use(named(of.id, flag)));
        }
        if let Some(id) = writer.history().counting(key) {
            return Err(in_use(format!("experiment {id}")));
        }
        let mut shared = (**view.shared()).clone();
        shared.goals.remove(&goal.id());
        writer.publish(view.with_shared(shared), Action::DeleteGoal)?;
        events::goal_deleted(key);
        Ok(goal)
    }

    /// All goals, in the order of their keys.
    #[must_use]
    pub fn goals(&self) -> Vec<Goal> {
        let view = self.current.pin();
        let mut goals: Vec<_> = view.shared().goals.values().map(|goal| (**goal).clone()).collect();
        goals.sort_by(|one, other| one.key.cmp(&other.key));
        goals
    }

    /// The goal of this key.
    #[must_use]
    pub fn goal(&self, key: &str) -> Option<Goal> {
        self.current.pin().shared().goal(key).map(|goal| (**goal).clone())
    }

    /// Sets what an experiment is for: all of its goals. Those that it has already, and nothing
    /// else, change nothing.
    ///
    /// Once the experiment has been started, its primary goal stays, and the cap, the direction and
    /// the margin of each, also in another role. Other goals can be added, and count from then
    /// on; one that is left out keeps its counts, and comes back as it was.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] with every fault: a goal
    /// that there is not, one that is named twice, more than
    /// [`MAX_GOALS_OF_EXPERIMENT`](crate::fault::MAX_GOALS_OF_EXPERIMENT), a cap of a goal without
    /// values, and what would change after a start.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::goals::{GoalUse, NewGoal, NewGoals};
    /// use fairsplit::{Engine, NewExperiment, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_goal(NewGoal::value("purchase", "EUR"))?;
    /// engine.create_goal(NewGoal::event("signup"))?;
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("golden", "new", 100);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    ///
    /// let decided_by = || NewGoals::new().primary(GoalUse::new("purchase").cap(500));
    /// engine.set_goals(id, decided_by())?;
    /// engine.start(id)?;
    /// engine.set_goals(id, decided_by().secondary("signup"))?;
    /// assert!(engine.set_goals(id, NewGoals::new().primary("signup")).is_err());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn set_goals(&self, id: ExperimentId, goals: NewGoals) -> Result<Experiment, ControlError> {
        let mut faults = Faults::default();
        let goals = goals.check(&Path::Root, &mut faults);
        faults.into_result()?;
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let before = goals_of(&found.state.definition);
        let is_started = has_been_started(found.state);
        let known = found.state.definition.goals.as_deref();
        let goals = goals.attached_to(known, is_started, now);
        if goals == before {
            return Ok(found.state.read());
        }
        let mut faults = Faults::default();
        check_goals(&goals, view.shared(), &Path::Root, &mut faults);
        if is_started {
            before.check_change(&goals, id, &Path::Root, &mut faults);
        }
        faults.into_result()?;
        let mut definition = Definition { updated_at: now, ..(*found.state.definition).clone() };
        definition.goals = goals.some();
        let (next, published) = self.with_definition(&mut writer, &view, found, definition)?;
        writer.publish(published, Action::SetGoals)?;
        events::goals_set(found.flag.flag.key(), id);
        Ok(next.read())
    }

    /// What was counted for each goal that the experiment has, or has had since its first start, in
    /// the order in which it got them. `None` for an experiment that the engine does not know.
    ///
    /// Events of the primary goal are the experiment's conversions, and are the same here and
    /// [there](Engine::counts).
    #[must_use]
    pub fn goal_counts(&self, id: ExperimentId) -> Option<Vec<GoalCounts>> {
        let record = self.control.registry.with(id, Arc::clone)?;
        let goals = record.goals.iter().flat_map(|goals| &**goals);
        Some(goals.map(|goal| counts_of(&record, goal)).collect())
    }

    /// What was recorded of each goal and not counted, for each environment in which the goal has a
    /// [handle](crate::Environment::goal) or a running experiment.
    #[must_use]
    pub fn goal_tallies(&self) -> Vec<GoalTally> {
        self.current.pin().goal_lists().tallies()
    }
}

/// The counts of a goal of an experiment.
fn counts_of(record: &Record, of: &GoalRecord) -> GoalCounts {
    let definition = &record.definition;
    let primary = definition.goals.as_ref().and_then(|goals| goals.primary.as_ref());
    let is_primary = primary.is_some_and(|primary| primary.goal == of.goal);
    let conversions = if is_primary { record.counters.counts() } else { Box::default() };
    let counts = of.counters.counts();
    let variants = definition.terms.variants.iter().enumerate().map(|(at, variant)| {
        let mut ever = counts.get(at).copied().unwrap_or_default();
        let mut before = of.at_start.get(at).copied().unwrap_or_default();
        if let Some(conversions) = conversions.get(at) {
            // They are in one place.
            ever.events = conversions.conversions;
            before.events = record.runs.at_start(at).conversions;
        }
        GoalVariant { key: variant.key().to_owned(), ever, since_start: ever.since(before) }
    });
    GoalCounts {
        experiment: definition.id,
        goal: (*of.goal).to_owned(),
        variants: variants.collect(),
    }
}

/// The goals of an experiment; of one that has none, no goals.
pub(super) fn goals_of(definition: &Definition) -> Goals {
    definition.goals.as_deref().cloned().unwrap_or_default()
}

/// Adds a fault for each part of a goal that would change although an experiment counts it.
pub(super) fn refuse_fixed(
    shared: &Shared,
    history: History<'_>,
    goal: &Goal,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let Some(known) = shared.goal(goal.key()).filter(|known| ***known != *goal) else { return };
    let Some(experiment) = history.counting(goal.key()) else { return };
    let differing = match (&known.values, &goal.values) {
        (Some(before), Some(after)) => {
            let Values { unit, decimals, is_signed } = after;
            [
                (UNIT, before.unit != *unit),
                (DECIMALS, before.decimals != *decimals),
                (SIGNED, before.is_signed != *is_signed),
            ]
        }
        _ => [(KIND, true), (DECIMALS, false), (SIGNED, false)],
    };
    for (field, _) in differing.into_iter().filter(|(_, differs)| *differs) {
        let kind = FaultKind::GoalFixed { experiment: experiment.to_string() };
        faults.add(&path.field(field), kind);
    }
}

/// Whether an experiment has a cap of this goal.
pub(super) fn has_cap(view: &Snapshot, key: &str) -> bool {
    let experiments = view.states().flat_map(|state| &*state.experiments);
    let mut goals = experiments.filter_map(|experiment| experiment.definition.goals.as_deref());
    goals.any(|goals| goals.uses().any(|(_, of)| &*of.goal == key && of.cap.is_some()))
}

fn find_goal(view: &Snapshot, key: &str) -> Result<Arc<Goal>, ControlError> {
    let goal = view.shared().goal(key);
    goal.cloned().ok_or_else(|| ControlError::GoalNotFound { key: key.to_owned() })
}

impl Snapshot {
    /// The next version, with a goal added or replaced.
    fn with_goal(&self, goal: &Goal) -> Snapshot {
        let mut shared = (**self.shared()).clone();
        shared.goals.insert(goal.id(), Arc::new(goal.clone()));
        self.with_shared(shared)
    }
}
