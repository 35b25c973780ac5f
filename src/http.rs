//! The Experiments API over HTTP, for operators, dashboards and scripts outside of the process:
//! feature `http`.
//!
//! [`router`] is an [`axum::Router`] over an engine that the service goes on evaluating with in
//! process. It can be merged into the service's own, or served by the binary of this crate (feature
//! `server`).
//!
//! ```
//! use axum::extract::State;
//! use axum::routing::get;
//! use fairsplit::http::{Auth, Scope};
//! use fairsplit::{Engine, Environment};
//!
//! async fn home(State(engine): State<Engine>) -> String {
//!     let production = Environment::new("production").expect("it is not blank");
//!     engine.evaluate(&production, "hero-banner", "user-1").str_or("old").to_owned()
//! }
//!
//! fn app(engine: Engine) -> axum::Router {
//!     // From a secret store: this is who may look, and change things.
//!     let auth = Auth::new().token("fs_...", [Scope::FlagsRead, Scope::FlagsWrite]);
//!     axum::Router::new()
//!         .route("/", get(home))
//!         .with_state(engine.clone())
//!         .merge(fairsplit::http::router(engine, auth))
//! }
//! # let _ = app(Engine::new());
//! ```
//!
//! # Endpoints
//!
//! | | | scope |
//! |---|---|---|
//! | GET, POST | `/api/v1/flags` | `flags:read`, `flags:write` |
//! | GET, PATCH | `/api/v1/flags/{flag_id}` | `flags:read`, `flags:write` |
//! | GET, POST | `/api/v1/flags/{flag_id}/experiments` | `flags:read`, `flags:write` |
//! | GET | `/api/v1/flags/{flag_id}/experiments/{experiment_id}` | `flags:read` |
//! | POST | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/start`, `/stop` | `flags:write` |
//! | GET | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/results` | `flags:read` |
//! | POST | `/api/v1/evaluate`, `/api/v1/flags/{flag_id}/evaluate` | `flags:read` |
//! | POST | `/api/v1/flags/{flag_id}/track` | `flags:write` |
//! | GET | `/api/v1/openapi.json`, `/healthz` | none |
//! | GET | `/metrics` | `flags:read` |
//!
//! [`RouterBuilder::page`] adds a page for people at `/`, which uses them.
//!
//! `/api/v1/openapi.json` describes them, bodies and answers included, as `OpenAPI` 3.1.
//! [`RouterBuilder::only_api`] leaves out `/healthz` and `/metrics`, for a service that has its own.
//!
//! # Answers
//!
//! `{"data": ...}` with 200, or 201 for what was created. A refusal changes nothing, and is
//! `{"error": "..."}` with
//!
//! * 400 for a body that is no JSON, with line and column, or no object;
//! * 401 without a token that is known, 403 without the scope;
//! * 404 for what is not there, an id that is no UUID, and an experiment of another flag;
//! * 409 for what the state forbids, naming the state;
//! * 422 for a body that breaks rules; `details` has all of them: `{"variants[1].percentage": ["..."]}`;
//! * 405, 408, 413, 415 and 503 for the wrong method, a slow body, a large one, one that is not
//!   `application/json`, and too many requests at once (with `retry_after`, in seconds).
//!
//! # Cost
//!
//! A request is answered without waiting for anything but its body, and changes for each other.
//! Requests are counted in atomics; exposures and conversions only by the engine.

mod answer;
mod auth;
mod body;
mod endpoint;
mod evaluate;
mod experiments;
mod failure;
mod flags;
mod limits;
mod openapi;
mod operations;
mod page;
mod requests;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::routing::{MethodFilter, MethodRouter, any, get};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::engine::Engine;

use self::endpoint::{Endpoint, Shared, Verb};
use self::failure::Failure;
use self::requests::Requests;

pub use self::auth::{Auth, NewToken, Scope, ScopeError, TokenFault, TokensError};
pub use self::limits::Limits;

/// The API, and `/healthz` and `/metrics`, over this engine, for whoever has one of these tokens;
/// with the default [`Limits`].
///
/// Merge it into a service's own router, or nest it there. All that is below `/api/v1` is answered here,
/// unless the service has a route for it.
/// The runtime needs its timers (`enable_time`), as those that `tokio::main` makes have.
pub fn router(engine: Engine, auth: Auth) -> axum::Router {
    RouterBuilder::new(engine, auth).build()
}

