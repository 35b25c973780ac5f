//! Recording a goal allocates nothing, for as many experiments as have it.

use std::hint::black_box;

use crate::allocator::calls;
use crate::common::{banner, experiment_id, flag_id, production};
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::{Condition, NewTargeting, Operator};
use fairsplit::{Engine, NewFlag, Status, User};

/// Eight experiments that have the goals: plain ones, with users, for some users, by an attribute.
fn eight() -> Engine {
    let engine = Engine::new();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR").signed()).unwrap();
    for number in 0..8_u32 {
        let key = format!("flag-{number}");
        engine.create_flag(NewFlag::new(&*key, "old").id(flag_id(number.into()))).unwrap();
        let germans = Condition::new("country", Operator::Equals, "DE");
        let targeting = match number {
            4 => NewTargeting::new().condition(germans),
            5 => NewTargeting::new().bucket_by("company"),
            6 => NewTargeting::new().coverage(100).condition(germans),
            _ => NewTargeting::new(),
        };
        let goals = match number {
            7 => NewGoals::new().primary("purchase").secondary("signup"),
            3 => NewGoals::new().primary("signup").secondary("purchase"),
            _ => NewGoals::new().secondary("signup").guardrail("purchase", 0.1),
        };
        let new = banner("production")
            .id(experiment_id(number.into()))
            .goals(goals)
            .targeting(targeting)
            .count_users(if number % 2 == 0 { 1000 } else { 0 })
            .status(Status::Running);
        engine.create_experiment(&*key, new).unwrap();
    }
    engine
}

#[test]
fn recording_a_goal_for_eight_experiments_allocates_nothing() {
    let engine = eight();
    let place = production(&engine);
    let [signup, purchase, missing] =
        ["signup", "purchase", "no such goal"].map(|key| place.goal(key));
    let mut reader = place.reader();
    let known = [("country", "DE".into()), ("company", 17.into())];
    let user = User::new("anna").with(&known);
    // The first calls of a thread set up its place in arc-swap, and a user's first its place among
    // the users.
    for number in 0..8 {
        assert!(place.evaluate(&format!("flag-{number}"), user).is_counted());
    }
    assert_eq!(purchase.record_value(user, 1.0).counted(), 8);
    for user in [user, User::new("ben"), User::new("")] {
        let (allocations, ()) = calls(|| {
            black_box(signup.record(user));
            black_box(purchase.record_value(user, 49.90));
            black_box(purchase.record_units(user, -4990));
            black_box(purchase.record_value(user, f64::NAN));
            black_box(purchase.record(user));
            black_box(missing.record(user));
            let snapshot = reader.snapshot();
            black_box(signup.record_on(snapshot, user));
            black_box(purchase.record_value_on(snapshot, user, 0.0));
        });
        // A user who is not known yet may get a place in a table that has one.
        assert_eq!(allocations, 0, "{user:?}");
    }
    assert_eq!(signup.record(user).counted(), 8);
}
