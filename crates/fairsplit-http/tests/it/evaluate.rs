//! Evaluations and conversions from outside are those of the engine.

use fairsplit::{Count, NewFlag, Status};
use serde_json::json;

use crate::app::ALL;
use crate::app::{App, experiment_path, flag_path};
use crate::common::{banner, ever, experiment_id, flag_id, production};

/// Two flags with running experiments, one without, and a forced user.
fn app() -> App {
    let app = App::new();
    for (number, key) in [(1, "hero-banner"), (2, "checkout"), (3, "page-size")] {
        app.engine.create_flag(NewFlag::new(key, 25).id(flag_id(number))).unwrap();
    }
    for (number, key) in [(1, "hero-banner"), (2, "checkout")] {
        let new = banner("production").id(experiment_id(number)).status(Status::Running);
        app.engine.create_experiment(key, new).unwrap();
    }
    app.engine.force(experiment_id(2), "qa", "treatment").unwrap();
    app
}

#[test]
fn an_evaluation_over_http_equals_the_engines_own() {
    let app = app();
    for name in ["production", "staging"] {
        let environment = app.engine.environment(name).unwrap();
        for user in (0..100).map(|user| format!("user-{user}")).chain(["qa".into(), String::new()])
        {
            let body = json!({"environment": name, "user_key": user, "count": false}).to_string();
            let all = app.post("/api/v1/evaluate", &body).data();
            for (at, key) in ["hero-banner", "checkout", "page-size"].into_iter().enumerate() {
                let peeked = environment.peek(key, &user);
                let expected = json!({
                    "flag": key,
                    "value": peeked.value(),
                    "reason": peeked.reason(),
                    "variant": peeked.variant(),
                    "experiment": peeked.experiment(),
                    "counted": false
                });
                assert_eq!(all[at], expected);
                let one = format!("{}/evaluate", flag_path(at as u128 + 1));
                assert_eq!(app.post(&one, &body).data(), expected);
            }
            assert_eq!(all.as_array().unwrap().len(), 3);
        }
    }
    for id in [experiment_id(1), experiment_id(2)] {
        assert_eq!(ever(&app.engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
    }
}

#[test]
fn an_evaluation_of_named_flags_answers_in_that_order() {
    let app = app();
    let body = r#"{"environment": "production", "user_key": "anna",
        "flags": ["page-size", "nothing", "checkout"]}"#;
    let answers = app.post("/api/v1/evaluate", body).data();
    let of = |at: usize, field: &str| answers[at][field].clone();
    assert_eq!(
        [of(0, "flag"), of(0, "value"), of(0, "reason")],
        [json!("page-size"), json!(25), json!("not_running")]
    );
    assert_eq!(
        [of(1, "flag"), of(1, "value"), of(1, "reason")],
        [json!("nothing"), json!(null), json!("flag_not_found")]
    );
    assert_eq!(
        [of(2, "flag"), of(2, "reason"), of(2, "counted")],
        [json!("checkout"), json!("split"), json!(true)]
    );
    assert_eq!(
        ever(&app.engine.counts(experiment_id(1)).unwrap()),
        [(0, 0), (0, 0)],
        "it was not named"
    );
    let none =
        app.post("/api/v1/evaluate", r#"{"environment": "e", "user_key": "u", "flags": []}"#);
    none.is(200, r#"{"data":[]}"#);
}

#[test]
fn an_evaluation_counts_an_exposure_and_a_conversion_says_what_it_counted() {
    let app = app();
    let body = r#"{"environment": "production", "user_key": "anna"}"#;
    let evaluated = app.post(&format!("{}/evaluate", flag_path(1)), body).data();
    let variant = evaluated["variant"].as_str().unwrap();
    assert_eq!(evaluated["counted"], true);
    assert_eq!(evaluated["experiment"], experiment_id(1).to_string());
    app.post("/api/v1/evaluate", body).data();
    let track = |flag: u128, environment: &str, user: &str| {
        let body = json!({"environment": environment, "user_key": user}).to_string();
        app.post(&format!("{}/track", flag_path(flag)), &body).data()
    };
    let id = experiment_id(1).to_string();
    assert_eq!(
        track(1, "production", "anna"),
        json!({"flag": "hero-banner", "counted": true, "outcome": "counted", "variant": variant, "experiment": id})
    );
    let counts = app.engine.counts(experiment_id(1)).unwrap();
    let counted = counts.variant(variant).unwrap().ever;
    assert_eq!((counted.exposures, counted.conversions), (2, 1));
    let total: u64 = counts.variants().iter().map(|counts| counts.ever.exposures).sum();
    assert_eq!(total, 2);

    // Not counted, and why.
    let not = |outcome: &str, flag: &str| json!({"flag": flag, "counted": false, "outcome": outcome, "variant": null, "experiment": null});
    assert_eq!(track(1, "production", ""), not("no_user_key", "hero-banner"));
    assert_eq!(track(1, "staging", "anna"), not("not_running", "hero-banner"));
    assert_eq!(track(3, "production", "anna"), not("not_running", "page-size"));
    let forced = track(2, "production", "qa");
    assert_eq!([&forced["counted"], &forced["outcome"]], [&json!(false), &json!("forced")]);
    assert_eq!(forced["variant"], "treatment");
    app.engine.stop(experiment_id(1)).unwrap();
    assert_eq!(track(1, "production", "anna"), not("not_running", "hero-banner"));
    assert_eq!(
        app.engine.counts(experiment_id(1)).unwrap().variant(variant).unwrap().ever.conversions,
        1
    );
}

#[test]
fn the_results_of_an_experiment_are_the_engines_own_beside_the_counts() {
    let app = app();
    let id = experiment_id(1);
    let production = production(&app.engine);
    for user in (0..300).map(|user| format!("user-{user}")) {
        let _ = production.evaluate("hero-banner", &user);
        if user.ends_with('7') {
            production.convert("hero-banner", &user);
        }
    }
    let got = app.get(&format!("{}/results", experiment_path(1, 1)));
    let answer = got.data();
    assert_eq!(answer["experiment"], id.to_string());
    let counted = app.engine.counts(id).unwrap();
    for (answered, counts) in
        answer["counts"]["variants"].as_array().unwrap().iter().zip(counted.variants())
    {
        let of =
            |count: Count| json!({"exposures": count.exposures, "conversions": count.conversions});
        assert_eq!(answered["key"], counts.key);
        assert_eq!(answered["exposures"], counts.since_start.exposures);
        assert_eq!(answered["conversions"], counts.since_start.conversions);
        assert_eq!(answered["ever"], of(counts.ever));
    }
    let results = app.engine.results(id).unwrap();
    // As a text, since the reader of the test gets the last bit of some floats wrong.
    let results = serde_json::to_string(&results).unwrap();
    assert!(got.text.ends_with(&format!(r#","results":{results}}}}}"#)), "{}", got.text);
    assert_eq!(answer["results"]["unit"], "events");

    // Where users are counted, the results are theirs, and the counts are still events.
    app.engine.count_users(id, 100).unwrap();
    let _ = production.evaluate("hero-banner", "anna");
    let answer = app.get(&format!("{}/results", experiment_path(1, 1))).data();
    assert_eq!([&answer["results"]["unit"], &answer["counts"]["unit"]], ["users", "events"]);
    // Since later than the start, so the events of the run stand beside them.
    assert_eq!(answer["results"]["events"]["variants"].as_array().unwrap().len(), 2);
}

#[test]
fn an_experiment_that_counts_users_is_created_and_changed_and_says_who_was_not_exposed() {
    let app = app();
    let path = format!("{}/experiments", flag_path(1));
    let new = json!({
        "name": "n", "environment": "other", "status": "running", "count_users": 100,
        "variants": [{"key": "a", "value": 1, "percentage": 100}],
    });
    let created = app.post(&path, &new.to_string()).data();
    assert_eq!(created["count_users"], 100);
    let id = created["id"].as_str().unwrap().to_owned();
    let user = json!({"environment": "other", "user_key": "anna"}).to_string();
    let ask = |what: &str| app.post(&format!("{}/{what}", flag_path(1)), &user).data();
    let not_exposed = ask("track");
    assert_eq!(
        [&not_exposed["counted"], &not_exposed["outcome"]],
        [&json!(false), &json!("not_exposed")]
    );
    assert_eq!([&not_exposed["variant"], &not_exposed["experiment"]], ["a", &id]);
    ask("evaluate");
    assert_eq!(ask("track")["outcome"], "counted");

    let experiment = format!("{path}/{id}");
    let change = |body: &str| app.send("PATCH", &experiment, ALL, body);
    assert_eq!(change(r#"{"count_users": 0}"#).data()["count_users"], 0);
    assert_eq!(app.engine.users(id.parse().unwrap()), None);
    for (wrong, path, body) in [
        ("-1", &experiment, r#"{"count_users": -1}"#.to_owned()),
        ("1000000001", &path, new.to_string().replace("100,", "1000000001,")),
    ] {
        let method = if path == &experiment { "PATCH" } else { "POST" };
        let refused = app.send(method, path, ALL, &body);
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.text);
        assert!(refused.text.contains(r#""count_users":["#), "{}", refused.text);
    }
    // One that does not say has no such field.
    let unset = app.get(&experiment_path(1, 1)).data();
    assert!(unset.get("count_users").is_none(), "{unset}");
}

#[test]
fn an_evaluation_answers_values_as_they_were_created() {
    let app = App::new();
    let value =
        r#"{"big":18446744073709551615,"float":0.1,"one":1.0,"text":"é\u0000\"","zero":-0.0}"#;
    let variants = format!(r#"[{{"key": "a", "value": {value}, "percentage": 100}}]"#);
    app.post(
        "/api/v1/flags",
        &format!(r#"{{"key": "f", "default_value": {value}, "id": "{}"}}"#, flag_id(1)),
    )
    .data();
    let new = format!(
        r#"{{"name": "n", "environment": "e", "status": "running", "variants": {variants}}}"#
    );
    app.post(&format!("{}/experiments", flag_path(1)), &new).data();
    for body in
        [r#"{"environment": "e", "user_key": "u"}"#, r#"{"environment": "other", "user_key": "u"}"#]
    {
        let answer = app.post(&format!("{}/evaluate", flag_path(1)), body);
        assert!(answer.text.contains(&format!(r#""value":{value}"#)), "{}", answer.text);
    }
}
