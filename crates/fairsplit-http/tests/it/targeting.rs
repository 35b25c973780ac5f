//! Rules, segments, layers, holdouts and targeting: every operation, done and refused.

use fairsplit::NewFlag;
use serde_json::{Value, json};

use crate::app::{ALL, Answer, App, experiment_path, flag_path, is_faulty};
use crate::common::{banner, experiment_id, flag_id};
use crate::described::description;
use crate::schema::fault;

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";
const NOT_FOUND: &str = r#"{"error":"Not found"}"#;
const SEGMENTS: &str = "/api/v1/segments";
const LAYERS: &str = "/api/v1/layers";
const HOLDOUTS: &str = "/api/v1/holdouts";

fn put(app: &App, path: &str, body: &Value) -> Answer {
    app.send("PUT", path, ALL, &body.to_string())
}

fn post(app: &App, path: &str, body: &Value) -> Answer {
    app.post(path, &body.to_string())
}

fn patch(app: &App, path: &str, body: &Value) -> Answer {
    app.send("PATCH", path, ALL, &body.to_string())
}

fn delete(app: &App, path: &str) -> Answer {
    app.send("DELETE", path, ALL, "")
}

/// Refused since the state forbids it, with this text.
#[track_caller]
fn is_conflict(answer: &Answer, text: &str) {
    answer.is(409, &json!({"error": text}).to_string());
}

fn staff() -> Value {
    json!({"id": ONE, "name": "Staff",
        "rules": [{"key": "email", "operator": "ends_with", "value": "@example.com"}]})
}

fn targeting_path(experiment: u128) -> String {
    format!("{}/targeting", experiment_path(1, experiment))
}

fn rules_path(flag: u128) -> String {
    format!("{}/rules", flag_path(flag))
}

