//! The tests of two other condition languages, put to this one.
//!
//! `tests/data/conditions-v1.json` has rows of `LaunchDarkly`'s sdk-test-harness
//! (github.com/launchdarkly/sdk-test-harness, Apache-2.0, commit 713b6225, `data/data-files/
//! server-side-eval`) and of Unleash's client-specification (github.com/Unleash/
//! client-specification, Apache-2.0, commit 931b695b, `specifications`), expanded and translated:
//! facts, each with what that suite expects and what is expected here. Two things in them have no
//! word of their own here, and are translated on the way: see [`translated`].

use std::collections::BTreeMap;

use fairsplit::targeting::Truth;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::common::conditions::Tree;

const ROWS: &str = include_str!("../../data/conditions-v1.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    #[serde(rename = "about")]
    _about: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    source: String,
    test: Value,
    attributes: Map<String, Value>,
    suite_expects: String,
    expect: String,
}

/// `number_equals` is here "neither less nor greater", and a word boundary is of ASCII, and says
/// so.
fn translated(test: &Value) -> Value {
    let Value::Object(test) = test else { return test.clone() };
    if test.get("operator") == Some(&json!("number_equals")) {
        let bound = |operator: &str| json!({"attribute": test["attribute"], "operator": operator, "value": test["value"]});
        let both = [bound("less_than_or_equals"), bound("greater_than_or_equals")];
        let is_negated = test.get("negate") == Some(&json!(true));
        return if is_negated { json!({"not": {"all": both}}) } else { json!({"all": both}) };
    }
    let mut test = test.clone();
    for (name, part) in &mut test {
        match part {
            Value::Array(tests) if name != "value" => {
                *part = tests.iter().map(translated).collect();
            }
            Value::Object(_) if name == "not" => *part = translated(part),
            Value::String(pattern) if name == "value" => {
                *part = pattern.replace(r"\b", r"(?-u:\b)").into();
            }
            _ => {}
        }
    }
    Value::Object(test)
}

impl Row {
    fn answer(&self) -> &'static str {
        match Tree::new(&translated(&self.test)).and_then(|tree| tree.ask(&self.attributes)) {
            None => "fault",
            Some(Truth::True) => "match",
            Some(Truth::False | Truth::Undecided(_)) => "no match",
        }
    }

    /// Why this language differs from the suite's.
    fn decision(&self) -> &'static str {
        let text = self.test.to_string();
        match self.answer() {
            "fault" if text.contains("semver_") => "what is no version is refused beforehand",
            "fault" if text.contains("before") || text.contains("after") => {
                "what is no time is refused beforehand"
            }
            "fault" if text.contains("matches") => "what is no pattern is refused beforehand",
            "fault" if text.contains("[]") => "an empty list is refused beforehand",
            "fault" => "an unknown operator is refused beforehand",
            "match" if text.contains("than") => "the text of a number is that number",
            _ => "nothing is known of a missing attribute, not even that it is other",
        }
    }
}

fn rows() -> Vec<Row> {
    serde_json::from_str::<Published>(ROWS).unwrap().rows
}

#[test]
fn every_published_row_gets_its_answer() {
    let rows = rows();
    assert_eq!(rows.len(), 663);
    let wrong = rows.iter().filter(|row| row.answer() != row.expect);
    let wrong: Vec<_> = wrong.map(|row| format!("{}: {}", row.source, row.answer())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rows_that_differ_from_their_suite_differ_by_a_decision() {
    let mut decisions = BTreeMap::new();
    for row in rows().iter().filter(|row| row.answer() != row.suite_expects) {
        let suite = row.source.split(' ').next().unwrap().to_owned();
        *decisions.entry((suite, row.decision())).or_insert(0) += 1;
    }
    let expected = [
        ("launchdarkly", "nothing is known of a missing attribute, not even that it is other", 1),
        ("launchdarkly", "the text of a number is that number", 4),
        ("launchdarkly", "what is no time is refused beforehand", 54),
        ("launchdarkly", "what is no version is refused beforehand", 39),
        ("unleash", "an empty list is refused beforehand", 6),
        ("unleash", "an unknown operator is refused beforehand", 1),
        ("unleash", "nothing is known of a missing attribute, not even that it is other", 3),
        ("unleash", "what is no pattern is refused beforehand", 3),
        ("unleash", "what is no version is refused beforehand", 2),
    ];
    let expected = expected.map(|(suite, decision, rows)| ((suite.to_owned(), decision), rows));
    assert_eq!(decisions, BTreeMap::from(expected));
}
