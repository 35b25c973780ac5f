//! A goal that an experiment had, was left out, and comes back: it is meant as it was.

use super::documents::{all_goals, apply, document, refused};
use super::{experiment, faults, running, shop};
use crate::common::{banner, experiment_id, pairs};
use fairsplit::fault::FaultKind;
use fairsplit::goals::{Better, GoalUse, Goals, NewGoals};
use fairsplit::{Engine, NewFlag, Status};
use serde_json::{Value, json};

fn fixed() -> FaultKind {
    FaultKind::GoalsFixed { id: experiment_id(1).to_string() }
}

fn purchase(cap: u32) -> GoalUse {
    GoalUse::new("purchase").cap(cap)
}

/// Ways to mean the goal "purchase", each with whether it is what was fixed: a cap of 500, a margin
/// of 0.1, more is better.
fn ways() -> Vec<(NewGoals, Option<&'static str>)> {
    let new = NewGoals::new;
    vec![
        (new().secondary(purchase(600)), Some("secondary[0]")),
        (new().secondary("purchase"), Some("secondary[0]")),
        (new().secondary(purchase(500).lower()), Some("secondary[0]")),
        (new().secondary("signup").secondary(purchase(499)), Some("secondary[1]")),
        (new().guardrail(purchase(600), 0.1), Some("guardrails[0]")),
        (new().guardrail(purchase(500), 0.2), Some("guardrails[0]")),
        (new().guardrail(purchase(500).lower(), 0.1), Some("guardrails[0]")),
        (new().secondary(purchase(500)), None),
        (new().guardrail(purchase(500), 0.1), None),
    ]
}

fn expected(path: &str, prefix: &str) -> Vec<(String, FaultKind)> {
    vec![(format!("{prefix}{path}"), fixed())]
}

/// What is fixed of a goal that the experiment has, or has had.
fn kept(engine: &Engine, goal: &str) -> (Option<f64>, Option<Better>, Option<f64>) {
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    let mut attached = experiment.goals().into_iter().flat_map(Goals::attached);
    let of_goal = attached.find(|attached| attached.goal() == goal).unwrap();
    (of_goal.cap_of_user(), of_goal.better(), of_goal.margin())
}

const KEPT: (Option<f64>, Option<Better>, Option<f64>) =
    (Some(500.0), Some(Better::Higher), Some(0.1));

/// A started experiment that has had a guardrail, and then none.
fn left_out() -> Engine {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().guardrail(purchase(500), 0.1));
    engine.set_goals(id, NewGoals::new()).unwrap();
    engine
}

#[test]
fn a_goal_that_a_call_brings_back_is_meant_as_it_was() {
    let engine = left_out();
    let id = experiment_id(1);
    assert_eq!(kept(&engine, "purchase"), KEPT);
    for (goals, path) in ways() {
        if let Some(path) = path {
            let found = faults(&engine, |engine| engine.set_goals(id, goals));
            assert_eq!(found, expected(path, ""));
        } else {
            engine.set_goals(id, goals).unwrap();
            engine.set_goals(id, NewGoals::new()).unwrap();
        }
    }
    assert_eq!(kept(&engine, "purchase"), KEPT);
}

/// The margin of a goal that was no guardrail was not chosen yet; it is once it is one.
#[test]
fn a_secondary_goal_gets_a_margin_once() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().secondary("signup"));
    assert_eq!(kept(&engine, "signup"), (None, Some(Better::Higher), None));
    engine.set_goals(id, NewGoals::new()).unwrap();
    engine.set_goals(id, NewGoals::new().guardrail("signup", 0.1)).unwrap();
    engine.set_goals(id, NewGoals::new().secondary("signup")).unwrap();
    let found =
        faults(&engine, |engine| engine.set_goals(id, NewGoals::new().guardrail("signup", 0.2)));
    assert_eq!(found, expected("guardrails[0]", ""));
    engine.set_goals(id, NewGoals::new().guardrail("signup", 0.1)).unwrap();
}

#[test]
fn a_draft_fixes_nothing_and_its_start_does() {
    let engine = shop();
    let id =
        experiment(&engine, "banner", 1, NewGoals::new().secondary(purchase(5)), Status::Draft);
    engine.set_goals(id, NewGoals::new()).unwrap();
    engine.set_goals(id, NewGoals::new().secondary(purchase(6))).unwrap();
    engine.set_goals(id, NewGoals::new().guardrail(purchase(500), 0.1)).unwrap();
    engine.start(id).unwrap();
    engine.set_goals(id, NewGoals::new()).unwrap();
    assert_eq!(kept(&engine, "purchase"), KEPT);
}

fn said(goals: &NewGoals) -> Value {
    let uses = |goal: &GoalUse| {
        let mut said = json!({"goal": goal.goal(), "better": goal.better()});
        if let Some(cap) = goal.cap_of_user() {
            said["cap"] = json!(cap);
        }
        said
    };
    // As a draft has them.
    let engine = shop();
    let id = experiment(&engine, "banner", 1, goals.clone(), Status::Draft);
    let of_draft = engine.experiment(id).unwrap();
    let of_draft = of_draft.goals().unwrap();
    let guardrails = of_draft.guardrails().iter().map(|rail| {
        let mut said = uses(rail.goal_use());
        said["margin"] = json!(rail.margin());
        said
    });
    json!({
        "secondary": of_draft.secondary().iter().map(uses).collect::<Vec<_>>(),
        "guardrails": guardrails.collect::<Vec<_>>(),
    })
}

