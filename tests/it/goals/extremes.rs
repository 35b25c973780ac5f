//! Odd keys, extreme values, and threads that record while goals change.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::documents::{all_goals, document, refused};
use super::{counted, experiment, faults, running, shop};
use crate::common::{ever, experiment_id, pairs, production};
use fairsplit::fault::{FaultKind, MAX_GOALS_OF_EXPERIMENT, MAX_NAME_LENGTH};
use fairsplit::goals::{Better, GoalUse, NewGoal, NewGoals};
use fairsplit::{Engine, Status, error};
use serde_json::{Value, json};

#[test]
fn any_text_that_is_a_name_is_a_key() {
    let long = "x".repeat(MAX_NAME_LENGTH);
    let keys = ["Käufe 🛒", "a\"b\\c", "a/b?c#d", "goals.primary", "{}", "a, b", " a ", &long];
    let engine = shop();
    let mut goals = NewGoals::new();
    for key in keys {
        engine.create_goal(NewGoal::event(key)).unwrap();
        goals = goals.secondary(key);
    }
    let id = running(&engine, "banner", 1, goals);
    for key in keys {
        assert_eq!(production(&engine).goal(key).record("anna").counted(), 1, "{key}");
    }
    let text = engine.to_json();
    let copy = Engine::from_json(&text).unwrap();
    assert_eq!(copy.to_json(), text);
    for key in keys {
        assert_eq!(counted(&copy, id, key).0, 1, "{key}");
    }
    // Applied by a source that has not named them before, it changes nothing.
    assert!(engine.apply(&text).unwrap().is_unchanged());
}

#[test]
fn goals_of_an_experiment_are_at_most_sixteen_at_once() {
    let engine = shop();
    let mut goals = NewGoals::new();
    for at in 0..=MAX_GOALS_OF_EXPERIMENT {
        let key = format!("goal {at}");
        engine.create_goal(NewGoal::event(&*key)).unwrap();
        goals = goals.secondary(&*key);
    }
    let id = experiment(&engine, "banner", 1, NewGoals::new(), Status::Draft);
    let found = faults(&engine, |engine| engine.set_goals(id, goals));
    let (most, number) = (MAX_GOALS_OF_EXPERIMENT, MAX_GOALS_OF_EXPERIMENT + 1);
    let kind = FaultKind::TooMany { what: "goals", most, found: number };
    assert_eq!(found, [(String::new(), kind)]);
}

#[test]
fn a_margin_is_a_number_from_0_to_1() {
    let engine = shop();
    let id = experiment(&engine, "banner", 1, NewGoals::new(), Status::Draft);
    for margin in [-0.1, 1.000_000_1, f64::NAN, f64::INFINITY] {
        let goals = NewGoals::new().guardrail("signup", margin);
        let found = faults(&engine, |engine| engine.set_goals(id, goals));
        let kind = FaultKind::Margin { found: margin.to_string() };
        assert_eq!(found, [("guardrails[0].margin".to_owned(), kind)]);
    }
    for margin in [0.0, -0.0, 1.0, f64::MIN_POSITIVE] {
        engine.set_goals(id, NewGoals::new().guardrail("signup", margin)).unwrap();
        let text = engine.to_json();
        assert_eq!(Engine::from_json(&text).unwrap().to_json(), text, "{margin}");
    }
    for cap in [5e-324, 1e300, f64::MAX] {
        let goals = NewGoals::new().primary(GoalUse::new("purchase").cap(cap));
        engine.set_goals(id, goals).unwrap();
        let text = engine.to_json();
        assert_eq!(Engine::from_json(&text).unwrap().to_json(), text, "{cap}");
    }
}

