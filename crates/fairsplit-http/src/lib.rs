//! The Experiments API of [`fairsplit`] over HTTP, for operators, dashboards and scripts outside of
//! the process.
//!
//! [`router`] is an [`axum::Router`] over an engine that the service goes on evaluating with in
//! process. Merge it into the service's own router, or serve it alone: the crate `fairsplit-server`
//! is a program that does.
//!
//! ```
//! use axum::extract::State;
//! use axum::routing::get;
//! use fairsplit::{Engine, Environment, Error};
//! use fairsplit_http::{Auth, Scope};
//!
//! async fn home(State(production): State<Environment>) -> String {
//!     production.evaluate("hero-banner", "user-1").str_or("old").to_owned()
//! }
//!
//! fn app(engine: Engine) -> Result<axum::Router, Error> {
//!     // From a secret store: with this token, experiments can be read and changed.
//!     let auth = Auth::new().token("fs_...", [Scope::FlagsRead, Scope::FlagsWrite]);
//!     Ok(axum::Router::new()
//!         .route("/", get(home))
//!         .with_state(engine.environment("production")?)
//!         .merge(fairsplit_http::router(engine, auth)))
//! }
//! # let _ = app(Engine::new()).unwrap();
//! ```
//!
//! # Endpoints
//!
//! | | | scope |
//! |---|---|---|
//! | GET, POST | `/api/v1/flags` | `flags:read`, `flags:write` |
//! | GET; PATCH, DELETE | `/api/v1/flags/{flag_id}` | `flags:read`; `flags:write` |
//! | GET, POST | `/api/v1/flags/{flag_id}/experiments` | `flags:read`, `flags:write` |
//! | GET; PATCH, DELETE | `/api/v1/flags/{flag_id}/experiments/{experiment_id}` | `flags:read`; `flags:write` |
//! | POST | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/start`, `/stop`, `/ship` | `flags:write` |
//! | POST | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/archive`, `/unarchive` | `flags:write` |
//! | POST | `/api/v1/flags/{flag_id}/archive`, `/unarchive` | `flags:write` |
//! | GET | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/results` | `flags:read` |
//! | GET; PUT, PATCH | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/targeting` | `flags:read`; `flags:write` |
//! | GET, POST | `/api/v1/flags/{flag_id}/rules` | `flags:read`, `flags:write` |
//! | GET; PUT, DELETE | `/api/v1/flags/{flag_id}/rules/{rule_id}` | `flags:read`; `flags:write` |
//! | GET, POST | `/api/v1/segments`, `/api/v1/layers`, `/api/v1/holdouts` | `flags:read`, `flags:write` |
//! | GET; PUT, DELETE | `/api/v1/segments/{segment_id}`, `/api/v1/layers/{layer_id}`, `/api/v1/holdouts/{holdout_id}` | `flags:read`; `flags:write` |
//! | GET, POST | `/api/v1/goals` | `flags:read`, `flags:write` |
//! | GET; PUT, DELETE | `/api/v1/goals/{goal_key}` | `flags:read`; `flags:write` |
//! | GET; PUT | `/api/v1/flags/{flag_id}/experiments/{experiment_id}/goals` | `flags:read`; `flags:write` |
//! | GET | `/api/v1/changes`, `/api/v1/flags/{flag_id}/changes` | `flags:read` |
//! | POST | `/api/v1/evaluate`, `/api/v1/flags/{flag_id}/evaluate`, `/explain` | `flags:read` |
//! | POST | `/api/v1/track`, `/api/v1/flags/{flag_id}/track` | `flags:write` |
//! | GET | `/api/v1/openapi.json`, `/healthz`, `/readyz` | none |
//! | GET | `/metrics` | `flags:read` |
//!
//! [`RouterBuilder::page`] adds a page for people at `/`, which uses them.
//!
//! `/api/v1/openapi.json` describes them, bodies and answers included, as `OpenAPI` 3.1.
//! [`RouterBuilder::only_api`] leaves out `/healthz`, `/readyz` and `/metrics`, for a service that
//! has its own.
//!
//! # Answers
//!
//! A success is `{"data": ...}` with 200, or 201 for a creation. A refusal changes nothing, and is
//! `{"error": "..."}` with
//!
//! * 400 for a body that is not JSON, with line and column, or not an object;
//! * 401 without a known token, 403 without the scope;
//! * 404 for an unknown id, an id that is not a UUID, and an experiment or a rule of another flag;
//! * 409 for an operation that the state forbids, naming the state;
//! * 422 for a body or a query that breaks rules; `details` has all of them:
//!   `{"variants[1].percentage": ["..."]}`;
//! * 503 at `/readyz` while the engine's directory cannot store, with the reason;
//! * 405, 408, 413, 415 and 503 for the wrong method, a slow body, a large one, one that is not
//!   `application/json`, and too many requests at once (with `retry_after`, in seconds).
//!
//! `GET .../results` returns `{"experiment", "status", "counts", "goals", "results"}`: the events
//! that were counted since the last start and ever, those of each [goal](fairsplit::goals) if there
//! are any, and [`fairsplit::results::Results`] as it serialises.
//!
//! `POST /api/v1/track` counts a goal for every experiment that has it. With an `event_id`, a retry
//! is not counted again, as long as it is among the newest 100,000 events of this process.
//!
//! `PUT` of a segment returns `reaches` beside `data`: the running experiments whose users can be
//! others from now on. The operator `matches` is a fault unless the service switches on the feature
//! `regex` of [`fairsplit`].
//!
//! # Changes
//!
//! A change over HTTP is recorded with the name of its token: the comment of the token's line, or
//! the name given in code, see [`Auth`]. `GET /api/v1/changes` returns the changes that the engine
//! keeps, the newest first, each [as it serialises](fairsplit::changes::Change); an engine in
//! memory keeps none. `limit` sets the most to return (100, at most 1000), and `before` a version:
//! the last one of a page, for the next.
//!
//! # Cost
//!
//! A request waits only for its body, and a change for the changes before it. Requests are counted
//! in atomics; exposures and conversions only by the engine. A page of changes reads all that are
//! kept.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![doc(test(attr(deny(warnings))))]