#[test]
fn a_goal_that_a_document_brings_back_is_meant_as_it_was() {
    let first = json!({"guardrails": [{"goal": "purchase", "cap": 500, "margin": 0.1}]});
    let none = document(&all_goals(), &json!({}));
    for (goals, path) in ways() {
        let back = document(&all_goals(), &said(&goals));
        let prefix = format!("flags[0].goals.{}.", experiment_id(1));
        for is_applied in [true, false] {
            let engine = Engine::new();
            for text in [&document(&all_goals(), &first), &none] {
                assert!(apply(&engine, text).skipped.is_empty());
            }
            match path {
                Some(path) if is_applied => {
                    let report = apply(&engine, &back);
                    let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
                    assert_eq!(pairs(&skipped.faults), expected(path, &prefix));
                }
                Some(path) => assert_eq!(refused(&engine, &back), expected(path, &prefix)),
                None if is_applied => assert!(apply(&engine, &back).skipped.is_empty()),
                None => engine.replace(&back.to_string()).unwrap(),
            }
        }
    }
}

/// Also into another engine, in which only the document knows what was fixed.
#[test]
fn a_goal_that_comes_back_in_an_export_is_meant_as_it_was() {
    let exported: Value = serde_json::from_str(&left_out().to_json()).unwrap();
    let id = experiment_id(1).to_string();
    let copy = Engine::from_json(&exported.to_string()).unwrap();
    assert_eq!(kept(&copy, "purchase"), KEPT);
    assert_eq!(serde_json::from_str::<Value>(&copy.to_json()).unwrap(), exported);
    for (goals, path) in ways() {
        let mut edited = exported.clone();
        let said = said(&goals);
        for list in ["secondary", "guardrails"] {
            edited["flags"][0]["goals"][&id][list] = said[list].clone();
        }
        let prefix = format!("flags[0].goals.{id}.");
        if let Some(path) = path {
            assert_eq!(refused(&Engine::new(), &edited), expected(path, &prefix));
            let report = apply(&Engine::new(), &edited);
            let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
            assert_eq!(pairs(&skipped.faults), expected(path, &prefix));
            let found = faults(&copy, |copy| copy.set_goals(experiment_id(1), goals));
            assert_eq!(found, expected(path, ""));
        } else {
            let other = Engine::from_json(&edited.to_string()).unwrap();
            assert_eq!(kept(&other, "purchase"), KEPT);
        }
    }
}

/// Documents from before that was kept: what is named first is what is fixed.
#[test]
fn where_nothing_is_known_of_a_goal_it_is_fixed_when_it_comes_back() {
    let mut exported: Value = serde_json::from_str(&left_out().to_json()).unwrap();
    let id = experiment_id(1);
    let attached = &mut exported["flags"][0]["goals"][id.to_string()]["attached"][0];
    for field in ["cap", "better", "margin"] {
        assert!(attached.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let engine = Engine::from_json(&exported.to_string()).unwrap();
    assert_eq!(kept(&engine, "purchase"), (None, None, None));
    engine.set_goals(id, NewGoals::new().secondary(purchase(7))).unwrap();
    engine.set_goals(id, NewGoals::new()).unwrap();
    let found =
        faults(&engine, |engine| engine.set_goals(id, NewGoals::new().secondary(purchase(8))));
    assert_eq!(found, expected("secondary[0]", ""));

    // Of one that such a document names, it is what is named.
    exported["flags"][0]["goals"][id.to_string()]["secondary"] =
        json!([{"goal": "purchase", "cap": 7}]);
    let engine = Engine::from_json(&exported.to_string()).unwrap();
    engine.set_goals(id, NewGoals::new()).unwrap();
    let found =
        faults(&engine, |engine| engine.set_goals(id, NewGoals::new().secondary(purchase(8))));
    assert_eq!(found, expected("secondary[0]", ""));
}

#[test]
fn what_is_kept_of_a_goal_is_checked_as_what_is_said_of_it() {
    let since = "2025-03-12T12:00:00Z";
    let attached =
        json!({"goal": "purchase", "since": since, "cap": 0, "margin": 2, "better": "up"});
    let mut document = document(&all_goals(), &json!({"attached": [attached]}));
    document["flags"][0]["experiments"][0]["started_at"] = json!(since);
    let at = |field: &str| format!("flags[0].goals.{}.attached[0].{field}", experiment_id(1));
    let mut found = refused(&Engine::new(), &document);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        (at("better"), FaultKind::Better { found: "up".to_owned() }),
        (at("cap"), FaultKind::Cap { found: "0".to_owned() }),
        (at("margin"), FaultKind::Margin { found: "2".to_owned() }),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_experiment_that_comes_back_has_its_goals_as_they_were() {
    let engine = left_out();
    engine.stop(experiment_id(1)).unwrap();
    let goals = json!([
        {"key": "signup", "kind": "event"},
        {"key": "purchase", "kind": "value", "unit": "EUR"},
    ]);
    engine.replace(&json!({"goals": goals, "flags": []}).to_string()).unwrap();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    for (goals, path) in ways() {
        let again = banner("production").id(experiment_id(1)).goals(goals).status(Status::Running);
        if let Some(path) = path {
            let found = faults(&engine, |engine| engine.create_experiment("banner", again));
            assert_eq!(found, expected(path, "goals."));
        }
    }
    let again = banner("production").id(experiment_id(1)).status(Status::Running);
    let again = again.goals(NewGoals::new().secondary(purchase(500)));
    engine.create_experiment("banner", again).unwrap();
    assert_eq!(kept(&engine, "purchase"), KEPT);
}
