//! First exposures, queued for the service to take.

#[cfg(feature = "durable")]
mod durable;
mod model;
mod threads;

use std::sync::Arc;

use crate::common::{NOON, banner, engine_at_noon, experiment_id, flag_id, production};
use fairsplit::clock::ManualClock;
use fairsplit::exposures::{Exposure, Exposures};
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::{Condition, NewHoldout, NewRule, NewTargeting, Operator};
use fairsplit::{Engine, ExperimentId, NewExperiment, NewFlag, Reason, Status, User};

/// An engine with a queue, and the flag "hero-banner", whose experiment runs and counts users.
fn exposing(capacity: usize) -> (Engine, ExperimentId, Exposures, Arc<ManualClock>) {
    let (engine, clock) = engine_at_noon();
    let exposures = engine.exposures(capacity);
    let id = run_banner(&engine, |new| new.count_users(1_000_000));
    (engine, id, exposures, clock)
}

fn run_banner(engine: &Engine, with: impl FnOnce(NewExperiment) -> NewExperiment) -> ExperimentId {
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = with(banner("production").id(experiment_id(1)).status(Status::Running));
    engine.create_experiment("hero-banner", new).unwrap().id()
}

fn taken(exposures: &Exposures) -> Vec<Exposure> {
    let mut batch = Vec::new();
    assert_eq!(exposures.take(&mut batch), batch.len());
    batch
}

/// The run and the user of each.
fn runs_and_users(batch: &[Exposure]) -> Vec<(u32, &str)> {
    batch.iter().map(|exposure| (exposure.run(), exposure.user_key())).collect()
}

fn evaluate<'u>(engine: &Engine, user: impl Into<User<'u>>) -> Reason {
    production(engine).evaluate("hero-banner", user).reason()
}

#[test]
fn the_first_exposure_of_a_user_is_queued_with_what_a_warehouse_needs() {
    let (engine, id, exposures, clock) = exposing(10);
    let production = production(&engine);
    clock.advance(7);
    let variant = production.evaluate("hero-banner", "anna").variant().unwrap().to_owned();
    clock.advance(7);
    assert_eq!(evaluate(&engine, "anna"), Reason::Split);
    let batch = taken(&exposures);
    let [exposure] = &*batch else { panic!("{batch:?}") };
    assert_eq!(exposure.at().unix_seconds(), NOON + 7);
    assert_eq!(exposure.flag_key(), "hero-banner");
    assert_eq!(exposure.environment().as_str(), "production");
    assert_eq!((exposure.experiment(), exposure.experiment_name()), (id, "Hero Banner A/B Test"));
    assert_eq!((exposure.run(), exposure.one_in()), (1, 1));
    assert_eq!((exposure.variant(), exposure.user_key()), (&*variant, "anna"));
    let json = serde_json::to_value(exposure).unwrap();
    let expected = serde_json::json!({
        "at": "2025-03-12T12:00:07Z", "flag_key": "hero-banner", "environment": "production",
        "experiment_id": id.to_string(), "experiment_name": "Hero Banner A/B Test", "run": 1,
        "variant": variant, "user_key": "anna", "one_in": 1,
    });
    assert_eq!(json, expected);
    assert!(!format!("{exposure:?} {exposures:?}").contains("anna"));
    assert!(exposures.is_empty() && taken(&exposures).is_empty());
}

/// What is queued needs no look-up, so it does not matter what has left since.
#[test]
fn an_exposure_keeps_its_names_when_the_flag_is_deleted_before_it_is_taken() {
    let (engine, id, exposures, _) = exposing(10);
    evaluate(&engine, "anna");
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    engine.delete_flag("hero-banner").unwrap();
    let batch = taken(&exposures);
    assert_eq!((batch[0].flag_key(), batch[0].experiment()), ("hero-banner", id));
    assert_eq!(batch[0].experiment_name(), "Hero Banner A/B Test");
}

