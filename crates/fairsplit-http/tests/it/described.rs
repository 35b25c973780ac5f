//! The description of the API is kept: no route without one, none described that is not there, and
//! no answer that it does not allow.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::Request;
use fairsplit::Engine;
use fairsplit_http::Auth;
use serde_json::Value;

use crate::app::{ALL, Answer, App, call, request};
use crate::schema::fault;

pub(crate) fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| {
        let router = fairsplit_http::router(Engine::new(), Auth::new());
        let request = Request::get("/api/v1/openapi.json").body(Body::empty()).unwrap();
        let answer = call(&router, request);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.text).unwrap()
    })
}

/// The described path that a request's path is one of.
pub(crate) fn template(path: &str) -> Option<&'static str> {
    let paths = description()["paths"].as_object().unwrap().keys();
    let mut fitting = paths.filter(|template| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template
                .zip(path)
                .all(|(template, part)| template.starts_with('{') || template == part)
    });
    // A fixed part is more than a field.
    fitting.next().map(String::as_str)
}

/// Every answer is one that the description has for that operation.
#[track_caller]
pub(crate) fn hold_to_description(method: &str, path: &str, answer: &Answer) {
    let Answer { status, text, .. } = answer;
    let told = format!("{method} {path}: {status} {text}");
    let all = description();
    let operation =
        template(path).map(|path| &all["paths"][path][method.to_ascii_lowercase().as_str()]);
    let (content_type, schema) = match operation {
        Some(operation) if operation.is_object() => {
            let response = &operation["responses"][status.to_string().as_str()];
            assert!(response.is_object(), "not described: {told}");
            let content = response["content"].as_object().unwrap();
            assert_eq!(content.len(), 1);
            let (content_type, content) = content.iter().next().unwrap();
            (content_type.as_str(), &content["schema"])
        }
        // No such route, or no such method on it.
        _ => {
            assert!(matches!(status, 404 | 405), "{told}");
            ("application/json", &all["components"]["schemas"]["Error"])
        }
    };
    let given = answer.header("content-type").unwrap();
    assert_eq!(given.split(';').next(), Some(content_type), "{told}");
    let value = if content_type == "application/json" {
        serde_json::from_str(text).unwrap()
    } else {
        Value::from(text.as_str())
    };
    assert_eq!(fault(all, schema, &value), None, "{told}");
}

/// Every operation that is described: method, and path with ids in it.
pub(crate) fn operations() -> Vec<(String, String)> {
    let paths = description()["paths"].as_object().unwrap();
    let of_path = |(path, operations): (&String, &Value)| {
        let path = path
            .replace("{flag_id}", &crate::common::flag_id(1).to_string())
            .replace("{experiment_id}", &crate::common::experiment_id(1).to_string())
            .replace("{goal_key}", "signup");
        // Of the rest there is one each, with the same number.
        let path = ["{rule_id}", "{segment_id}", "{layer_id}", "{holdout_id}"]
            .iter()
            .fold(path, |path, id| path.replace(id, &crate::common::flag_id(1).to_string()));
        let methods = operations.as_object().unwrap().keys().filter(|word| *word != "parameters");
        methods.map(|method| (method.to_ascii_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn routes_and_description_have_the_same_operations() {
    let described: BTreeSet<(String, String)> = operations().into_iter().collect();
    assert_eq!(described.len(), 59);
    let paths: BTreeSet<&String> = described.iter().map(|(_, path)| path).collect();
    let app = App::with_targeting();
    for path in paths {
        for method in ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"] {
            let answer = app.send(method, path, ALL, "{}");
            let is_described = described.contains(&(method.to_owned(), path.clone()));
            assert_eq!(answer.status != 405, is_described, "{method} {path}");
            if !is_described {
                answer.is(405, r#"{"error":"Method not allowed"}"#);
                let allowed: BTreeSet<&str> = answer.header("allow").unwrap().split(',').collect();
                assert!(!allowed.contains(method) && !allowed.is_empty());
            }
        }
    }
}

#[test]
fn every_reference_in_the_description_resolves() {
    let all = description();
    assert_eq!(all["openapi"], "3.1.0");
    let text = all.to_string();
    for rest in text.split("\"$ref\":\"#").skip(1) {
        let pointer = rest.split('"').next().unwrap();
        assert!(all.pointer(pointer).is_some(), "{pointer}");
    }
    for name in all["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is not used");
    }
    let names: Vec<&str> = text
        .split("\"operationId\":\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

#[test]
fn bodies_that_are_sent_fit_their_schemas() {
    let all = description();
    let check = |schema: &str, text: &str| {
        let schema = &all["components"]["schemas"][schema];
        fault(all, schema, &serde_json::from_str(text).unwrap())
    };
    assert_eq!(check("NewExperiment", crate::seed::CREATE_REQUEST), None);
    assert_eq!(check("NewFlag", r#"{"key": "a", "default_value": null, "name": null}"#), None);
    assert!(check("NewFlag", r#"{"key": " ", "default_value": null}"#).is_some());
    assert!(check("NewFlag", r#"{"key": "a"}"#).is_some());
    let change = r#"{"name": "n", "description": "", "owner": "o", "tags": ["a"]}"#;
    assert_eq!(check("FlagChange", change), None);
    assert_eq!(check("ExperimentChange", change), None);
    assert!(check("ExperimentChange", r#"{"default_value": 1}"#).is_some());
    assert!(check("FlagChange", r#"{"tags": ["a", "a"]}"#).is_some());
    let evaluate =
        r#"{"environment": "production", "user_key": "", "flags": ["a"], "count": false}"#;
    assert_eq!(check("EvaluateAll", evaluate), None);
    assert!(check("Evaluate", evaluate).is_some());
}

#[test]
fn a_head_request_is_answered_like_a_get() {
    let app = App::with_draft();
    let answer = call(app.router(), request("HEAD", "/api/v1/flags", ALL, ""));
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}
