//! Shipping a variant, and deleting.

use serde_json::json;

use crate::app::{ALL, App, experiment_path, flag_path};
use crate::common::experiment_id;

const RUNNING: &str = "00000000-0000-0000-0000-000000000001";

#[test]
fn a_shipped_variant_is_the_default_and_its_experiment_is_stopped() {
    let app = App::with_draft();
    let ship = format!("{}/ship", experiment_path(1, 1));
    let treatment = r#"{"variant": "treatment"}"#;
    app.post(&ship, treatment).is(
        409,
        &json!({"error": format!(
            "Cannot ship experiment {RUNNING}: it is draft, and only a running or a stopped one can be shipped"
        )})
        .to_string(),
    );
    app.engine.start(experiment_id(1)).unwrap();
    for (body, details) in [
        (
            r#"{"variant": "other"}"#,
            json!({"variant": [
                "must be the key of a variant of this experiment, found \"other\""
            ]}),
        ),
        ("{}", json!({"variant": ["is required"]})),
        (r#"{"variant": "control", "x": 1}"#, json!({"x": ["is not a known field"]})),
    ] {
        let answer = app.post(&ship, body);
        assert_eq!((answer.status, &answer.json()["details"]), (422, &details), "{body}");
    }
    let answer = app.post(&ship, treatment);
    assert_eq!((answer.status, &answer.json()["data"]["status"]), (200, &json!("stopped")));
    assert_eq!(app.get(&flag_path(1)).json()["data"]["default_value"], "new");
}

#[test]
fn what_runs_is_deleted_only_after_a_stop() {
    let app = App::with_draft();
    let (flag, experiment) = (flag_path(1), experiment_path(1, 1));
    let stopped = |app: &App| app.engine.stop(experiment_id(1)).unwrap();
    app.engine.start(experiment_id(1)).unwrap();
    app.send("DELETE", &experiment, ALL, "").is(
        409,
        &json!({"error": format!("Cannot delete experiment {RUNNING}: it is running")}).to_string(),
    );
    let refused =
        format!("Cannot delete flag \"hero-banner\": experiment {RUNNING} is running on it");
    app.send("DELETE", &flag, ALL, "").is(409, &json!({"error": refused}).to_string());
    let experiment_as_it_was = serde_json::to_string(&stopped(&app)).unwrap();
    let data = |text: &str| format!(r#"{{"data":{text}}}"#);
    app.send("DELETE", &experiment, ALL, "").is(200, &data(&experiment_as_it_was));
    app.send("DELETE", &experiment, ALL, "").is(404, r#"{"error":"Not found"}"#);
    let flag_as_it_was = app.get(&flag).text;
    app.send("DELETE", &flag, ALL, "").is(200, &flag_as_it_was);
    app.get("/api/v1/flags").is(200, r#"{"data":[]}"#);
}
