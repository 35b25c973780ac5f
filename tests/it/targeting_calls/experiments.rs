//! Who is in an experiment.

use super::{
    everybody, experiment, faults, fixed, holdout_id, idle, is_unit, layer_id, no_such, plan,
    refused, segment_id, shop,
};
use crate::common::{banner, experiment_id};
use fairsplit::error::ControlError;
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{NewHoldout, NewTargeting};
use fairsplit::{NewExperiment, NewFlag, Status};

#[test]
fn targeting_set_on_a_draft_is_what_the_draft_has_and_replaces_all_that_it_had() {
    let engine = shop();
    let id = experiment(&engine, 1, everybody(), Status::Draft);
    assert_eq!(engine.experiment(id).unwrap().targeting(), None);
    let whole = || {
        everybody()
            .condition(plan("pro"))
            .segment(segment_id(1))
            .coverage(12.5)
            .bucket_by("company")
            .layer(layer_id(2), [(0, 30)])
            .holdouts(false)
    };
    let set = engine.set_targeting(id, whole()).unwrap();
    let targeting = set.targeting().unwrap();
    let audience = targeting.audience();
    assert_eq!(audience.conditions().cloned().collect::<Vec<_>>(), [plan("pro")]);
    assert_eq!((audience.segments(), audience.not_segments()), (&[segment_id(1)][..], &[][..]));
    assert_eq!(targeting.coverage().thousandths(), 12_500);
    assert_eq!(targeting.bucket_by(), Some("company"));
    assert_eq!(targeting.layer().unwrap().id(), layer_id(2));
    assert!(!targeting.holdouts());
    // Created with it, an experiment is the same, and its JSON is the Experiments API's.
    let created = experiment(&engine, 2, whole(), Status::Draft);
    let created = engine.experiment(created).unwrap();
    assert_eq!(created.targeting(), Some(targeting));
    assert!(serde_json::to_value(&created).unwrap().get("targeting").is_none());

    idle(&engine, |engine| engine.set_targeting(id, whole()));
    let set = engine.set_targeting(id, everybody().not_segment(segment_id(1))).unwrap();
    assert_eq!(set.targeting().unwrap().coverage().thousandths(), 100_000);
    assert!(set.targeting().unwrap().audience().conditions().next().is_none());
    assert_eq!(engine.set_targeting(id, everybody()).unwrap().targeting(), None);
    assert!(matches!(
        refused(&engine, |engine| engine.set_targeting(experiment_id(9), everybody())),
        ControlError::ExperimentNotFound { .. }
    ));
}

#[test]
fn after_a_start_the_coverage_grows_and_every_other_part_stays_also_while_stopped() {
    let engine = shop();
    let first = || everybody().condition(plan("pro")).layer(layer_id(1), [(0, 50)]).coverage(20);
    let id = experiment(&engine, 1, first(), Status::Draft);
    engine.start(id).unwrap();
    for stops in [false, true] {
        if stops {
            engine.stop(id).unwrap();
        }
        let set = |targeting: NewTargeting| {
            faults(&engine, move |engine| engine.set_targeting(id, targeting))
        };
        let at = |path: &str| vec![(path.to_owned(), fixed(id))];
        assert_eq!(set(first().segment(segment_id(1))), at("audience"));
        assert_eq!(set(everybody().layer(layer_id(1), [(0, 50)]).coverage(20)), at("audience"));
        assert_eq!(set(first().layer(layer_id(1), [(0, 51)])), at("layer"));
        assert_eq!(set(everybody().condition(plan("pro")).coverage(20)), at("layer"));
        assert_eq!(set(first().holdouts(false)), at("holdouts"));
        let other_unit = first().bucket_by("company").layer(layer_id(2), [(0, 50)]);
        assert_eq!(set(other_unit), [at("bucket_by"), at("layer")].concat());
        let shrinks = set(first().coverage(19.999));
        assert!(matches!(&shrinks[..], [(path, FaultKind::CoverageShrinks { was })]
            if path == "coverage" && was.thousandths() == 20_000));
        let raised = faults(&engine, |engine| engine.raise_coverage(id, 0));
        assert!(
            matches!(&raised[..], [(path, FaultKind::CoverageShrinks { .. })] if path == "coverage")
        );
        idle(&engine, |engine| engine.set_targeting(id, first()));
        idle(&engine, |engine| engine.raise_coverage(id, 20));
    }
    engine.set_targeting(id, first().coverage(20.001)).unwrap();
    let raised = engine.raise_coverage(id, 100).unwrap();
    assert_eq!(raised.targeting().unwrap().coverage().thousandths(), 100_000);
    // It has 100 now, and not 20.
    assert_eq!(faults(&engine, |engine| engine.set_targeting(id, first())).len(), 1);
}