mod answer;
mod archiving;
mod auth;
mod body;
mod changes;
mod ending;
mod evaluate;
mod event_ids;
mod experiments;
mod extract;
mod failure;
mod flags;
mod goals;
mod holdouts;
mod layers;
mod limits;
mod operations;
mod page;
mod requests;
mod rules;
mod schema;
mod schema_of_changes;
mod schema_of_evaluations;
mod schema_of_explanations;
mod schema_of_goals;
mod schema_of_targeting;
mod segments;
mod targeting;
mod tracking;

use std::ops::Deref;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use fairsplit::Engine;
use fairsplit_prometheus::{EngineCollector, ReasonCounts};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::event_ids::EventIds;
use crate::failure::Failure;
use crate::requests::{Requests, Unrouted};

pub use crate::auth::{Auth, NewToken, Scope, ScopeError, TokenFault, TokensError};
pub use crate::limits::Limits;

/// Tests the README's examples along with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// The router of the API, `/healthz`, `/readyz` and `/metrics`, over this engine, for these tokens,
/// with the default [`Limits`].
///
/// Merge it into a service's own router, or nest it there. It answers every path below `/api/v1`
/// for which the service has no route. The runtime needs timers (`enable_time`), which
/// `tokio::main` enables.
pub fn router(engine: Engine, auth: Auth) -> axum::Router {
    RouterBuilder::new(engine, auth).build()
}

/// Options for a [`router`].
///
/// # Examples
///
/// ```
/// use fairsplit::Engine;
/// use fairsplit_http::{Auth, Limits, RouterBuilder};
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

/// What all requests share.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    engine: Engine,
    auth: Auth,
    limits: Limits,
    /// One permit for each request at once.
    places: Arc<Semaphore>,
    metrics: Registry,
    /// The reasons of all evaluations.
    reasons: ReasonCounts,
    /// The ids of events that have been counted.
    events: EventIds,
    /// The description of the API, as JSON.
    description: Bytes,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the description of the API has besides its operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "fairsplit",
        description = "A/B experiments on feature flags. A request that is refused changes nothing.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    // Those that responses are derived from are not collected from the operations.
    components(schemas(schema::Error, schema::Invalid)),
    servers((url = "/"))
)]
struct Description;

impl RouterBuilder {
    /// The options of [`router`]: default limits, `/healthz`, `/readyz` and `/metrics`, and no
    /// page.
    pub fn new(engine: Engine, auth: Auth) -> RouterBuilder {
        RouterBuilder {
            engine,
            auth,
            limits: Limits::default(),
            has_operations: true,
            has_page: false,
        }
    }

    /// Sets the limits.
    pub fn limits(self, limits: Limits) -> RouterBuilder {
        RouterBuilder { limits, ..self }
    }

    /// Leaves out `/healthz`, `/readyz` and `/metrics`.
    pub fn only_api(self) -> RouterBuilder {
        RouterBuilder { has_operations: false, ..self }
    }

    /// Adds a page at `/` for operators: flags, experiments and counts, with forms and buttons for
    /// every operation. It asks for a token, and keeps it in memory only. Off by default, since a
    /// service usually has its own page at `/`.
    pub fn page(self) -> RouterBuilder {
        RouterBuilder { has_page: true, ..self }
    }

