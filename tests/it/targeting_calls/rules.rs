//! The rules of flags.

use super::{faults, idle, no_such, plan, refused, rule_id, segment_id, shop};
use crate::common::flag_id;
use fairsplit::Engine;
use fairsplit::error::ControlError;
use fairsplit::fault::{FaultKind, MAX_RULES};
use fairsplit::targeting::{FlagType, NewRule};
use fairsplit::{FlagChange, NewFlag};
use serde_json::json;

fn new(value: &str) -> NewRule {
    NewRule::new("production", value)
}

/// The ids and positions of the rules of "banner", as they are listed.
fn listed(engine: &Engine) -> Vec<(String, u32)> {
    let rules = engine.rules("banner").unwrap();
    rules.iter().map(|rule| (rule.environment().to_string(), rule.position())).collect()
}

#[test]
fn a_rule_created_without_a_position_comes_after_those_of_its_environment() {
    let engine = shop();
    let first = engine.create_rule("banner", new("a").id(rule_id(1))).unwrap();
    assert_eq!((first.id(), first.position()), (rule_id(1), 0));
    engine.create_rule(flag_id(1), new("b").position(7)).unwrap();
    assert_eq!(engine.create_rule("banner", new("c")).unwrap().position(), 8);
    assert_eq!(engine.create_rule("banner", new("d").position(3)).unwrap().position(), 3);
    // Of another environment, and of another flag, the positions are others.
    let elsewhere = NewRule::new("canary", "e");
    assert_eq!(engine.create_rule("banner", elsewhere).unwrap().position(), 0);
    assert_eq!(engine.create_rule("checkout", new("f")).unwrap().position(), 0);
    let production = |position: u32| ("production".to_owned(), position);
    assert_eq!(
        listed(&engine),
        [("canary".to_owned(), 0), production(0), production(3), production(7), production(8)]
    );
    let found = engine.rule(rule_id(1)).unwrap();
    assert_eq!(found, first);
    assert_eq!(found.value(), &json!("a"));
    // A rule is no change of the flag itself.
    let flag = engine.flag("banner").unwrap();
    assert_eq!(flag.updated_at(), flag.created_at());
}

#[test]
fn a_rule_whose_place_or_id_another_one_has_is_refused() {
    let engine = shop();
    engine.create_rule("banner", new("a").id(rule_id(1))).unwrap();
    engine.create_rule("banner", new("b").id(rule_id(2)).position(u32::MAX)).unwrap();
    let taken = |other: u128, found: u32| {
        let other = format!("rule {}", rule_id(other));
        vec![("position".to_owned(), FaultKind::Duplicate { found: found.to_string(), other })]
    };
    let at_first = faults(&engine, |engine| engine.create_rule("banner", new("c").position(0)));
    assert_eq!(at_first, taken(1, 0));
    let moved = faults(&engine, |engine| engine.change_rule(rule_id(2), new("b").position(0)));
    assert_eq!(moved, taken(1, 0));
    // There is no place after the last one.
    let after = faults(&engine, |engine| engine.create_rule("banner", new("c")));
    assert_eq!(after, taken(2, u32::MAX));
    let id_taken = ControlError::RuleIdTaken { id: rule_id(1) };
    for flag in ["banner", "checkout"] {
        let create =
            |engine: &Engine| engine.create_rule(flag, new("c").position(5).id(rule_id(1)));
        assert_eq!(refused(&engine, create), id_taken);
    }
}

#[test]
fn a_rule_is_refused_with_all_that_is_wrong_with_it() {
    let engine = shop();
    let change = FlagChange::new().flag_type(FlagType::String);
    engine.change_flag("banner", change).unwrap();
    engine.create_rule("banner", new("a").id(rule_id(1))).unwrap();
    let wrong = || {
        NewRule::new("production", 1)
            .percentage(101)
            .position(0)
            .segment(segment_id(9))
            .condition(plan("x"))
    };
    let expected = |found: &[(String, FaultKind)]| {
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["percentage"]);
    };
    expected(&faults(&engine, |engine| engine.create_rule("banner", wrong())));
    let right_share = || wrong().percentage(50);
    let found = faults(&engine, |engine| engine.create_rule("banner", right_share()));
    let [value, segment, position] = &found[..] else { panic!("{found:?}") };
    let expected = FlagType::String;
    assert_eq!(*value, ("value".to_owned(), FaultKind::ValueType { expected }));
    assert_eq!(*segment, ("segment_id".to_owned(), no_such("segment", &segment_id(9))));
    assert!(matches!(position, (path, FaultKind::Duplicate { .. }) if path == "position"));
    // A value of `null` is no default.
    let null = NewRule::new("production", json!(null));
    let found = faults(&engine, |engine| engine.change_rule(rule_id(1), null));
    assert_eq!(found, [("value".to_owned(), FaultKind::ValueType { expected })]);
    let blank = faults(&engine, |engine| engine.create_rule("banner", NewRule::new(" ", "a")));
    assert_eq!(blank, [("environment".to_owned(), FaultKind::Blank)]);
    assert!(matches!(
        refused(&engine, |engine| engine.create_rule("none", new("a"))),
        ControlError::FlagNotFound { .. }
    ));
}