#[test]
fn the_coverage_of_a_draft_is_any_and_one_that_is_no_share_is_refused_of_any_experiment() {
    let engine = shop();
    let id = experiment(&engine, 1, everybody().condition(plan("pro")), Status::Draft);
    for percent in [50.0, 0.0, 0.001, 99.999] {
        let set = engine.raise_coverage(id, percent).unwrap();
        assert_eq!(set.targeting().unwrap().coverage().to_string(), percent.to_string());
        assert_eq!(set.targeting().unwrap().audience().conditions().len(), 1);
    }
    for percent in [-0.001, 100.001, 0.0001, f64::NAN] {
        let refusals = [
            faults(&engine, |engine| engine.raise_coverage(id, percent)),
            faults(&engine, |engine| engine.set_targeting(id, everybody().coverage(percent))),
        ];
        for found in refusals {
            let [(path, FaultKind::Share { .. })] = &found[..] else { panic!("{found:?}") };
            assert_eq!(path, "coverage");
        }
    }
}

#[test]
fn targeting_that_names_what_there_is_not_is_refused_at_each_place() {
    let engine = shop();
    let id = experiment(&engine, 1, everybody(), Status::Draft);
    let of_none = || {
        everybody()
            .segment(segment_id(1))
            .segment(segment_id(7))
            .not_segment(segment_id(8))
            .layer(layer_id(9), [(0, 10)])
    };
    let expected = |prefix: &str| {
        [
            ("audience.segments[1]", no_such("segment", &segment_id(7))),
            ("audience.not_segments[0]", no_such("segment", &segment_id(8))),
            ("layer.id", no_such("layer", &layer_id(9))),
        ]
        .map(|(path, kind)| (format!("{prefix}{path}"), kind))
    };
    assert_eq!(faults(&engine, |engine| engine.set_targeting(id, of_none())), expected(""));
    let new = banner("production").targeting(of_none());
    let created = faults(&engine, |engine| engine.create_experiment("banner", new));
    assert_eq!(created, expected("targeting."));
    // What is wrong with it alone is found too, beside what is wrong with the experiment.
    let wrong = everybody().condition(plan("x")).bucket_by(" ").layer(layer_id(1), [(50, 50)]);
    let new = NewExperiment::new("", "production").variant("a", 1, 100).targeting(wrong);
    let created = faults(&engine, |engine| engine.create_experiment("banner", new));
    let paths: Vec<_> = created.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["name", "targeting.bucket_by", "targeting.layer.ranges[0]"]);
}

#[test]
fn an_experiment_has_the_unit_of_its_layer_and_of_each_holdout_that_applies() {
    let engine = shop();
    let id = experiment(&engine, 1, everybody(), Status::Draft);
    let of_companies = || everybody().bucket_by("company");
    let wrong = [
        everybody().layer(layer_id(2), [(0, 10)]),
        of_companies().layer(layer_id(1), [(0, 10)]),
        everybody().bucket_by("Company").layer(layer_id(2), [(0, 10)]),
    ];
    for targeting in wrong {
        let found = faults(&engine, |engine| engine.set_targeting(id, targeting));
        assert!(matches!(&found[..], [(path, kind)] if path == "bucket_by" && is_unit(kind)));
    }
    engine.set_targeting(id, of_companies().layer(layer_id(2), [(0, 10)])).unwrap();
    // A holdout of another unit would bind it.
    let of_users = || NewHoldout::new("2026", 5).id(holdout_id(1));
    let found = faults(&engine, |engine| engine.create_holdout(of_users()));
    assert!(matches!(&found[..], [(path, kind)] if path == "bucket_by" && is_unit(kind)));
    engine.set_targeting(id, of_companies().holdouts(false)).unwrap();
    engine.create_holdout(of_users()).unwrap();
    let found = faults(&engine, |engine| engine.set_targeting(id, of_companies()));
    assert!(matches!(&found[..], [(path, kind)] if path == "bucket_by" && is_unit(kind)));
    for status in [Status::Draft, Status::Running, Status::Stopped] {
        let new = banner("staging").targeting(of_companies()).status(status);
        let found = faults(&engine, |engine| engine.create_experiment("banner", new));
        let [(path, kind)] = &found[..] else { panic!("{found:?}") };
        assert!(path == "targeting.bucket_by" && is_unit(kind));
    }
    // What is completed without ever having run cannot be started.
    experiment(&engine, 2, of_companies(), Status::Completed);
    // Once it is started, a holdout that comes later does not bind it.
    engine.start(id).unwrap();
    engine.set_targeting(id, of_companies().holdouts(false)).unwrap();
    engine.create_holdout(NewHoldout::new("later", 5).bucket_by("team")).unwrap();
}

