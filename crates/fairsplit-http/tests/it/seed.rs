//! The examples of the Experiments API's documentation (krafter.dev), asked for as they stand
//! there.

use fairsplit::{NewFlag, Timestamp};

use crate::app::App;
use crate::common::production;

pub(crate) const CREATE_REQUEST: &str = include_str!("../data/seed-create-request.json");
const CREATED: &str = include_str!("../data/seed-created.json");
const STARTED: &str = include_str!("../data/seed-started.json");
const LISTED: &str = include_str!("../data/seed-listed.json");
const STOPPED: &str = include_str!("../data/seed-stopped.json");

const FLAG: &str = "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a";
const EXPERIMENT: &str = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f";

/// The text without the white space between its tokens: the order of fields stays.
fn compact(text: &str) -> String {
    let mut is_in_string = false;
    let keep = |character: &char| {
        is_in_string ^= *character == '"';
        is_in_string || !character.is_whitespace()
    };
    assert!(!text.contains('\\'));
    text.chars().filter(keep).collect()
}

fn app() -> App {
    let app = App::new();
    let flag = NewFlag::new("hero-banner", "old").id(FLAG.parse().unwrap());
    app.engine.create_flag(flag).unwrap();
    app
}

impl App {
    fn at(&self, time: &str) {
        self.clock.set(time.parse::<Timestamp>().unwrap());
    }
}

#[test]
fn the_examples_of_the_api_are_answered_as_they_stand() {
    let app = app();
    let experiments = format!("/api/v1/flags/{FLAG}/experiments");
    let experiment = format!("{experiments}/{EXPERIMENT}");
    let enveloped = |example: &str| format!(r#"{{"data":{}}}"#, compact(example));

    // Created as in the example, but with the id that its answer has.
    app.at("2025-03-12T11:00:00Z");
    let body = CREATE_REQUEST.replacen('{', &format!(r#"{{"id": "{EXPERIMENT}","#), 1);
    app.post(&experiments, &body).is(201, &enveloped(CREATED));

    app.at("2025-03-12T12:00:00Z");
    app.post(&format!("{experiment}/start"), "").is(200, &enveloped(STARTED));

    let id = EXPERIMENT.parse().unwrap();
    for (variant, count) in [("control", 142), ("treatment", 187)] {
        for _ in 0..count {
            assert!(app.engine.convert_variant(id, variant).is_counted());
        }
    }
    // Nothing of ours moves updated_at while it runs; the example has an edit that we do not have.
    let listed = LISTED.replace("2025-03-16T08:00:00Z", "2025-03-12T12:00:00Z");
    app.get(&experiments).is(200, &format!(r#"{{"data":[{}]}}"#, compact(&listed)));
    app.get(&experiment).is(200, &enveloped(&listed));

    app.at("2025-03-16T18:00:00Z");
    // The page contradicts itself here: its table, which is the rule, says "stopped".
    let stopped = STOPPED.replace(r#""status": "completed""#, r#""status": "stopped""#);
    app.post(&format!("{experiment}/stop"), "").is(200, &enveloped(&stopped));
    app.get(&experiments).is(200, &format!(r#"{{"data":[{}]}}"#, compact(&stopped)));
}

/// The request as given, without an id: only the id, made here, differs from the example.
#[test]
fn creating_an_experiment_without_an_id_makes_one() {
    let app = app();
    app.at("2025-03-12T11:00:00Z");
    let answer = app.post(&format!("/api/v1/flags/{FLAG}/experiments"), CREATE_REQUEST);
    let id = answer.data()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, EXPERIMENT);
    let expected = compact(CREATED).replace(EXPERIMENT, &id);
    answer.is(201, &format!(r#"{{"data":{expected}}}"#));
}

#[test]
fn restarting_an_experiment_moves_started_at_and_keeps_its_counters() {
    let app = app();
    let experiments = format!("/api/v1/flags/{FLAG}/experiments");
    let id = app.post(&experiments, CREATE_REQUEST).data()["id"].as_str().unwrap().to_owned();
    let path = format!("{experiments}/{id}");
    let track = || {
        let body = r#"{"environment": "production", "user_key": "anna"}"#;
        app.post(&format!("/api/v1/flags/{FLAG}/track"), body).data()
    };
    assert_eq!(track()["outcome"], "not_running");

    app.post(&format!("{path}/start"), "").data();
    let variant = track()["variant"].as_str().unwrap().to_owned();
    assert_eq!(track()["counted"], true);
    app.clock.advance(60);
    let stopped = app.post(&format!("{path}/stop"), "").data();
    assert_eq!(stopped["conversions"][&variant], 2);
    assert_eq!(stopped["stopped_at"], "2025-03-12T12:01:00Z");
    assert_eq!(track()["outcome"], "not_running");

    app.clock.advance(60);
    let started = app.post(&format!("{path}/start"), "").data();
    assert_eq!(started["started_at"], "2025-03-12T12:02:00Z");
    assert_eq!(started["stopped_at"], serde_json::Value::Null);
    assert_eq!(started["conversions"][&variant], 2);
    assert_eq!(track()["variant"], *variant);

    // Two numbers, and both are there.
    assert!(production(&app.engine).evaluate("hero-banner", "anna").is_counted());
    let results = app.get(&format!("{path}/results")).data();
    assert_eq!([&results["experiment"], &results["status"]], [&*id, "running"]);
    let counts = &results["counts"];
    assert_eq!(counts["unit"], "events");
    assert_eq!(counts["since"], "2025-03-12T12:02:00Z");
    let of = counts["variants"].as_array().unwrap();
    let of = of.iter().find(|of| of["key"] == *variant).unwrap();
    assert_eq!((&of["exposures"], &of["conversions"]), (&1.into(), &1.into()));
    assert_eq!(of["ever"], serde_json::json!({"exposures": 1, "conversions": 3}));
}

#[test]
fn starting_or_stopping_in_the_wrong_status_answers_409_with_the_status() {
    for (word, start, stop) in
        [("draft", 200, 409), ("running", 409, 200), ("stopped", 200, 409), ("completed", 409, 409)]
    {
        let app = app();
        let experiments = format!("/api/v1/flags/{FLAG}/experiments");
        let body = CREATE_REQUEST.replacen('{', &format!(r#"{{"status": "{word}","#), 1);
        let create = || {
            let answer = app.post(&experiments, &body);
            assert_eq!(answer.data()["status"], word);
            answer.data()["id"].as_str().unwrap().to_owned()
        };
        let id = create();
        let answer = app.post(&format!("{experiments}/{id}/start"), "");
        assert_eq!(answer.status, start, "{word}");
        if start == 409 {
            let rule = "only a draft or a stopped one can be started";
            let error = format!("Cannot start experiment {id}: it is {word}, and {rule}");
            assert_eq!(answer.json(), serde_json::json!({"error": error}));
        } else {
            app.post(&format!("{experiments}/{id}/stop"), "").data();
        }
        if word != "running" {
            let id = create();
            let answer = app.post(&format!("{experiments}/{id}/stop"), "");
            assert_eq!(answer.status, stop);
            assert!(answer.text.contains(&format!("it is {word}")), "{}", answer.text);
        }
    }
}
