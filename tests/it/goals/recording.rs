//! Recording a goal: for which experiments it counts, what it adds, and what is refused.

use super::{counted, running, shop};
use crate::common::{banner, ever, experiment_id, production, staging};
use fairsplit::counts::GoalCount;
use fairsplit::goals::{NewGoal, NewGoals, Recorded, Refusal};
use fairsplit::targeting::{Condition, NewTargeting, Operator};
use fairsplit::{Outcome, Status, User};

fn total(recorded: Recorded) -> (u32, u32, u32, u32) {
    (recorded.counted(), recorded.unexposed(), recorded.forced(), recorded.others())
}

#[test]
fn one_call_counts_for_every_running_experiment_that_has_the_goal() {
    let engine = shop();
    let first = running(&engine, "banner", 1, NewGoals::new().secondary("purchase"));
    let second = running(&engine, "checkout", 2, NewGoals::new().guardrail("purchase", 0.1));
    let other = running(&engine, "search", 3, NewGoals::new().secondary("balance"));
    let elsewhere = banner("staging")
        .id(experiment_id(4))
        .goals(NewGoals::new().secondary("purchase"))
        .status(Status::Running);
    let elsewhere = engine.create_experiment("banner", elsewhere).unwrap().id();

    let purchase = production(&engine).goal("purchase");
    let recorded = purchase.record_value("anna", 49.90);
    assert_eq!((total(recorded), recorded.refusal()), ((2, 0, 0, 0), None));
    for id in [first, second] {
        assert_eq!(counted(&engine, id, "purchase"), (1, 4990, 0));
    }
    assert_eq!(counted(&engine, other, "balance"), (0, 0, 0));
    assert_eq!(counted(&engine, elsewhere, "purchase"), (0, 0, 0));
    assert_eq!(staging(&engine).goal("purchase").record_units("anna", 7).counted(), 1);
    assert_eq!(counted(&engine, elsewhere, "purchase"), (1, 7, 0));

    // It follows every change.
    engine.stop(second).unwrap();
    assert_eq!(purchase.record_value("anna", 1.0).counted(), 1);
    assert_eq!(counted(&engine, second, "purchase"), (1, 4990, 0));
    engine.start(second).unwrap();
    engine.set_goals(first, NewGoals::new()).unwrap();
    assert_eq!(purchase.record_value("anna", 1.0).counted(), 1);
    assert_eq!(counted(&engine, first, "purchase"), (2, 5090, 0), "what was counted stays");
    assert_eq!(counted(&engine, second, "purchase"), (2, 5090, 0));
    let since_start: Vec<GoalCount> = engine.goal_counts(second).unwrap()[0]
        .variants
        .iter()
        .map(|variant| variant.since_start)
        .collect();
    assert_eq!(since_start.iter().map(|count| count.gained).sum::<u64>(), 100);
}

#[test]
fn it_counts_for_the_variant_that_an_evaluation_gives() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().secondary("signup"));
    let (production, signup) = (production(&engine), production(&engine).goal("signup"));
    let mut expected = [0_u64; 2];
    for user in 0..1000_u32 {
        let user = user.to_string();
        let treated = production.evaluate("banner", &*user).variant() == Some("treatment");
        expected[usize::from(treated)] += 1;
        assert_eq!(signup.record(&*user).counted(), 1);
    }
    let counts = &engine.goal_counts(id).unwrap()[0];
    let found: Vec<_> = counts.variants.iter().map(|variant| variant.ever.events).collect();
    assert_eq!(found, expected);
    assert_eq!(counts.variants[0].key, "control");
}

#[test]
fn the_events_of_the_primary_goal_are_the_conversions() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().primary("signup"));
    let production = production(&engine);
    assert_eq!(production.goal("signup").record("anna").counted(), 1);
    assert!(production.convert("banner", "anna").is_counted());
    assert!(engine.convert_variant(id, "control").is_counted());
    let counts = ever(&engine.counts(id).unwrap()).into_iter();
    let sums = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert_eq!((sums, counted(&engine, id, "signup").0), ((0, 3), 3), "and no exposures");
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert_eq!(production.goal("signup").record("anna").counted(), 1);
    let counts = &engine.goal_counts(id).unwrap()[0];
    let since_start: u64 = counts.variants.iter().map(|one| one.since_start.events).sum();
    assert_eq!((since_start, counted(&engine, id, "signup").0), (1, 4));
}