/// A [`router`] with choices.
///
/// # Examples
///
/// ```
/// use fairsplit::Engine;
/// use fairsplit::http::{Auth, Limits, RouterBuilder};
///
/// let router = RouterBuilder::new(Engine::new(), Auth::new())
///     .limits(Limits::default().body(64 * 1024))
///     .only_api()
///     .build();
/// # let _: axum::Router = router;
/// ```
#[derive(Debug)]
#[must_use = "it answers nothing until it is built and served"]
pub struct RouterBuilder {
    engine: Engine,
    auth: Auth,
    limits: Limits,
    has_operations: bool,
    has_page: bool,
}

impl RouterBuilder {
    /// As [`router`], until something else is chosen.
    pub fn new(engine: Engine, auth: Auth) -> RouterBuilder {
        RouterBuilder {
            engine,
            auth,
            limits: Limits::default(),
            has_operations: true,
            has_page: false,
        }
    }

    /// Other limits.
    pub fn limits(self, limits: Limits) -> RouterBuilder {
        RouterBuilder { limits, ..self }
    }

    /// Without `/healthz` and `/metrics`.
    pub fn only_api(self) -> RouterBuilder {
        RouterBuilder { has_operations: false, ..self }
    }

    /// With a page at `/` where an operator looks: flags and experiments, what they have counted, and
    /// forms and buttons for what can be done. It asks for a token, and keeps it in memory only. Not
    /// there unless it is asked for, since a service has a page of its own at `/`.
    pub fn page(self) -> RouterBuilder {
        RouterBuilder { has_page: true, ..self }
    }

    /// The router to serve.
    pub fn build(self) -> axum::Router {
        let endpoints = endpoints(self.has_operations);
        let requests = endpoints.iter().map(|it| Requests::new(it.verb.as_str(), it.path));
        let shared = Arc::new(Shared {
            permits: Semaphore::new(self.limits.requests.min(Semaphore::MAX_PERMITS)),
            requests: requests.collect(),
            unrouted: Requests::new("", ""),
            description: openapi::document(&endpoints),
            engine: self.engine,
            auth: self.auth,
            limits: self.limits,
        });
        let mut by_path: BTreeMap<&str, MethodRouter> = BTreeMap::new();
        for (at, endpoint) in endpoints.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let respond = move |request: Request| {
                let shared = Arc::clone(&shared);
                async move { endpoint.respond(at, &shared, request).await }
            };
            let route = by_path.remove(endpoint.path).unwrap_or_default();
            by_path.insert(endpoint.path, route.on(filter(endpoint.verb), respond));
        }
        // What is no endpoint of the API.
        let answer = |answer: fn() -> Result<Response<Body>, Failure>| {
            let shared = Arc::clone(&shared);
            move || {
                let response = answer().unwrap_or_else(Failure::into_response);
                shared.unrouted.begin().end(response.status());
                std::future::ready(response)
            }
        };
        let mut router = axum::Router::new();
        for (path, route) in by_path {
            router = router.route(path, route.fallback(answer(|| Err(Failure::MethodNotAllowed))));
        }
        if self.has_page {
            let refuse = answer(|| Err(Failure::MethodNotAllowed));
            router = router.route("/", get(answer(page::page)).fallback(refuse));
        }
        // Routes, not a fallback: a service has one of its own, and two cannot be merged.
        for path in ["/api/v1", "/api/v1/", "/api/v1/{*rest}"] {
            router = router.route(path, any(answer(|| Err(Failure::NotFound))));
        }
        router.layer(CatchPanicLayer::custom(after_panic))
    }
}

fn endpoints(has_operations: bool) -> Vec<&'static Endpoint> {
    let api = flags::ENDPOINTS
        .iter()
        .chain(&experiments::ENDPOINTS)
        .chain(&evaluate::ENDPOINTS)
        .chain(&openapi::ENDPOINTS);
    let operations = operations::ENDPOINTS.iter().filter(|_| has_operations);
    api.chain(operations).collect()
}

const fn filter(verb: Verb) -> MethodFilter {
    match verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Patch => MethodFilter::PATCH,
    }
}

/// Nothing here panics; should it ever, the client is told no more than that. What the panic said
/// goes where the service has its panics go.
fn after_panic(_: Box<dyn Any + Send>) -> Response<Body> {
    Failure::Internal.into_response()
}
