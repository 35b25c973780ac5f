//! A page for people: what an operator would otherwise read as JSON, and do with curl.
//!
//! One answer holds all of it, and it asks for nothing but the API beside it. Its policy lets the
//! browser run that one script and nothing else, whatever a flag may be called.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use axum::http::{Response, StatusCode};

use super::answer::response;
use super::auth::{hex, random};
use super::failure::Failure;

const HTML: &str = "text/html; charset=utf-8";

const MARKUP: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page, with a nonce of its own.
pub(super) fn page() -> Result<Response<Body>, Failure> {
    // A number that the page was made with, and that nobody could know before.
    let nonce = hex(&random::<16>().map_err(|_| Failure::Internal)?);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|_| Failure::Internal)?;
    let body = MARKUP
        .replace("{{nonce}}", &nonce)
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT);
    let mut response = response(StatusCode::OK, HTML, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}
