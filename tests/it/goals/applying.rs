//! Applying documents to goals that calls have changed meanwhile.

use super::documents::{all_goals, apply, document, of_experiment, refused};
use super::{counted, running, shop};
use crate::common::{banner, experiment_id, flag_id, pairs, production};
use fairsplit::apply::{ApplyOptions, ApplyReport};
use fairsplit::fault::{FaultKind, MAX_GOALS, MAX_GOALS_OF_EXPERIMENT};
use fairsplit::goals::{GoalUse, Goals, NewGoal, NewGoals, Role};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use serde_json::{Value, json};

/// The roles and keys of the goals of experiment 1.
fn goals_of(engine: &Engine) -> Vec<(Role, String)> {
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    let goals = experiment.goals().into_iter().flat_map(Goals::uses);
    goals.map(|(role, goal)| (role, goal.goal().to_owned())).collect()
}

/// Applies a document without faults.
#[track_caller]
fn applied(engine: &Engine, document: &Value) {
    let report = apply(engine, document);
    assert!(report.skipped.is_empty(), "{report}");
}

/// The faults of the parts that were skipped, by their paths.
fn skipped(report: &ApplyReport) -> Vec<(String, FaultKind)> {
    report.skipped.iter().flat_map(|part| pairs(&part.faults)).collect()
}

fn secondary(goals: &[&str]) -> Value {
    let goals: Vec<_> = goals.iter().map(|goal| json!({"goal": goal})).collect();
    json!({"primary": {"goal": "purchase", "cap": 500}, "secondary": goals})
}

#[test]
fn secondary_goals_come_and_go_with_the_document_and_their_counts_stay() {
    let engine = Engine::new();
    applied(&engine, &document(&all_goals(), &secondary(&["signup"])));
    let id = experiment_id(1);
    assert_eq!(production(&engine).goal("signup").record("anna").counted(), 1);
    applied(&engine, &document(&all_goals(), &secondary(&[])));
    assert_eq!(goals_of(&engine), [(Role::Primary, "purchase".to_owned())]);
    assert_eq!(counted(&engine, id, "signup").0, 1);
    assert_eq!(production(&engine).goal("signup").record("anna").counted(), 0);
    let report = apply(&engine, &document(&all_goals(), &secondary(&["signup"])));
    assert_eq!(report.changed.len(), 1, "{report}");
    assert_eq!(production(&engine).goal("signup").record("anna").counted(), 1);
    assert_eq!(counted(&engine, id, "signup").0, 2);
}

#[test]
fn guardrails_that_a_call_set_stay_when_the_document_changes_others() {
    let engine = Engine::new();
    let mut goals = all_goals();
    goals.as_array_mut().unwrap().push(json!({"key": "return", "kind": "event"}));
    applied(&engine, &document(&goals, &of_experiment()));
    let set = NewGoals::new().primary(GoalUse::new("purchase").cap(500));
    engine.set_goals(experiment_id(1), set).unwrap();
    let mut more = of_experiment();
    more["secondary"] = json!([{"goal": "return"}]);
    applied(&engine, &document(&goals, &more));
    let expected = [(Role::Primary, "purchase".to_owned()), (Role::Secondary, "return".to_owned())];
    assert_eq!(goals_of(&engine), expected);
}

#[test]
fn a_goal_that_the_document_and_a_call_add_in_two_roles_is_a_fault() {
    let engine = Engine::new();
    applied(&engine, &document(&all_goals(), &secondary(&[])));
    let set = NewGoals::new().primary(GoalUse::new("purchase").cap(500)).guardrail("signup", 0.1);
    engine.set_goals(experiment_id(1), set).unwrap();
    let report = apply(&engine, &document(&all_goals(), &secondary(&["signup"])));
    let at = |path: &str| format!("flags[0].goals.{}.{path}", experiment_id(1));
    let kind = FaultKind::RepeatedGoal { goal: "signup".to_owned(), other: at("secondary[0]") };
    assert_eq!(skipped(&report), [(at("guardrails[0].goal"), kind)]);
}

#[test]
fn an_export_applied_again_changes_nothing_though_goals_came_in_between() {
    let engine = shop();
    running(&engine, "banner", 1, NewGoals::new().secondary("signup"));
    applied(&engine, &serde_json::from_str(&engine.to_json()).unwrap());
    let exported = serde_json::from_str(&engine.to_json()).unwrap();
    engine.set_goals(experiment_id(1), NewGoals::new().secondary("return")).unwrap();
    let report = apply(&engine, &exported);
    assert_eq!((report.changed.len(), report.skipped.len()), (0, 0), "{report}");
    applied(&engine, &serde_json::from_str(&engine.to_json()).unwrap());
    assert_eq!(goals_of(&engine), [(Role::Secondary, "return".to_owned())]);
}

