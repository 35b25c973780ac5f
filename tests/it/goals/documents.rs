//! Goals in documents: as they are written, read, applied and replaced.

use super::{counted, running, shop};
use crate::common::{experiment_id, pairs, production};
use fairsplit::apply::ApplyReport;
use fairsplit::fault::FaultKind;
use fairsplit::goals::{GoalUse, NewGoals};
use fairsplit::{Engine, error};
use serde_json::{Value, json};

/// A document with one flag, whose experiment 1 runs in production.
pub(super) fn document(goals: &Value, of_experiment: &Value) -> Value {
    let id = experiment_id(1).to_string();
    json!({
        "goals": goals,
        "flags": [{
            "id": "00000000-0000-0000-0000-000000000001", "key": "banner", "default_value": "old",
            "experiments": [{
                "id": id, "name": "Hero Banner", "environment": "production", "status": "running",
                "variants": [{"key": "golden", "value": "new", "percentage": 100}]
            }],
            "goals": {id: of_experiment}
        }]
    })
}

pub(super) fn all_goals() -> Value {
    json!([
        {"key": "purchase", "kind": "value", "unit": "EUR", "decimals": 2, "signed": false},
        {"key": "signup", "kind": "event"}
    ])
}

pub(super) fn of_experiment() -> Value {
    json!({
        "primary": {"goal": "purchase", "cap": 500.0, "better": "higher"},
        "guardrails": [{"goal": "signup", "margin": 0.1}]
    })
}

pub(super) fn apply(engine: &Engine, document: &Value) -> ApplyReport {
    engine.apply(&document.to_string()).unwrap()
}

#[track_caller]
pub(super) fn refused(engine: &Engine, document: &Value) -> Vec<(String, FaultKind)> {
    let before = (engine.snapshot().version(), engine.to_json());
    let Err(error::LoadError::Invalid(invalid)) = engine.replace(&document.to_string()) else {
        panic!("it should have been refused")
    };
    assert_eq!((engine.snapshot().version(), engine.to_json()), before);
    pairs(invalid.faults())
}

#[test]
fn an_export_makes_an_equal_engine_with_its_counts() {
    let engine = shop();
    let goals = || {
        NewGoals::new()
            .primary(GoalUse::new("purchase").cap(500))
            .secondary("signup")
            .guardrail(GoalUse::new("balance").lower(), 0.1)
    };
    let id = running(&engine, "banner", 1, goals());
    let production_of = |engine: &Engine, goal: &str| production(engine).goal(goal);
    assert!(production_of(&engine, "purchase").record_value("anna", 12.5).is_counted());
    assert!(production_of(&engine, "balance").record_value("anna", -1.0).is_counted());
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert!(production_of(&engine, "signup").record("anna").is_counted());
    // One that it has no longer.
    engine.set_goals(id, NewGoals::new().primary(GoalUse::new("purchase").cap(500))).unwrap();

    let text = engine.to_json();
    let copy = Engine::from_json(&text).unwrap();
    assert_eq!(copy.to_json(), text);
    assert_eq!(copy.goals(), engine.goals());
    assert_eq!(copy.goal_counts(id), engine.goal_counts(id));
    assert_eq!(counted(&copy, id, "purchase"), (1, 1250, 0));
    assert_eq!(counted(&copy, id, "balance"), (1, 0, 100));
    let goals = |engine: &Engine| engine.experiment(id).unwrap().goals().cloned();
    assert_eq!(goals(&copy), goals(&engine));
    // Counting goes on from there, and a goal that comes back has its place.
    assert!(production_of(&copy, "purchase").record_value("anna", 0.5).is_counted());
    assert_eq!(counted(&copy, id, "purchase"), (2, 1300, 0));
    let back = NewGoals::new().primary(GoalUse::new("purchase").cap(500)).secondary("signup");
    copy.set_goals(id, back).unwrap();
    assert!(production_of(&copy, "signup").record("anna").is_counted());
    assert_eq!(counted(&copy, id, "signup"), (2, 0, 0));
}

#[test]
fn a_document_without_goals_is_as_it_was() {
    let (engine, _) = crate::common::running();
    assert!(!engine.to_json().contains("goal"));
}