#[test]
fn every_way_to_evaluate_queues_the_user_and_none_twice() {
    let (engine, _, exposures, _) = exposing(100);
    let place = production(&engine);
    let handle = place.flag("hero-banner");
    let (mut typed, mut reader) = (handle.typed::<String>(), place.reader());
    let mut users = Vec::new();
    for number in 0..3 {
        for round in 0..2 {
            let user = |way: &str| format!("{way}-{number}");
            assert!(place.evaluate("hero-banner", &user("names")).is_counted());
            assert!(place.view().evaluate("hero-banner", &user("view")).is_counted());
            assert!(handle.evaluate(&user("handle")).is_counted());
            assert!(handle.evaluate_on(reader.snapshot(), &user("reader")).is_counted());
            assert!(reader.view().evaluate("hero-banner", &user("reader's view")).is_counted());
            assert!(typed.evaluate(&user("typed")).evaluation().is_counted());
            if round == 0 {
                users.extend(
                    ["names", "view", "handle", "reader", "reader's view", "typed"].map(user),
                );
            }
        }
    }
    let batch = taken(&exposures);
    assert_eq!(batch.iter().map(Exposure::user_key).collect::<Vec<_>>(), users);
}

#[test]
fn what_is_not_an_exposure_of_a_user_is_not_queued() {
    let (engine, _) = engine_at_noon();
    let exposures = engine.exposures(100);
    engine.create_holdout(NewHoldout::new("held", 30)).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    let europe = Condition::new("region", Operator::Equals, "eu");
    let id = run_banner(&engine, |new| {
        new.count_users(1000)
            .goals(NewGoals::new().secondary("signup"))
            .targeting(NewTargeting::new().condition(europe).coverage(50))
    });
    engine.force(id, "qa", "treatment").unwrap();
    let staff = Condition::new("staff", Operator::Equals, true);
    engine.create_rule("hero-banner", NewRule::new("production", "new").condition(staff)).unwrap();
    let (place, other) = (production(&engine), engine.environment("staging").unwrap());
    let signup = place.goal("signup");
    let mut queued = Vec::new();
    let mut reasons = std::collections::BTreeSet::new();
    for number in 0..1000 {
        let key = format!("user-{number}");
        let here = [("region", "eu".into()), ("staff", (number % 11 == 0).into())];
        let elsewhere = [("region", "us".into())];
        let user = User::new(&key).with(&here);
        // Before the exposure, if there will be one.
        place.convert("hero-banner", user);
        let _ = signup.record(user);
        let _ = place.peek("hero-banner", user);
        let _ = place.explain("hero-banner", user);
        let _ = other.evaluate("hero-banner", user);
        let _ = place.evaluate("no such flag", user);
        reasons.insert(place.evaluate("hero-banner", User::new(&key).with(&elsewhere)).reason());
        let answer = place.evaluate("hero-banner", user);
        reasons.insert(answer.reason());
        if answer.reason() == Reason::Split {
            queued.push((1, key.clone()));
        }
        place.convert("hero-banner", user);
        let _ = signup.record(user);
    }
    for key in ["qa", ""] {
        reasons.insert(evaluate(&engine, User::new(key).with(&[("region", "eu".into())])));
    }
    let all = [
        Reason::Split,
        Reason::Forced,
        Reason::Rule,
        Reason::HeldOut,
        Reason::NotInAudience,
        Reason::NotCovered,
        Reason::NoUserKey,
    ];
    assert!(all.iter().all(|reason| reasons.contains(reason)), "{reasons:?}");
    let batch = taken(&exposures);
    let expected: Vec<_> = queued.iter().map(|(run, key)| (*run, &**key)).take(100).collect();
    assert_eq!(runs_and_users(&batch), expected);
    assert_eq!(exposures.missed(), queued.len() as u64 - 100);
    engine.stop(id).unwrap();
    assert_eq!(evaluate(&engine, "anna"), Reason::NotRunning);
    assert!(taken(&exposures).is_empty());
}

