//! Responses: from a value to bytes.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::failure::Failure;

/// `{"data": ...}` with 200.
pub(crate) fn data(data: impl Serialize) -> Response {
    json(StatusCode::OK, &Data { data })
}

/// `{"data": ...}` with 201.
pub(crate) fn created(data: impl Serialize) -> Response {
    json(StatusCode::CREATED, &Data { data })
}

/// A response of JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, [(CONTENT_TYPE, "application/json")], bytes).into_response(),
        // Only a map with keys that are not strings fails, and no response has one.
        Err(_) => Failure::Internal.into_response(),
    }
}

/// The envelope of the API.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}
