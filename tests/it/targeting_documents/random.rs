//! Random documents that say who is meant: read, written, read again; and random edits of two
//! sources, with calls between them, against a naive merge.

use std::collections::BTreeMap;

use super::{condition, document, engine, id, layer, targeted, with};
use crate::common::changes::assert_replayed;
use crate::common::directory::Directory;
use crate::common::{experiment_id, flag_id};
use fairsplit::apply::ApplyOptions;
use fairsplit::targeting::{Condition, NewRule, NewSegment, NewTargeting, Operator};
use fairsplit::{Engine, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

fn some_condition() -> impl Strategy<Value = Value> {
    let operator = prop::sample::select(vec![
        ("equals", json!("x")),
        ("not_in", json!(["x", 1, true])),
        ("contains", json!(["a", "b"])),
        ("less_than_or_equals", json!(-1.5)),
        ("before", json!("2026-01-01T00:00:00Z")),
        ("semver_greater_than", json!("1.2.3")),
        ("is_set", Value::Null),
    ]);
    let name = prop::sample::select(vec!["key", "attribute"]);
    (name, operator, any::<bool>()).prop_map(|(name, (operator, value), negate)| {
        let mut condition = json!({name: "plan", "operator": operator, "negate": negate});
        if !value.is_null() {
            condition["value"] = value;
        }
        condition
    })
}

fn conditions(least: usize) -> impl Strategy<Value = Value> {
    prop::collection::vec(some_condition(), least..4).prop_map(Value::from)
}

fn share() -> impl Strategy<Value = Value> {
    (0_u32..=100_000).prop_map(|thousandths| json!(f64::from(thousandths) / 1000.0))
}

fn some_rule(number: u128) -> impl Strategy<Value = Value> {
    let segment = prop::option::of(prop::sample::select(vec![id(11), id(12)]));
    let environment = prop::sample::select(vec!["production", "staging"]);
    let parts = (conditions(0), segment, prop::option::of(share()), environment, any::<bool>());
    parts.prop_map(move |(conditions, segment, percentage, environment, enabled)| {
        json!({
            "id": id(300 + number), "environment": environment, "value": number,
            "conditions": conditions, "segment_id": segment, "percentage": percentage,
            "enabled": enabled
        })
    })
}

/// Experiments of a layer have ranges of their own, so that all of them can run.
fn some_targeting(number: u128) -> impl Strategy<Value = Value> {
    let segments = || prop::collection::vec(prop::sample::select(vec![id(11), id(12)]), 0..3);
    let from = u32::try_from(number).unwrap() * 30;
    let parts = (conditions(0), segments(), segments(), share(), any::<[bool; 3]>());
    parts.prop_map(move |(conditions, segments, not_segments, coverage, [layered, all, bare])| {
        if bare {
            return json!({});
        }
        let audience = json!({
            "conditions": conditions, "segments": segments, "not_segments": not_segments
        });
        let mut targeting = json!({"audience": audience, "coverage": coverage, "holdouts": all});
        if layered {
            targeting["layer"] = json!({"id": id(21), "ranges": [{"from": from, "to": from + 30}]});
        }
        targeting
    })
}

fn some_flag(number: u128) -> impl Strategy<Value = Value> {
    let rules = prop::collection::vec(0_u128..1, 0..4).prop_flat_map(move |rules| {
        (0..rules.len() as u128).map(|at| some_rule(number * 10 + at)).collect::<Vec<_>>()
    });
    let parts = (rules, some_targeting(number), any::<[bool; 3]>());
    parts.prop_map(move |(rules, targeting, [enabled, is_typed, runs])| {
        let mut flag =
            targeted(if runs { super::running(number) } else { super::flag(number) }, &targeting);
        flag["experiments"][0]["variants"][0]["value"] = json!(1);
        flag["default_value"] = json!(1.5);
        flag["rules"] = json!(rules);
        flag["enabled"] = json!(enabled);
        if is_typed {
            flag["flag_type"] = json!("number");
        }
        flag
    })
}

fn some_document() -> impl Strategy<Value = Value> {
    let flags = (some_flag(0), some_flag(1), some_flag(2));
    let segment = |number: u128| {
        (conditions(1), any::<bool>()).prop_map(move |(conditions, is_any)| {
            let match_type = if is_any { "any" } else { "all" };
            json!({
                "id": id(number), "name": "s", "match_type": match_type, "rules": conditions,
                "description": if is_any { "d" } else { "" }
            })
        })
    };
    let holdouts = prop::collection::vec(share(), 0..3).prop_map(|shares| {
        let holdouts = (41..)
            .zip(shares)
            .map(|(number, share)| json!({"id": id(number), "name": "h", "percentage": share}));
        holdouts.collect::<Vec<_>>()
    });
    (flags, segment(11), segment(12), holdouts).prop_map(|(flags, one, other, holdouts)| {
        let mut document = document(&[flags.0, flags.1, flags.2]);
        document["segments"] = json!([one, other]);
        document["layers"] = json!([layer(21)]);
        document["holdouts"] = json!(holdouts);
        document
    })
}

proptest! {
    #[test]
    fn what_is_read_is_written_and_read_again_as_the_same(given in some_document()) {
        let (replaced, applied) = (engine(), engine());
        replaced.replace(&given.to_string()).unwrap();
        let report = applied.apply(&given.to_string()).unwrap();
        prop_assert!(report.skipped.is_empty(), "{}", report);
        let written = replaced.to_json();
        prop_assert_eq!(applied.to_json(), written.clone());
        let nothing = applied.apply(&given.to_string()).unwrap();
        prop_assert_eq!(nothing.to_string(), "nothing to do");
        let again = Engine::from_json(&written).unwrap();
        prop_assert_eq!(again.to_json(), written.clone());
        let applied = engine();
        let report = applied.apply(&written).unwrap();
        prop_assert!(report.skipped.is_empty(), "{}", report);
        prop_assert_eq!(applied.to_json(), written);
    }
}

/// What a source says, and what is there: segments by a number for their content, and for each flag
/// its rules by a number for their value, the coverage of its draft, and the segment of its draft.
#[derive(Clone, Debug, Default, PartialEq)]
struct Text {
    segments: BTreeMap<u128, u8>,
    flags: BTreeMap<u128, Flag>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Flag {
    rules: BTreeMap<u128, u8>,
    coverage: u8,
    segment: Option<u128>,
    enabled: bool,
}

const RULES: u128 = 4;

/// Sources have no part in common: that of a source has numbers of its own.
fn own(source: usize, number: u128) -> u128 {
    number * 2 + source as u128
}

fn rule_number(flag: u128, rule: u128) -> u128 {
    1000 + flag * 10 + rule
}

fn segment_number(number: u128) -> u128 {
    2000 + number
}

fn content(number: u8) -> Condition {
    Condition::new("plan", Operator::Equals, number)
}

fn written(text: &Text) -> String {
    let segments = text.segments.iter().map(|(number, content)| {
        let condition = with(condition(), "value", json!(content));
        json!({"id": id(segment_number(*number)), "name": "s", "rules": [condition]})
    });
    let flags = text.flags.iter().map(|(number, flag)| {
        let rules = flag.rules.iter().map(|(rule, value)| {
            json!({
                "id": id(rule_number(*number, *rule)), "environment": "production",
                "position": u32::try_from(*rule).unwrap(), "value": value
            })
        });
        let mut targeting = json!({"coverage": flag.coverage});
        if let Some(segment) = flag.segment {
            targeting["audience"] = json!({"segments": [id(segment_number(segment))]});
        }
        let of = targeted(super::flag(*number), &targeting);
        let of = with(of, "enabled", json!(flag.enabled));
        with(of, "rules", json!(rules.collect::<Vec<_>>()))
    });
    json!({
        "segments": segments.collect::<Vec<_>>(), "flags": flags.collect::<Vec<_>>()
    })
    .to_string()
}

/// What an engine has, as the model would.
fn found(engine: &Engine) -> Text {
    let number_of = |bytes: [u8; 16]| u128::from_be_bytes(bytes);
    let segments = engine.segments().into_iter().map(|segment| {
        let content = segment.conditions().next().unwrap().value().unwrap().as_u64().unwrap();
        (number_of(segment.id().to_bytes()) - 2000, u8::try_from(content).unwrap())
    });
    let flags = engine.flags().into_iter().map(|flag| {
        let number = number_of(flag.id().to_bytes());
        let rules = engine.rules(flag.id()).unwrap().into_iter().map(|rule| {
            let value = u8::try_from(rule.value().as_u64().unwrap()).unwrap();
            (u128::from(rule.position()), value)
        });
        let experiment = engine.experiment(experiment_id(number)).unwrap();
        let targeting = experiment.targeting();
        let coverage = targeting.map_or(100.0, |targeting| targeting.coverage().percent());
        let segment = targeting.and_then(|targeting| targeting.audience().segments().first());
        let found = Flag {
            rules: rules.collect(),
            coverage: format!("{coverage}").parse().unwrap(),
            segment: segment.map(|segment| number_of(segment.to_bytes()) - 2000),
            enabled: flag.is_enabled(),
        };
        (number, found)
    });
    Text { segments: segments.collect(), flags: flags.collect() }
}

#[derive(Clone, Debug, Default)]
struct Model {
    is: Text,
    said: [Text; 2],
}

/// A value after a source that said `said` says `now`.
fn value<T: Clone + PartialEq>(is: T, said: Option<&T>, now: &T) -> T {
    if said == Some(now) { is } else { now.clone() }
}

/// Items by number after a source that said `said` says `now`: what somebody else removed stays so
/// until it changes.
fn items(
    is: &BTreeMap<u128, u8>,
    said: &BTreeMap<u128, u8>,
    now: &BTreeMap<u128, u8>,
) -> BTreeMap<u128, u8> {
    let mut after = is.clone();
    after.retain(|number, _| now.contains_key(number) || !said.contains_key(number));
    for (number, wanted) in now {
        let said = said.get(number);
        match is.get(number) {
            None if said == Some(wanted) => {}
            None => drop(after.insert(*number, *wanted)),
            Some(is) => drop(after.insert(*number, value(*is, said, wanted))),
        }
    }
    after
}

impl Model {
    fn apply(&mut self, source: usize, now: &Text) {
        let said = self.said[source].clone();
        let mut next_said = now.clone();
        let segments = items(&self.is.segments, &said.segments, &now.segments);
        // What the source no longer names is there until the flags are as they will be.
        let mut there = self.is.segments.clone();
        there.extend(segments.clone());
        for (number, wanted) in &now.flags {
            if wanted.segment.is_some_and(|segment| !there.contains_key(&segment)) {
                // Faulty: it stays, and so does what was said of it.
                match said.flags.get(number) {
                    Some(flag) => drop(next_said.flags.insert(*number, flag.clone())),
                    None => drop(next_said.flags.remove(number)),
                }
                continue;
            }
            let said = said.flags.get(number);
            let merged = match self.is.flags.get(number).cloned() {
                None => wanted.clone(),
                Some(is) => {
                    let none = BTreeMap::new();
                    let rules = said.map_or(&none, |said| &said.rules);
                    // What says the same as its absence is not said: everybody, and enabled.
                    let coverage = said.map_or(100, |said| said.coverage);
                    let enabled = said.is_none_or(|said| said.enabled);
                    let segment = said.and_then(|said| said.segment);
                    Flag {
                        rules: items(&is.rules, rules, &wanted.rules),
                        coverage: value(is.coverage, Some(&coverage), &wanted.coverage),
                        segment: value(is.segment, Some(&segment), &wanted.segment),
                        enabled: value(is.enabled, Some(&enabled), &wanted.enabled),
                    }
                }
            };
            self.is.flags.insert(*number, merged);
        }
        let uses =
            |segment: &u128| self.is.flags.values().any(|flag| flag.segment == Some(*segment));
        for (number, content) in &self.is.segments {
            if !segments.contains_key(number) && uses(number) {
                next_said.segments.insert(*number, said.segments[number]);
                there.insert(*number, *content);
            } else if !segments.contains_key(number) {
                there.remove(number);
            }
        }
        self.is.segments = there;
        self.said[source] = next_said;
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Rule(usize, u128, u128, Option<u8>),
    Coverage(usize, u128, u8),
    Enabled(usize, u128, bool),
    Named(usize, u128, Option<u128>),
    Segment(usize, u128, Option<u8>),
    Apply(usize),
    ChangeRule(u128, u128, u8),
    DeleteRule(u128, u128),
    SetCoverage(u128, u8),
    ChangeSegment(u128, u8),
    DeleteSegment(u128),
    Enable(u128, bool),
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let (source, number, flag) = (0_usize..2, 0_u128..2, 0_u128..4);
    let optional = || prop::option::weighted(0.7, 0_u8..3);
    prop_oneof![
        3 => (source.clone(), number.clone(), 0..RULES, optional())
            .prop_map(|(s, n, r, v)| Rule(s, n, r, v)),
        2 => (source.clone(), number.clone(), 98_u8..=100).prop_map(|(s, n, c)| Coverage(s, n, c)),
        2 => (source.clone(), number.clone(), any::<bool>()).prop_map(|(s, n, e)| Enabled(s, n, e)),
        2 => (source.clone(), number.clone(), prop::option::of(0_u128..4))
            .prop_map(|(s, n, g)| Named(s, n, g)),
        3 => (source.clone(), number, optional()).prop_map(|(s, n, v)| Segment(s, n, v)),
        6 => source.prop_map(Apply),
        2 => (flag.clone(), 0..RULES, 0_u8..3).prop_map(|(f, r, v)| ChangeRule(f, r, v)),
        1 => (flag.clone(), 0..RULES).prop_map(|(f, r)| DeleteRule(f, r)),
        2 => (flag.clone(), 98_u8..=100).prop_map(|(f, c)| SetCoverage(f, c)),
        2 => (flag.clone(), 0_u8..3).prop_map(|(f, v)| ChangeSegment(f, v)),
        2 => flag.clone().prop_map(DeleteSegment),
        1 => (flag, any::<bool>()).prop_map(|(f, e)| Enable(f, e)),
        1 => Just(Reopen),
    ]
}

/// Changes the text of a source; returns whether it did.
fn edit(texts: &mut [Text; 2], operation: &Operation) -> bool {
    fn flag(texts: &mut [Text; 2], source: usize, number: u128) -> &mut Flag {
        let new = || Flag { coverage: 100, enabled: true, ..Flag::default() };
        texts[source].flags.entry(own(source, number)).or_insert_with(new)
    }
    match *operation {
        Operation::Rule(source, number, rule, Some(value)) => {
            flag(texts, source, number).rules.insert(rule, value);
        }
        Operation::Rule(source, number, rule, None) => {
            flag(texts, source, number).rules.remove(&rule);
        }
        Operation::Coverage(source, number, coverage) => {
            flag(texts, source, number).coverage = coverage;
        }
        Operation::Enabled(source, number, enabled) => {
            flag(texts, source, number).enabled = enabled;
        }
        Operation::Named(source, number, segment) => flag(texts, source, number).segment = segment,
        Operation::Segment(source, number, Some(content)) => {
            texts[source].segments.insert(own(source, number), content);
        }
        Operation::Segment(source, number, None) => {
            texts[source].segments.remove(&own(source, number));
        }
        _ => return false,
    }
    true
}

fn call(engine: &Engine, is: &mut Text, operation: &Operation) {
    let rule_id = |flag, rule| id(rule_number(flag, rule)).parse().unwrap();
    let segment_id = |number| id(segment_number(number)).parse().unwrap();
    match *operation {
        Operation::ChangeRule(flag, rule, value) => {
            let new = NewRule::new("production", value).position(u32::try_from(rule).unwrap());
            let done = engine.change_rule(rule_id(flag, rule), new).is_ok();
            let known = is.flags.get_mut(&flag).and_then(|flag| flag.rules.get_mut(&rule));
            assert_eq!(done, known.is_some());
            if let Some(known) = known {
                *known = value;
            }
        }
        Operation::DeleteRule(flag, rule) => {
            let done = engine.delete_rule(rule_id(flag, rule)).is_ok();
            let known = is.flags.get_mut(&flag).and_then(|flag| flag.rules.remove(&rule));
            assert_eq!(done, known.is_some());
        }
        Operation::SetCoverage(flag, coverage) => {
            let Some(known) = is.flags.get_mut(&flag) else { return };
            known.coverage = coverage;
            let mut targeting = NewTargeting::new().coverage(coverage);
            if let Some(segment) = known.segment {
                targeting = targeting.segment(segment_id(segment));
            }
            engine.set_targeting(experiment_id(flag), targeting).unwrap();
        }
        Operation::ChangeSegment(number, of) => {
            let new = NewSegment::new("s").condition(content(of));
            let done = engine.change_segment(segment_id(number), new).is_ok();
            let known = is.segments.get_mut(&number);
            assert_eq!(done, known.is_some());
            if let Some(known) = known {
                *known = of;
            }
        }
        Operation::DeleteSegment(number) => {
            let done = engine.delete_segment(segment_id(number)).is_ok();
            let is_used = is.flags.values().any(|flag| flag.segment == Some(number));
            assert_eq!(done, !is_used && is.segments.contains_key(&number));
            if done {
                is.segments.remove(&number);
            }
        }
        Operation::Enable(flag, to) => {
            let change = fairsplit::FlagChange::new().enabled(to);
            let done = engine.change_flag(flag_id(flag), change).is_ok();
            assert_eq!(done, is.flags.contains_key(&flag));
            is.flags.entry(flag).and_modify(|flag| flag.enabled = to);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn two_sources_and_calls_lead_where_a_naive_merge_leads(
        operations in prop::collection::vec(operation(), 1..40)
    ) {
        let directory = Directory::new();
        let mut engine = directory.open();
        let (mut model, mut texts) = (Model::default(), [Text::default(), Text::default()]);
        for operation in &operations {
            if edit(&mut texts, operation) {
                continue;
            }
            match *operation {
                Operation::Apply(source) => {
                    let options = ApplyOptions::new().source(["one", "other"][source]);
                    let _ = options.apply(&engine, &written(&texts[source])).unwrap();
                    model.apply(source, &texts[source]);
                }
                Operation::Reopen => {
                    drop(engine);
                    engine = directory.open();
                }
                _ => call(&engine, &mut model.is, operation),
            }
            prop_assert_eq!(&found(&engine), &model.is, "after {:?}", operation);
        }
        for flag in engine.flags() {
            for experiment in engine.experiments(flag.id()).unwrap() {
                prop_assert_eq!(experiment.status(), Status::Draft);
            }
        }
        assert_replayed(&engine);
    }
}
