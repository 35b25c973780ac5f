//! Whether the engine's directory stores, as a probe and a scrape see it.

use std::fs;

use axum::Router;
use fairsplit::{Engine, NewFlag};

use crate::app::{ALL, Answer, App, auth, call, request};
use crate::described::hold_to_description;

fn get(router: &Router, path: &str) -> Answer {
    let answer = call(router, request("GET", path, ALL, ""));
    hold_to_description("GET", path, &answer);
    answer
}

#[test]
fn a_router_is_ready_as_long_as_its_directory_stores() {
    let directory = std::env::temp_dir().join(format!("fairsplit-ready-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    let engine = Engine::open(&directory).unwrap();
    let router = fairsplit_http::router(engine.clone(), auth());
    let stores = || {
        let text = get(&router, "/metrics").text;
        text.lines().find_map(|line| line.strip_prefix("fairsplit_storage_ok ")).map(str::to_owned)
    };
    get(&router, "/readyz").is(200, "ok\n");
    assert_eq!(stores().as_deref(), Some("1"));

    // Where the next definitions are written, a file cannot be created.
    let obstacle = directory.join("definitions.json.new");
    fs::create_dir(&obstacle).unwrap();
    engine.create_flag(NewFlag::new("a", 1)).unwrap_err();
    let answer = get(&router, "/readyz");
    assert_eq!(answer.status, 503);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("definitions.json: "), "{error}");
    assert_eq!(stores().as_deref(), Some("0"));
    get(&router, "/healthz").is(200, "ok\n");

    fs::remove_dir(&obstacle).unwrap();
    engine.create_flag(NewFlag::new("a", 1)).unwrap();
    get(&router, "/readyz").is(200, "ok\n");
    assert_eq!(stores().as_deref(), Some("1"));
    drop((router, engine));
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_router_of_an_engine_in_memory_is_ready() {
    App::new().get("/readyz").is(200, "ok\n");
}
