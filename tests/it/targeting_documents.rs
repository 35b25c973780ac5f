//! Who is meant, in documents: rules, segments, layers, holdouts, targeting.

mod applying;
#[cfg(feature = "durable")]
mod random;
mod reading;
mod replacing;
mod skew;

use crate::common::{experiment_id, flag_id, pairs};
use fairsplit::error::LoadError;
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, Timestamp};
use serde_json::{Value, json};

/// The id of a segment, a layer, a holdout or a rule.
fn id(number: u128) -> String {
    experiment_id(number).to_string()
}

fn engine() -> Engine {
    let clock = fairsplit::clock::ManualClock::new(Timestamp::from_unix_seconds(0));
    Engine::with_clock(clock)
}

fn condition() -> Value {
    json!({"attribute": "plan", "operator": "equals", "value": "pro"})
}

fn segment(number: u128) -> Value {
    json!({
        "id": id(number),
        "name": format!("segment {number}"),
        "rules": [{"key": "plan", "operator": "in", "value": ["pro", "team"]}]
    })
}

fn layer(number: u128) -> Value {
    json!({"id": id(number), "name": format!("layer {number}")})
}

fn holdout(number: u128) -> Value {
    json!({"id": id(number), "name": format!("holdout {number}"), "percentage": 5})
}

fn rule(number: u128, position: u32) -> Value {
    json!({
        "id": id(number), "environment": "production", "position": position, "value": "ruled",
        "conditions": [condition()]
    })
}

/// A flag with one draft.
fn flag(number: u128) -> Value {
    json!({
        "id": flag_id(number),
        "key": format!("flag-{number}"),
        "default_value": "old",
        "experiments": [{
            "id": experiment_id(number),
            "name": format!("experiment {number}"),
            "environment": "production",
            "variants": [{"key": "only", "value": "new", "percentage": 100}]
        }]
    })
}

fn running(number: u128) -> Value {
    let mut flag = flag(number);
    flag["experiments"][0]["status"] = json!("running");
    flag
}

/// The flag, with this targeting of its experiment.
fn targeted(mut flag: Value, targeting: &Value) -> Value {
    let id = flag["experiments"][0]["id"].as_str().unwrap().to_owned();
    flag["targeting"] = json!({id: targeting});
    flag
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn document(flags: &[Value]) -> Value {
    json!({"flags": flags})
}

/// The faults that a strict reader finds.
fn refused(document: &Value) -> Vec<(String, FaultKind)> {
    let Err(LoadError::Invalid(error)) = engine().replace(&document.to_string()) else {
        panic!("it should have been refused: {document:#}");
    };
    pairs(error.faults())
}

/// An export, as a value.
fn export(engine: &Engine) -> Value {
    serde_json::from_str(&engine.to_json()).unwrap()
}

/// Everything that a document can say of who is meant.
fn everything() -> Value {
    let flag = with(
        flag(1),
        "rules",
        json!([rule(31, 0), {
            "id": id(32), "environment": "staging", "position": 7, "enabled": false,
            "segment_id": id(11), "percentage": 12.5, "value": "some", "conditions": []
        }]),
    );
    let targeting = json!({
        "audience": {
            "conditions": [
                {"attribute": "country", "operator": "not_in", "value": ["RU"], "ignore_case": true},
                {"attribute": "age", "operator": "greater_than", "value": 17, "negate": true},
                {"attribute": "beta", "operator": "is_set"}
            ],
            "segments": [id(11)], "not_segments": [id(12)]
        },
        "coverage": 99.999, "bucket_by": "company_id",
        "layer": {"id": id(21), "ranges": [{"from": 0, "to": 0.001}, {"from": 50, "to": 100}]},
        "holdouts": false
    });
    let flag = with(targeted(flag, &targeting), "enabled", json!(false));
    json!({
        "segments": [with(segment(11), "match_type", json!("any")), segment(12)],
        "layers": [with(layer(21), "bucket_by", json!("company_id")), layer(22)],
        "holdouts": [with(holdout(41), "bucket_by", json!("company_id")), holdout(42)],
        "flags": [with(flag, "flag_type", json!("string"))]
    })
}
