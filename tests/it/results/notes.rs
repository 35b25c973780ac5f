//! What results say of the run beside its figures.

use std::sync::Arc;

use crate::common::{banner, engine_at_noon, experiment_id};
use fairsplit::clock::ManualClock;
use fairsplit::results::{Analysis, NamedBy, Note, Period, Results};
use fairsplit::targeting::{
    Condition, NewHoldout, NewRule, NewSegment, NewTargeting, Operator, SegmentId,
};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};

fn plan(plan: &str) -> Condition {
    Condition::new("plan", Operator::Equals, plan)
}

/// An engine whose flag "banner" runs an experiment in production, and has the segment "pro".
fn running(targeting: NewTargeting) -> (Engine, Arc<ManualClock>, ExperimentId) {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    engine.create_segment(pro("pro")).unwrap();
    let new = banner("production").id(experiment_id(1)).targeting(targeting);
    let id = engine.create_experiment("banner", new.status(Status::Running)).unwrap().id();
    (engine, clock, id)
}

fn segment() -> SegmentId {
    SegmentId::from_bytes([1; 16])
}

fn pro(of: &str) -> NewSegment {
    NewSegment::new("pro").id(segment()).condition(plan(of))
}

fn notes(engine: &Engine, id: ExperimentId) -> Vec<Note> {
    engine.results(id).unwrap().notes
}

/// The table in one line.
fn unwrapped(results: &Results) -> String {
    results.to_string().replace('\n', " ")
}

/// The coverages in per cent, each with its share of the time in per cent.
fn coverages(engine: &Engine, id: ExperimentId) -> Vec<(f64, f64)> {
    let found = notes(engine, id).into_iter().find_map(|note| match note {
        Note::Coverage { steps, .. } => Some(steps),
        _ => None,
    });
    let steps = found.into_iter().flatten();
    steps.map(|step| (step.coverage.percent(), step.share_of_time * 100.0)).collect()
}

#[test]
fn results_say_which_share_of_the_run_had_which_coverage() {
    let (engine, clock, id) = running(NewTargeting::new().coverage(1));
    assert_eq!(coverages(&engine, id), [(1.0, 100.0)]);
    clock.advance(25);
    assert_eq!(coverages(&engine, id), [(1.0, 100.0)]);
    engine.raise_coverage(id, 10).unwrap();
    assert_eq!(coverages(&engine, id), [(1.0, 100.0), (10.0, 0.0)]);
    clock.advance(25);
    engine.raise_coverage(id, 100).unwrap();
    clock.advance(50);
    assert_eq!(coverages(&engine, id), [(1.0, 25.0), (10.0, 25.0), (100.0, 50.0)]);
    let table = unwrapped(&engine.results(id).unwrap());
    let line = "Covered 1 % for 25.0 % of the time, then 10 % for 25.0 % of the time, then 100 % for \
                50.0 % of the time: users of a later step have been exposed for a shorter time. ";
    assert!(table.contains(line), "{table}");
    // The time after the stop is not the run's, nor is the time before a restart.
    engine.stop(id).unwrap();
    clock.advance(1000);
    assert_eq!(coverages(&engine, id), [(1.0, 25.0), (10.0, 25.0), (100.0, 50.0)]);
    engine.start(id).unwrap();
    clock.advance(10);
    assert_eq!(coverages(&engine, id), []);
}

#[test]
fn results_of_a_run_at_one_coverage_name_it_and_those_of_all_runs_do_not() {
    let (engine, clock, id) = running(NewTargeting::new().coverage(12.5));
    clock.advance(60);
    let results = engine.results(id).unwrap();
    assert!(results.to_string().contains("\nCovered 12.5 % of the audience.\n"), "{results}");
    let json = serde_json::to_value(&results).unwrap();
    assert_eq!(json["notes"][0]["note"], "coverage");
    assert_eq!(json["notes"][0]["steps"][0]["coverage"], 12.5);
    let ever = engine.analyse(id, &Analysis::new().period(Period::Ever)).unwrap().unwrap();
    assert_eq!(ever.notes, []);
}

#[test]
fn results_of_everybody_have_no_note() {
    let (engine, clock, id) = running(NewTargeting::new());
    clock.advance(60);
    engine.change_segment(segment(), pro("team")).unwrap();
    assert_eq!(notes(&engine, id), []);
    assert!(serde_json::to_value(engine.results(id)).unwrap().get("notes").is_none());
}

/// The names of the segments that were changed, what names them, and the seconds after noon.
fn changed(engine: &Engine, id: ExperimentId) -> Vec<(String, NamedBy, i64)> {
    let start = engine.experiment(id).unwrap().created_at().unix_seconds();
    let changed = notes(engine, id).into_iter().filter_map(|note| match note {
        Note::SegmentChanged { name, named_by, at, .. } => {
            Some((name, named_by, at.unix_seconds() - start))
        }
        _ => None,
    });
    changed.collect()
}

#[test]
fn a_segment_of_the_audience_that_is_edited_during_the_run_stands_in_its_results() {
    for audience in
        [NewTargeting::new().segment(segment()), NewTargeting::new().not_segment(segment())]
    {
        let (engine, clock, id) = running(audience);
        clock.advance(60);
        assert_eq!(changed(&engine, id), []);
        engine.change_segment(segment(), pro("team")).unwrap();
        clock.advance(60);
        assert_eq!(changed(&engine, id), [("pro".to_owned(), NamedBy::Audience, 60)]);
        let table = unwrapped(&engine.results(id).unwrap());
        let line = "The segment pro of the audience was changed during the run, last at \
                    2025-03-12T12:01:00Z. ";
        assert!(table.contains(line), "{table}");
        // In another run it was as it is from the start on.
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
        assert_eq!(changed(&engine, id), []);
    }
}

#[test]
fn a_segment_of_a_rule_that_is_edited_stands_in_the_results_of_that_environment() {
    let (engine, clock, id) = running(NewTargeting::new());
    let rule = |environment: &str| NewRule::new(environment, "x").segment(segment());
    engine.create_rule("banner", rule("staging")).unwrap();
    engine.create_rule("banner", rule("production").enabled(false)).unwrap();
    clock.advance(60);
    engine.change_segment(segment(), pro("team")).unwrap();
    assert_eq!(changed(&engine, id), []);
    for _ in 0..2 {
        engine.create_rule("banner", rule("production")).unwrap();
        assert_eq!(changed(&engine, id), [("pro".to_owned(), NamedBy::Rule, 60)]);
    }
}

#[test]
fn a_holdout_that_binds_the_experiment_stands_in_its_results_by_its_name() {
    let (engine, _) = engine_at_noon();
    engine.create_holdout(NewHoldout::new("2026\u{1b}", 2.5)).unwrap();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let new = banner("production").status(Status::Running);
    let id = engine.create_experiment("banner", new).unwrap().id();
    engine.create_holdout(NewHoldout::new("later", 5)).unwrap();
    let found = notes(&engine, id);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), "The holdout 2026\\u{1b} keeps 2.5 % out.");
}
