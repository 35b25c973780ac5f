//! A page for operators: what they would otherwise read as JSON and do with curl.
//!
//! One response contains all of it, and it calls only the API beside it. Its policy lets the
//! browser run that one script and nothing else, whatever the name of a flag contains.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse};
use base16ct::lower;

use crate::auth::random;
use crate::failure::Failure;

const MARKUP: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page, with a new nonce in each response.
pub(crate) async fn page() -> Result<impl IntoResponse, Failure> {
    // Random, so that markup from elsewhere cannot carry it.
    let nonce = lower::encode_string(&random::<16>().map_err(|_| Failure::Internal)?);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let body = MARKUP
        .replace("{{nonce}}", &nonce)
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT);
    let headers = [(CONTENT_SECURITY_POLICY, policy), (REFERRER_POLICY, "no-referrer".to_owned())];
    Ok((headers, Html(body)))
}
