//! Goals where users are counted: the exposed ones, each once.

use super::{counted, shop};
use crate::common::{banner, experiment_id, production};
use fairsplit::counts::GoalUsers;
use fairsplit::goals::NewGoals;
use fairsplit::{Engine, ExperimentId, Status};

fn with_users(engine: &Engine, goals: NewGoals) -> ExperimentId {
    let new = banner("production")
        .id(experiment_id(1))
        .goals(goals)
        .count_users(100_000)
        .status(Status::Running);
    engine.create_experiment("banner", new).unwrap().id()
}

/// Users who reached the goal after their exposure, and without one, over both variants.
#[track_caller]
fn users(engine: &Engine, id: ExperimentId, goal: &str) -> (u64, u64) {
    let users = engine.users(id).unwrap();
    let of_goal = users.goals().iter().find(|of| of.goal == goal).expect("it has the goal");
    let sum = |number: fn(&GoalUsers) -> u64| of_goal.variants.iter().map(number).sum();
    (sum(|users| users.reached), sum(|users| users.unexposed))
}

#[test]
fn a_goal_counts_for_users_who_were_exposed_before_it_each_once() {
    let engine = shop();
    let goals = NewGoals::new().primary("signup").secondary("return").guardrail("purchase", 0.1);
    let id = with_users(&engine, goals);
    let production = production(&engine);
    let [signup, back, purchase] = ["signup", "return", "purchase"].map(|key| production.goal(key));

    assert_eq!(back.record("anna").unexposed(), 1);
    assert_eq!(purchase.record_value("anna", 5.0).unexposed(), 1);
    assert_eq!((users(&engine, id, "return"), counted(&engine, id, "return").0), ((0, 1), 0));
    assert!(production.evaluate("banner", "anna").is_counted());
    assert_eq!(users(&engine, id, "return"), (0, 0), "what came before has another cause");
    for _ in 0..3 {
        assert_eq!(back.record("anna").counted(), 1);
        assert_eq!(purchase.record_value("anna", 5.0).counted(), 1);
    }
    assert_eq!((users(&engine, id, "return"), counted(&engine, id, "return").0), ((1, 0), 3));
    assert_eq!(users(&engine, id, "purchase"), (1, 0));
    assert_eq!(counted(&engine, id, "purchase"), (3, 1500, 0));
    assert_eq!(users(&engine, id, "signup"), (0, 0));
    assert_eq!(signup.record("anna").counted(), 1);
    assert_eq!(users(&engine, id, "signup"), (1, 0));
    let of_users = engine.users(id).unwrap();
    assert_eq!(of_users.variants().iter().map(|one| one.count.converted).sum::<u64>(), 1);
    let tallies = engine.goal_tallies();
    let unexposed: u64 = tallies.iter().map(|tally| tally.unexposed).sum();
    assert_eq!(unexposed, 2);

    // Another run begins with no users.
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert_eq!(users(&engine, id, "return"), (0, 0));
    assert_eq!(back.record("anna").unexposed(), 1);
}

/// As many goals as an experiment can have, each reached by another part of the users, while the
/// table grows and is downsampled.
#[test]
fn each_of_sixteen_goals_has_its_own_users() {
    let engine = shop();
    let mut goals = NewGoals::new();
    for at in 0..16 {
        let key = format!("goal {at}");
        engine.create_goal(fairsplit::goals::NewGoal::event(&*key)).unwrap();
        goals = goals.secondary(&*key);
    }
    let id = with_users(&engine, goals);
    let production = production(&engine);
    let handles: Vec<_> = (0..16).map(|at| production.goal(&format!("goal {at}"))).collect();
    for user in 0..5000_u32 {
        let key = user.to_string();
        assert!(production.evaluate("banner", &*key).is_counted());
        for (at, goal) in (1..).zip(&handles) {
            if user % at == 0 {
                assert_eq!(goal.record(&*key).counted(), 1);
            }
        }
    }
    for at in 1..=16_u64 {
        let goal = format!("goal {}", at - 1);
        assert_eq!(users(&engine, id, &goal), (5000_u64.div_ceil(at), 0), "{goal}");
    }
    let sampled = engine.users(id).unwrap();
    assert_eq!(sampled.one_in(), 1);
}

/// A goal that comes while the experiment runs counts users who were exposed before it came.
#[test]
fn a_goal_that_comes_later_counts_from_then_on() {
    let engine = shop();
    let id = with_users(&engine, NewGoals::new().secondary("return"));
    let production = production(&engine);
    assert!(production.evaluate("banner", "anna").is_counted());
    assert_eq!(production.goal("signup").record("anna").counted(), 0);
    engine.set_goals(id, NewGoals::new().secondary("signup")).unwrap();
    assert_eq!(users(&engine, id, "signup"), (0, 0));
    assert_eq!(production.goal("signup").record("anna").counted(), 1);
    assert_eq!((users(&engine, id, "signup"), users(&engine, id, "return")), ((1, 0), (0, 0)));
}

/// The bits of a goal lie beside those of conversions.
#[test]
fn a_goal_without_an_exposure_is_no_conversion() {
    let engine = shop();
    let id = with_users(&engine, NewGoals::new().secondary("signup").secondary("return"));
    let production = production(&engine);
    for goal in ["signup", "return"] {
        assert_eq!(production.goal(goal).record("anna").unexposed(), 1);
    }
    assert!(production.evaluate("banner", "anna").is_counted());
    for goal in ["signup", "return"] {
        assert_eq!(production.goal(goal).record("anna").counted(), 1);
    }
    let of_users = engine.users(id).unwrap();
    let converted = of_users.variants().iter().map(|one| one.count.converted);
    assert_eq!(converted.sum::<u64>(), 0);
    assert!(production.convert("banner", "anna").is_counted());
    assert_eq!((users(&engine, id, "signup"), users(&engine, id, "return")), ((1, 0), (1, 0)));
}

#[test]
fn a_primary_goal_that_is_reached_without_an_exposure_shows_its_users() {
    let engine = shop();
    let id = with_users(&engine, NewGoals::new().primary("signup"));
    assert_eq!(production(&engine).goal("signup").record("anna").unexposed(), 1);
    assert_eq!(users(&engine, id, "signup"), (0, 1));
}

#[test]
fn what_two_experiments_do_not_count_is_tallied_for_each() {
    let engine = shop();
    with_users(&engine, NewGoals::new().secondary("signup"));
    let other = banner("production")
        .id(experiment_id(2))
        .goals(NewGoals::new().secondary("signup"))
        .count_users(1000)
        .status(Status::Running);
    engine.create_experiment("checkout", other).unwrap();
    let recorded = production(&engine).goal("signup").record("anna");
    assert_eq!((recorded.counted(), recorded.unexposed(), recorded.is_counted()), (0, 2, false));
    assert_eq!(engine.goal_tallies()[0].unexposed, 2);
}