#[test]
fn of_an_experiment_that_is_split_by_an_attribute_the_unit_is_queued() {
    let (engine, _) = engine_at_noon();
    let exposures = engine.exposures(100);
    run_banner(&engine, |new| {
        new.count_users(1000).targeting(NewTargeting::new().bucket_by("company"))
    });
    for user in ["anna", "ben"] {
        for company in ["acme".into(), 17.into()] {
            let known = [("company", company)];
            assert_eq!(evaluate(&engine, User::new(user).with(&known)), Reason::Split);
        }
    }
    assert_eq!(evaluate(&engine, "anna"), Reason::NoUnit);
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "acme"), (1, "17")]);
}

#[test]
fn keys_of_any_length_are_queued_whole() {
    let (engine, _, exposures, _) = exposing(100);
    let keys: Vec<String> = (1..80).map(|length| "k".repeat(length)).collect();
    let keys: Vec<_> = keys.into_iter().chain(["日本語".repeat(100)]).collect();
    for key in &keys {
        evaluate(&engine, key);
    }
    let batch = taken(&exposures);
    assert_eq!(batch.iter().map(Exposure::user_key).collect::<Vec<_>>(), keys);
}

/// The user is not marked before there was room.
#[test]
fn a_user_who_finds_the_queue_full_is_queued_at_the_next_exposure() {
    let (engine, id, exposures, _) = exposing(2);
    for _ in 0..2 {
        for user in ["anna", "ben", "carla", "dora"] {
            evaluate(&engine, user);
        }
    }
    assert_eq!((exposures.len(), exposures.missed()), (2, 4));
    assert_eq!(engine.missed_exposures(), Some(4));
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "anna"), (1, "ben")]);
    for user in ["dora", "anna", "carla"] {
        evaluate(&engine, user);
    }
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "dora"), (1, "carla")]);
    assert_eq!(exposures.missed(), 4);
    let users = engine.users(id).unwrap();
    assert_eq!(users.variants().iter().map(|variant| variant.count.exposed).sum::<u64>(), 4);
}

#[test]
fn a_second_call_returns_the_same_queue() {
    let (engine, _, exposures, _) = exposing(3);
    evaluate(&engine, "anna");
    let again = engine.clone().exposures(500);
    assert_eq!((again.capacity(), again.len()), (3, 1));
    drop(exposures);
    evaluate(&engine, "ben");
    assert_eq!(runs_and_users(&taken(&again)), [(1, "anna"), (1, "ben")]);
}

#[test]
fn a_capacity_out_of_range_is_the_nearest_one() {
    assert_eq!(Engine::new().exposures(0).capacity(), 1);
    assert_eq!(Engine::new().exposures(usize::MAX).capacity(), 1 << 20);
}

#[test]
fn without_a_queue_nothing_is_missed() {
    let (engine, _) = engine_at_noon();
    run_banner(&engine, |new| new.count_users(1000));
    evaluate(&engine, "anna");
    assert_eq!(engine.missed_exposures(), None);
}

/// An experiment whose users are not counted does not know which exposure is the first.
#[test]
fn exposures_are_queued_from_when_users_are_counted() {
    let (engine, _) = engine_at_noon();
    let exposures = engine.exposures(10);
    let id = run_banner(&engine, |new| new);
    evaluate(&engine, "anna");
    assert!(exposures.is_empty());
    engine.count_users(id, 1000).unwrap();
    evaluate(&engine, "ben");
    evaluate(&engine, "anna");
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "ben"), (1, "anna")]);
    engine.count_users(id, 0).unwrap();
    evaluate(&engine, "carla");
    assert!(exposures.is_empty() && exposures.missed() == 0);
    engine.set_default_users(1000).unwrap();
    evaluate(&engine, "carla");
    assert!(exposures.is_empty(), "the experiment itself says that none are counted");
}

