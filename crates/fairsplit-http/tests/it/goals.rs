//! Goals over HTTP: every operation, done and refused, and what they count.

use std::sync::Barrier;
use std::thread;

use fairsplit::goals::{GoalUse, NewGoal, NewGoals};
use fairsplit::{NewExperiment, NewFlag, Status};
use serde_json::{Value, json};

use crate::app::{ALL, Answer, App, experiment_path, is_faulty};
use crate::common::experiment_id;

const GOALS: &str = "/api/v1/goals";
const TRACK: &str = "/api/v1/track";
const NOT_FOUND: &str = r#"{"error":"Not found"}"#;

fn put(app: &App, path: &str, body: &Value) -> Answer {
    app.send("PUT", path, ALL, &body.to_string())
}

fn post(app: &App, path: &str, body: &Value) -> Answer {
    app.post(path, &body.to_string())
}

fn goals_path() -> String {
    format!("{}/goals", experiment_path(1, 1))
}

/// Three goals, and the experiment 1 running with two of them.
fn running() -> App {
    let app = App::with_draft();
    app.engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    app.engine.create_goal(NewGoal::event("signup")).unwrap();
    app.engine.create_goal(NewGoal::event("unused")).unwrap();
    let goals = NewGoals::new().primary("signup").secondary(GoalUse::new("purchase").cap(500));
    app.engine.set_goals(experiment_id(1), goals).unwrap();
    app.engine.start(experiment_id(1)).unwrap();
    app
}

fn event(goal: &str) -> Value {
    json!({"environment": "production", "user_key": "anna", "goal": goal})
}

fn purchase(value: f64) -> Value {
    let mut event = event("purchase");
    event["value"] = json!(value);
    event
}

/// What was ever counted for a goal, over both variants.
fn counted(app: &App, goal: &str) -> (u64, u64) {
    let all = app.engine.goal_counts(experiment_id(1)).unwrap();
    let of_goal = all.iter().find(|counts| counts.goal == goal).unwrap();
    let ever = of_goal.variants.iter().map(|variant| variant.ever);
    ever.fold((0, 0), |sum, count| (sum.0 + count.events, sum.1 + count.gained))
}