#[test]
fn a_rule_is_created_listed_changed_and_deleted() {
    let app = App::with_draft();
    let rules = rules_path(1);
    app.get(&rules).is(200, r#"{"data":[]}"#);
    let new = json!({"id": ONE, "value": "new", "conditions":
        [{"attribute": "email", "operator": "ends_with", "value": "@example.com"}]});
    let created = format!(
        r#"{{"id":"{ONE}","environment":"production","position":0,"enabled":true,"segment_id":null,"percentage":null,"value":"new","conditions":[{{"attribute":"email","operator":"ends_with","value":"@example.com"}}]}}"#
    );
    post(&app, &rules, &new).is(201, &format!(r#"{{"data":{created}}}"#));
    let rule = format!("{rules}/{ONE}");
    app.get(&rule).is(200, &format!(r#"{{"data":{created}}}"#));
    app.get(&rules).is(200, &format!(r#"{{"data":[{created}]}}"#));

    let other = json!({"id": TWO, "environment": "staging", "value": 1, "position": 7});
    post(&app, &rules, &other).data();
    let other = format!("{rules}/{TWO}");
    let changed = put(&app, &other, &json!({"value": 2, "percentage": 12.5})).data();
    // Where it is, is not said, so it stays there: elsewhere it would be for others.
    let expected = json!({"id": TWO, "environment": "staging", "position": 7, "enabled": true,
        "segment_id": null, "percentage": 12.5, "value": 2, "conditions": []});
    assert_eq!(changed, expected);
    assert_eq!(put(&app, &other, &changed).data(), changed, "as it was answered");
    let moved = put(&app, &other, &json!({"environment": "production", "value": 2})).data();
    assert_eq!([&moved["environment"], &moved["position"]], [&json!("production"), &json!(1)]);

    delete(&app, &rule).is(200, &format!(r#"{{"data":{created}}}"#));
    delete(&app, &rule).is(404, NOT_FOUND);
    assert_eq!(app.get(&rules).data(), json!([moved]));
}

#[test]
fn a_rule_that_is_faulty_or_taken_or_of_another_flag_is_refused() {
    let app = App::with_draft();
    app.engine.create_flag(NewFlag::new("other", 1).id(flag_id(2))).unwrap();
    let rules = rules_path(1);
    let rule = format!("{rules}/{ONE}");
    post(&app, &rules, &json!({"id": ONE, "value": "new"})).data();
    let taken = post(&app, &rules, &json!({"id": ONE, "value": "new"}));
    is_conflict(&taken, &format!("There is already a rule with id {ONE}"));

    let faulty = json!({
        "environment": " ", "percentage": 12.3456, "segment_id": "x", "value": 1, "position": -1,
        "enabled": "yes", "audience": {},
        "conditions": [{"attribute": "plan", "operator": "regx", "value": 1, "country": "DE"}]
    });
    for answer in [post(&app, &rules, &faulty), put(&app, &rule, &faulty)] {
        is_faulty(
            &answer,
            &[
                "environment",
                "percentage",
                "segment_id",
                "position",
                "enabled",
                "audience",
                "conditions[0].operator",
                "conditions[0].country",
            ],
        );
    }
    // What the engine alone knows.
    is_faulty(&post(&app, &rules, &json!({"value": 1, "position": 0})), &["position"]);
    is_faulty(&post(&app, &rules, &json!({"value": 1, "segment_id": TWO})), &["segment_id"]);

    for method in ["GET", "PUT", "DELETE"] {
        for path in [format!("{}/{ONE}", rules_path(2)), format!("{rules}/{TWO}")] {
            app.send(method, &path, ALL, r#"{"value": 1}"#).is(404, NOT_FOUND);
        }
    }
    for method in ["GET", "POST"] {
        app.send(method, &rules_path(3), ALL, r#"{"value": 1}"#).is(404, NOT_FOUND);
    }
    assert_eq!(app.get(&rules).data().as_array().unwrap().len(), 1, "nothing has changed");
}

#[test]
fn a_segment_is_created_listed_changed_and_deleted() {
    let app = App::with_draft();
    let segment = format!("{SEGMENTS}/{ONE}");
    app.get(SEGMENTS).is(200, r#"{"data":[]}"#);
    let created = format!(
        r#"{{"id":"{ONE}","name":"Staff","description":"","match_type":"all","rules":[{{"key":"email","operator":"ends_with","value":"@example.com"}}],"updated_at":"2025-03-12T12:00:00Z"}}"#
    );
    post(&app, SEGMENTS, &staff()).is(201, &format!(r#"{{"data":{created}}}"#));
    app.get(&segment).is(200, &format!(r#"{{"data":{created}}}"#));
    app.get(SEGMENTS).is(200, &format!(r#"{{"data":[{created}]}}"#));
    let taken = post(&app, SEGMENTS, &staff());
    is_conflict(&taken, &format!("There is already a segment with id {ONE}"));

    app.clock.advance(60);
    // As it was answered: nothing changes.
    let same = app.send("PUT", &segment, ALL, &created);
    same.is(200, &format!(r#"{{"data":{created},"reaches":[]}}"#));
    let change = json!({"name": "Staff", "match_type": "any", "description": "All of us",
        "rules": [{"key": "email", "operator": "contains", "value": "@", "negate": true}]});
    let changed = put(&app, &segment, &change).data();
    assert_eq!(changed["updated_at"], "2025-03-12T12:01:00Z");
    for (field, value) in change.as_object().unwrap() {
        assert_eq!(changed[field], *value);
    }
    for (body, paths) in [
        (json!({"name": "", "rules": [], "plan": 1}), ["name", "plan"]),
        (json!({"rules": [{"key": "a", "operator": "is"}]}), ["name", "rules[0].operator"]),
    ] {
        is_faulty(&post(&app, SEGMENTS, &body), &paths);
        is_faulty(&put(&app, &segment, &body), &paths);
    }
    assert_eq!(delete(&app, &segment).data(), changed);
    for method in ["GET", "PUT", "DELETE"] {
        app.send(method, &segment, ALL, &change.to_string()).is(404, NOT_FOUND);
    }
}

#[test]
fn a_change_of_a_segment_names_the_running_experiments_that_it_reaches() {
    let app = App::with_draft();
    post(&app, SEGMENTS, &staff()).data();
    let audience = json!({"audience": {"not_segments": [ONE]}});
    put(&app, &targeting_path(1), &audience).data();
    let change = |value: &str| {
        let rules = json!([{"key": "email", "operator": "ends_with", "value": value}]);
        let body = json!({"name": "Staff", "rules": rules});
        put(&app, &format!("{SEGMENTS}/{ONE}"), &body).json()["reaches"].clone()
    };
    assert_eq!(change("@example.org"), json!([]), "it is a draft");
    app.engine.start(experiment_id(1)).unwrap();
    let reached = json!([{"experiment": ONE, "name": "Hero Banner A/B Test", "flag": ONE,
        "flag_key": "hero-banner"}]);
    assert_eq!(change("@example.net"), reached);
}

#[test]
fn a_layer_and_a_holdout_are_created_listed_changed_and_deleted() {
    let app = App::with_draft();
    for (all, kind, rest, share) in
        [(LAYERS, "layer", "", None), (HOLDOUTS, "holdout", r#""percentage":2.5,"#, Some(2.5))]
    {
        let one = format!("{all}/{ONE}");
        let mut new = json!({"id": ONE, "name": "checkout"});
        if let Some(share) = share {
            new["percentage"] = json!(share);
        }
        app.get(all).is(200, r#"{"data":[]}"#);
        let created = format!(r#"{{"id":"{ONE}","name":"checkout",{rest}"bucket_by":null}}"#);
        post(&app, all, &new).is(201, &format!(r#"{{"data":{created}}}"#));
        app.get(&one).is(200, &format!(r#"{{"data":{created}}}"#));
        app.get(all).is(200, &format!(r#"{{"data":[{created}]}}"#));
        is_conflict(&post(&app, all, &new), &format!("There is already a {kind} with id {ONE}"));
        app.send("PUT", &one, ALL, &created).is(200, &format!(r#"{{"data":{created}}}"#));
        new["name"] = json!("basket");
        assert_eq!(put(&app, &one, &new).data()["name"], "basket");
        for (field, value) in [("name", json!(" ")), ("bucket_by", json!(1)), ("x", json!(1))] {
            let mut faulty = new.clone();
            faulty[field] = value;
            is_faulty(&post(&app, all, &faulty), &[field]);
            is_faulty(&put(&app, &one, &faulty), &[field]);
        }
        assert_eq!(delete(&app, &one).data()["name"], "basket");
        for method in ["GET", "PUT", "DELETE"] {
            app.send(method, &one, ALL, &new.to_string()).is(404, NOT_FOUND);
        }
    }
    is_faulty(&post(&app, HOLDOUTS, &json!({"name": "a", "percentage": 101})), &["percentage"]);
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let app = App::with_draft();
    post(&app, SEGMENTS, &staff()).data();
    post(&app, LAYERS, &json!({"id": ONE, "name": "checkout"})).data();
    post(&app, HOLDOUTS, &json!({"id": ONE, "name": "2026", "percentage": 5})).data();
    let targeting = json!({"audience": {"segments": [ONE]},
        "layer": {"id": ONE, "ranges": [{"from": 0, "to": 50}]}});
    put(&app, &targeting_path(1), &targeting).data();
    app.engine.start(experiment_id(1)).unwrap();
    let by = format!("experiment {ONE} of flag \"hero-banner\"");
    for (all, text) in [
        (SEGMENTS, format!("Cannot delete segment {ONE}: {by} names it")),
        (LAYERS, format!("Cannot delete layer {ONE}: {by} has a part of it")),
        (HOLDOUTS, format!("Cannot delete holdout {ONE}: it binds {by}, which is not archived")),
    ] {
        is_conflict(&delete(&app, &format!("{all}/{ONE}")), &text);
    }
    // The unit and the share of what binds an experiment stay.
    let unit = json!({"name": "checkout", "bucket_by": "company_id"});
    is_faulty(&put(&app, &format!("{LAYERS}/{ONE}"), &unit), &["bucket_by"]);
    let share = json!({"name": "2026", "percentage": 6});
    is_faulty(&put(&app, &format!("{HOLDOUTS}/{ONE}"), &share), &["percentage"]);

    // An experiment whose holdout is gone stays in the archive.
    app.engine.stop(experiment_id(1)).unwrap();
    let experiment = experiment_path(1, 1);
    app.post(&format!("{experiment}/archive"), "").data();
    delete(&app, &format!("{HOLDOUTS}/{ONE}")).data();
    let path = format!("targeting.{ONE}.held_out_by[0]");
    is_faulty(&app.post(&format!("{experiment}/unarchive"), ""), &[&path]);
    app.post(&format!("{}/archive", flag_path(1)), "").data();
    app.post(&format!("{}/unarchive", flag_path(1)), "").data();
}

#[test]
fn targeting_is_set_beside_the_experiment_and_answered_as_it_was_set() {
    let app = App::with_draft();
    let (experiment, targeting) = (experiment_path(1, 1), targeting_path(1));
    let untargeted = app.get(&experiment).text;
    app.get(&targeting).is(200, r#"{"data":{}}"#);
    post(&app, SEGMENTS, &staff()).data();
    post(&app, LAYERS, &json!({"id": ONE, "name": "checkout"})).data();
    post(&app, HOLDOUTS, &json!({"id": ONE, "name": "2026", "percentage": 5})).data();
    let whole = json!({
        "audience": {
            "conditions": [
                {"attribute": "country", "operator": "in", "value": ["DE"], "ignore_case": true},
                {"attribute": "beta", "operator": "is_set", "negate": true}
            ],
            "segments": [], "not_segments": [ONE]
        },
        "coverage": 1.5,
        "layer": {"id": ONE, "ranges": [{"from": 0, "to": 12.5}, {"from": 50, "to": 100}]}
    });
    let set = put(&app, &targeting, &whole).data();
    let mut written = whole.clone();
    written["audience"].as_object_mut().unwrap().remove("segments");
    assert_eq!(set, written);
    assert_eq!(app.get(&targeting).data(), written);
    // The experiment's own object has no field for it.
    assert_eq!(app.get(&experiment).text, untargeted);

    app.post(&format!("{experiment}/start"), "").data();
    let bound = app.get(&targeting).data();
    assert_eq!(bound["held_out_by"], json!([ONE]));
    assert_eq!(put(&app, &targeting, &bound).data(), bound, "as it was answered");
    assert_eq!(put(&app, &targeting, &whole).data(), bound, "the holdouts that bind it stay");
}

#[test]
fn targeting_of_a_started_experiment_only_grows_in_coverage() {
    let app = App::with_draft();
    let targeting = targeting_path(1);
    let coverage = |percent: Value| patch(&app, &targeting, &json!({"coverage": percent}));
    assert_eq!(coverage(json!(10)).data(), json!({"coverage": 10}));
    assert_eq!(coverage(json!(1)).data(), json!({"coverage": 1}), "it has not been started");
    app.engine.start(experiment_id(1)).unwrap();
    assert_eq!(coverage(json!(12.5)).data()["coverage"], json!(12.5));
    let shrunk = coverage(json!(12));
    is_faulty(&shrunk, &["coverage"]);
    assert!(shrunk.text.contains("12.5"), "{}", shrunk.text);
    is_faulty(&put(&app, &targeting, &json!({"coverage": 12})), &["coverage"]);
    let other = json!({"coverage": 100, "bucket_by": "company_id", "holdouts": false,
        "audience": {"conditions": [{"attribute": "plan", "operator": "equals", "value": "pro"}]}});
    is_faulty(&put(&app, &targeting, &other), &["audience", "bucket_by", "holdouts"]);
    let now = app.get(&targeting).data();
    assert_eq!(now["coverage"], json!(12.5), "nothing has changed");
    let had = |data: &Value| -> Vec<Value> {
        let steps = data["coverages"].as_array().unwrap().iter();
        steps.map(|step| step["coverage"].clone()).collect()
    };
    assert_eq!(had(&now), [json!(1), json!(12.5)]);
    let all = coverage(json!(100)).data();
    assert_eq!((all.get("coverage"), had(&all)), (None, vec![json!(1), json!(12.5), json!(100)]));
}

#[test]
fn targeting_that_is_faulty_or_of_no_experiment_of_the_flag_is_refused() {
    let app = App::with_draft();
    app.engine.create_flag(NewFlag::new("other", 1).id(flag_id(2))).unwrap();
    let targeting = targeting_path(1);
    let faulty = json!({
        "audience": {"conditions": [{"attribute": "", "operator": "in", "value": []}],
            "segments": ["x"], "not_segments": 1, "rules": []},
        "coverage": 100.5, "bucket_by": " ", "holdouts": "none", "needs": 2,
        "layer": {"id": "x", "ranges": [{"from": 50, "to": 50, "slot": 1}]}
    });
    is_faulty(
        &put(&app, &targeting, &faulty),
        &[
            "audience.conditions[0].attribute",
            "audience.conditions[0].value",
            "audience.segments[0]",
            "audience.not_segments",
            "audience.rules",
            "coverage",
            "bucket_by",
            "holdouts",
            "needs",
            "layer.id",
            "layer.ranges[0].slot",
            "layer.ranges[0]",
        ],
    );
    let missing = json!({"audience": {"segments": [TWO]},
        "layer": {"id": TWO, "ranges": [{"from": 0, "to": 1}]}});
    is_faulty(&put(&app, &targeting, &missing), &["audience.segments[0]", "layer.id"]);
    is_faulty(&patch(&app, &targeting, &json!({})), &["coverage"]);
    is_faulty(&patch(&app, &targeting, &json!({"coverage": "all", "x": 1})), &["coverage", "x"]);
    is_faulty(&patch(&app, &targeting, &json!({"coverage": 0.0001})), &["coverage"]);
    for method in ["GET", "PUT", "PATCH"] {
        for of in [experiment_path(2, 1), experiment_path(1, 2), experiment_path(3, 1)] {
            let path = format!("{of}/targeting");
            app.send(method, &path, ALL, r#"{"coverage": 50}"#).is(404, NOT_FOUND);
        }
        let text = app.send(method, &targeting, ALL, "[]").text;
        let is_read = method == "GET";
        assert_eq!(text.contains("must be an object"), !is_read, "{text}");
    }
    app.get(&targeting).is(200, r#"{"data":{}}"#);
}

#[test]
fn a_flag_has_a_type_and_is_disabled_and_enabled() {
    let app = App::new();
    let new = json!({"id": ONE, "key": "steps", "default_value": 3, "flag_type": "number",
        "enabled": false});
    let created = post(&app, "/api/v1/flags", &new).data();
    assert_eq!([&created["flag_type"], &created["enabled"]], [&json!("number"), &json!(false)]);
    let user = json!({"environment": "production", "user_key": "anna"});
    let reason =
        || post(&app, &format!("{}/evaluate", flag_path(1)), &user).data()["reason"].clone();
    assert_eq!(reason(), "disabled");
    let enabled = patch(&app, &flag_path(1), &json!({"enabled": true})).data();
    assert!(enabled.get("enabled").is_none(), "only false is written: {enabled}");
    assert_eq!(reason(), "not_running");

    is_faulty(&patch(&app, &flag_path(1), &json!({"default_value": "3"})), &["default_value"]);
    is_faulty(&post(&app, &rules_path(1), &json!({"value": "4"})), &["value"]);
    let wrong = json!({"key": "a", "default_value": 1, "flag_type": "integer", "enabled": 1});
    is_faulty(&post(&app, "/api/v1/flags", &wrong), &["flag_type", "enabled"]);
    let untyped = patch(&app, &flag_path(1), &json!({"flag_type": null})).data();
    assert!(untyped.get("flag_type").is_none());
    patch(&app, &flag_path(1), &json!({"default_value": "3"})).data();
}

#[test]
fn a_start_into_a_range_that_is_taken_is_a_conflict_that_names_the_other() {
    let app = App::with_draft();
    app.engine.create_flag(NewFlag::new("checkout", "old").id(flag_id(2))).unwrap();
    app.engine.create_experiment("checkout", banner("production").id(experiment_id(2))).unwrap();
    post(&app, LAYERS, &json!({"id": ONE, "name": "checkout"})).data();
    let part =
        |from: u32, to: u32| json!({"layer": {"id": ONE, "ranges": [{"from": from, "to": to}]}});
    let other = experiment_path(2, 2);
    put(&app, &targeting_path(1), &part(0, 50)).data();
    put(&app, &format!("{other}/targeting"), &part(49, 100)).data();
    app.engine.start(experiment_id(1)).unwrap();
    is_conflict(
        &app.post(&format!("{other}/start"), ""),
        &format!(
            "Cannot start experiment {TWO}: its ranges of layer {ONE} overlap those of experiment \
             {ONE}, which is running on flag \"hero-banner\""
        ),
    );
    put(&app, &format!("{other}/targeting"), &part(50, 100)).data();
    app.post(&format!("{other}/start"), "").data();
}

#[test]
fn what_is_sent_to_target_fits_its_schema() {
    let all = description();
    let check =
        |schema: &str, value: &Value| fault(all, &all["components"]["schemas"][schema], value);
    let condition = json!({"attribute": "a", "operator": "semver_less_than", "value": "2.0"});
    let rule = json!({"value": null, "conditions": [condition], "percentage": 0.5});
    assert_eq!(check("NewRule", &rule), None);
    assert!(check("NewRule", &json!({"conditions": [condition]})).is_some(), "without a value");
    assert!(check("Condition", &json!({"attribute": "a", "operator": "regx"})).is_some());
    assert_eq!(check("NewSegment", &staff()), None);
    assert!(check("NewSegment", &json!({"name": "n", "rules": []})).is_some());
    let targeting = json!({"audience": {"segments": [ONE]}, "coverage": 10,
        "layer": {"id": ONE, "ranges": [{"from": 0, "to": 1.5}]}});
    assert_eq!(check("Targeting", &targeting), None);
    assert!(check("Targeting", &json!({"coverage": 101})).is_some());
    assert!(check("Coverage", &json!({})).is_some());
    for operator in fairsplit::targeting::Operator::ALL {
        let condition = json!({"key": "a", "operator": operator.as_str()});
        assert_eq!(check("SegmentCondition", &condition), None);
    }
}
