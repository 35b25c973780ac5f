//! A router to ask, without a socket. Every answer is held to the description of the API.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, Response};
use fairsplit::clock::ManualClock;
use fairsplit::goals::NewGoal;
use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, NewHoldout, NewLayer, NewRule, NewSegment, Operator, RuleId,
    SegmentId,
};
use fairsplit::{Engine, NewFlag};
use fairsplit_http::{Auth, Limits, RouterBuilder, Scope};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::common::{engine_at_noon, experiment_id, flag_id};
use crate::described::hold_to_description;

pub(crate) const READ: &str = "a token that reads";
pub(crate) const WRITE: &str = "a token that writes";
/// Both scopes.
pub(crate) const ALL: &str = "a token that does everything";

pub(crate) fn auth() -> Auth {
    Auth::new()
        .token(READ, [Scope::FlagsRead])
        .token(WRITE, [Scope::FlagsWrite])
        .token(ALL, [Scope::FlagsRead, Scope::FlagsWrite])
}

pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    router: axum::Router,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        assert!(matches!(self.status, 200 | 201), "{} {}", self.status, self.text);
        self.json()["data"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, text));
    }
}

/// Refused with these paths.
#[track_caller]
pub(crate) fn is_faulty(answer: &Answer, paths: &[&str]) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let details = answer.json()["details"].clone();
    let found: Vec<&String> = details.as_object().unwrap().keys().collect();
    let mut expected = paths.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{details}");
}

pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

pub(crate) fn call(router: &axum::Router, request: Request<Body>) -> Answer {
    runtime().block_on(async {
        let response = router.clone().oneshot(request).await.unwrap();
        read(response).await
    })
}

pub(crate) async fn read(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8(bytes.into()).unwrap(),
    }
}

pub(crate) fn request(method: &str, path: &str, token: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

impl App {
    /// An engine at noon with no flags.
    pub(crate) fn new() -> App {
        App::with(|builder| builder)
    }

    pub(crate) fn with(choose: impl FnOnce(RouterBuilder) -> RouterBuilder) -> App {
        let (engine, clock) = engine_at_noon();
        let router = choose(RouterBuilder::new(engine.clone(), auth())).build();
        App { engine, clock, router }
    }

    pub(crate) fn limited(limits: Limits) -> App {
        App::with(|builder| builder.limits(limits))
    }

    /// With the flag "hero-banner", whose id is 1, and its experiment 1 as a draft in production.
    pub(crate) fn with_draft() -> App {
        let app = App::new();
        app.engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
        let new = crate::common::banner("production").id(experiment_id(1));
        app.engine.create_experiment("hero-banner", new).unwrap();
        app
    }

    /// As [`with_draft`](App::with_draft), with a rule, a segment, a layer and a holdout, whose ids
    /// are 1.
    pub(crate) fn with_targeting() -> App {
        let app = App::with_draft();
        let engine = &app.engine;
        let is_staff = || Condition::new("email", Operator::EndsWith, "@example.com");
        let segment = NewSegment::new("Staff").id(SegmentId::from_bytes(id(1)));
        engine.create_segment(segment.condition(is_staff())).unwrap();
        let rule = NewRule::new("staging", "new").id(RuleId::from_bytes(id(1)));
        engine.create_rule("hero-banner", rule.condition(is_staff())).unwrap();
        let layer = NewLayer::new("checkout").id(LayerId::from_bytes(id(1)));
        engine.create_layer(layer).unwrap();
        let holdout = NewHoldout::new("2026", 5).id(HoldoutId::from_bytes(id(1)));
        engine.create_holdout(holdout).unwrap();
        engine.create_goal(NewGoal::event("signup")).unwrap();
        app
    }

    pub(crate) fn router(&self) -> &axum::Router {
        &self.router
    }

    #[track_caller]
    pub(crate) fn call(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = call(&self.router, request);
        hold_to_description(&method, &path, &answer);
        answer
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, ALL, "")
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, ALL, body)
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        self.call(request(method, path, token, body))
    }
}

fn id(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}

pub(crate) fn flag_path(number: u128) -> String {
    format!("/api/v1/flags/{}", flag_id(number))
}

pub(crate) fn experiment_path(flag: u128, experiment: u128) -> String {
    format!("{}/experiments/{}", flag_path(flag), experiment_id(experiment))
}
