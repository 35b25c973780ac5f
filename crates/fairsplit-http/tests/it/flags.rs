//! Flags, in the style of the API.

use fairsplit::targeting::{NewLayer, NewTargeting};
use fairsplit::{NewExperiment, NewFlag};
use serde_json::json;

use crate::app::{ALL, App, flag_path};

#[test]
fn a_flag_is_created_read_and_changed() {
    let app = App::new();
    let body = r#"{"key": "hero-banner", "default_value": {"b": 1.0, "a": [null]},
        "id": "00000000-0000-0000-0000-000000000001"}"#;
    let flag = |value: &str, updated_at: &str| {
        format!(
            r#"{{"id":"00000000-0000-0000-0000-000000000001","key":"hero-banner","name":"hero-banner","default_value":{value},"created_at":"2025-03-12T12:00:00Z","updated_at":"{updated_at}"}}"#
        )
    };
    let new = flag(r#"{"a":[null],"b":1.0}"#, "2025-03-12T12:00:00Z");
    app.get("/api/v1/flags").is(200, r#"{"data":[]}"#);
    app.post("/api/v1/flags", body).is(201, &format!(r#"{{"data":{new}}}"#));
    app.get(&flag_path(1)).is(200, &format!(r#"{{"data":{new}}}"#));
    app.get("/api/v1/flags").is(200, &format!(r#"{{"data":[{new}]}}"#));

    app.clock.advance(60);
    let changed = flag("null", "2025-03-12T12:01:00Z");
    app.send("PATCH", &flag_path(1), ALL, r#"{"default_value": null}"#)
        .is(200, &format!(r#"{{"data":{changed}}}"#));
    app.get(&flag_path(1)).is(200, &format!(r#"{{"data":{changed}}}"#));
}

#[test]
fn creating_a_flag_or_an_experiment_that_is_taken_answers_409() {
    let app = App::with_draft();
    let post = |path: &str, body: serde_json::Value| {
        let answer = app.post(path, &body.to_string());
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        post("/api/v1/flags", json!({"key": "hero-banner", "default_value": 1})),
        (409, "There is already a flag \"hero-banner\"".to_owned())
    );
    let id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        post("/api/v1/flags", json!({"key": "b", "default_value": 1, "id": id})),
        (409, format!("There is already a flag with id {id}"))
    );
    let mut new = json!({"id": id, "name": "n", "environment": "production", "status": "running",
        "variants": [{"key": "a", "value": 1, "percentage": 100}]});
    let experiments = format!("{}/experiments", flag_path(1));
    assert_eq!(
        post(&experiments, new.clone()),
        (409, format!("There is already an experiment with id {id}"))
    );
    app.engine.start(id.parse().unwrap()).unwrap();
    new["id"] = json!(null);
    assert_eq!(
        post(&experiments, new.clone()),
        (
            409,
            format!("Experiment {id} is already running on flag \"hero-banner\" in \"production\"")
        )
    );
    new["environment"] = json!("staging");
    assert_eq!(app.post(&experiments, &new.to_string()).status, 201);
}

#[test]
fn starting_an_experiment_whose_range_of_a_layer_is_taken_answers_409() {
    let app = App::new();
    let layer = app.engine.create_layer(NewLayer::new("users")).unwrap().id();
    let ids = ["one", "two"].map(|key| {
        app.engine.create_flag(NewFlag::new(key, 0)).unwrap();
        let part = NewTargeting::new().layer(layer, [(0, 50)]);
        let new = NewExperiment::new(key, "production").variant("a", 1, 100).targeting(part);
        app.engine.create_experiment(key, new).unwrap().id()
    });
    app.engine.start(ids[0]).unwrap();
    let flag = app.engine.flag("two").unwrap().id();
    let answer = app.post(&format!("/api/v1/flags/{flag}/experiments/{}/start", ids[1]), "");
    let [running, refused] = ids;
    let error = format!(
        "Cannot start experiment {refused}: its ranges of layer {layer} overlap those of \
         experiment {running}, which is running on flag \"one\""
    );
    assert_eq!((answer.status, &answer.json()["error"]), (409, &json!(error)));
}

#[test]
fn names_and_notes_of_flags_and_experiments_are_changed() {
    let app = App::with_draft();
    let (flag, experiment) = (flag_path(1), crate::app::experiment_path(1, 1));
    let change = r#"{"name": "Hero", "description": "What", "owner": "anna", "tags": ["a"]}"#;
    let changed = app.send("PATCH", &flag, ALL, change);
    let data = &changed.json()["data"];
    assert_eq!(
        (changed.status, &data["name"], &data["owner"]),
        (200, &json!("Hero"), &json!("anna"))
    );
    assert_eq!(data["tags"], json!(["a"]));
    assert_eq!(data["default_value"], "old");
    app.get(&flag).is(200, &changed.text);
    let changed = app.send("PATCH", &experiment, ALL, r#"{"name": "Other", "owner": "ben"}"#);
    assert_eq!((changed.status, &changed.json()["data"]["name"]), (200, &json!("Other")));
    assert_eq!(changed.json()["data"]["owner"], "ben");
    app.get(&experiment).is(200, &changed.text);
    let all = app.get(&format!("{flag}/experiments")).data();
    assert_eq!(all, json!([changed.data()]));
    let id = crate::common::experiment_id(1);
    assert_eq!(app.engine.experiment(id).unwrap().owner(), "ben");
    for path in [&flag, &experiment] {
        let refused = app.send("PATCH", path, ALL, r#"{"tags": ["a", "a"]}"#);
        assert_eq!((refused.status, refused.json()["details"]["tags[1]"].is_array()), (422, true));
        let refused = app.send("PATCH", path, ALL, "{}");
        assert_eq!(refused.status, 422, "{}", refused.text);
    }
}
