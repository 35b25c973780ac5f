//! Archiving over HTTP.

use serde_json::json;

use crate::app::{ALL, App, READ, experiment_path, flag_path};
use crate::common::experiment_id;

const ID: &str = "00000000-0000-0000-0000-000000000001";

#[test]
fn a_flag_is_archived_and_unarchived_and_its_object_says_so_while_it_is() {
    let app = App::with_draft();
    let flag = flag_path(1);
    let before = app.get(&flag);
    app.clock.advance(60);
    let archived = app.post(&format!("{flag}/archive"), "");
    let mut expected = before.data();
    expected["archived"] = json!(true);
    expected["updated_at"] = json!("2025-03-12T12:01:00Z");
    assert_eq!(archived.data(), expected);
    app.get(&flag).is(200, &archived.text);
    app.post(&format!("{flag}/archive"), "").is(200, &archived.text);

    let user = r#"{"environment": "production", "user_key": "anna"}"#;
    let evaluated = app.post(&format!("{flag}/evaluate"), user).data();
    assert_eq!((&evaluated["value"], &evaluated["reason"]), (&json!("old"), &json!("archived")));
    let tracked = app.post(&format!("{flag}/track"), user).data();
    assert_eq!((&tracked["counted"], &tracked["outcome"]), (&json!(false), &json!("archived")));

    let unarchived = app.post(&format!("{flag}/unarchive"), "");
    assert!(!unarchived.text.contains("archived"), "{}", unarchived.text);
    app.get(&flag).is(200, &unarchived.text);
}

#[test]
fn an_experiment_is_archived_and_unarchived_and_its_object_says_so_while_it_is() {
    let app = App::with_draft();
    let experiment = experiment_path(1, 1);
    let before = app.get(&experiment);
    let archived = app.post(&format!("{experiment}/archive"), "");
    let mut expected = before.data();
    expected["archived"] = json!(true);
    assert_eq!(archived.data(), expected);
    app.get(&experiment).is(200, &archived.text);
    app.post(&format!("{experiment}/unarchive"), "").is(200, &before.text);
}

#[test]
fn what_the_archive_forbids_answers_409_and_names_it() {
    let app = App::with_draft();
    let (flag, experiment) = (flag_path(1), experiment_path(1, 1));
    let refused = |path: &str, body: &str, error: &str| {
        app.post(path, body).is(409, &json!({"error": error}).to_string());
    };
    let (archive, start) = (format!("{experiment}/archive"), format!("{experiment}/start"));
    app.engine.start(experiment_id(1)).unwrap();
    refused(&archive, "", &format!("Cannot archive experiment {ID}: it is running"));
    refused(
        &format!("{flag}/archive"),
        "",
        &format!("Cannot archive flag \"hero-banner\": experiment {ID} is running on it"),
    );
    app.engine.stop(experiment_id(1)).unwrap();
    assert_eq!(app.post(&archive, "").status, 200);
    refused(&start, "", &format!("Cannot start experiment {ID}: it is archived"));
    assert_eq!(app.post(&format!("{experiment}/unarchive"), "").status, 200);
    assert_eq!(app.post(&format!("{flag}/archive"), "").status, 200);
    refused(
        &start,
        "",
        &format!("Cannot start experiment {ID}: its flag \"hero-banner\" is archived"),
    );
    refused(
        &format!("{flag}/experiments"),
        crate::seed::CREATE_REQUEST,
        "Cannot create an experiment on flag \"hero-banner\": it is archived",
    );
    for path in [archive, format!("{flag}/unarchive")] {
        app.send("POST", &path, READ, "").is(403, r#"{"error":"Insufficient scope"}"#);
    }
    assert_eq!(app.send("POST", &format!("{}/archive", flag_path(9)), ALL, "").status, 404);
    assert_eq!(app.post(&format!("{}/archive", experiment_path(1, 9)), "").status, 404);
}