#[test]
fn a_counted_goal_does_not_change_by_a_document_nor_do_the_flags_that_name_it() {
    let engine = Engine::new();
    applied(&engine, &document(&all_goals(), &of_experiment()));
    let id = experiment_id(1);
    let mut goals = all_goals();
    goals[0]["unit"] = json!("USD");
    let report = apply(&engine, &document(&goals, &of_experiment()));
    let faulty = FaultKind::Faulty { what: "goal", found: "purchase".to_owned() };
    let fixed = FaultKind::GoalFixed { experiment: id.to_string() };
    let mut found = skipped(&report);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let of_flag = format!("flags[0].goals.{id}.primary.goal");
    assert_eq!(found, [(of_flag, faulty), ("goals[0].unit".to_owned(), fixed)]);
    assert_eq!(engine.goal("purchase").unwrap().unit(), Some("EUR"));
}

/// A unit of one side with the decimals of another was meant by neither.
#[test]
fn a_goal_that_a_document_changes_is_as_the_document_says() {
    let engine = Engine::new();
    let goals = |unit: &str| {
        let key = "purchase";
        json!({"goals": [{"key": key, "kind": "value", "unit": unit, "decimals": 2}], "flags": []})
    };
    applied(&engine, &goals("EUR"));
    engine.change_goal(NewGoal::value("purchase", "EUR").decimals(3)).unwrap();
    assert!(apply(&engine, &goals("EUR")).is_unchanged());
    assert_eq!(engine.goal("purchase").unwrap().decimals(), 3, "the call's");
    applied(&engine, &goals("JPY"));
    let goal = engine.goal("purchase").unwrap();
    assert_eq!((goal.unit(), goal.decimals()), (Some("JPY"), 2));
}

#[test]
fn a_goal_that_a_draft_has_outlives_the_document_that_named_it() {
    let engine = Engine::new();
    let goals = |goals: Value| json!({"goals": goals, "flags": []});
    applied(&engine, &goals(all_goals()));
    engine.create_flag(NewFlag::new("search", "old").id(flag_id(3))).unwrap();
    let new = banner("production").id(experiment_id(1));
    let new = new.goals(NewGoals::new().secondary("signup"));
    engine.create_experiment("search", new).unwrap();
    let report = apply(&engine, &goals(json!([all_goals()[0]])));
    assert_eq!(report.left.len(), 1, "{report}");
    assert!(engine.goal("signup").is_some());
    Engine::from_json(&engine.to_json()).unwrap();
    // It goes as soon as nothing uses it.
    engine.set_goals(experiment_id(1), NewGoals::new()).unwrap();
    applied(&engine, &goals(json!([all_goals()[0]])));
    assert!(engine.goal("signup").is_none());
}

/// The draft is of a flag that the document does not name.
#[test]
fn a_goal_whose_cap_a_draft_has_keeps_its_values() {
    let engine = Engine::new();
    let goals = |kind: Value| json!({"goals": [kind], "flags": []});
    applied(&engine, &goals(all_goals()[0].clone()));
    engine.create_flag(NewFlag::new("search", "old").id(flag_id(3))).unwrap();
    let new = banner("production").id(experiment_id(1));
    let new = new.goals(NewGoals::new().primary(GoalUse::new("purchase").cap(5)));
    engine.create_experiment("search", new).unwrap();
    let report = engine.apply(&goals(json!({"key": "purchase", "kind": "event"})).to_string());
    assert!(engine.goal("purchase").unwrap().has_values(), "{report:?}");
    Engine::from_json(&engine.to_json()).unwrap();
}

#[test]
fn documents_make_at_most_a_thousand_goals_together() {
    let engine = Engine::new();
    let goals = |source: &str, number: usize| {
        let goals = (0..number).map(|at| json!({"key": format!("{source} {at}"), "kind": "event"}));
        let text = json!({"goals": goals.collect::<Vec<_>>(), "flags": []}).to_string();
        ApplyOptions::new().source(source).apply(&engine, &text)
    };
    assert!(goals("one", MAX_GOALS - 1).unwrap().skipped.is_empty());
    goals("two", 2).unwrap_err();
    assert_eq!(engine.goals().len(), MAX_GOALS - 1);
    assert!(goals("two", 1).unwrap().skipped.is_empty());
}

#[test]
fn a_goal_belongs_to_the_source_that_named_it_first() {
    let engine = Engine::new();
    let goals = |source: &str, unit: &str| {
        let goal = json!({"key": "purchase", "kind": "value", "unit": unit});
        let text = json!({"goals": [goal], "flags": []}).to_string();
        ApplyOptions::new().source(source).apply(&engine, &text).unwrap()
    };
    assert!(goals("one", "EUR").skipped.is_empty());
    let found = skipped(&goals("two", "USD"));
    let owned = FaultKind::OwnedByOther { owner: "one".to_owned() };
    assert_eq!(found, [("goals[0]".to_owned(), owned)]);
    assert_eq!(engine.goal("purchase").unwrap().unit(), Some("EUR"));
}

