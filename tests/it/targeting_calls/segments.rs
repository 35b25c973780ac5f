//! Segments.

use super::{everybody, experiment, faults, idle, plan, refused, rule_id, segment_id, shop};
use crate::common::{banner, engine_at_noon, experiment_id};
use fairsplit::error::ControlError;
use fairsplit::fault::{FaultKind, MAX_SEGMENTS};
use fairsplit::targeting::{MatchType, NewRule, NewSegment};
use fairsplit::{Engine, Status};

fn new(value: &str) -> NewSegment {
    NewSegment::new("beta").condition(plan(value))
}

#[test]
fn a_segment_is_created_changed_and_deleted() {
    let (engine, clock) = engine_at_noon();
    let created = engine.create_segment(new("beta").id(segment_id(2)).description("d")).unwrap();
    assert_eq!((created.name(), created.description()), ("beta", "d"));
    let other = engine.create_segment(new("gamma").id(segment_id(1))).unwrap();
    assert_eq!(engine.segments(), [other, created.clone()]);
    clock.advance(60);
    idle(&engine, |engine| engine.change_segment(segment_id(2), new("beta").description("d")));
    let any = new("beta").condition(plan("alpha")).match_type(MatchType::Any).id(segment_id(9));
    let change = engine.change_segment(segment_id(2), any).unwrap();
    assert_eq!((change.segment.id(), change.segment.description()), (segment_id(2), ""));
    assert_eq!(change.segment.match_type(), MatchType::Any);
    assert!(change.segment.updated_at() > created.updated_at());
    assert_eq!(change.reaches, []);
    assert_eq!(engine.segment(segment_id(2)), Some(change.segment.clone()));
    assert_eq!(engine.delete_segment(segment_id(2)), Ok(change.segment));
    assert_eq!(engine.segment(segment_id(2)), None);
    let unknown = ControlError::SegmentNotFound { id: segment_id(2) };
    assert_eq!(refused(&engine, |engine| engine.delete_segment(segment_id(2))), unknown);
    assert_eq!(refused(&engine, |engine| engine.change_segment(segment_id(2), new("a"))), unknown);
}

#[test]
fn a_segment_that_is_wrong_or_one_too_many_or_has_a_taken_id_is_refused() {
    let engine = shop();
    let empty = || NewSegment::new("beta");
    let found = [
        faults(&engine, |engine| engine.create_segment(empty())),
        faults(&engine, |engine| engine.change_segment(segment_id(1), empty())),
    ];
    for found in found {
        let kind = FaultKind::NoItems { what: "condition" };
        assert_eq!(found, [("rules".to_owned(), kind)]);
    }
    let create = |engine: &Engine| engine.create_segment(new("x").id(segment_id(1)));
    assert_eq!(refused(&engine, create), ControlError::SegmentIdTaken { id: segment_id(1) });
    for number in 2..=MAX_SEGMENTS {
        engine.create_segment(new("x").id(segment_id(number as u128))).unwrap();
    }
    let found = faults(&engine, |engine| engine.create_segment(new("x")));
    let kind = FaultKind::TooMany { what: "segments", most: MAX_SEGMENTS, found: MAX_SEGMENTS + 1 };
    assert_eq!(found, [("segments".to_owned(), kind)]);
    engine.change_segment(segment_id(1), new("x")).unwrap();
}

#[test]
fn a_change_of_a_segment_names_the_running_experiments_whose_users_depend_on_it() {
    let engine = shop();
    let by_audience =
        experiment(&engine, 1, everybody().not_segment(segment_id(1)), Status::Running);
    // A draft that names it, and one that runs without it.
    engine.create_segment(new("y").id(segment_id(2))).unwrap();
    let draft = banner("draft").targeting(everybody().segment(segment_id(1)));
    engine.create_experiment("banner", draft).unwrap();
    let other = banner("canary").targeting(everybody().segment(segment_id(2)));
    engine.create_experiment("banner", other.status(Status::Running)).unwrap();
    // A rule above the experiments of "checkout" in production.
    let run = |environment: &str, number: u128| {
        let new = banner(environment).id(experiment_id(number)).status(Status::Running);
        engine.create_experiment("checkout", new).unwrap();
    };
    run("production", 10);
    run("canary", 11);
    let above = || NewRule::new("production", "x").segment(segment_id(1));
    engine.create_rule("checkout", above().id(rule_id(1))).unwrap();
    let reaches = |value: &str| engine.change_segment(segment_id(1), new(value)).unwrap().reaches;
    assert_eq!(reaches("a"), [by_audience, experiment_id(10)]);
    engine.change_rule(rule_id(1), above().enabled(false)).unwrap();
    assert_eq!(reaches("b"), [by_audience]);
    let renamed = new("b").description("another description");
    assert_eq!(engine.change_segment(segment_id(1), renamed).unwrap().reaches, []);
    engine.stop(by_audience).unwrap();
    assert_eq!(reaches("c"), []);
}

#[test]
fn a_segment_cannot_be_deleted_while_a_rule_or_an_audience_names_it() {
    let engine = shop();
    let in_use = |engine: &Engine| {
        let error = refused(engine, |engine| engine.delete_segment(segment_id(1)));
        assert!(matches!(error, ControlError::SegmentInUse { id, .. } if id == segment_id(1)));
    };
    let rule = NewRule::new("production", "x").segment(segment_id(1)).enabled(false);
    let rule = engine.create_rule("checkout", rule).unwrap().id();
    in_use(&engine);
    engine.delete_rule(rule).unwrap();
    let id = experiment(&engine, 1, everybody().segment(segment_id(1)), Status::Draft);
    in_use(&engine);
    engine.set_targeting(id, everybody().not_segment(segment_id(1))).unwrap();
    in_use(&engine);
    engine.archive_experiment(id).unwrap();
    in_use(&engine);
    engine.delete_experiment(id).unwrap();
    engine.delete_segment(segment_id(1)).unwrap();
}
