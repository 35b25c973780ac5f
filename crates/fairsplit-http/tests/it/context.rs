//! What a request says of a user decides, and is explained.

use fairsplit::targeting::{Condition, NewRule, NewTargeting, Operator};
use fairsplit::{NewFlag, Status, User};
use serde_json::{Value, json};

use crate::app::{App, READ, experiment_path, flag_path};
use crate::common::{banner, ever, experiment_id, flag_id, production};

/// A rule for the plan "beta", and below it a running experiment for companies of Germany.
fn app() -> App {
    let app = App::new();
    app.engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let beta = Condition::new("plan", Operator::Equals, "beta");
    app.engine
        .create_rule("hero-banner", NewRule::new("production", "beta").condition(beta))
        .unwrap();
    let germans = Condition::new("company.country", Operator::Equals, "DE");
    let targeting = NewTargeting::new().condition(germans).bucket_by("company.id").coverage(50);
    let new = banner("production").id(experiment_id(1)).targeting(targeting);
    app.engine.create_experiment("hero-banner", new.status(Status::Running)).unwrap();
    app
}

fn asked(context: &Value) -> String {
    json!({"environment": "production", "user_key": "anna", "context": context}).to_string()
}

fn ask(app: &App, what: &str, context: &Value) -> Value {
    app.post(&format!("{}/{what}", flag_path(1)), &asked(context)).data()
}

#[test]
fn a_context_decides_what_a_flag_answers_and_whether_a_conversion_counts() {
    let app = app();
    let of = |id: u32| json!({"company": {"id": id, "country": "DE"}});
    // Found, not made up: which companies are covered is not this test's matter.
    let is_covered = |id: &u32| ask(&app, "explain", &of(*id))["reason"] == "split";
    let covered = (0..1000).find(is_covered).unwrap();
    let uncovered = (0..1000).find(|id| !is_covered(id)).unwrap();
    for (context, reason) in [
        (json!({"plan": "beta"}), "rule"),
        (of(covered), "split"),
        (of(uncovered), "not_covered"),
        (json!({"company": {"id": covered, "country": "FR"}}), "not_in_audience"),
        (json!({"company": {"id": covered}}), "not_in_audience"),
        (json!({"company": {"country": "DE"}}), "no_unit"),
        (json!({"company.id": covered, "company.country": "DE"}), "split"),
        (json!({}), "no_unit"),
        (json!(null), "no_unit"),
    ] {
        let evaluated = ask(&app, "evaluate", &context);
        assert_eq!(evaluated["reason"], reason, "{context}");
        assert_eq!(evaluated["counted"], reason == "split");
        let tracked = ask(&app, "track", &context);
        let outcome = if reason == "split" { "counted" } else { reason };
        assert_eq!(tracked["outcome"], outcome, "{context}");
        let all = app.post("/api/v1/evaluate", &asked(&context)).data();
        assert_eq!(all, json!([evaluated]));
    }
    let counted: u64 = ever(&app.engine.counts(experiment_id(1)).unwrap())
        .iter()
        .map(|(exposures, conversions)| exposures + conversions)
        .sum();
    assert_eq!(counted, 2 * (2 + 1), "two users, twice evaluated and once converted");
}

#[test]
fn a_context_that_is_not_an_object_is_refused() {
    let app = app();
    let one = |what: &str| format!("{}/{what}", flag_path(1));
    for path in ["/api/v1/evaluate".to_owned(), one("evaluate"), one("track"), one("explain")] {
        for context in [json!([]), json!("plan"), json!(1), json!(true)] {
            let answer = app.post(&path, &asked(&context));
            assert_eq!(answer.status, 422, "{path}: {}", answer.text);
            let details = answer.json()["details"].clone();
            assert!(details["context"].is_array(), "{details}");
        }
    }
}

#[test]
fn an_explanation_says_what_is_not_known_and_counts_nothing() {
    let app = app();
    let context = json!({"company": {"id": 7}});
    let why = ask(&app, "explain", &context);
    assert_eq!([&why["reason"], &why["value"]], ["not_in_audience", "old"]);
    assert_eq!(why["rules"][0]["conditions"][0]["answer"], "undecided (no attribute)");
    assert_eq!(why["rules"][0]["answers"], false);
    let gates: Vec<&Value> = why["gates"].as_array().unwrap().iter().collect();
    let names: Vec<&Value> = gates.iter().map(|gate| &gate["gate"]).collect();
    assert_eq!(names, ["unit", "audience", "coverage"]);
    assert_eq!([&gates[0]["attribute"], &gates[0]["unit"]], ["company.id", "7"]);
    assert_eq!(
        [&gates[1]["answer"], &gates[1]["passes"]],
        [&json!("undecided (no attribute)"), &json!(false)]
    );
    // It is the engine's own.
    let Value::Object(known) = &context else { unreachable!() };
    let user = User::new("anna").with(known);
    let own = production(&app.engine).explain("hero-banner", user);
    assert_eq!(why, serde_json::to_value(own).unwrap());
    let counts = app.engine.counts(experiment_id(1)).unwrap();
    assert_eq!(ever(&counts), [(0, 0), (0, 0)]);

    let explain = format!("{}/explain", flag_path(1));
    let elsewhere = json!({"environment": "nowhere", "user_key": "anna"}).to_string();
    let elsewhere = app.send("POST", &explain, READ, &elsewhere).data();
    let of = |field: &str| elsewhere[field].clone();
    assert_eq!([of("environment"), of("reason")], ["nowhere", "not_running"]);
    assert_eq!(of("experiments"), json!([]));
    let wrong = app.post(&explain, r#"{"environment": "production", "count": false}"#);
    let details = json!({"user_key": ["is required"], "count": ["is not a known field"]});
    assert_eq!((wrong.status, &wrong.json()["details"]), (422, &details));
    let of_no_flag = app.post(&format!("{}/explain", flag_path(2)), &asked(&json!({})));
    assert_eq!(of_no_flag.status, 404);
}

#[test]
fn every_gate_and_segment_of_an_explanation_is_described() {
    let app = App::with_targeting();
    let targeting = json!({
        "audience": {"conditions": [{"attribute": "plan", "operator": "is_set"}],
            "segments": [flag_id(1).to_string()]},
        "coverage": 0.5,
        "layer": {"id": flag_id(1).to_string(), "ranges": [{"from": 0, "to": 50}]}
    });
    let experiment = experiment_path(1, 1);
    let set = app.send(
        "PUT",
        &format!("{experiment}/targeting"),
        crate::app::ALL,
        &targeting.to_string(),
    );
    assert_eq!(set.status, 200, "{}", set.text);
    app.post(&format!("{experiment}/start"), "").data();
    // Each answer is held to the description; see that it had something to hold.
    let why = ask(&app, "explain", &json!({"email": "anna@example.com", "plan": 1}));
    let gates = why["gates"].as_array().unwrap();
    let names: Vec<&Value> = gates.iter().map(|gate| &gate["gate"]).collect();
    assert_eq!(names, ["unit", "holdout", "layer", "audience", "coverage"]);
    assert_eq!(gates[3]["segments"][0]["answer"], "true");
    let of_staging = json!({"environment": "staging", "user_key": "anna"}).to_string();
    let of_staging = app.post(&format!("{}/explain", flag_path(1)), &of_staging).data();
    assert_eq!(of_staging["rules"][0]["answer"], "undecided (no attribute)");
}
