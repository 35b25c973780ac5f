//! What Prometheus scrapes.

use axum::http::header::CONTENT_TYPE;
use fairsplit::{NewExperiment, NewFlag, Status};

use crate::app::{ALL, App, READ, WRITE, experiment_path, flag_path};
use crate::common::{experiment_id, flag_id};

#[test]
fn a_scrape_has_the_counts_of_the_engine_and_the_requests_by_route() {
    let app = App::new();
    app.engine.create_flag(NewFlag::new("a \"b\"\\\n", "old").id(flag_id(1))).unwrap();
    let new = NewExperiment::new("n", "production")
        .id(experiment_id(1))
        .variant("all", 1, 100)
        .variant("none", 2, 0)
        .status(Status::Running);
    app.engine.create_experiment(flag_id(1), new).unwrap();
    let body = r#"{"environment": "production", "user_key": "anna"}"#;
    for _ in 0..3 {
        app.send("POST", &format!("{}/evaluate", flag_path(1)), READ, body).data();
    }
    app.send("POST", &format!("{}/track", flag_path(1)), WRITE, body).data();
    app.get(&experiment_path(1, 2));
    app.send("GET", "/api/v1/flags", "nobody", "");
    app.send("DELETE", "/api/v1/flags", ALL, "");
    app.get("/api/v1/nothing");

    let answer = app.get("/metrics");
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers[CONTENT_TYPE], kind);
    let of =
        format!(r#"flag="a \"b\"\\\n",environment="production",experiment="{}""#, experiment_id(1));
    // The rest of an engine's metrics is tested in fairsplit-prometheus.
    assert!(
        answer.text.contains(&format!("fairsplit_exposures_total{{{of},variant=\"all\"}} 3\n"))
    );
    let lines = answer.text.lines().filter(|line| line.contains("fairsplit_http_requests"));
    let mut requests: Vec<&str> = lines.collect();
    // Series are in no order.
    requests[2..].sort_unstable();
    assert_eq!(
        requests.join("\n"),
        r#"# HELP fairsplit_http_requests Requests by route and status; 499 is a client that did not wait for its answer.
# TYPE fairsplit_http_requests counter
fairsplit_http_requests_total{method="",route="",status="404"} 1
fairsplit_http_requests_total{method="",route="",status="405"} 1
fairsplit_http_requests_total{method="GET",route="/api/v1/flags",status="401"} 1
fairsplit_http_requests_total{method="GET",route="/api/v1/flags/{flag_id}/experiments/{experiment_id}",status="404"} 1
fairsplit_http_requests_total{method="POST",route="/api/v1/flags/{flag_id}/evaluate",status="200"} 3
fairsplit_http_requests_total{method="POST",route="/api/v1/flags/{flag_id}/track",status="200"} 1"#
    );
}

#[test]
fn a_scrape_has_the_evaluations_of_requests_by_reason() {
    let app = App::new();
    for number in [1, 2] {
        let key = format!("flag-{number}");
        app.engine.create_flag(NewFlag::new(key, "old").id(flag_id(number))).unwrap();
    }
    let new = NewExperiment::new("n", "production").variant("all", 1, 100);
    app.engine.create_experiment(flag_id(1), new.status(Status::Running)).unwrap();
    let body = r#"{"environment": "production", "user_key": "anna"}"#;
    app.send("POST", &format!("{}/evaluate", flag_path(1)), READ, body).data();
    let peek = r#"{"environment": "production", "user_key": "anna", "count": false}"#;
    app.send("POST", &format!("{}/evaluate", flag_path(1)), READ, peek).data();
    app.send("POST", "/api/v1/evaluate", READ, body).data();
    let refused = r#"{"user_key": "anna"}"#;
    app.send("POST", "/api/v1/evaluate", READ, refused);

    let text = app.get("/metrics").text;
    let counts: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.starts_with("fairsplit_http_evaluations_total") && !line.ends_with(" 0")
        })
        .collect();
    assert_eq!(
        counts,
        [
            r#"fairsplit_http_evaluations_total{reason="split"} 3"#,
            r#"fairsplit_http_evaluations_total{reason="not_running"} 1"#,
        ]
    );
    assert_eq!(text.matches("fairsplit_http_evaluations_total{").count(), 13);
}
