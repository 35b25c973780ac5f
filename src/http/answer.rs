//! How an answer is written: the one way from a value to the bytes of a response.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Response, StatusCode};
use serde::Serialize;

pub(super) const JSON: &str = "application/json";

/// A response of JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    if let Ok(bytes) = serde_json::to_vec(value) {
        return response(status, JSON, bytes);
    }
    // Nothing that is written here has a map with keys that are no strings, which is the only way to
    // fail; this keeps the promise if something ever has.
    response(StatusCode::INTERNAL_SERVER_ERROR, JSON, r#"{"error":"Internal error"}"#)
}

/// A response that nobody keeps: what it tells changes with every event.
pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The envelope of the API: `{"data": ...}`.
#[derive(Serialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}
