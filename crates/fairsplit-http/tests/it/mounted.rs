//! The router within a service's own.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use fairsplit::{Engine, NewFlag};
use fairsplit_http::RouterBuilder;

use crate::app::{ALL, auth, call, request};
use crate::common::production;

fn ask(router: &Router, path: &str) -> (u16, String) {
    let answer = call(router, request("GET", path, ALL, ""));
    (answer.status, answer.text)
}

#[test]
fn the_router_merges_with_a_service_that_has_routes_and_a_fallback() {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let production = production(&engine);
    let home = move || {
        let banner = production.evaluate("hero-banner", "anna");
        std::future::ready(banner.str_or("nothing").to_owned())
    };
    let app = Router::new()
        .route("/", get(home))
        .route("/api/v1/mine", get("mine"))
        .fallback(|| std::future::ready("lost"))
        .merge(fairsplit_http::router(engine.clone(), auth()));

    assert_eq!(ask(&app, "/"), (200, "old".to_owned()));
    assert_eq!(ask(&app, "/api/v1/mine"), (200, "mine".to_owned()));
    assert_eq!(ask(&app, "/elsewhere"), (200, "lost".to_owned()));
    assert_eq!(ask(&app, "/api/v1/elsewhere"), (404, r#"{"error":"Not found"}"#.to_owned()));
    // One engine: what is changed from outside is answered inside.
    let id = engine.flag("hero-banner").unwrap().id();
    let change =
        request("PATCH", &format!("/api/v1/flags/{id}"), ALL, r#"{"default_value": "new"}"#);
    assert_eq!(call(&app, change).status, 200);
    assert_eq!(ask(&app, "/"), (200, "new".to_owned()));
}

#[test]
fn the_router_nests_and_leaves_out_what_the_service_has() {
    let api = RouterBuilder::new(Engine::new(), auth()).only_api().build();
    let app = Router::new()
        .route("/healthz", get("mine"))
        .route("/metrics", get("mine"))
        .merge(api.clone())
        .nest("/{tenant}/experiments", api);
    assert_eq!(ask(&app, "/healthz").1, "mine");
    assert_eq!(ask(&app, "/readyz").0, 404, "nothing has this path");
    assert_eq!(ask(&app, "/api/v1/flags"), (200, r#"{"data":[]}"#.to_owned()));
    assert_eq!(ask(&app, "/acme/experiments/api/v1/flags"), (200, r#"{"data":[]}"#.to_owned()));
    assert_eq!(ask(&app, "/acme/experiments/api/v1/x").1, r#"{"error":"Not found"}"#);
    let description = Request::get("/api/v1/openapi.json").body(Body::empty()).unwrap();
    let description = call(&app, description).text;
    assert!(["/healthz", "/readyz", "/metrics"].iter().all(|path| !description.contains(path)));
}
