//! The sum of each user's values, of those who were exposed.

use super::{counted, experiment, running, shop};
use crate::common::{banner, experiment_id, production};
use fairsplit::goals::{GoalUse, NewGoals};
use fairsplit::{Engine, ExperimentId, Status};

/// An experiment that counts its users and has a goal with values.
fn with_users(engine: &Engine, capacity: u32) -> ExperimentId {
    let goals = NewGoals::new().secondary("balance").primary(GoalUse::new("purchase").cap(5));
    let new = banner("production")
        .id(experiment_id(1))
        .goals(goals)
        .count_users(capacity)
        .status(Status::Running);
    engine.create_experiment("banner", new).unwrap().id()
}

/// The sums of both variants, in ascending order.
#[track_caller]
pub(crate) fn sums(engine: &Engine, id: ExperimentId, goal: &str) -> Option<Vec<i64>> {
    let users = engine.users(id).expect("users are counted");
    let of_goal = users.goals().iter().find(|of| of.goal == goal).expect("it has the goal");
    let mut sums = [of_goal.sums(0)?, of_goal.sums(1)?].concat();
    assert_eq!(of_goal.sums(2), None);
    sums.sort_unstable();
    Some(sums)
}

#[test]
fn each_exposed_user_has_the_sum_of_the_values_since_the_exposure() {
    let engine = shop();
    let id = with_users(&engine, 1000);
    let production = production(&engine);
    let [purchase, balance] = ["purchase", "balance"].map(|key| production.goal(key));
    assert!(!purchase.record_value("anna", 5.0).is_counted());
    assert_eq!(sums(&engine, id, "purchase"), Some(Vec::new()));
    for user in ["anna", "ben", "carla"] {
        assert!(production.evaluate("banner", user).is_counted());
    }
    for value in [1.0, 2.5, 900.0] {
        assert!(purchase.record_value("anna", value).is_counted());
    }
    assert!(purchase.record_value("ben", 0.0).is_counted());
    assert!(balance.record_units("carla", 70).is_counted());
    assert!(balance.record_units("carla", -100).is_counted());
    // The cap is applied where sums are compared, and not here.
    assert_eq!(sums(&engine, id, "purchase"), Some(vec![90_350]));
    assert_eq!(sums(&engine, id, "balance"), Some(vec![-30]));
    // Another run begins with no users, and the counts "ever" go on.
    engine.stop(id).unwrap();
    assert_eq!(sums(&engine, id, "purchase"), Some(vec![90_350]));
    engine.start(id).unwrap();
    assert_eq!(sums(&engine, id, "purchase"), Some(Vec::new()));
    assert_eq!(counted(&engine, id, "balance"), (2, 70, 100));
}

#[test]
fn a_goal_without_values_and_an_experiment_without_users_have_no_sums() {
    let engine = shop();
    let goals = || NewGoals::new().secondary("signup").secondary("purchase");
    let id = running(&engine, "banner", 1, goals());
    let purchase = production(&engine).goal("purchase");
    assert!(purchase.record_value("anna", 5.0).is_counted());
    assert!(engine.users(id).is_none());
    // From now on; what came before is not known. So a user may have been exposed then, whose
    // values count, and who has no sum.
    engine.count_users(id, 100).unwrap();
    assert_eq!(purchase.record_value("anna", 5.0).counted(), 1);
    assert_eq!((sums(&engine, id, "signup"), sums(&engine, id, "purchase")), (None, Some(vec![])));
    assert!(production(&engine).evaluate("banner", "anna").is_counted());
    assert!(purchase.record_value("anna", 3.0).is_counted());
    assert_eq!(sums(&engine, id, "purchase"), Some(vec![300]));
    engine.count_users(id, 0).unwrap();
    assert!(engine.users(id).is_none());
    engine.count_users(id, 100).unwrap();
    assert_eq!(sums(&engine, id, "purchase"), Some(vec![]), "they were dropped");
}

#[test]
fn a_goal_that_comes_while_the_experiment_runs_is_summed_from_then_on() {
    let engine = shop();
    let draft = experiment(&engine, "banner", 1, NewGoals::new(), Status::Draft);
    engine.count_users(draft, 100).unwrap();
    engine.start(draft).unwrap();
    let production = production(&engine);
    let purchase = production.goal("purchase");
    assert!(production.evaluate("banner", "anna").is_counted());
    assert_eq!(purchase.record_value("anna", 1.0).counted(), 0);
    engine.set_goals(draft, NewGoals::new().secondary("purchase")).unwrap();
    assert_eq!(purchase.record_value("anna", 2.0).counted(), 1);
    assert_eq!(sums(&engine, draft, "purchase"), Some(vec![200]));
    // One that is left out keeps what it has, and goes on when it comes back.
    engine.set_goals(draft, NewGoals::new()).unwrap();
    assert_eq!(purchase.record_value("anna", 4.0).counted(), 0);
    engine.set_goals(draft, NewGoals::new().secondary("purchase")).unwrap();
    assert_eq!(purchase.record_value("anna", 8.0).counted(), 1);
    assert_eq!(sums(&engine, draft, "purchase"), Some(vec![1000]));
}

/// The sums are of the users that are kept: a user has all of its values or is not there.
#[test]
fn sums_are_of_the_sample_of_users() {
    let engine = shop();
    let id = with_users(&engine, 500);
    let production = production(&engine);
    let purchase = production.goal("purchase");
    for user in 0..5000_i64 {
        let key = user.to_string();
        assert!(production.evaluate("banner", &*key).is_counted());
        // Half of them pay.
        if user % 2 == 0 {
            for part in [1, 2] {
                assert!(purchase.record_units(&*key, 10 * user + part).is_counted());
            }
        }
    }
    let users = engine.users(id).unwrap();
    assert!(users.one_in() >= 8);
    let reached = users.goals().iter().find(|of| of.goal == "purchase").unwrap();
    let reached: u64 = reached.variants.iter().map(|users| users.reached).sum();
    let sums = sums(&engine, id, "purchase").unwrap();
    assert_eq!(sums.len() as u64, reached, "each of them has paid");
    assert!(sums.iter().all(|sum| sum % 40 == 3 && (0..100_000).contains(sum)), "{sums:?}");
}

/// Sums come to at most the events' sums, whatever threads do.
#[test]
fn the_sums_of_users_are_the_sum_of_the_events() {
    let engine = shop();
    let id = with_users(&engine, 100_000);
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let production = production(&engine);
            scope.spawn(move || {
                let balance = production.goal("balance");
                for user in 0..2000_i64 {
                    let key = (user * (thread + 1) % 3000).to_string();
                    assert!(production.evaluate("banner", &*key).is_counted());
                    assert!(balance.record_units(&*key, user - 500 * thread).is_counted());
                }
            });
        }
    });
    let (_, gained, lost) = counted(&engine, id, "balance");
    let all: i64 = sums(&engine, id, "balance").unwrap().iter().sum();
    assert_eq!(all, i64::try_from(gained).unwrap() - i64::try_from(lost).unwrap());
}
