//! Who changed what, as it is recorded.

use std::fs;
use std::path::PathBuf;

use axum::Router;
use fairsplit::changes::Actor;
use fairsplit::{Engine, NewFlag};
use fairsplit_http::{Auth, NewToken, Scope};
use serde_json::{Value, json};

use crate::app::{call, experiment_path, flag_path, request};
use crate::common::{experiment_id, flag_id};
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
fn changes_over_an_open_router_are_recorded_as_anonymous() {
    let kept = Kept::new("anonymous");
    change_everything(&kept.router(Auth::insecure_allow_everyone()), "any");
    assert_eq!(kept.actors(), vec![Actor::token("anonymous"); 5]);
}
