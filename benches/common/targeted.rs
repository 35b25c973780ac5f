//! Flags with rules and gates, one of each kind, and users of whom something is known.

use std::collections::HashMap;

use fairsplit::targeting::{AttributeValue, Attributes, HoldoutId, LayerId, SegmentId};
use fairsplit::{Engine, FlagId};
use serde_json::{Map, Value, json};

use super::{KEYS, experiment_id};

/// Lengths of lists that an attribute is looked up in; two are searched in line.
pub(crate) const LISTS: [usize; 5] = [4, 16, 100, 1000, 100_000];

/// Nearly everybody, so that a gate is asked and lets its user through.
const NEARLY_ALL: f64 = 99.999;

/// An engine with a flag for each kind of targeting, named by it; each has a running experiment of
/// two variants, half and half.
pub(crate) fn engine() -> Engine {
    Engine::from_json(&document()).unwrap()
}

fn document() -> String {
    let id = |number| experiment_id(number).to_bytes();
    let segment = SegmentId::from_bytes(id(1));
    let layer = LayerId::from_bytes(id(2));
    let holdout = HoldoutId::from_bytes(id(3));
    let part = json!({"id": layer, "ranges": [{"from": 0, "to": NEARLY_ALL}]});
    let plan = condition("plan", "equals", "pro");
    let three = [
        plan.clone(),
        condition("country", "in", ["AT", "CH", "FR", "DE"]),
        condition("age", "greater_than", 17),
    ];
    let of = |condition: Value| json!({"audience": {"conditions": [condition]}});
    let mut flags = vec![
        ("everybody".to_owned(), json!([]), json!({})),
        ("coverage".to_owned(), json!([]), json!({"coverage": NEARLY_ALL})),
        (
            "condition and coverage".to_owned(),
            json!([]),
            json!({"audience": {"conditions": [plan]}, "coverage": NEARLY_ALL}),
        ),
        ("condition".to_owned(), json!([]), of(plan.clone())),
        ("conditions".to_owned(), json!([]), json!({"audience": {"conditions": three}})),
        ("segment".to_owned(), json!([]), json!({"audience": {"segments": [segment]}})),
        ("rule, not met".to_owned(), rule(&condition("plan", "equals", "free")), json!({})),
        ("rule, met".to_owned(), rule(&plan), json!({})),
        (
            "layer and holdout".to_owned(),
            json!([]),
            json!({"layer": part, "held_out_by": [holdout]}),
        ),
        ("version".to_owned(), json!([]), of(condition("version", "semver_greater_than", "2.9.0"))),
        ("time".to_owned(), json!([]), of(condition("since", "before", "2026-01-01T00:00:00Z"))),
        ("time, a text".to_owned(), json!([]), of(condition("joined", "after", 0))),
        ("bucket_by".to_owned(), json!([]), json!({"bucket_by": "company"})),
        ("list of 1".to_owned(), json!([]), of(condition("account", "equals", account(0)))),
    ];
    if cfg!(feature = "regex") {
        let pattern = condition("email", "matches", r"@example\.(com|org)$");
        flags.push(("pattern".to_owned(), json!([]), of(pattern)));
    }
    for length in LISTS {
        let values: Vec<String> = (0..length).map(account).collect();
        let name = format!("list of {length}");
        flags.push((name, json!([]), of(condition("account", "in", values))));
    }
    let flags: Vec<Value> = flags.into_iter().enumerate().map(flag).collect();
    json!({
        "version": 1,
        "segments": [{"id": segment, "name": "paying", "rules": [plan]}],
        "layers": [{"id": layer, "name": "checkout"}],
        "holdouts": [{"id": holdout, "name": "2026", "percentage": 0.001}],
        "flags": flags,
    })
    .to_string()
}

fn flag((number, (key, rules, targeting)): (usize, (String, Value, Value))) -> Value {
    let experiment = experiment_id(number + 10);
    let mut targeting = targeting;
    // The holdout binds the one that names it.
    targeting["holdouts"] = targeting.get("held_out_by").is_some().into();
    json!({
        "id": FlagId::from_bytes(experiment.to_bytes()),
        "key": key,
        "default_value": "old",
        "rules": rules,
        "targeting": {experiment.to_string(): targeting},
        "experiments": [{
            "id": experiment,
            "name": key,
            "environment": "production",
            "status": "running",
            "variants": [
                {"key": "control", "value": "old", "percentage": 50},
                {"key": "treatment", "value": "new", "percentage": 50}
            ]
        }]
    })
}

fn condition(attribute: &str, operator: &str, value: impl Into<Value>) -> Value {
    json!({"attribute": attribute, "operator": operator, "value": value.into()})
}

fn rule(condition: &Value) -> Value {
    json!([{"environment": "production", "value": "rule", "conditions": [condition]}])
}

fn account(number: usize) -> String {
    format!("account-{number}")
}

/// A request as a service has it: it is asked for its attributes, and builds nothing.
pub(crate) struct Request {
    pub(crate) plan: String,
    country: String,
    age: u32,
    company: u64,
    account: String,
    version: String,
    email: String,
    joined: String,
    since: i64,
}

impl Attributes for Request {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        Some(match name {
            "plan" => self.plan.as_str().into(),
            "country" => self.country.as_str().into(),
            "age" => self.age.into(),
            "company" => self.company.into(),
            "account" => self.account.as_str().into(),
            "version" => self.version.as_str().into(),
            "email" => self.email.as_str().into(),
            "joined" => self.joined.as_str().into(),
            "since" => AttributeValue::UnixMilliseconds(self.since),
            _ => return None,
        })
    }
}

impl Request {
    /// A request that meets each condition, with the account of this number.
    fn new(number: usize) -> Request {
        Request {
            plan: "pro".to_owned(),
            country: "DE".to_owned(),
            age: 42,
            company: number as u64,
            account: account(number),
            version: "2.10.0".to_owned(),
            email: "anna@example.com".to_owned(),
            joined: "2025-03-12T12:00:00Z".to_owned(),
            since: 1_741_780_800_000,
        }
    }

    /// Six attributes as pairs.
    pub(crate) fn pairs(&self) -> [(&'static str, AttributeValue<'_>); 6] {
        ["age", "company", "email", "country", "version", "plan"]
            .map(|name| (name, self.get(name).unwrap()))
    }

    /// The same in a map.
    pub(crate) fn map(&self) -> HashMap<&'static str, AttributeValue<'_>> {
        self.pairs().into_iter().collect()
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let Value::Object(map) = json!({
            "age": self.age, "company": self.company, "email": self.email,
            "country": self.country, "version": self.version, "plan": self.plan,
        }) else {
            unreachable!()
        };
        map
    }
}

/// As many requests as user keys, with accounts in a list of this length, or in none.
pub(crate) fn requests(length: usize, are_in_it: bool) -> Vec<Request> {
    let first = if are_in_it { 0 } else { 1_000_000 };
    // In no order, so that among many accounts no cache has the next one.
    (0..KEYS).map(|at| Request::new(first + at * 7919 % length)).collect()
}
