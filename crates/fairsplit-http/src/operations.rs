//! For operation: health, metrics, and the description of the API.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;

use crate::App;
use crate::extract::Reads;
use crate::failure::Failure;
use crate::schema::{Error, Guarded};

/// Answers as long as the server does.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "health",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// Answers 200 if changes and counts can be stored. Without a directory there is nothing to store.
///
/// A server that is not ready goes on evaluating and counting; only changes are refused, and counts
/// would not survive a loss of power.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready",
    responses(
        (status = 200, description = "They can.", body = String, content_type = "text/plain"),
        (status = 503, description = "The last save or sync of the directory failed; the error names the file.", body = Error)
    )
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    match app.engine.storage_error() {
        None => Ok("ok\n"),
        Some(error) => Err(Failure::NotReady(error.to_string())),
    }
}

/// The format has a version, which scrapers check.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Exposures and conversions by variant, and requests by route, in the text form of `OpenMetrics`.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    responses((status = 200, description = "All of them.", body = String, content_type = "application/openmetrics-text"), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn metrics(_: Reads, State(app): State<App>) -> Response {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &app.metrics);
    ([(CONTENT_TYPE, METRICS)], text).into_response()
}

/// This description.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "describe",
    responses((status = 200, description = "`OpenAPI` 3.1.", body = Object))
)]
pub(crate) async fn describe(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.description.clone())
}