#[test]
fn a_conversion_needs_the_value_of_a_primary_goal_with_values() {
    let engine = shop();
    let plain = running(&engine, "banner", 1, NewGoals::new().primary("purchase"));
    let germans = Condition::new("country", Operator::Equals, "DE");
    let new = banner("production")
        .id(experiment_id(2))
        .goals(NewGoals::new().primary("purchase"))
        .targeting(NewTargeting::new().condition(germans))
        .status(Status::Running);
    let guarded = engine.create_experiment("checkout", new).unwrap().id();
    let country = [("country", "DE".into())];
    let anna = || User::new("anna").with(&country);
    let production = production(&engine);
    assert!(production.evaluate("banner", anna()).is_counted());
    assert!(production.evaluate("checkout", anna()).is_counted());
    for flag in ["banner", "checkout"] {
        assert_eq!(production.convert(flag, anna()).outcome(), Outcome::ValueNeeded);
        assert_eq!(production.flag(flag).convert(anna()).outcome(), Outcome::ValueNeeded);
    }
    for id in [plain, guarded] {
        assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::ValueNeeded);
    }
    assert_eq!(production.goal("purchase").record_value(anna(), 10.0).counted(), 2);
    for id in [plain, guarded] {
        assert_eq!(counted(&engine, id, "purchase"), (1, 1000, 0));
        let conversions: u64 = ever(&engine.counts(id).unwrap()).iter().map(|count| count.1).sum();
        assert_eq!(conversions, 1);
    }
    engine.stop(plain).unwrap();
    assert_eq!(production.convert("banner", anna()).outcome(), Outcome::NotRunning);
}

#[test]
fn a_value_is_what_the_goal_says_or_it_is_refused() {
    let engine = shop();
    let goals = NewGoals::new().secondary("purchase").secondary("balance").secondary("signup");
    let id = running(&engine, "banner", 1, goals);
    let production = production(&engine);
    let goal = |key: &str| production.goal(key);
    for value in [f64::NAN, f64::INFINITY, -0.01, 1e300, 9_007_199_254_740_993.0] {
        let refused = goal("purchase").record_value("anna", value);
        assert_eq!(refused.refusal(), Some(Refusal::ValueRefused), "{value}");
    }
    for units in [i64::MIN, -1, (1 << 53) + 1, i64::MAX] {
        let refused = goal("purchase").record_units("anna", units);
        assert_eq!(refused.refusal(), Some(Refusal::ValueRefused), "{units}");
    }
    assert_eq!(goal("purchase").record("anna").refusal(), Some(Refusal::ValueNeeded));
    assert_eq!(goal("signup").record_value("anna", 1.0).refusal(), Some(Refusal::WithoutValues));
    assert_eq!(goal("signup").record_units("anna", 0).refusal(), Some(Refusal::WithoutValues));
    assert_eq!(goal("signpu").record("anna").refusal(), Some(Refusal::GoalNotFound));
    assert_eq!(counted(&engine, id, "purchase"), (0, 0, 0));

    assert!(goal("purchase").record_value("anna", -0.0).is_counted());
    assert!(goal("purchase").record_value("anna", 19.99).is_counted());
    assert!(goal("balance").record_value("anna", -19.99).is_counted());
    assert!(goal("balance").record_units("anna", 1 << 53).is_counted());
    assert_eq!(counted(&engine, id, "purchase"), (2, 1999, 0));
    assert_eq!(counted(&engine, id, "balance"), (2, 1 << 53, 1999));

    let tallies = engine.goal_tallies();
    let tally = |key: &str| {
        let of_key = tallies.iter().find(|tally| tally.goal == key).unwrap();
        assert_eq!(of_key.environment, "production");
        (of_key.not_found, of_key.refused, of_key.unexposed)
    };
    assert_eq!((tally("purchase"), tally("balance")), ((0, 10, 0), (0, 0, 0)));
    assert_eq!((tally("signup"), tally("signpu")), ((0, 2, 0), (1, 0, 0)));
}