    /// Makes the router.
    pub fn build(self) -> axum::Router {
        let (mut router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
            .merge(api())
            .merge(if self.has_operations { operations() } else { OpenApiRouter::new() })
            .split_for_parts();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token with the scope flags:read, flags:write, or both."));
        description
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(token.build()));
        if self.has_page {
            router = router.route("/", get(page::page));
        }
        // Routes, not a fallback: the service may have its own fallback, and two cannot be merged.
        for path in ["/api/v1", "/api/v1/", "/api/v1/{*rest}"] {
            router = router.route(path, any(async || (Extension(Unrouted), Failure::NotFound)));
        }
        let requests = Requests::default();
        let mut metrics = Registry::default();
        metrics.register(requests::NAME, requests::HELP, requests.clone());
        let reasons = ReasonCounts::new();
        metrics.register(requests::EVALUATIONS, requests::EVALUATIONS_HELP, reasons.clone());
        metrics.register_collector(Box::new(EngineCollector::new(&self.engine)));
        let app = App(Arc::new(Shared {
            places: Arc::new(Semaphore::new(self.limits.requests.min(Semaphore::MAX_PERMITS))),
            description: serde_json::to_vec(&description).unwrap_or_default().into(),
            engine: self.engine,
            auth: self.auth,
            limits: self.limits,
            metrics,
            reasons,
            events: EventIds::default(),
        }));
        let header = |name, value| {
            SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
        };
        router
            .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
            .with_state(app)
            .layer(DefaultBodyLimit::max(self.limits.body))
            // Handlers wait only for a body.
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, self.limits.time))
            .layer(map_response(timed_out))
            // The client gets no detail of a panic; its message goes where the service's panics go.
            .layer(CatchPanicLayer::custom(|_| Failure::Internal.into_response()))
            .layer(from_fn_with_state(requests, requests::count))
            .layer(header(CACHE_CONTROL, "no-store"))
            .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
    }
}

/// The routes of the API, with their descriptions.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(flags::list_flags, flags::create_flag))
        .routes(routes!(flags::get_flag, flags::change_flag, ending::delete_flag))
        .routes(routes!(experiments::list_experiments, experiments::create_experiment))
        .routes(routes!(
            experiments::get_experiment,
            experiments::change_experiment,
            ending::delete_experiment
        ))
        .routes(routes!(experiments::start_experiment))
        .routes(routes!(experiments::stop_experiment))
        .routes(routes!(ending::ship_variant))
        .routes(routes!(archiving::archive_flag))
        .routes(routes!(archiving::unarchive_flag))
        .routes(routes!(archiving::archive_experiment))
        .routes(routes!(archiving::unarchive_experiment))
        .routes(routes!(experiments::get_results))
        .routes(routes!(
            targeting::get_targeting,
            targeting::set_targeting,
            targeting::raise_coverage
        ))
        .routes(routes!(rules::list_rules, rules::create_rule))
        .routes(routes!(rules::get_rule, rules::change_rule, rules::delete_rule))
        .routes(routes!(segments::list_segments, segments::create_segment))
        .routes(routes!(segments::get_segment, segments::change_segment, segments::delete_segment))
        .routes(routes!(layers::list_layers, layers::create_layer))
        .routes(routes!(layers::get_layer, layers::change_layer, layers::delete_layer))
        .routes(routes!(holdouts::list_holdouts, holdouts::create_holdout))
        .routes(routes!(holdouts::get_holdout, holdouts::change_holdout, holdouts::delete_holdout))
        .routes(routes!(goals::list_goals, goals::create_goal))
        .routes(routes!(goals::get_goal, goals::change_goal, goals::delete_goal))
        .routes(routes!(goals::get_goals, goals::set_goals))
        .routes(routes!(tracking::track_goal))
        .routes(routes!(changes::list_changes))
        .routes(routes!(changes::list_changes_of_flag))
        .routes(routes!(evaluate::evaluate_all))
        .routes(routes!(evaluate::evaluate))
        .routes(routes!(evaluate::track))
        .routes(routes!(evaluate::explain))
        .routes(routes!(operations::describe))
}

/// The routes for operation.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(operations::health))
        .routes(routes!(operations::ready))
        .routes(routes!(operations::metrics))
}

/// The timeout layer answers without a body.
async fn timed_out(response: Response) -> Response {
    let is_bare = !response.headers().contains_key(CONTENT_TYPE);
    if response.status() == StatusCode::REQUEST_TIMEOUT && is_bare {
        return Failure::TimedOut.into_response();
    }
    response
}