#[test]
fn an_experiment_is_bound_at_its_first_start_by_the_holdouts_that_there_are_then() {
    let engine = shop();
    let of = |id| {
        let experiment = engine.experiment(id).unwrap();
        experiment.targeting().map(|targeting| targeting.held_out_by().to_vec()).unwrap_or_default()
    };
    let before = experiment(&engine, 1, everybody(), Status::Running);
    engine.stop(before).unwrap();
    let draft = experiment(&engine, 2, everybody(), Status::Draft);
    engine.create_holdout(NewHoldout::new("one", 5).id(holdout_id(1))).unwrap();
    engine.create_holdout(NewHoldout::new("two", 1).id(holdout_id(2))).unwrap();
    assert_eq!(of(draft), []);
    engine.start(draft).unwrap();
    assert_eq!(of(draft), [holdout_id(1), holdout_id(2)]);
    engine.stop(draft).unwrap();
    let apart = experiment(&engine, 3, everybody().holdouts(false), Status::Running);
    engine.stop(apart).unwrap();
    let stopped = experiment(&engine, 4, everybody().coverage(50), Status::Stopped);
    engine.create_holdout(NewHoldout::new("three", 1).id(holdout_id(3))).unwrap();
    for (id, bound) in [
        (before, &[][..]),
        (draft, &[holdout_id(1), holdout_id(2)]),
        (apart, &[]),
        // It has never run.
        (stopped, &[holdout_id(1), holdout_id(2), holdout_id(3)]),
    ] {
        engine.start(id).unwrap();
        assert_eq!(of(id), bound);
        engine.stop(id).unwrap();
        engine.raise_coverage(id, 100).unwrap();
        assert_eq!(of(id), bound);
    }
    engine.set_targeting(draft, everybody()).unwrap();
    assert_eq!(of(draft), [holdout_id(1), holdout_id(2)]);
    let created = experiment(&engine, 5, everybody(), Status::Running);
    assert_eq!(of(created).len(), 3);
}

#[test]
fn two_that_run_in_one_environment_have_no_part_of_a_layer_in_common() {
    let engine = shop();
    let part = |ranges: &[(f64, f64)]| everybody().layer(layer_id(1), ranges.iter().copied());
    let on = |flag: &str, environment: &str, number: u128, targeting: NewTargeting| {
        let new = banner(environment).id(experiment_id(number)).targeting(targeting);
        engine.create_experiment(flag, new).unwrap().id()
    };
    let first = on("banner", "production", 1, part(&[(0.0, 10.0), (50.0, 60.0)]));
    let overlaps = on("checkout", "production", 2, part(&[(20.0, 30.0), (59.999, 70.0)]));
    let beside = on("checkout", "production", 3, part(&[(10.0, 50.0), (60.0, 100.0)]));
    let elsewhere = on("checkout", "staging", 4, part(&[(0.0, 100.0)]));
    let without = on("checkout", "canary", 5, everybody());
    for id in [first, elsewhere, without] {
        engine.start(id).unwrap();
    }
    let taken = ControlError::LayerTaken {
        id: overlaps,
        layer: layer_id(1),
        running: first,
        flag: "banner".to_owned(),
    };
    assert_eq!(refused(&engine, |engine| engine.start(overlaps)), taken);
    let new = banner("production").id(experiment_id(6)).status(Status::Running);
    let new = new.targeting(part(&[(9.999, 10.0)]));
    let created = refused(&engine, |engine| engine.create_experiment("checkout", new));
    assert!(matches!(created, ControlError::LayerTaken { running, .. } if running == first));
    engine.start(beside).unwrap();
    engine.stop(beside).unwrap();
    // Of another layer, or once the first has stopped, it runs.
    let other = everybody().bucket_by("company").layer(layer_id(2), [(0, 100)]);
    let other = on("checkout", "production", 7, other);
    engine.start(other).unwrap();
    engine.stop(other).unwrap();
    engine.stop(first).unwrap();
    engine.start(overlaps).unwrap();
    assert!(matches!(
        refused(&engine, |engine| engine.start(first)),
        ControlError::LayerTaken { running, .. } if running == overlaps
    ));
}

#[test]
fn an_experiment_that_left_the_configuration_comes_back_only_with_its_population() {
    let engine = shop();
    engine.create_holdout(NewHoldout::new("one", 5).id(holdout_id(1))).unwrap();
    let first = || everybody().condition(plan("pro")).coverage(20);
    let id = experiment(&engine, 1, first(), Status::Running);
    engine.replace(r#"{"flags": []}"#).unwrap();
    assert!(engine.experiment(id).is_none());
    // The replacement took the holdout away as well.
    engine.create_holdout(NewHoldout::new("one", 5).id(holdout_id(1))).unwrap();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    for (targeting, paths) in [
        (everybody(), &["targeting.audience"][..]),
        (first().coverage(19), &["targeting.coverage"]),
    ] {
        let new = banner("production").id(id).targeting(targeting);
        let found = faults(&engine, |engine| engine.create_experiment("banner", new));
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), paths);
    }
    engine.create_holdout(NewHoldout::new("two", 5).id(holdout_id(2))).unwrap();
    experiment(&engine, 1, first().coverage(30), Status::Draft);
    assert_eq!(faults(&engine, |engine| engine.raise_coverage(id, 20)).len(), 1);
    let started = engine.start(id).unwrap();
    assert_eq!(started.targeting().unwrap().held_out_by(), [holdout_id(1)]);
}