#[test]
fn users_who_are_not_in_the_experiment_are_not_counted_and_it_says_why() {
    let engine = shop();
    let germans = NewTargeting::new().condition(Condition::new("country", Operator::Equals, "DE"));
    let new = banner("production")
        .id(experiment_id(1))
        .goals(NewGoals::new().secondary("signup"))
        .targeting(germans)
        .status(Status::Running);
    let id = engine.create_experiment("banner", new).unwrap().id();
    engine.force(id, "tester", "treatment").unwrap();
    let signup = production(&engine).goal("signup");
    let french = [("country", "FR".into())];
    let german = [("country", "DE".into())];
    assert_eq!(total(signup.record("tester")), (0, 0, 1, 0));
    assert_eq!(total(signup.record(User::new("anna").with(&french))), (0, 0, 0, 1));
    assert_eq!(total(signup.record(User::new("").with(&german))), (0, 0, 0, 1));
    assert_eq!(total(signup.record(User::new("anna").with(&german))), (1, 0, 0, 0));
    assert_eq!(counted(&engine, id, "signup").0, 1);

    let detail = |user: User<'_>| {
        let all = production(&engine).view().record_goal("signup", user, None).unwrap();
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.flag.as_str(), one.experiment), ("banner", id));
        (one.outcome, one.variant.clone())
    };
    let (outcome, variant) = detail(User::new("anna").with(&german));
    assert!(outcome == Outcome::Counted && variant.is_some());
    assert_eq!(detail(User::new("tester")), (Outcome::Forced, Some("treatment".to_owned())));
    let french = User::new("ben").with(&french);
    assert_eq!(detail(french), (Outcome::NotInAudience, None));
    assert_eq!(counted(&engine, id, "signup").0, 2);
}

#[test]
fn an_operators_call_names_what_is_refused_and_leaves_nothing_behind() {
    let engine = shop();
    let view = production(&engine).view();
    let record = |goal, value| view.record_goal(goal, "anna", value);
    assert_eq!(record("signpu", None), Err(Refusal::GoalNotFound));
    assert_eq!(record("purchase", None), Err(Refusal::ValueNeeded));
    assert_eq!(record("signup", Some(1.0)), Err(Refusal::WithoutValues));
    assert_eq!(record("purchase", Some(f64::NAN)), Err(Refusal::ValueRefused));
    assert_eq!(record("signup", None), Ok(Vec::new()));
    assert_eq!(engine.goal_tallies(), []);
}

/// A handle may be made before its goal, and used on a snapshot from before it.
#[test]
fn a_handle_finds_its_goal_whenever_that_comes() {
    let engine = shop();
    let production = production(&engine);
    let old = production.view();
    let later = production.goal("later");
    assert_eq!(later.record("anna").refusal(), Some(Refusal::GoalNotFound));
    assert_eq!(later.record_on(&old, "anna").refusal(), Some(Refusal::GoalNotFound));
    engine.create_goal(NewGoal::event("later")).unwrap();
    assert_eq!((later.record("anna").refusal(), later.record("anna").counted()), (None, 0));
    let id = running(&engine, "banner", 1, NewGoals::new().secondary("later"));
    assert_eq!(later.record("anna").counted(), 1);
    assert_eq!(later.record_on(&old, "anna").refusal(), Some(Refusal::GoalNotFound));
    assert_eq!(later.record_on(production.reader().snapshot(), "anna").counted(), 1);
    assert_eq!(counted(&engine, id, "later").0, 2);
    // Another engine's snapshot has its own.
    let other = shop();
    let id = running(&other, "banner", 1, NewGoals::new().secondary("signup"));
    let signup = production.goal("signup");
    assert_eq!(signup.record_on(&other.snapshot(), "anna").counted(), 1);
    assert_eq!(counted(&other, id, "signup").0, 1);
    // Also where that has another goal at the same place.
    assert_eq!(later.record_on(&other.snapshot(), "anna").refusal(), Some(Refusal::GoalNotFound));
    assert_eq!(counted(&other, id, "signup").0, 1);
}

#[test]
fn a_goal_without_experiments_is_found_on_a_snapshot_from_before_its_handle() {
    let engine = shop();
    let old = engine.snapshot();
    let [signup, purchase] = ["signup", "purchase"].map(|key| production(&engine).goal(key));
    assert_eq!(signup.record_on(&old, "anna"), signup.record("anna"));
    assert_eq!(signup.record_on(&old, "anna").refusal(), None);
    let refused = purchase.record_value_on(&old, "anna", -1.0);
    assert_eq!(refused.refusal(), Some(Refusal::ValueRefused));
}

#[test]
fn flags_that_are_disabled_or_archived_count_no_goal() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().secondary("signup"));
    let signup = production(&engine).goal("signup");
    engine.change_flag("banner", fairsplit::FlagChange::new().enabled(false)).unwrap();
    assert_eq!(total(signup.record("anna")), (0, 0, 0, 1));
    engine.change_flag("banner", fairsplit::FlagChange::new().enabled(true)).unwrap();
    assert_eq!(signup.record("anna").counted(), 1);
    engine.stop(id).unwrap();
    engine.delete_flag("banner").unwrap();
    assert_eq!(total(signup.record("anna")), (0, 0, 0, 0));
}
