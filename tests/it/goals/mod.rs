//! Goals: what calls and documents make of them, and what is counted.

mod applying;
mod calls;
mod coming_back;
mod documents;
mod extremes;
mod model;
mod recording;
mod sums;
mod texts;
mod users;

use crate::common::{banner, engine_at_noon, experiment_id, faults_of, flag_id};
use fairsplit::counts::GoalCount;
use fairsplit::error::ControlError;
use fairsplit::fault::FaultKind;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};

/// The flags "banner", "checkout" and "search", and four goals.
pub(super) fn shop() -> Engine {
    let (engine, _) = engine_at_noon();
    for (number, key) in [(1, "banner"), (2, "checkout"), (3, "search")] {
        engine.create_flag(NewFlag::new(key, "old").id(flag_id(number))).unwrap();
    }
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::event("return")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.create_goal(NewGoal::value("balance", "EUR").signed()).unwrap();
    engine
}

/// An experiment in production that runs.
pub(super) fn running(engine: &Engine, flag: &str, number: u128, goals: NewGoals) -> ExperimentId {
    experiment(engine, flag, number, goals, Status::Running)
}

pub(super) fn experiment(
    engine: &Engine,
    flag: &str,
    number: u128,
    goals: NewGoals,
    status: Status,
) -> ExperimentId {
    let new = banner("production").id(experiment_id(number)).goals(goals).status(status);
    engine.create_experiment(flag, new).unwrap().id()
}

/// What was ever counted for a goal of an experiment, over both variants.
#[track_caller]
pub(super) fn counted(engine: &Engine, id: ExperimentId, goal: &str) -> (u64, u64, u64) {
    let all = engine.goal_counts(id).unwrap();
    let of_goal = all.iter().find(|counts| counts.goal == goal).expect("it has the goal");
    let sum = |number: fn(&GoalCount) -> u64| {
        of_goal.variants.iter().map(|variant| number(&variant.ever)).sum()
    };
    (sum(|count| count.events), sum(|count| count.gained), sum(|count| count.lost))
}

/// The paths and kinds of the faults for which a call is refused; it changes nothing.
#[track_caller]
pub(super) fn faults<T>(
    engine: &Engine,
    call: impl FnOnce(&Engine) -> Result<T, ControlError>,
) -> Vec<(String, FaultKind)> {
    faults_of(refused(engine, call))
}

#[track_caller]
pub(super) fn refused<T>(
    engine: &Engine,
    call: impl FnOnce(&Engine) -> Result<T, ControlError>,
) -> ControlError {
    let state = || (engine.snapshot().version(), engine.goals(), engine.to_json());
    let before = state();
    let Err(error) = call(engine) else { panic!("it should have been refused") };
    assert_eq!(state(), before);
    error
}
