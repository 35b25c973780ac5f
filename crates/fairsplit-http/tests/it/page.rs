//! The page for people: one answer that needs nothing else, under a policy that lets nothing else
//! run.

use axum::body::Body;
use axum::http::Request;
use fairsplit::Engine;
use fairsplit_http::{Auth, RouterBuilder};

use crate::app::{Answer, call};

fn page(builder: RouterBuilder) -> Answer {
    call(&builder.build(), Request::get("/").body(Body::empty()).unwrap())
}

fn asked_for() -> Answer {
    page(RouterBuilder::new(Engine::new(), Auth::new()).page())
}

/// The nonce that the policy allows, and nothing else that could run.
#[track_caller]
fn nonce(answer: &Answer) -> &str {
    let policy = answer.header("content-security-policy").unwrap();
    let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
    nonce
}

#[test]
fn loading_the_page_needs_no_token_and_gives_a_nonce_of_its_own() {
    let answers = [asked_for(), asked_for()];
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        let nonce = nonce(answer);
        assert_eq!(nonce.len(), 32);
        let tags = ["<style", "<script"].map(|tag| format!("{tag} nonce=\"{nonce}\">"));
        assert!(tags.iter().all(|tag| answer.text.matches(tag).count() == 1));
    }
    assert_ne!(nonce(&answers[0]), nonce(&answers[1]));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_has_no_code_in_its_markup() {
    let text = asked_for().text;
    for foreign in ["http:", "https:", "//cdn", "@import", "url(", "src=", "{{"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    let (markup, script) = text.split_once("<script").unwrap();
    for inline in [" onclick", " onload", " onsubmit", "javascript:", " style=\""] {
        assert!(!markup.contains(inline), "{inline}");
    }
    // What the server says is text wherever it is put.
    for unsafe_call in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(unsafe_call), "{unsafe_call}");
    }
    for store in ["localStorage", "sessionStorage", "indexedDB", "document.cookie"] {
        assert!(!script.contains(store), "{store}");
    }
}

#[test]
fn a_service_keeps_its_own_front_page() {
    let router = fairsplit_http::router(Engine::new(), Auth::new());
    let app = axum::Router::new().route("/", axum::routing::get(|| async { "mine" })).merge(router);
    let answer = call(&app, Request::get("/").body(Body::empty()).unwrap());
    assert_eq!(answer.text, "mine");
}
