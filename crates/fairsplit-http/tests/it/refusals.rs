//! Every way to be refused, word for word.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use fairsplit::NewFlag;
use fairsplit_http::{Limits, RouterBuilder};
use serde_json::json;

use crate::app::{ALL, App, READ, auth, call, experiment_path, flag_path, request};
use crate::common::flag_id;

const NOT_FOUND: &str = r#"{"error":"Not found"}"#;

#[test]
fn a_path_that_names_nothing_answers_404() {
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
fn a_body_that_is_not_json_answers_400_with_line_and_column() {
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
            told("The body is invalid JSON at line 2, column 11: expected value")
        );
        assert_eq!(
            error(path, ""),
            told("The body is invalid JSON at line 1, column 0: EOF while parsing a value")
        );
        assert_eq!(
            error(path, "{} {}"),
            told("The body is invalid JSON at line 1, column 4: trailing characters")
        );
        assert_eq!(
            error(path, &"[".repeat(10_000)),
            told("The body is invalid JSON at line 1, column 128: recursion limit exceeded")
        );
        assert_eq!(error(path, "[]"), told("The body must be an object, found an array"));
        assert_eq!(error(path, "null"), told("The body must be an object, found null"));
        assert_eq!(error(path, "1"), told("The body must be an object, found 1"));
    }
    let mut broken = request("POST", "/api/v1/flags", ALL, "");
    *broken.body_mut() = Body::from(&b"{\n\"\xff\""[..]);
    app.call(broken).is(
        400,
        r#"{"error":"The body is not UTF-8: invalid utf-8 sequence of 1 bytes from index 3"}"#,
    );
}

#[test]
fn a_body_with_faults_answers_422_with_all_of_them_by_path() {
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
            "user_key": ["invalid type: integer `1`, expected a string"],
            "flags[1]": ["invalid type: integer `2`, expected a string"],
            "count": ["invalid type: string \"yes\", expected a boolean"],
            "x": ["is not a known field"]
        })
    );
    assert_eq!(
        invalid(&format!("{}/track", flag_path(1)), json!({"user_key": null})),
        json!({
            "environment": ["is required"],
            "user_key": ["invalid type: null, expected a string"]
        })
    );
    assert_eq!(
        invalid(
            "/api/v1/evaluate",
            json!({"environment": " ", "user_key": "", "flags": ["a", "b", "a"]})
        ),
        json!({
            "environment": ["must not be blank"],
            "flags[2]": ["must be unique, but \"a\" is also at flags[0]"]
        })
    );
    let evaluate = format!("{}/evaluate", flag_path(1));
    assert_eq!(
        invalid(&evaluate, json!({"environment": "e", "user_key": "u", "flags": []})),
        json!({"flags": ["is not a known field"]})
    );
    let twice = app.post(&evaluate, r#"{"environment": "e", "user_key": "a", "user_key": "b"}"#);
    let details = twice.json()["details"][""][0].to_string();
    assert!(details.contains("duplicate field `user_key`"), "{details}");
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
    let many = json!({"environment": "e", "user_key": "u", "flags": vec!["a"; 1501]});
    let many = app.post("/api/v1/evaluate", &many.to_string());
    assert_eq!(many.json()["details"].as_object().unwrap().len(), 1000);
    assert_eq!(many.json()["omitted"], 500);
}

#[test]
fn an_experiment_that_comes_back_changed_answers_422_with_the_change() {
    let app = App::with_draft();
    app.engine.replace(r#"{"flags": [{"id": "00000000-0000-0000-0000-000000000001", "key": "hero-banner", "default_value": 1}]}"#).unwrap();
    let body = json!({"id": "00000000-0000-0000-0000-000000000001", "name": "n", "environment": "staging",
        "variants": [{"key": "a", "value": 1, "percentage": 100}]});
    let answer = app.post(&format!("{}/experiments", flag_path(1)), &body.to_string());
    assert_eq!(answer.status, 422);
    let details = answer.json()["details"].clone();
    assert!(details["environment"].is_array() && details["variants"].is_array());
}

#[test]
fn a_body_of_another_media_type_answers_415() {
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
#[derive(Default)]
struct Slow {
    given: Option<Bytes>,
    /// As a server has it from the head of the request.
    length: Option<u64>,
}

impl Slow {
    fn giving(given: impl Into<Bytes>) -> Body {
        Body::new(Slow { given: Some(given.into()), ..Slow::default() })
    }
}

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        match self.given.take() {
            Some(bytes) => Poll::Ready(Some(Ok(http_body::Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.length.map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}

#[test]
fn a_body_over_the_limit_answers_413_with_or_without_its_length() {
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
    *said.body_mut() = Body::new(Slow { length: Some(101), ..Slow::default() });
    app.call(said).is(413, refused);
    let mut streamed = request("POST", "/api/v1/flags", ALL, "");
    *streamed.body_mut() = Slow::giving(over);
    app.call(streamed).is(413, refused);
}

#[test]
fn a_body_that_stalls_answers_408_and_frees_its_place() {
    let app = App::limited(Limits::default().time(Duration::from_millis(50)).requests(1));
    let slow = || {
        let mut slow = request("POST", "/api/v1/flags", ALL, "");
        *slow.body_mut() = Slow::giving("{");
        slow
    };
    app.call(slow()).is(408, r#"{"error":"The request took too long to arrive"}"#);
    // The place that it held is free again.
    assert_eq!(app.get("/api/v1/flags").status, 200);
}

#[test]
fn a_request_beyond_the_limit_answers_503_with_retry_after() {
    let app = App::limited(Limits::default().requests(0));
    let answer = app.get("/api/v1/flags");
    answer.is(503, r#"{"error":"Too many requests at once","retry_after":1}"#);
    assert_eq!(answer.header("retry-after"), Some("1"));
    // A request without a token learns nothing of it, and uses nothing up.
    assert_eq!(app.send("GET", "/api/v1/flags", "nobody", "").status, 401);
    assert_eq!(app.get("/healthz").status, 200);
}

/// Stands for whatever might panic one day: a clock is the one thing of the user's that is called.
#[derive(Debug)]
struct Broken;

impl fairsplit::clock::Clock for Broken {
    fn now(&self) -> fairsplit::Timestamp {
        panic!("a secret of the service")
    }
}

#[test]
fn a_panic_answers_500_and_the_next_request_is_answered() {
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

#[test]
fn a_request_without_its_token_is_refused_before_its_ids_and_body_are_read() {
    let app = App::with_draft();
    for token in ["nobody", READ] {
        let mut endless = request("POST", &format!("{}/experiments", flag_path(9)), token, "");
        endless.headers_mut().remove(CONTENT_TYPE);
        *endless.body_mut() = Body::new(Slow::default());
        assert_eq!(app.call(endless).status, if token == READ { 403 } else { 401 });
    }
}

#[test]
fn an_answer_is_neither_cached_nor_sniffed() {
    let app = App::with_draft();
    for path in ["/api/v1/flags", "/api/v1/nothing", "/healthz", "/api/v1/openapi.json"] {
        assert_eq!(app.get(path).header("cache-control"), Some("no-store"));
        assert_eq!(app.get(path).header("x-content-type-options"), Some("nosniff"));
    }
}