#[test]
fn a_goal_is_created_listed_changed_and_deleted() {
    let app = App::new();
    app.get(GOALS).is(200, r#"{"data":[]}"#);
    let new = json!({"key": "purchase/now", "kind": "value", "unit": "EUR"});
    let created =
        r#"{"key":"purchase/now","kind":"value","unit":"EUR","decimals":2,"signed":false}"#;
    post(&app, GOALS, &new).is(201, &format!(r#"{{"data":{created}}}"#));
    post(&app, GOALS, &new).is(409, r#"{"error":"There is already a goal \"purchase/now\""}"#);
    post(&app, GOALS, &json!({"key": "a", "kind": "event"})).data();
    let listed = format!(r#"{{"data":[{{"key":"a","kind":"event"}},{created}]}}"#);
    app.get(GOALS).is(200, &listed);

    // A key is what it is, in a path too.
    let path = format!("{GOALS}/purchase%2Fnow");
    app.get(&path).is(200, &format!(r#"{{"data":{created}}}"#));
    let other = json!({"key": "purchase/now", "kind": "value", "unit": "USD", "decimals": 0});
    assert_eq!(put(&app, &path, &other).data()["unit"], json!("USD"));
    is_faulty(&put(&app, &path, &json!({"key": "other", "kind": "event"})), &["key"]);
    is_faulty(&put(&app, &path, &json!({"key": "purchase/now"})), &["kind"]);
    assert_eq!(app.send("DELETE", &path, ALL, "").data()["unit"], json!("USD"));
    for method in ["GET", "PUT", "DELETE"] {
        app.send(method, &path, ALL, &new.to_string()).is(404, NOT_FOUND);
    }
    let faulty = json!({"key": "\n", "kind": "value", "unit": "", "decimals": 10, "cap": 1});
    is_faulty(&post(&app, GOALS, &faulty), &["cap"]);
    let faulty = json!({"key": "\n", "kind": "value", "unit": "", "decimals": 10});
    is_faulty(&post(&app, GOALS, &faulty), &["key", "unit", "decimals"]);
}

#[test]
fn the_goals_of_an_experiment_are_set_and_answered() {
    let app = running();
    let path = goals_path();
    let set = app.get(&path).data();
    assert_eq!(set["primary"], json!({"goal": "signup"}));
    assert_eq!(set["attached"].as_array().unwrap().len(), 2);
    assert_eq!(put(&app, &path, &set).data(), set, "as it was answered");
    let more = json!({
        "primary": {"goal": "signup"},
        "guardrails": [{"goal": "purchase", "better": "higher", "cap": 500, "margin": 0.1}]
    });
    let answered = put(&app, &path, &more).data();
    let expected = json!([{"goal": "purchase", "cap": 500.0, "margin": 0.1}]);
    assert_eq!(answered["guardrails"], expected);
    let mut other = more.clone();
    other["guardrails"][0]["cap"] = json!(5);
    is_faulty(&put(&app, &path, &other), &["guardrails[0]"]);
    is_faulty(&put(&app, &path, &json!({"primary": {"goal": "unused"}})), &["primary"]);
    is_faulty(
        &put(&app, &path, &json!({"primary": {"goal": "signup"}, "secondary": [{"goal": "x"}]})),
        &["secondary[0].goal"],
    );
    let conflict = app.send("DELETE", &format!("{GOALS}/purchase"), ALL, "");
    assert_eq!(conflict.status, 409, "{}", conflict.text);

    let draft = App::with_draft();
    draft.get(&path).is(200, r#"{"data":{}}"#);
    for method in ["GET", "PUT"] {
        let other = format!("{}/goals", experiment_path(1, 9));
        draft.send(method, &other, ALL, "{}").is(404, NOT_FOUND);
    }
}

#[test]
fn an_event_counts_for_every_experiment_that_has_the_goal() {
    let app = running();
    let tracked = post(&app, TRACK, &purchase(49.90)).data();
    assert_eq!([&tracked["counted"], &tracked["repeated"]], [&json!(1), &json!(false)]);
    let [one] = tracked["experiments"].as_array().unwrap().as_slice() else { panic!("{tracked}") };
    assert_eq!((&one["flag"], &one["outcome"]), (&json!("hero-banner"), &json!("counted")));
    assert_eq!(counted(&app, "purchase"), (1, 4990));
    assert_eq!(post(&app, TRACK, &event("signup")).data()["counted"], json!(1));
    assert_eq!(counted(&app, "signup"), (1, 0));
    assert_eq!(post(&app, TRACK, &event("unused")).data()["experiments"], json!([]));

    let results = app.get(&format!("{}/results", experiment_path(1, 1))).data();
    let keys: Vec<_> =
        results["goals"].as_array().unwrap().iter().map(|goal| goal["goal"].clone()).collect();
    assert_eq!(keys, ["signup", "purchase"]);
    let of_results = results["results"]["goals"].as_array().unwrap();
    let of_results: Vec<_> = of_results.iter().map(|goal| [&goal["key"], &goal["role"]]).collect();
    assert_eq!(of_results, [["signup", "primary"], ["purchase", "secondary"]]);
    let second = &results["results"]["goals"][1];
    assert_eq!([&second["unit"], &second["decimals"]], [&json!("EUR"), &json!(2)]);

    post(&app, TRACK, &event("purchas")).is(404, NOT_FOUND);
    is_faulty(&post(&app, TRACK, &event("purchase")), &["value"]);
    is_faulty(&post(&app, TRACK, &purchase(-1.0)), &["value"]);
    let mut faulty = event("signup");
    faulty["value"] = json!("5");
    faulty["event_id"] = json!("");
    faulty["goal"] = json!(7);
    is_faulty(&post(&app, TRACK, &faulty), &["value", "event_id", "goal"]);
    app.send("POST", TRACK, crate::app::READ, &event("signup").to_string())
        .is(403, r#"{"error":"Insufficient scope"}"#);
    // Nothing is kept of names that any client can make up.
    let mut elsewhere = event("signup");
    elsewhere["environment"] = json!("a tenant");
    assert_eq!(post(&app, TRACK, &elsewhere).data()["experiments"], json!([]));
    assert_eq!(app.engine.goal_tallies().len(), 2);
}

#[test]
fn an_event_is_counted_for_the_experiments_whose_users_were_exposed() {
    let app = running();
    app.engine.create_goal(NewGoal::event("return")).unwrap();
    let purchase = GoalUse::new("purchase").cap(500);
    let goals = NewGoals::new().primary("signup").secondary(purchase).secondary("return");
    app.engine.set_goals(experiment_id(1), goals).unwrap();
    app.engine.create_flag(NewFlag::new("checkout", "old")).unwrap();
    let other = NewExperiment::new("Checkout", "production")
        .variant("golden", "new", 100)
        .goals(NewGoals::new().secondary("return"))
        .count_users(1000)
        .status(Status::Running);
    app.engine.create_experiment("checkout", other).unwrap();
    let mut back = event("return");
    back["event_id"] = json!("1");
    let tracked = post(&app, TRACK, &back).data();
    let outcomes: Vec<_> = tracked["experiments"].as_array().unwrap().iter().collect();
    assert_eq!((tracked["counted"].clone(), outcomes.len()), (json!(1), 2));
    // What was counted for one is a repetition for all.
    assert_eq!(post(&app, TRACK, &back).data()["repeated"], json!(true));
}

#[test]
fn numbers_and_ids_of_events_are_what_they_say_or_refused() {
    let app = running();
    let send = |value: &str, event_id: &str| {
        let head = r#""environment": "production", "user_key": "anna", "goal": "purchase""#;
        app.post(TRACK, &format!(r#"{{{head}, "value": {value}, "event_id": {event_id}}}"#))
    };
    assert_eq!(send("1e2", "null").data()["counted"], json!(1));
    assert_eq!(send("-0", "null").data()["counted"], json!(1));
    assert_eq!(send("7", "null").data()["counted"], json!(1));
    assert_eq!(counted(&app, "purchase"), (3, 10_700));
    for value in ["-0.01", "1e300", "9007199254740993", "\"5\"", "true", "[1]", "null"] {
        is_faulty(&send(value, "\"one\""), &["value"]);
    }
    assert!(matches!(send("1e999", "null").status, 400 | 422));
    for event_id in ["\"\"".to_owned(), format!("\"{}\"", "x".repeat(256)), "7".to_owned()] {
        is_faulty(&send("1", &event_id), &["event_id"]);
    }
    assert_eq!(counted(&app, "purchase"), (3, 10_700));
    // An id of an event that was refused is still free, and characters are counted, not bytes.
    assert_eq!(send("1", "\"one\"").data()["counted"], json!(1));
    let long = format!("\"{}\"", "ü".repeat(255));
    assert_eq!(send("1", &long).data()["counted"], json!(1));
    assert_eq!(send("1", &long).data()["repeated"], json!(true));
}

/// A webhook is delivered twice.
#[test]
fn an_event_with_an_id_is_counted_once() {
    let app = running();
    let order = |id: &str| {
        let mut event = purchase(10.0);
        event["event_id"] = json!(id);
        event
    };
    let answers: Vec<_> = (0..3).map(|_| post(&app, TRACK, &order("order-1")).data()).collect();
    let repeated: Vec<_> = answers.iter().map(|answer| answer["repeated"].clone()).collect();
    assert_eq!(repeated, [false, true, true]);
    assert_eq!(counted(&app, "purchase"), (1, 1000));
    assert_eq!(post(&app, TRACK, &order("order-2")).data()["counted"], json!(1));
    // An id is one of its goal and its environment.
    for (field, other) in [("goal", "signup"), ("environment", "staging")] {
        let mut event = order("order-1");
        event[field] = json!(other);
        event["value"] = if other == "signup" { Value::Null } else { json!(10.0) };
        assert_eq!(post(&app, TRACK, &event).data()["repeated"], json!(false), "{field}");
    }
    // One that was not counted may come again.
    app.engine.stop(experiment_id(1)).unwrap();
    let uncounted = post(&app, TRACK, &order("order-3")).data();
    assert_eq!([&uncounted["counted"], &uncounted["repeated"]], [&json!(0), &json!(false)]);
    app.engine.start(experiment_id(1)).unwrap();
    assert_eq!(app.engine.experiment(experiment_id(1)).unwrap().status(), Status::Running);
    assert_eq!(post(&app, TRACK, &order("order-3")).data()["counted"], json!(1));
    assert_eq!(counted(&app, "purchase"), (3, 3000));
}

/// A webhook is delivered twice at one moment.
#[test]
fn of_events_at_once_with_one_id_one_is_counted() {
    const EVENTS: usize = 200;
    let app = running();
    let together = Barrier::new(4);
    let counted_by = |_: usize| -> Vec<u64> {
        let events = (0..EVENTS).map(|event| {
            let mut order = purchase(10.0);
            order["event_id"] = json!(format!("order-{event}"));
            together.wait();
            let tracked = post(&app, TRACK, &order).data();
            let counted = tracked["counted"].as_u64().unwrap();
            assert_eq!(tracked["repeated"], json!(counted == 0));
            counted
        });
        events.collect()
    };
    let counted_by = &counted_by;
    let all: Vec<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|thread| scope.spawn(move || counted_by(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for event in 0..EVENTS {
        assert_eq!(all.iter().map(|of_thread| of_thread[event]).sum::<u64>(), 1, "{event}");
    }
    assert_eq!(counted(&app, "purchase"), (EVENTS as u64, 1000 * EVENTS as u64));
}

#[test]
fn an_answer_says_how_a_goal_that_was_left_out_is_meant_if_it_comes_back() {
    let app = running();
    let path = goals_path();
    let alone = json!({"primary": {"goal": "signup"}});
    let answered = put(&app, &path, &alone).data();
    let kept = &answered["attached"][1];
    let [goal, cap, better] = ["goal", "cap", "better"].map(|field| kept[field].clone());
    assert_eq!([goal, cap, better], [json!("purchase"), json!(500.0), json!("higher")]);
    let mut back = alone.clone();
    back["secondary"] = json!([{"goal": "purchase", "cap": 400}]);
    is_faulty(&put(&app, &path, &back), &["secondary[0]"]);
    back["secondary"][0]["cap"] = json!(500);
    put(&app, &path, &back).data();
}