#[test]
fn numbers_in_json_are_read_as_they_are_written() {
    let read = |text: &str| {
        NewGoals::from_json(text).map_err(|error| match error {
            error::LoadError::Invalid(invalid) => pairs(invalid.faults()),
            other => panic!("{other}"),
        })
    };
    let goals = read(
        r#"{"primary": {"goal": "a", "cap": 1e2, "better": "lower"},
            "guardrails": [{"goal": "b", "margin": -0}]}"#,
    )
    .unwrap();
    let expected = NewGoals::new().primary(GoalUse::new("a").cap(100).lower()).guardrail("b", 0.0);
    assert_eq!(goals, expected);
    assert_eq!(GoalUse::new("a").lower().better(), Better::Lower);
    let wrong = r#"{"primary": {"goal": 7, "cap": "5"}, "secondary": {}, "guardrails": [1]}"#;
    let paths: Vec<_> = read(wrong).unwrap_err().into_iter().map(|fault| fault.0).collect();
    assert_eq!(paths, ["primary.goal", "primary.cap", "secondary", "guardrails[0]"]);
    let decimals = |number: &str| {
        let (key, kind) = (r#""key": "a""#, r#""kind": "value", "unit": "EUR""#);
        NewGoal::from_json(&format!(r#"{{{key}, {kind}, "decimals": {number}}}"#))
    };
    assert_eq!(decimals("0").unwrap(), NewGoal::value("a", "EUR").decimals(0));
    for number in ["-1", "0.5", "256", "\"2\"", "18446744073709551616"] {
        decimals(number).unwrap_err();
    }
    let two = NewGoal::from_json(r#"{"key": "a", "kind": "value", "unit": "EUR"}"#).unwrap();
    assert_eq!(two, NewGoal::value("a", "EUR").decimals(2));
}

#[test]
fn goals_of_a_document_are_checked_as_those_of_a_call() {
    let wrong = json!({
        "primary": {"goal": "purchase", "cap": 0},
        "secondary": [{"goal": "signup"}],
        "guardrails": [{"goal": "signup", "margin": 2}]
    });
    let text = document(&all_goals(), &wrong).to_string();
    let Err(error::LoadError::Invalid(invalid)) = Engine::new().replace(&text) else { panic!() };
    let at = |path: &str| format!("flags[0].goals.{}.{path}", experiment_id(1));
    let paths: Vec<_> = pairs(invalid.faults()).into_iter().map(|fault| fault.0).collect();
    let expected = ["primary.cap", "guardrails[0].goal", "guardrails[0].margin"].map(at);
    assert_eq!(paths, expected);
}

/// What was counted for a goal is in its unit.
#[test]
fn goals_that_are_attached_are_those_of_the_document() {
    let attached = |key: &str| json!({"goal": key, "since": "2025-03-12T12:00:00Z"});
    let goals = json!({"attached": [attached("signup"), attached("signpu"), attached("a\nb")]});
    let mut document = document(&all_goals(), &goals);
    document["flags"][0]["experiments"][0]["started_at"] = json!("2025-03-12T12:00:00Z");
    let at = |at: usize| format!("flags[0].goals.{}.attached[{at}].goal", experiment_id(1));
    let no_goal = |found: &str| FaultKind::NoSuchGoal { found: found.to_owned() };
    let mut found = refused(&Engine::new(), &document);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found[0], (at(1), no_goal("signpu")));
    assert_eq!(found[1], (at(2), FaultKind::ControlCharacter));
    assert_eq!(found.iter().filter(|fault| fault.0 == at(0)).count(), 0);
}

#[test]
fn sums_stay_at_the_largest_number_also_in_documents() {
    let carrying = |number: Value| {
        let mut carrying = document(&all_goals(), &json!({"secondary": [{"goal": "purchase"}]}));
        let ever = json!({"golden": {"events": 1, "gained": number}});
        let id = experiment_id(1).to_string();
        carrying["flags"][0]["counters"] = json!({id: {"goals": {"purchase": {"ever": ever}}}});
        carrying.to_string()
    };
    let engine = Engine::from_json(&carrying(json!(u64::MAX - 5))).unwrap();
    let purchase = production(&engine).goal("purchase");
    for _ in 0..2 {
        assert_eq!(purchase.record_units("anna", 1 << 53).counted(), 1);
    }
    let id = experiment_id(1);
    assert_eq!(counted(&engine, id, "purchase"), (3, u64::MAX, 0));
    let copy = Engine::from_json(&engine.to_json()).unwrap();
    assert_eq!(counted(&copy, id, "purchase"), (3, u64::MAX, 0));
    Engine::from_json(&carrying(json!(-1))).unwrap_err();
}

#[test]
fn a_change_of_goals_is_a_change_of_the_experiment() {
    let (engine, clock) = crate::common::engine_at_noon();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_flag(fairsplit::NewFlag::new("banner", "old")).unwrap();
    let id = running(&engine, "banner", 1, NewGoals::new());
    let before = engine.experiment(id).unwrap().updated_at();
    let later = fairsplit::Timestamp::from_unix_seconds(crate::common::NOON + 60);
    clock.set(later);
    let after = engine.set_goals(id, NewGoals::new().secondary("signup")).unwrap();
    assert_ne!(after.updated_at(), before);
    assert_eq!(after.goals().unwrap().attached()[0].since(), later);
}

/// What the calls returned as counted is what is counted, whatever changes beside them.
#[test]
fn every_counted_call_is_in_the_counts_while_goals_come_and_go() {
    let engine = shop();
    let goals = |others: bool| {
        let goals = NewGoals::new().primary("purchase");
        if others { goals.secondary("signup").secondary("return") } else { goals }
    };
    let id = running(&engine, "banner", 1, goals(true));
    let (ended, totals) = (AtomicBool::new(false), [(); 2].map(|()| AtomicU64::new(0)));
    thread::scope(|scope| {
        for thread in 0..3_u32 {
            let (engine, ended, totals) = (&engine, &ended, &totals);
            scope.spawn(move || {
                let production = production(engine);
                let (signup, purchase) = (production.goal("signup"), production.goal("purchase"));
                let old = engine.snapshot();
                let mut user = 0_u32;
                while !ended.load(Ordering::Relaxed) {
                    user += 1;
                    let user = format!("{thread} {user}");
                    let one =
                        signup.record(&*user).counted() + signup.record_on(&old, &*user).counted();
                    totals[0].fetch_add(one.into(), Ordering::Relaxed);
                    let one = purchase.record_units(&*user, 3).counted();
                    totals[1].fetch_add(one.into(), Ordering::Relaxed);
                }
            });
        }
        for round in 0..200_u32 {
            engine.set_goals(id, goals(round % 2 == 0)).unwrap();
            match round % 5 {
                0 => drop(engine.stop(id).unwrap()),
                1 => drop(engine.start(id).unwrap()),
                2 => drop(engine.create_goal(NewGoal::event(format!("goal {round}"))).unwrap()),
                3 => {
                    let other =
                        running(&engine, "checkout", 2, NewGoals::new().secondary("return"));
                    engine.stop(other).unwrap();
                    engine.delete_experiment(other).unwrap();
                }
                _ => engine.delete_goal(&format!("goal {}", round - 2)).map(drop).unwrap(),
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    let [signups, purchases] = totals.map(AtomicU64::into_inner);
    assert_eq!(counted(&engine, id, "signup"), (signups, 0, 0));
    assert_eq!(counted(&engine, id, "purchase"), (purchases, purchases * 3, 0));
    let conversions: u64 = ever(&engine.counts(id).unwrap()).iter().map(|count| count.1).sum();
    assert_eq!(conversions, purchases);
}
