//! Without tokens, requests must come from this machine, and not from pages of other sites in its
//! browser.
//!
//! A loopback address keeps other machines out. But a page of any site can make the browser on this
//! machine post to it, and if its owner points a name at 127.0.0.1, the page can even read the
//! response. So the requested host must be a name of this machine, and the requesting page must
//! come from this server.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses requests of other sites.
pub(crate) async fn only_from_here(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        return next.run(request).await;
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    let refusal = r#"{"error":"Without tokens, only this machine may ask, by its own name"}"#;
    (StatusCode::FORBIDDEN, json, refusal).into_response()
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(host) = text(HOST) else {
        return false;
    };
    let origin = text(ORIGIN);
    is_loopback(host) && origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

/// Whether this is a name of this machine, with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
