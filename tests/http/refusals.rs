//! Every way to be refused, word for word.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use fairsplit::NewFlag;
use fairsplit::http::{Limits, RouterBuilder};
use serde_json::json;

use crate::app::{ALL, App, READ, auth, call, experiment_path, flag_path, request};
use crate::common::flag_id;

const NOT_FOUND: &str = r#"{"error":"Not found"}"#;

#[test]
fn what_is_not_there_is_not_found() {
    let app = App::with_draft();
    app.engine.create_flag(NewFlag::new("other", 1).id(flag_id(2))).unwrap();
    let of_other = experiment_path(2, 1);
    for (method, path) in [
        ("GET", "/api/v1/flags/hero-banner"),
        ("GET", "/api/v1/flags/%FF"),
        ("GET", "/api/v1/flags/d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7"),
        ("PATCH", flag_path(3).as_str()),
        ("GET", &format!("{}/experiments", flag_path(3))),
        ("POST", &format!("{}/experiments", flag_path(3))),
        ("POST", &format!("{}/evaluate", flag_path(3))),
        ("POST", &format!("{}/track", flag_path(3))),
        ("GET", &experiment_path(1, 2)),
        ("POST", &format!("{}/start", experiment_path(1, 2))),
        ("POST", &format!("{}/start", experiment_path(3, 1))),
        // Of another flag.
        ("GET", &of_other),
        ("GET", &format!("{of_other}/results")),
        ("POST", &format!("{of_other}/start")),
        ("POST", &format!("{of_other}/stop")),
        // No route.
        ("GET", "/api/v1"),
        ("GET", "/api/v1/"),
        ("GET", "/api/v1/flag"),
        ("DELETE", "/api/v1/flags/x/y/z"),
        ("POST", &format!("{}/pause", experiment_path(1, 1))),
    ] {
        let answer = app.send(method, path, ALL, "{}");
        assert_eq!((answer.status, answer.text.as_str()), (404, NOT_FOUND), "{method} {path}");
    }
    let text = app.get(&format!("{}/experiments", flag_path(1))).text;
    assert!(text.contains(r#""status":"draft""#), "nothing has changed: {text}");
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    let app = App::with_draft();
    let error = |path: &str, body: &str| {
        let answer = app.post(path, body);
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    };
    let experiments = format!("{}/experiments", flag_path(1));
    let evaluate = format!("{}/evaluate", flag_path(1));
    for path in ["/api/v1/flags", "/api/v1/evaluate", &experiments, &evaluate] {
        let told = |text: &str| (400, text.to_owned());
        assert_eq!(
            error(path, "{\n  \"name\": x}"),
            told("The body is no JSON at line 2, column 11: expected value")
        );
        assert_eq!(
            error(path, ""),
            told("The body is no JSON at line 1, column 0: EOF while parsing a value")
        );
        assert_eq!(
            error(path, "{} {}"),
            told("The body is no JSON at line 1, column 4: trailing characters")
        );
        assert_eq!(
            error(path, &"[".repeat(10_000)),
            told("The body is no JSON at line 1, column 128: recursion limit exceeded")
        );
        assert_eq!(error(path, "[]"), told("The body must be an object, found an array"));
        assert_eq!(error(path, "null"), told("The body must be an object, found null"));
        assert_eq!(error(path, "1"), told("The body must be an object, found 1"));
    }
    let mut broken = request("POST", "/api/v1/flags", ALL, "");
    *broken.body_mut() = Body::from(&b"{\n\"\xff\""[..]);
    app.call(broken)
        .is(400, r#"{"error":"The body is no JSON at line 2, column 2: invalid UTF-8"}"#);
}

#[test]
fn every_fault_is_told_at_once_with_its_path() {
    let app = App::with_draft();
    let invalid = |path: &str, body: serde_json::Value| {
        let answer = app.post(path, &body.to_string());
        assert_eq!((answer.status, &answer.json()["error"]), (422, &json!("Validation failed")));
        answer.json()["details"].clone()
    };
    let new = json!({
        "name": " ",
        "status": "paused",
        "": 1,
        "variants": [
            {"key": "a", "value": 1, "percentage": 101},
            {"key": "a", "percentage": -50, "extra": "\u{0}"}
        ]
    });
    assert_eq!(
        invalid(&format!("{}/experiments", flag_path(1)), new),
        json!({
            "environment": ["is required"],
            "name": ["must not be blank"],
            "status": ["must be draft, running, stopped or completed, found \"paused\""],
            "variants": ["percentages must sum to 100, found 51"],
            "variants[0].percentage": ["must be an integer from 0 to 100, found 101"],
            "variants[1].key": ["must be unique, but \"a\" is also at variants[0].key"],
            "variants[1].value": ["is required"],
            "variants[1].percentage": ["must be an integer from 0 to 100, found -50"],
            "variants[1].extra": ["is not a known field"],
            "": ["is not a known field"]
        })
    );
    assert_eq!(
        invalid("/api/v1/flags", json!({"key": "", "name": "x".repeat(256), "id": "1"})),
        json!({
            "id": ["must be a UUID, found \"1\""],
            "default_value": ["is required"],
            "key": ["must not be blank"],
            "name": ["must have at most 255 characters, found 256"]
        })
    );
    assert_eq!(
        invalid(
            "/api/v1/evaluate",
            json!({"environment": "", "user_key": 1, "flags": ["a", 2, "a"], "count": "yes", "x": 1})
        ),
        json!({
            "environment": ["must not be blank"],
            "user_key": ["must be a string, found 1"],
            "flags[1]": ["must be a string, found 2"],
            "flags[2]": ["must be unique, but \"a\" is also at flags[0]"],
            "count": ["must be true or false, found \"yes\""],
            "x": ["is not a known field"]
        })
    );
    assert_eq!(
        invalid(&format!("{}/track", flag_path(1)), json!({"user_key": null})),
        json!({"environment": ["is required"], "user_key": ["must be a string, found null"]})
    );
    // Two faults at one place, and more than are kept.
    let twice = app.post("/api/v1/flags", r#"{"key": "", "key": "b", "default_value": 1}"#);
    assert_eq!(
        twice.json()["details"]["key"],
        json!(["is given more than once", "must not be blank"])
    );
    let fields: Vec<String> = (0..1500).map(|at| format!(r#","f{at}":0"#)).collect();
    let fields = fields.concat();
    let many = app.post("/api/v1/flags", &format!(r#"{{"key": "a", "default_value": 1{fields}}}"#));
    assert_eq!(many.json()["details"].as_object().unwrap().len(), 1000);
    assert_eq!(many.json()["omitted"], 500);
}

#[test]
fn an_experiment_that_comes_back_changed_is_told_what_has_changed() {
    let app = App::with_draft();
    app.engine.reload(r#"{"flags": [{"id": "00000000-0000-0000-0000-000000000001", "key": "hero-banner", "default_value": 1}]}"#).unwrap();
    let body = json!({"id": "00000000-0000-0000-0000-000000000001", "name": "n", "environment": "staging",
        "variants": [{"key": "a", "value": 1, "percentage": 100}]});
    let answer = app.post(&format!("{}/experiments", flag_path(1)), &body.to_string());
    assert_eq!(answer.status, 422);
    let details = answer.json()["details"].clone();
    assert!(details["environment"].is_array() && details["variants"].is_array());
}

#[test]
fn a_body_has_to_say_that_it_is_json() {
    let app = App::new();
    let status = |content_type: Option<&str>| {
        let mut request =
            Request::post("/api/v1/flags").header(AUTHORIZATION, format!("Bearer {ALL}"));
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        app.call(request.body(Body::from("{}")).unwrap())
    };
    for good in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(status(Some(good)).status, 422);
    }
    for other in [None, Some("application/x-www-form-urlencoded"), Some("text/json"), Some("")] {
        status(other).is(415, r#"{"error":"The Content-Type must be application/json"}"#);
    }
}

/// A body that gives what it has, and then waits for ever.
struct Slow(Option<Bytes>);

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(hyper::body::Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let app = App::limited(Limits::default().body(100));
    let body =
        |length: usize| format!(r#"{{"key": "a", "default_value": "{}"}}"#, "x".repeat(length));
    let fits = body(100 - body(0).len());
    assert_eq!(fits.len(), 100);
    assert_eq!(app.post("/api/v1/flags", &fits).status, 201);
    let refused = r#"{"error":"The body must have at most 100 bytes"}"#;
    let over = body(101 - body(0).len());
    app.post("/api/v1/flags", &over).is(413, refused);
    // It says so: nothing of it is waited for.
    let mut said = request("POST", "/api/v1/flags", ALL, "");
    said.headers_mut().insert(CONTENT_LENGTH, "101".parse().unwrap());
    *said.body_mut() = Body::new(Slow(None));
    app.call(said).is(413, refused);
    let mut streamed = request("POST", "/api/v1/flags", ALL, "");
    *streamed.body_mut() = Body::new(Slow(Some(over.into())));
    app.call(streamed).is(413, refused);
}

#[test]
fn a_slow_body_is_given_up_and_does_not_keep_others_out() {
    let app = App::limited(Limits::default().time(Duration::from_millis(50)).requests(1));
    let slow = || {
        let mut slow = request("POST", "/api/v1/flags", ALL, "");
        *slow.body_mut() = Body::new(Slow(Some("{".into())));
        slow
    };
    app.call(slow()).is(408, r#"{"error":"The request took too long to arrive"}"#);
    // The place that it held is free again.
    assert_eq!(app.get("/api/v1/flags").status, 200);
}

#[test]
fn more_requests_than_the_limit_are_told_to_come_back() {
    let app = App::limited(Limits::default().requests(0));
    let answer = app.get("/api/v1/flags");
    answer.is(503, r#"{"error":"Too many requests at once","retry_after":1}"#);
    assert_eq!(answer.header("retry-after"), Some("1"));
    // Whoever has no token learns nothing of it, and uses nothing up.
    assert_eq!(app.send("GET", "/api/v1/flags", "nobody", "").status, 401);
    assert_eq!(app.get("/healthz").status, 200);
}

/// Stands for whatever might panic one day: a clock is the one thing of the user's that is called.
#[derive(Debug)]
struct Broken;

impl fairsplit::Clock for Broken {
    fn now(&self) -> fairsplit::Timestamp {
        panic!("a secret of the service")
    }
}

#[test]
fn a_panic_is_an_answer_and_the_next_request_is_answered() {
    let engine = fairsplit::Engine::with_clock(Broken);
    let limits = Limits::default().requests(1);
    let router = RouterBuilder::new(engine, auth()).limits(limits).build();
    let body = r#"{"key": "a", "default_value": 1}"#;
    for _ in 0..2 {
        call(&router, request("POST", "/api/v1/flags", ALL, body))
            .is(500, r#"{"error":"Internal error"}"#);
    }
    call(&router, request("GET", "/api/v1/flags", ALL, "")).is(200, r#"{"data":[]}"#);
    let metrics = call(&router, request("GET", "/metrics", ALL, "")).text;
    let counted = r#"{method="POST",route="/api/v1/flags",status="500"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
}

/// Nobody without a token makes the server read a body, or learns which flags there are.
#[test]
fn the_token_is_asked_for_first() {
    let app = App::with_draft();
    for token in ["nobody", READ] {
        let mut endless = request("POST", &format!("{}/experiments", flag_path(9)), token, "");
        endless.headers_mut().remove(CONTENT_TYPE);
        *endless.body_mut() = Body::new(Slow(None));
        assert_eq!(app.call(endless).status, if token == READ { 403 } else { 401 });
    }
}

#[test]
fn answers_are_not_kept_and_not_guessed_at() {
    let app = App::with_draft();
    for path in ["/api/v1/flags", "/api/v1/nothing", "/healthz", "/api/v1/openapi.json"] {
        assert_eq!(app.get(path).header("cache-control"), Some("no-store"));
        assert_eq!(app.get(path).header("x-content-type-options"), Some("nosniff"));
    }
}