#[test]
fn a_deploy_changes_the_goals_that_it_changed() {
    let engine = Engine::new();
    let first = document(&all_goals(), &of_experiment());
    assert!(apply(&engine, &first).skipped.is_empty());
    let id = experiment_id(1);
    assert_eq!(apply(&engine, &first).to_string(), ApplyReport::default().to_string());

    // What a call added stays.
    engine.create_goal(fairsplit::goals::NewGoal::event("return")).unwrap();
    let added = NewGoals::new()
        .primary(GoalUse::new("purchase").cap(500))
        .secondary("return")
        .guardrail("signup", 0.1);
    engine.set_goals(id, added).unwrap();
    assert_eq!(apply(&engine, &first).to_string(), ApplyReport::default().to_string());
    let secondary = || {
        let experiment = engine.experiment(id).unwrap();
        let goals = experiment.goals().unwrap();
        goals.secondary().iter().map(|goal| goal.goal().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(secondary(), ["return"]);

    // The document drops its guardrail, and the goal, which has been counted, stays.
    let mut fewer = of_experiment();
    fewer.as_object_mut().unwrap().remove("guardrails");
    let goals = json!([all_goals()[0]]);
    let report = apply(&engine, &document(&goals, &fewer));
    let fields: Vec<_> = report.changed.iter().flat_map(|(_, fields)| fields.clone()).collect();
    assert_eq!(fields, ["goals.guardrails"]);
    assert_eq!(report.left.len(), 1, "{report}");
    assert!(engine.goal("signup").is_some());
    assert_eq!(secondary(), ["return"]);

    // What decides a started experiment does not change.
    let mut other = of_experiment();
    other["primary"]["cap"] = json!(100);
    let report = apply(&engine, &document(&all_goals(), &other));
    let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
    let fixed = FaultKind::GoalsFixed { id: id.to_string() };
    assert_eq!(pairs(&skipped.faults), [(format!("flags[0].goals.{id}.primary"), fixed)]);
}

#[test]
fn a_faulty_goal_stays_as_it_was_with_the_flags_that_name_it() {
    let engine = Engine::new();
    let mut goals = all_goals();
    goals[0]["decimals"] = json!(10);
    let report = apply(&engine, &document(&goals, &of_experiment()));
    let found: Vec<_> = report.skipped.iter().map(|part| part.path.as_str()).collect();
    assert_eq!(found, ["flags[0]", "goals[0]"]);
    assert!(engine.flag("banner").is_none() && engine.goal("signup").is_some());
    let faulty = FaultKind::Faulty { what: "goal", found: "purchase".to_owned() };
    let id = experiment_id(1);
    let path = format!("flags[0].goals.{id}.primary.goal");
    assert_eq!(pairs(&report.skipped[0].faults), [(path, faulty)]);
}

#[test]
fn what_is_wrong_in_a_document_is_named_by_its_path() {
    let engine = Engine::new();
    let at = |path: &str| format!("flags[0].goals.{}.{path}", experiment_id(1));
    let found = |text: &str| text.to_owned();
    let cases = [
        (
            json!([{"key": "a", "kind": "evnet"}]),
            json!({}),
            vec![(found("goals[0].kind"), FaultKind::GoalKind { found: found("evnet") })],
        ),
        (
            json!([{"key": "a", "kind": "value"}, {"kind": "event"}]),
            json!({}),
            vec![
                (found("goals[0].unit"), FaultKind::Required),
                (found("goals[1].key"), FaultKind::Required),
            ],
        ),
        (
            json!([{"key": "a", "kind": "event"}, {"key": "a", "kind": "event"}]),
            json!({}),
            vec![
                (
                    found("goals[0].key"),
                    FaultKind::Duplicate { found: found("a"), other: found("goals[1].key") },
                ),
                (
                    found("goals[1].key"),
                    FaultKind::Duplicate { found: found("a"), other: found("goals[0].key") },
                ),
            ],
        ),
        (
            json!([{"key": "a", "kind": "event", "unit": "EUR"}]),
            json!({"primary": {"goal": "b", "better": "up"}, "guardrails": [{"goal": "a"}]}),
            vec![
                (at("primary.better"), FaultKind::Better { found: found("up") }),
                (at("guardrails[0].margin"), FaultKind::Required),
                (at("primary.goal"), FaultKind::NoSuchGoal { found: found("b") }),
                (found("goals[0].unit"), FaultKind::UnknownField),
            ],
        ),
        (
            all_goals(),
            json!({"primary": {"goal": "b"}, "secondary": [{"goal": "signup", "cap": 1}]}),
            vec![
                (at("primary.goal"), FaultKind::NoSuchGoal { found: found("b") }),
                (at("secondary[0].cap"), FaultKind::CapWithoutValues { goal: found("signup") }),
            ],
        ),
    ];
    for (goals, of_experiment, expected) in cases {
        assert_eq!(refused(&engine, &document(&goals, &of_experiment)), expected, "{goals}");
    }
    let mut unknown = document(&all_goals(), &of_experiment());
    unknown["flags"][0]["goals"] = json!({experiment_id(7).to_string(): {}});
    let kind = FaultKind::NoSuchExperiment { found: experiment_id(7).to_string() };
    let path = format!("flags[0].goals.{}", experiment_id(7));
    assert_eq!(refused(&engine, &unknown), [(path, kind)]);
}

#[test]
fn a_replacement_does_not_change_what_is_counted() {
    let engine = Engine::new();
    engine.replace(&document(&all_goals(), &of_experiment()).to_string()).unwrap();
    let id = experiment_id(1);
    assert!(production(&engine).goal("purchase").record_value("anna", 5.0).is_counted());

    let mut goals = all_goals();
    goals[0]["unit"] = json!("USD");
    let fixed = FaultKind::GoalFixed { experiment: id.to_string() };
    let path = format!("flags[0].goals.{id}.primary.goal");
    let faulty = FaultKind::Faulty { what: "goal", found: "purchase".to_owned() };
    assert_eq!(
        refused(&engine, &document(&goals, &of_experiment())),
        [("goals[0].unit".to_owned(), fixed), (path, faulty)]
    );
    let without = json!({"guardrails": [{"goal": "signup", "margin": 0.2}]});
    let fixed = || FaultKind::GoalsFixed { id: id.to_string() };
    let path = |path: &str| format!("flags[0].goals.{id}.{path}");
    assert_eq!(
        refused(&engine, &document(&all_goals(), &without)),
        [(path("primary"), fixed()), (path("guardrails[0]"), fixed())]
    );
    // A document says what it says: a guardrail that it leaves out goes, and keeps its counts.
    let fewer = json!({"primary": {"goal": "purchase", "cap": 500}});
    engine.replace(&document(&all_goals(), &fewer).to_string()).unwrap();
    assert_eq!(counted(&engine, id, "purchase"), (1, 500, 0));
    assert_eq!(counted(&engine, id, "signup"), (0, 0, 0));
}

#[test]
fn counts_that_a_document_carries_are_checked() {
    let engine = Engine::new();
    let mut carrying = document(&all_goals(), &of_experiment());
    let id = experiment_id(1).to_string();
    let of_goal = json!({
        "ever": {"golden": {"events": 3, "gained": 500}},
        "at_start": {"golden": {"events": 4, "gained": 500, "lost": 1}}
    });
    carrying["flags"][0]["counters"] = json!({&id: {"goals": {"signup": of_goal}}});
    let at = |field: &str| format!("flags[0].counters.{id}.goals.signup.at_start.golden.{field}");
    assert_eq!(
        refused(&engine, &carrying),
        [
            (at("events"), FaultKind::AtStart { found: 4, ever: 3 }),
            (at("lost"), FaultKind::AtStart { found: 1, ever: 0 }),
        ]
    );
}

/// Its counts would have no place, and be lost.
#[test]
fn counts_of_a_goal_that_the_experiment_neither_has_nor_has_had_are_a_fault() {
    let id = experiment_id(1).to_string();
    let since = "2025-03-12T12:00:00Z";
    let of_goal = json!({"ever": {"golden": {"events": 3, "gained": 500}}});
    let carrying = |goals: &Value| {
        let mut carrying = document(&all_goals(), goals);
        carrying["flags"][0]["counters"] = json!({&id: {"goals": {"purchase": &of_goal}}});
        carrying
    };
    let path = format!("flags[0].counters.{id}.goals.purchase");
    let expected = [(path, FaultKind::CountsWithoutGoal { found: "purchase".to_owned() })];
    let attached = json!({"attached": [{"goal": "purchase", "since": since}]});
    let cases = [json!({}), json!({"secondary": [{"goal": "signup"}]}), attached.clone()];
    for goals in cases {
        assert_eq!(refused(&Engine::new(), &carrying(&goals)), expected, "{goals}");
        let report = apply(&Engine::new(), &carrying(&goals));
        let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
        assert_eq!(pairs(&skipped.faults), expected, "{goals}");
    }
    // One that it has had: once it has been started, it can have had one.
    let mut dated = carrying(&attached);
    dated["flags"][0]["experiments"][0]["started_at"] = json!(since);
    let mut in_a_run = carrying(&attached);
    in_a_run["flags"][0]["counters"][&id]["run"] = json!(1);
    for document in [dated, in_a_run] {
        let engine = Engine::from_json(&document.to_string()).unwrap();
        assert_eq!(counted(&engine, experiment_id(1), "purchase"), (3, 500, 0));
        let engine = Engine::new();
        assert!(apply(&engine, &document).skipped.is_empty());
        assert_eq!(counted(&engine, experiment_id(1), "purchase"), (3, 500, 0));
    }
}

/// An experiment that was started, left, and came back as a draft has no date of a start.
#[test]
fn an_export_of_a_draft_that_was_started_before_has_its_counts() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().secondary("signup"));
    assert!(production(&engine).goal("signup").record("anna").is_counted());
    engine.stop(id).unwrap();
    let document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    engine.replace(&json!({"goals": document["goals"], "flags": []}).to_string()).unwrap();
    engine.create_flag(fairsplit::NewFlag::new("banner", "old")).unwrap();
    engine.create_experiment("banner", crate::common::banner("production").id(id)).unwrap();
    let copy = Engine::from_json(&engine.to_json()).unwrap();
    assert_eq!(counted(&copy, id, "signup"), (1, 0, 0));
}
