//! A page for people: what an operator would otherwise read as JSON, and do with curl.
//!
//! One answer holds all of it, and it asks for nothing but the API beside it. Its policy lets the
//! browser run that one script and nothing else, whatever a flag may be called.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use axum::http::{Response, StatusCode};

use super::answer::response;
use super::auth::{hex, random};
use super::endpoint::{Answers, Call, Endpoint, Run, Verb};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 1] = [Endpoint {
    verb: Verb::Get,
    path: "/",
    scope: None,
    run: Run::Bare(page),
    name: "page",
    summary: "A page for people, that asks for a token and keeps it in memory only.",
    answers: Answers::Page,
    can_conflict: false,
}];

pub(super) const HTML: &str = "text/html; charset=utf-8";

const MARKUP: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

fn page(_: &Call<'_>) -> Result<Response<Body>, Failure> {
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
