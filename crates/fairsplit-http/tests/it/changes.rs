//! Who changed what, as it is recorded and listed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use fairsplit::changes::{Actor, Change};
use fairsplit::clock::SystemClock;
use fairsplit::error::CommitError;
use fairsplit::store::{Proposal, Store};
use fairsplit::{Engine, NewFlag};
use fairsplit_http::{Auth, NewToken, Scope};
use serde_json::{Value, json};

use crate::app::{ALL, Answer, App, READ, auth, call, experiment_path, flag_path, request};
use crate::common::{experiment_id, flag_id};
use crate::described::hold_to_description;
use crate::seed::CREATE_REQUEST;

/// An engine that keeps its changes, in a directory that is gone when the test is.
struct Kept {
    engine: Engine,
    directory: PathBuf,
}

impl Kept {
    fn new(name: &str) -> Kept {
        let name = format!("fairsplit-http-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        Kept { engine: Engine::open(&directory).unwrap(), directory }
    }

    fn router(&self, auth: Auth) -> Router {
        fairsplit_http::router(self.engine.clone(), auth)
    }

    fn actors(&self) -> Vec<Actor> {
        self.engine.changes().unwrap().into_iter().map(|change| change.actor).collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[track_caller]
fn done(router: &Router, method: &str, path: &str, token: &str, body: &str) {
    let answer = call(router, request(method, path, token, body));
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text);
}

/// Every operation that changes something, by this token.
fn change_everything(router: &Router, token: &str) {
    let flag = json!({"id": flag_id(1).to_string(), "key": "hero-banner", "default_value": "old"});
    done(router, "POST", "/api/v1/flags", token, &flag.to_string());
    done(router, "PATCH", &flag_path(1), token, r#"{"default_value": "older"}"#);
    let mut new: Value = serde_json::from_str(CREATE_REQUEST).unwrap();
    new["id"] = json!(experiment_id(1).to_string());
    let experiments = format!("{}/experiments", flag_path(1));
    done(router, "POST", &experiments, token, &new.to_string());
    let experiment = experiment_path(1, 1);
    done(router, "POST", &format!("{experiment}/start"), token, "");
    done(router, "POST", &format!("{experiment}/stop"), token, "");
}

#[test]
fn every_change_is_recorded_by_the_comment_of_the_token_that_asked_for_it() {
    let kept = Kept::new("actors");
    let tokens = [(); 3].map(|()| NewToken::generate().unwrap());
    let both = [Scope::FlagsRead, Scope::FlagsWrite];
    let [anna, ci, unnamed] = tokens.each_ref().map(|token| token.line(both));
    let lines = format!("{anna} #  anna # on call \n{ci}\t# ci\n{unnamed} #\n");
    let router = kept.router(Auth::from_lines(&lines).unwrap());
    let [anna, ci, nameless] = tokens.each_ref().map(NewToken::secret);
    change_everything(&router, anna);
    done(&router, "PATCH", &flag_path(1), ci, r#"{"default_value": "new"}"#);
    done(&router, "PATCH", &flag_path(1), nameless, r#"{"default_value": "newer"}"#);
    let mut expected = vec![Actor::token("anna # on call"); 5];
    // As it stands in the line, after `sha256:`.
    expected.extend([Actor::token("ci"), Actor::token(&unnamed[7..15])]);
    assert_eq!(kept.actors(), expected);

    // What the service changes beside them is its own.
    kept.engine.create_flag(NewFlag::new("mine", 1)).unwrap();
    expected.push(Actor::Service);
    assert_eq!(kept.actors(), expected);
}

#[test]
fn a_token_built_in_code_is_recorded_under_the_name_that_was_given() {
    let kept = Kept::new("named");
    let both = || [Scope::FlagsRead, Scope::FlagsWrite];
    let auth = Auth::new()
        .named_token("one", both(), " nightly job ")
        .named_token("other", both(), " \n")
        .token("third", both());
    let router = kept.router(auth);
    change_everything(&router, "one");
    for token in ["other", "third"] {
        done(&router, "PATCH", &flag_path(1), token, r#"{"default_value": "new"}"#);
    }
    let actors = kept.actors();
    assert_eq!(actors[..5], vec![Actor::token("nightly job"); 5]);
    let is_of_a_hash = |actor: &Actor| {
        let Actor::Token(name) = actor else { return false };
        name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    assert!(actors[5..].iter().all(is_of_a_hash) && actors[5] != actors[6], "{actors:?}");
}

#[test]
fn changes_over_an_open_router_are_recorded_as_anonymous() {
    let kept = Kept::new("anonymous");
    change_everything(&kept.router(Auth::insecure_allow_everyone()), "any");
    assert_eq!(kept.actors(), vec![Actor::token("anonymous"); 5]);
}

/// Asks for a page, and holds the answer to the description of the API.
#[track_caller]
fn ask(router: &Router, path: &str) -> Answer {
    let answer = call(router, request("GET", path, READ, ""));
    hold_to_description("GET", path.split('?').next().unwrap(), &answer);
    answer
}

#[track_caller]
fn versions(router: &Router, path: &str) -> Vec<u64> {
    let page = ask(router, path).data();
    let versions = page.as_array().unwrap().iter().map(|change| &change["version"]);
    versions.map(|version| version.as_u64().unwrap()).collect()
}

#[test]
fn changes_are_listed_as_they_serialise_with_the_newest_first() {
    let kept = Kept::new("listed");
    let router = kept.router(auth());
    change_everything(&router, ALL);
    let mut changes = kept.engine.changes().unwrap();
    assert_eq!(changes.len(), 5);
    changes.reverse();
    assert_eq!(ask(&router, "/api/v1/changes").data(), serde_json::to_value(&changes).unwrap());
    let of_flag = ask(&router, &format!("{}/changes", flag_path(1))).data();
    assert_eq!(of_flag, serde_json::to_value(&changes).unwrap());
    let newest = &of_flag[0];
    assert_eq!((&newest["action"], &newest["actor"]["kind"]), (&json!("stop"), &json!("token")));
    let edit = json!({
        "flag_key": "hero-banner", "unit": "experiment", "flag": flag_id(1).to_string(),
        "experiment": experiment_id(1).to_string(), "field": "status",
        "before": "running", "after": "stopped"
    });
    assert!(newest["edits"].as_array().unwrap().contains(&edit), "{newest}");
}

#[test]
fn changes_of_a_flag_leave_out_those_of_others() {
    let kept = Kept::new("of-flag");
    let router = kept.router(auth());
    for number in [1, 2, 1] {
        let new = NewFlag::new(format!("flag-{number}"), "old").id(flag_id(number));
        if kept.engine.create_flag(new).is_err() {
            kept.engine.set_default(flag_id(number), "new").unwrap();
        }
    }
    // A directory begins with the version 1, which is empty.
    let all = versions(&router, "/api/v1/changes");
    let [newest, of_two, oldest] = all[..] else { panic!("{all:?}") };
    assert_eq!(versions(&router, &format!("{}/changes", flag_path(1))), [newest, oldest]);
    assert_eq!(versions(&router, &format!("{}/changes", flag_path(2))), [of_two]);
    assert_eq!(versions(&router, &format!("{}/changes?limit=1", flag_path(1))), [newest]);
    let unknown = ask(&router, &format!("{}/changes", flag_path(3)));
    unknown.is(404, r#"{"error":"Not found"}"#);
}

#[test]
fn pages_of_changes_follow_one_another_by_the_last_version() {
    let kept = Kept::new("pages");
    let router = kept.router(auth());
    kept.engine.create_flag(NewFlag::new("hero-banner", 0).id(flag_id(1))).unwrap();
    for value in 1..=120 {
        kept.engine.set_default("hero-banner", value).unwrap();
    }
    let all: Vec<u64> =
        kept.engine.changes().unwrap().iter().rev().map(|one| one.version).collect();
    assert_eq!(versions(&router, "/api/v1/changes"), all[..100]);
    assert_eq!(versions(&router, "/api/v1/changes?limit=1000"), all);
    let mut paged = Vec::new();
    let mut path = "/api/v1/changes?limit=50".to_owned();
    loop {
        let page = versions(&router, &path);
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 50);
        path = format!("/api/v1/changes?limit=50&before={last}");
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[test]
fn a_page_that_cannot_be_meant_is_refused_with_every_fault() {
    let app = App::new();
    for limit in ["0", "1001", "-1", "+1", "1.5", "", "x", "99999999999999999999"] {
        let answer = ask(app.router(), &format!("/api/v1/changes?limit={limit}"));
        assert_eq!((answer.status, answer.json()["details"]["limit"].is_array()), (422, true));
    }
    let faulty = "/api/v1/changes?before=x&befor=1&limit=1&limit=2";
    let expected = json!({
        "error": "Validation failed",
        "details": {
            "before": ["must be a number of a version"],
            "befor": ["is not a known parameter"],
            "limit": ["is given more than once"]
        }
    });
    let answer = ask(app.router(), faulty);
    assert_eq!((answer.status, answer.json()), (422, expected));
}

#[test]
fn an_engine_in_memory_lists_no_changes() {
    let app = App::with_draft();
    app.get("/api/v1/changes?limit=1000&before=9223372036854775807").is(200, r#"{"data":[]}"#);
    assert_eq!(app.get("/api/v1/changes?before=9223372036854775808").status, 422);
    app.get(&format!("{}/changes", flag_path(1))).is(200, r#"{"data":[]}"#);
}

#[test]
fn a_list_of_changes_that_cannot_be_read_answers_500() {
    let engine = Engine::with_store(SystemClock, Arc::new(Unreadable));
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let router = fairsplit_http::router(engine, auth());
    for path in ["/api/v1/changes".to_owned(), format!("{}/changes", flag_path(1))] {
        ask(&router, &path).is(500, r#"{"error":"The list of changes could not be read"}"#);
    }
}

/// A store that takes changes, and has lost them.
#[derive(Debug)]
struct Unreadable;

impl Store for Unreadable {
    fn commit(&self, _: &Proposal<'_>) -> Result<(), CommitError> {
        Ok(())
    }

    fn changes(&self) -> Result<Vec<Change>, CommitError> {
        Err(CommitError::Store("lost".to_owned()))
    }
}

#[test]
fn changes_of_what_flags_share_and_of_rules_are_listed_by_their_ids() {
    let kept = Kept::new("shared");
    let router = kept.router(auth());
    change_everything(&router, ALL);
    let id = experiment_id(1).to_string();
    let condition = json!({"attribute": "plan", "operator": "equals", "value": "pro"});
    let layer = json!({"id": id, "ranges": [{"from": 0, "to": 50}]});
    for (path, body) in [
        ("/api/v1/segments", json!({"id": id, "name": "Pro", "rules": [condition]})),
        ("/api/v1/layers", json!({"id": id, "name": "checkout"})),
        ("/api/v1/holdouts", json!({"id": id, "name": "2026", "percentage": 5})),
        (&format!("{}/rules", flag_path(1)), json!({"id": id, "value": 1})),
        (&format!("{}/experiments", flag_path(1)), {
            let mut new: Value = serde_json::from_str(CREATE_REQUEST).unwrap();
            new["id"] = json!(experiment_id(2).to_string());
            new
        }),
    ] {
        done(&router, "POST", path, ALL, &body.to_string());
    }
    let targeting = format!("{}/targeting", experiment_path(1, 2));
    let body = json!({"layer": layer, "coverage": 1}).to_string();
    done(&router, "PUT", &targeting, ALL, &body);
    done(&router, "PATCH", &targeting, ALL, r#"{"coverage": 50}"#);
    done(&router, "DELETE", &format!("/api/v1/segments/{id}"), ALL, "");

    let path = "/api/v1/changes";
    let listed = call(&router, request("GET", path, READ, ""));
    hold_to_description("GET", path, &listed);
    let listed = listed.data();
    let of = |at: usize, field: &str| listed[at][field].clone();
    let actions: Vec<Value> = (0..8).map(|at| of(at, "action")).collect();
    let expected = [
        "delete_segment",
        "raise_coverage",
        "set_targeting",
        "create_experiment",
        "create_rule",
        "create_holdout",
        "create_layer",
        "create_segment",
    ];
    assert_eq!(actions, expected);
    for (at, unit) in [(0, "segment"), (4, "rule"), (5, "holdout"), (6, "layer"), (7, "segment")] {
        let edit = &listed[at]["edits"][0];
        assert_eq!([&edit["unit"], &edit[unit]], [&json!(unit), &json!(id)], "{edit}");
    }
    assert_eq!(listed[1]["edits"][0]["after"], 50);
}