#[test]
fn who_was_exposed_before_there_was_a_queue_is_queued_at_the_next_exposure() {
    let (engine, _) = engine_at_noon();
    run_banner(&engine, |new| new.count_users(1000));
    let before = production(&engine).view();
    let (version, _) = (engine.snapshot().version(), evaluate(&engine, "anna"));
    let exposures = engine.exposures(10);
    assert_eq!(engine.snapshot().version(), version);
    assert!(before.evaluate("hero-banner", "ben").is_counted());
    assert!(exposures.is_empty());
    for user in ["ben", "anna", "ben"] {
        evaluate(&engine, user);
    }
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "ben"), (1, "anna")]);
}

#[test]
fn the_same_users_are_queued_once_more_in_the_next_run() {
    let (engine, id, exposures, _) = exposing(10);
    let before = production(&engine).view();
    evaluate(&engine, "anna");
    engine.stop(id).unwrap();
    assert!(!before.evaluate("hero-banner", "ben").is_counted());
    engine.start(id).unwrap();
    // A snapshot from the first run counts in the second one, and says so.
    assert!(before.evaluate("hero-banner", "anna").is_counted());
    evaluate(&engine, "anna");
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "anna"), (2, "anna")]);
}

/// Users move to larger tables, and to tables that keep fewer.
#[test]
fn users_who_move_are_not_queued_again_and_those_who_are_not_kept_not_at_all() {
    for (capacity, is_sampled) in [(1_000_000, false), (1000, true)] {
        let (engine, _) = engine_at_noon();
        let exposures = engine.exposures(100_000);
        let id = run_banner(&engine, |new| new.count_users(capacity));
        for number in 0..20_000_u32 {
            evaluate(&engine, &format!("user-{number}"));
            evaluate(&engine, &format!("user-{}", number / 2));
            evaluate(&engine, &format!("user-{}", number.saturating_sub(3)));
        }
        let batch = taken(&exposures);
        let mut users: Vec<_> = batch.iter().map(Exposure::user_key).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), batch.len(), "a user was queued twice");
        let counts = engine.users(id).unwrap();
        let exposed: u64 = counts.variants().iter().map(|variant| variant.count.exposed).sum();
        if is_sampled {
            assert!(counts.one_in() > 8 && batch.len() < 10_000, "{}", batch.len());
            assert!(batch.len() as u64 > exposed);
            // Each stands for as many as `one_in` says.
            let weighted: u64 = batch.iter().map(Exposure::one_in).sum();
            assert!((16_000..24_000).contains(&weighted), "{weighted}");
            assert!(batch.is_sorted_by_key(Exposure::one_in));
        } else {
            assert_eq!((batch.len(), exposed), (20_000, 20_000));
            assert!(batch.iter().all(|exposure| exposure.one_in() == 1));
        }
    }
}

#[test]
fn exposures_of_other_flags_and_environments_share_the_queue() {
    let (engine, _, exposures, _) = exposing(10);
    engine.create_flag(NewFlag::new("checkout", 1).id(flag_id(2))).unwrap();
    let new = NewExperiment::new("Checkout", "staging").variant("one", 1, 50).variant("two", 2, 50);
    let new = new.id(experiment_id(2)).count_users(100).status(Status::Running);
    engine.create_experiment("checkout", new).unwrap();
    let staging = engine.environment("staging").unwrap();
    evaluate(&engine, "anna");
    assert!(staging.evaluate("checkout", "anna").is_counted());
    let batch = taken(&exposures);
    let places: Vec<_> =
        batch.iter().map(|of| (of.flag_key(), of.environment().as_str())).collect();
    assert_eq!(places, [("hero-banner", "production"), ("checkout", "staging")]);
    // A document that replaces everything leaves the queue where it is.
    let document = engine.to_json();
    engine.replace(&document).unwrap();
    evaluate(&engine, "ben");
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "ben")]);
}