/// Otherwise it could come back in another unit, and its counts would go on in that.
#[test]
fn a_counted_goal_stays_although_a_replacement_leaves_it_out() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().primary("purchase"));
    assert_eq!(production(&engine).goal("purchase").record_value("anna", 5.0).counted(), 1);
    engine.stop(id).unwrap();
    engine.replace(r#"{"flags": []}"#).unwrap();
    let keys: Vec<_> = engine.goals().iter().map(|goal| goal.key().to_owned()).collect();
    assert_eq!(keys, ["purchase"]);
    let dollars = json!({"key": "purchase", "kind": "value", "unit": "USD"});
    let fixed = FaultKind::GoalFixed { experiment: id.to_string() };
    let document = json!({"goals": [dollars], "flags": []});
    assert_eq!(refused(&engine, &document), [("goals[0].unit".to_owned(), fixed)]);
}

/// Goals with these numbers, and those of a source.
fn numbered(numbers: std::ops::Range<usize>) -> (Value, Value) {
    let keys = numbers.map(|at| format!("goal {at:02}"));
    let (goals, uses): (Vec<_>, Vec<_>) =
        keys.map(|key| (json!({"key": key, "kind": "event"}), json!({"goal": key}))).unzip();
    (json!(goals), json!({"secondary": uses}))
}

/// One beyond them would be there, and never be counted.
#[test]
fn a_started_experiment_has_at_most_sixteen_goals_in_its_life_by_documents_too() {
    let most = MAX_GOALS_OF_EXPERIMENT;
    let (all, _) = numbered(0..most + 1);
    let too_many = FaultKind::TooMany { what: "goals", most, found: most + 1 };
    let expected = [(format!("flags[0].goals.{}", experiment_id(1)), too_many.clone())];

    let engine = Engine::new();
    engine.replace(&document(&all, &numbered(0..most).1).to_string()).unwrap();
    let last = document(&all, &numbered(most..most + 1).1);
    assert_eq!(refused(&engine, &last), expected, "replaced");
    assert_eq!(skipped(&apply(&engine, &last)), expected, "applied");
    // It left, and comes back with another.
    let without = json!({"goals": all, "flags": []}).to_string();
    engine.replace(&without).unwrap();
    assert_eq!(skipped(&apply(&engine, &last)), expected, "comes back");
    assert_eq!(refused(&engine, &last), expected, "comes back by a replacement");
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let new = NewExperiment::new("Hero Banner", "production")
        .variant("golden", "new", 100)
        .id(experiment_id(1))
        .goals(NewGoals::new().secondary(format!("goal {most:02}").as_str()));
    let found = super::faults(&engine, |engine| engine.create_experiment("banner", new));
    assert_eq!(found, [("goals".to_owned(), too_many)]);
}

/// The list of what is attached is written by hand.
#[test]
fn goals_that_are_attached_count_to_the_sixteen() {
    let most = MAX_GOALS_OF_EXPERIMENT;
    let (all, _) = numbered(0..most + 1);
    let attached: Vec<_> = (0..most)
        .map(|at| json!({"goal": format!("goal {at:02}"), "since": "2025-03-12T12:00:00Z"}))
        .collect();
    let mut goals = numbered(most..most + 1).1;
    goals["attached"] = json!(attached);
    let mut running = document(&all, &goals);
    running["flags"][0]["experiments"][0]["started_at"] = json!("2025-03-12T12:00:00Z");
    let kind = FaultKind::TooMany { what: "goals", most, found: most + 1 };
    let expected = [(format!("flags[0].goals.{}", experiment_id(1)), kind)];
    assert_eq!(refused(&Engine::new(), &running), expected);
    assert_eq!(skipped(&apply(&Engine::new(), &running)), expected);
}

/// As [`Engine::replace`] and a document do, so does the call that creates it again.
#[test]
fn an_experiment_that_comes_back_has_the_goals_that_it_had() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().primary("signup").secondary("return"));
    assert_eq!(production(&engine).goal("return").record("anna").counted(), 1);
    engine.stop(id).unwrap();
    let goals = json!([
        {"key": "signup", "kind": "event"}, {"key": "return", "kind": "event"},
    ]);
    engine.replace(&json!({"goals": goals, "flags": []}).to_string()).unwrap();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let again = |goals| banner("production").id(id).goals(goals).status(Status::Running);
    let other = again(NewGoals::new().primary("return"));
    let fixed = FaultKind::GoalsFixed { id: id.to_string() };
    let found = super::faults(&engine, |engine| engine.create_experiment("banner", other));
    assert_eq!(found, [("goals.primary".to_owned(), fixed)]);
    let unknown = again(NewGoals::new().primary("signup").secondary("nope"));
    let found = super::faults(&engine, |engine| engine.create_experiment("banner", unknown));
    let kind = FaultKind::NoSuchGoal { found: "nope".to_owned() };
    assert_eq!(found, [("goals.secondary[0].goal".to_owned(), kind)]);
    engine.create_experiment("banner", again(NewGoals::new().primary("signup"))).unwrap();
    assert_eq!(counted(&engine, id, "return").0, 1, "one that it has no longer");
}