#[test]
fn a_flag_has_at_most_a_hundred_rules_in_one_environment() {
    let engine = shop();
    for _ in 0..MAX_RULES {
        engine.create_rule("banner", new("a")).unwrap();
    }
    let full = |found: &[(String, FaultKind)]| {
        let kind = FaultKind::TooMany { what: "rules", most: MAX_RULES, found: MAX_RULES + 1 };
        assert_eq!(found, [("rules".to_owned(), kind)]);
    };
    full(&faults(&engine, |engine| engine.create_rule("banner", new("a"))));
    let elsewhere = NewRule::new("canary", "a");
    let id = engine.create_rule("banner", elsewhere).unwrap().id();
    full(&faults(&engine, |engine| engine.change_rule(id, new("a"))));
    // One of a hundred can be changed.
    let first = engine.rules("banner").unwrap()[1].id();
    engine.change_rule(first, new("b")).unwrap();
}

#[test]
fn a_changed_rule_keeps_its_id_and_its_position_unless_another_one_is_given() {
    let engine = shop();
    let id = engine.create_rule("banner", new("a").percentage(5).id(rule_id(1))).unwrap().id();
    engine.create_rule("banner", new("b")).unwrap();
    engine.create_rule("banner", NewRule::new("canary", "c")).unwrap();
    let changed = engine.change_rule(id, new("a").percentage(20).id(rule_id(9))).unwrap();
    assert_eq!((changed.id(), changed.position()), (id, 0));
    assert_eq!(changed.percentage().unwrap().thousandths(), 20_000);
    assert!(engine.rule(rule_id(9)).is_none());
    idle(&engine, |engine| engine.change_rule(id, new("a").percentage(20)));
    // All of it is replaced.
    let changed = engine.change_rule(id, new("z").condition(plan("pro")).enabled(false)).unwrap();
    assert!(!changed.is_enabled() && changed.percentage().is_none());
    assert_eq!(engine.rule(id), Some(changed));
    assert_eq!(engine.change_rule(id, new("z").position(9)).unwrap().position(), 9);
    // In another environment it is the last one.
    let moved = engine.change_rule(id, NewRule::new("canary", "z")).unwrap();
    assert_eq!((moved.environment().as_str(), moved.position()), ("canary", 1));
    assert_eq!(
        refused(&engine, |engine| engine.change_rule(rule_id(8), new("a"))),
        ControlError::RuleNotFound { id: rule_id(8) }
    );
}

#[test]
fn a_deleted_rule_is_gone_with_its_id_and_the_others_stay_where_they_are() {
    let engine = shop();
    for number in 1..=3 {
        engine.create_rule("banner", new("a").id(rule_id(number))).unwrap();
    }
    assert_eq!(engine.delete_rule(rule_id(2)).unwrap().id(), rule_id(2));
    assert!(engine.rule(rule_id(2)).is_none());
    let positions: Vec<_> = listed(&engine).into_iter().map(|(_, position)| position).collect();
    assert_eq!(positions, [0, 2]);
    assert_eq!(
        refused(&engine, |engine| engine.delete_rule(rule_id(2))),
        ControlError::RuleNotFound { id: rule_id(2) }
    );
    // With its flag, a rule is gone too, and its id is free.
    engine.delete_flag("banner").unwrap();
    assert!(engine.rule(rule_id(1)).is_none());
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    assert_eq!(engine.rules("banner").unwrap(), []);
    engine.create_rule("checkout", new("a").id(rule_id(1))).unwrap();
    assert!(matches!(
        refused(&engine, |engine| engine.rules("none")),
        ControlError::FlagNotFound { .. }
    ));
}
