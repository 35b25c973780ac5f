//! Documents that are applied: a source changes what it changed in its own text, and nothing that
//! somebody else did.

use crate::common::{NOON, engine_at_noon, experiment_id, flag_id, production};
use fairsplit::apply::{ApplyOptions, ApplyReport, Left};
use fairsplit::error::ApplyError;
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, NewExperiment, NewFlag, Status, Timestamp};
use serde_json::{Value, json};

/// An experiment without a status.
fn experiment(number: u128) -> Value {
    json!({
        "id": experiment_id(number),
        "name": format!("experiment {number}"),
        "environment": "production",
        "variants": [
            {"key": "control", "value": "old", "percentage": 50},
            {"key": "treatment", "value": "new", "percentage": 50}
        ]
    })
}

fn with_status(number: u128, status: &str) -> Value {
    let mut experiment = experiment(number);
    experiment["status"] = json!(status);
    experiment
}

fn flag(number: u128, experiments: &[Value]) -> Value {
    json!({
        "id": flag_id(number),
        "key": format!("flag-{number}"),
        "default_value": "old",
        "experiments": experiments
    })
}

fn document(flags: &[Value]) -> String {
    json!({"flags": flags}).to_string()
}

fn apply(engine: &Engine, flags: &[Value]) -> ApplyReport {
    engine.apply(&document(flags)).unwrap()
}

fn keys(engine: &Engine) -> Vec<String> {
    engine.flags().iter().map(|flag| flag.key().to_owned()).collect()
}

fn status(engine: &Engine, number: u128) -> Status {
    engine.experiment(experiment_id(number)).unwrap().status()
}

/// The faults of the one flag that was skipped.
fn faults(report: &ApplyReport) -> Vec<FaultKind> {
    let [skipped] = report.skipped.as_slice() else { panic!("{report:?}") };
    skipped.faults.iter().map(|fault| fault.kind().clone()).collect()
}

fn lines(report: &ApplyReport) -> Vec<String> {
    report.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn an_experiment_stopped_by_hand_stays_stopped_over_deploys() {
    let (engine, clock) = engine_at_noon();
    let flags = [flag(1, &[with_status(1, "running")])];
    let report = apply(&engine, &flags);
    assert_eq!(
        lines(&report),
        [
            "added \"flag-1\"",
            "added \"flag-1\", experiment \"experiment 1\"",
            "started \"flag-1\", experiment \"experiment 1\"",
        ]
    );
    assert!(production(&engine).evaluate("flag-1", "anna").is_counted());
    engine.stop(experiment_id(1)).unwrap();
    clock.advance(60);
    for _ in 0..2 {
        let report = apply(&engine, &flags);
        assert_eq!(
            lines(&report),
            ["kept \"flag-1\", experiment \"experiment 1\": status, as changed elsewhere"]
        );
        assert_eq!(status(&engine, 1), Status::Stopped);
        assert!(!production(&engine).evaluate("flag-1", "anna").is_counted());
    }
    // A document that says so now is a stop that has been made already; then a start is news.
    assert!(apply(&engine, &[flag(1, &[with_status(1, "stopped")])]).is_unchanged());
    let report = apply(&engine, &flags);
    assert_eq!(report.started.len(), 1);
    assert_eq!(status(&engine, 1), Status::Running);
    let started = engine.experiment(experiment_id(1)).unwrap().started_at();
    assert_eq!(started, Some(Timestamp::from_unix_seconds(NOON + 60)));
    assert_eq!(engine.counts(experiment_id(1)).unwrap().run(), 2);
    assert!(production(&engine).evaluate("flag-1", "anna").is_counted());
}

#[test]
fn an_absent_status_leaves_what_runs_alone() {
    let (engine, _) = engine_at_noon();
    let flags = [flag(1, &[experiment(1)])];
    let _ = apply(&engine, &flags);
    assert_eq!(status(&engine, 1), Status::Draft);
    engine.start(experiment_id(1)).unwrap();
    assert!(production(&engine).evaluate("flag-1", "anna").is_counted());
    let mut edited = flags.clone();
    edited[0]["default_value"] = json!("older");
    let report = apply(&engine, &edited);
    assert_eq!(lines(&report), ["changed \"flag-1\": default_value"]);
    assert_eq!(status(&engine, 1), Status::Running);
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!(experiment.started_at(), Some(Timestamp::from_unix_seconds(NOON)));
    assert!(production(&engine).evaluate("flag-1", "anna").is_counted());
}

#[test]
fn a_draft_in_a_document_is_a_fault_only_if_the_document_changed_it() {
    let (engine, _) = engine_at_noon();
    let draft = [flag(1, &[with_status(1, "draft")])];
    let _ = apply(&engine, &draft);
    engine.start(experiment_id(1)).unwrap();
    let report = apply(&engine, &draft);
    assert_eq!((report.kept.len(), report.skipped.len()), (1, 0));
    assert_eq!(status(&engine, 1), Status::Running);
    // From running to draft.
    let _ = apply(&engine, &[flag(1, &[with_status(1, "running")])]);
    let mut back = flag(1, &[with_status(1, "draft")]);
    back["default_value"] = json!("older");
    let report = apply(&engine, &[back.clone()]);
    let expected = FaultKind::StatusChange { status: Status::Running, wanted: Status::Draft };
    assert_eq!(faults(&report), std::slice::from_ref(&expected));
    assert_eq!(report.skipped[0].path, "flags[0]");
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "old");
    // A faulty flag keeps what was last applied, so it is a fault again.
    assert_eq!(faults(&apply(&engine, &[back])), [expected]);
}

#[test]
fn the_first_time_takes_the_fields_and_keeps_the_status_and_what_is_not_named() {
    let (engine, _) = engine_at_noon();
    let running = flag(1, &[with_status(1, "running")]);
    engine
        .replace(&document(&[running, flag(2, &[]), flag(3, &[with_status(3, "draft")])]))
        .unwrap();
    engine.set_default("flag-1", "by hand").unwrap();
    let mut renamed = with_status(1, "draft");
    renamed["name"] = json!("renamed");
    let report = apply(&engine, &[flag(1, &[renamed]), flag(3, &[with_status(3, "running")])]);
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "old");
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!((experiment.name(), experiment.status()), ("renamed", Status::Running));
    assert_eq!(status(&engine, 3), Status::Running);
    assert_eq!(keys(&engine), ["flag-1", "flag-2", "flag-3"]);
    assert!(report.skipped.is_empty() && report.removed.is_empty());
}

#[test]
fn what_is_added_and_changed_by_hand_stays() {
    let (engine, _) = engine_at_noon();
    let flags = [flag(1, &[with_status(1, "running")])];
    let _ = apply(&engine, &flags);
    engine.create_flag(NewFlag::new("by-hand", 1).id(flag_id(9))).unwrap();
    engine.set_default("flag-1", "by hand").unwrap();
    engine.force(experiment_id(1), "qa", "treatment").unwrap();
    let new = NewExperiment::new("other", "staging").variant("a", 1, 100);
    engine.create_experiment("flag-1", new.id(experiment_id(9))).unwrap();
    let report = apply(&engine, &flags);
    assert_eq!(lines(&report), ["kept \"flag-1\": default_value, as changed elsewhere"]);
    assert_eq!(keys(&engine), ["flag-1", "by-hand"]);
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "by hand");
    assert_eq!(engine.experiments("flag-1").unwrap().len(), 2);
    assert_eq!(engine.forced(experiment_id(1)).unwrap().len(), 1);
    // The document changes that very field.
    let mut edited = flags.clone();
    edited[0]["default_value"] = json!("newer");
    let _ = apply(&engine, &edited);
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "newer");
}

#[test]
fn forced_users_are_merged_one_by_one() {
    let (engine, _) = engine_at_noon();
    let id = experiment_id(1);
    let with = |forced: Value| {
        let mut section = flag(1, &[with_status(1, "running")]);
        section["forced"] = json!({(id.to_string()): forced});
        [section]
    };
    let _ = apply(&engine, &with(json!({"anna": "control", "ben": "control"})));
    engine.force(id, "ben", "treatment").unwrap();
    engine.force(id, "qa", "treatment").unwrap();
    let _ = apply(&engine, &with(json!({"ben": "control", "carla": "treatment"})));
    let forced = engine.forced(id).unwrap();
    let forced: Vec<_> = forced.iter().map(|(user, variant)| (&**user, &**variant)).collect();
    assert_eq!(forced, [("ben", "treatment"), ("carla", "treatment"), ("qa", "treatment")]);
    // Without the section, the source names none of them any more.
    let _ = apply(&engine, &[flag(1, &[with_status(1, "running")])]);
    let forced = engine.forced(id).unwrap();
    assert_eq!(forced.iter().map(|(user, _)| &**user).collect::<Vec<_>>(), ["qa"]);
}

#[test]
fn what_the_source_no_longer_names_goes_unless_it_is_used_elsewhere() {
    let (engine, _) = engine_at_noon();
    let all = [
        flag(1, &[with_status(1, "draft"), with_status(2, "draft")]),
        flag(2, &[with_status(3, "draft")]),
        flag(3, &[]),
    ];
    let _ = apply(&engine, &all);
    let new = NewExperiment::new("other", "staging").variant("a", 1, 100);
    engine.create_experiment("flag-2", new.id(experiment_id(9))).unwrap();
    let report = apply(&engine, &[flag(1, &[with_status(2, "draft")])]);
    assert_eq!(
        lines(&report),
        [
            "removed \"flag-1\", experiment \"experiment 1\"",
            "removed \"flag-2\", experiment \"experiment 3\"",
            "removed \"flag-3\"",
            "left \"flag-2\": it has experiments that were made elsewhere",
        ]
    );
    assert_eq!(keys(&engine), ["flag-1", "flag-2"]);
    let ids = |key: &str| -> Vec<_> {
        engine.experiments(key).unwrap().iter().map(fairsplit::Experiment::id).collect()
    };
    assert_eq!(ids("flag-1"), [experiment_id(2)]);
    assert_eq!(ids("flag-2"), [experiment_id(9)]);
    // The source has let go of it.
    assert!(apply(&engine, &[flag(1, &[with_status(2, "draft")])]).is_unchanged());
}

#[test]
fn removing_what_runs_and_removing_most_flags_has_to_be_allowed() {
    let (engine, _) = engine_at_noon();
    let running = flag(9, &[with_status(9, "running")]);
    let flags: Vec<Value> = (1..=8).map(|number| flag(number, &[])).chain([running]).collect();
    let _ = apply(&engine, &flags);
    let before = engine.to_json();
    let refused = engine.apply(&document(&flags[..8])).unwrap_err();
    assert!(
        matches!(&refused, ApplyError::RemovesRunning { experiments } if experiments.len() == 1)
    );
    assert!(refused.to_string().contains("allow_removals"), "{refused}");
    let without_experiment: Vec<Value> = flags[..8].iter().cloned().chain([flag(9, &[])]).collect();
    let refused = engine.apply(&document(&without_experiment)).unwrap_err();
    assert!(matches!(refused, ApplyError::RemovesRunning { .. }), "{refused}");
    assert_eq!(engine.to_json(), before);
    engine.stop(experiment_id(9)).unwrap();
    let refused = engine.apply(&document(&flags[..4])).unwrap_err();
    let ApplyError::RemovesMost { removed, of, .. } = &refused else { panic!("{refused}") };
    assert_eq!((*removed, *of), (5, 9));
    assert!(refused.to_string().contains("allow_removals"), "{refused}");
    assert_eq!(engine.flags().len(), 9);
    let allowed = ApplyOptions::new().allow_removals();
    assert_eq!(allowed.apply(&engine, &document(&[])).unwrap().removed.len(), 10);
    assert!(engine.flags().is_empty());
    // A few flags of few are no alarm.
    let _ = apply(&engine, &flags[..4]);
    let _ = apply(&engine, &[]);
    assert!(engine.flags().is_empty());
}

#[test]
fn what_was_removed_elsewhere_stays_so_until_the_document_changes_it() {
    let (engine, _) = engine_at_noon();
    let flags = [flag(1, &[with_status(1, "draft")]), flag(2, &[with_status(2, "draft")])];
    let _ = apply(&engine, &flags);
    let other = ApplyOptions::new().source("other");
    // What removes by hand does so through a document of its own, for now.
    let mut left: Value = serde_json::from_str(&engine.to_json()).unwrap();
    left["flags"].as_array_mut().unwrap().retain(|section| section["key"] == "flag-1");
    let refused = other.apply(&engine, &left.to_string()).unwrap();
    assert_eq!(faults(&refused), [FaultKind::OwnedByOther { owner: "document".to_owned() }]);
}

#[test]
fn a_flag_belongs_to_one_source() {
    let (engine, _) = engine_at_noon();
    let [first, second] = ["first", "second"].map(|name| ApplyOptions::new().source(name));
    let _ = first.apply(&engine, &document(&[flag(1, &[])])).unwrap();
    let report = second.apply(&engine, &document(&[flag(1, &[]), flag(2, &[])])).unwrap();
    assert_eq!(faults(&report), [FaultKind::OwnedByOther { owner: "first".to_owned() }]);
    assert_eq!(keys(&engine), ["flag-1", "flag-2"]);
    // Each removes its own.
    let _ = first.apply(&engine, &document(&[])).unwrap();
    assert_eq!(keys(&engine), ["flag-2"]);
    let report = second.apply(&engine, &document(&[flag(1, &[]), flag(2, &[])])).unwrap();
    assert!(report.skipped.is_empty());
    // The document itself can name its source.
    let named = json!({"source": "first", "flags": [flag(2, &[])]}).to_string();
    let report = engine.apply(&named).unwrap();
    assert_eq!(report.source, "first");
    assert_eq!(faults(&report), [FaultKind::OwnedByOther { owner: "second".to_owned() }]);
}

#[test]
fn a_lower_revision_is_skipped_unless_the_call_goes_back() {
    let (engine, _) = engine_at_noon();
    let of = |revision: i64, default: &str| {
        let mut section = flag(1, &[]);
        section["default_value"] = json!(default);
        json!({"revision": revision, "flags": [section]}).to_string()
    };
    let default = || engine.flag("flag-1").unwrap().default_value().clone();
    let _ = engine.apply(&of(7, "new")).unwrap();
    let report = engine.apply(&of(6, "old")).unwrap();
    assert_eq!((report.outdated_by, report.revision, default()), (Some(7), Some(6), json!("new")));
    let report = ApplyOptions::new().revision(5).apply(&engine, &of(9, "old")).unwrap();
    assert_eq!((report.outdated_by, default()), (Some(7), json!("new")));
    // Without a revision, a document is news.
    let _ = apply(&engine, &[flag(1, &[])]);
    assert_eq!(default(), json!("old"));
    assert_eq!(engine.apply(&of(6, "older")).unwrap().outdated_by, Some(7));
    let _ = ApplyOptions::new().go_back().apply(&engine, &of(6, "older")).unwrap();
    assert_eq!(default(), json!("older"));
    assert_eq!(engine.apply(&of(6, "oldest")).unwrap().outdated_by, None);
}

#[test]
fn a_faulty_flag_is_skipped_and_the_others_are_applied() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[]), flag(2, &[])]);
    let mut faulty = flag(1, &[]);
    faulty["default_value"] = json!("new");
    faulty["name"] = json!("");
    let mut changed = flag(2, &[]);
    changed["default_value"] = json!("new");
    changed["unknown"] = json!(1);
    let report = apply(&engine, &[faulty.clone(), changed.clone()]);
    assert_eq!(faults(&report), [FaultKind::Blank]);
    assert!(report.skipped[0].kept_previous);
    assert_eq!(report.unknown_fields[0].path(), "flags[1].unknown");
    let default = |key: &str| engine.flag(key).unwrap().default_value().clone();
    assert_eq!((default("flag-1"), default("flag-2")), (json!("old"), json!("new")));
    // Mended, its change is news.
    faulty["name"] = json!("mended");
    let report = apply(&engine, &[faulty, changed]);
    assert_eq!(report.changed[0].1, ["default_value", "name"]);
    // Where a flag cannot be identified, none is removed.
    let report = apply(&engine, &[json!({"key": ""})]);
    assert_eq!(keys(&engine), ["flag-1", "flag-2"]);
    assert_eq!(report.left.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [Left::MayBeUnread; 2]);
    for text in ["{", "[]", "{}", r#"{"flags": 1}"#] {
        assert!(matches!(engine.apply(text), Err(ApplyError::Load(_))), "{text}");
    }
}

#[test]
fn a_flag_cannot_take_the_key_or_an_experiment_of_one_that_stays() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("flag-1", 0).id(flag_id(9))).unwrap();
    let new = NewExperiment::new("by hand", "production").variant("control", "old", 50);
    let new = new.variant("treatment", "new", 50).id(experiment_id(2));
    engine.create_experiment("flag-1", new).unwrap();
    let report = apply(&engine, &[flag(1, &[]), flag(2, &[experiment(2)]), flag(3, &[])]);
    assert_eq!(report.skipped.len(), 2);
    for skipped in &report.skipped {
        assert!(matches!(skipped.faults[0].kind(), FaultKind::Duplicate { .. }), "{skipped:?}");
    }
    assert_eq!(keys(&engine), ["flag-1", "flag-3"]);
    // Keys can be exchanged, and taken over from a flag that goes.
    let _ = apply(&engine, &[flag(3, &[]), flag(4, &[])]);
    let (mut third, mut fourth) = (flag(3, &[]), flag(4, &[]));
    (third["key"], fourth["key"]) = (json!("flag-4"), json!("flag-3"));
    assert!(apply(&engine, &[third, fourth]).skipped.is_empty());
    assert_eq!(engine.flag("flag-4").unwrap().id(), flag_id(3));
    let mut successor = flag(5, &[]);
    successor["key"] = json!("flag-4");
    assert!(apply(&engine, &[successor]).skipped.is_empty());
    assert_eq!(engine.flag("flag-4").unwrap().id(), flag_id(5));
}

#[test]
fn flags_of_a_document_that_share_a_key_are_all_skipped() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[]), flag(2, &[])]);
    let (mut twin, mut changed) = (flag(3, &[]), flag(2, &[]));
    twin["key"] = json!("flag-1");
    changed["default_value"] = json!("new");
    let report = apply(&engine, &[flag(1, &[]), twin, changed]);
    let skipped: Vec<_> =
        report.skipped.iter().map(|flag| (&*flag.path, flag.kept_previous)).collect();
    assert_eq!(skipped, [("flags[0]", true), ("flags[1]", true)]);
    assert_eq!(engine.flag("flag-1").unwrap().id(), flag_id(1));
    assert_eq!(engine.flag("flag-2").unwrap().default_value(), "new");
}

#[test]
fn a_flag_without_a_readable_key_removes_no_other_flag() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[]), flag(2, &[]), flag(3, &[])]);
    // Known by its id, though not by its key.
    let by_id = json!({"id": flag_id(1), "key": 5, "default_value": 0});
    let report = apply(&engine, &[by_id, flag(2, &[])]);
    assert!(report.skipped[0].kept_previous);
    assert_eq!(keys(&engine), ["flag-1", "flag-2"]);
    // Known by nothing: it may be any that the document seems not to have.
    let report = apply(&engine, &[json!({}), flag(4, &[])]);
    assert!(!report.skipped[0].kept_previous);
    assert_eq!(keys(&engine), ["flag-1", "flag-2", "flag-4"]);
    // So may one whose id cannot be read, under a new key.
    let mut renamed = flag(2, &[]);
    (renamed["id"], renamed["key"]) = (json!(5), json!("renamed"));
    let report = apply(&engine, &[flag(4, &[]), renamed]);
    assert!(!report.skipped[0].kept_previous);
    assert_eq!(keys(&engine), ["flag-1", "flag-2", "flag-4"]);
}

/// A flag that stays holds an experiment; a sound flag that claims it has to wait, and so has one
/// that claims what that one had.
#[test]
fn an_experiment_of_a_faulty_flag_does_not_move_to_another_flag() {
    let (engine, _) = engine_at_noon();
    let of = |number: u128| flag(number, &[experiment(number)]);
    let _ = apply(&engine, &[of(1), of(2), of(3)]);
    let mut faulty = flag(1, &[]);
    faulty.as_object_mut().unwrap().remove("default_value");
    let moved =
        [flag(3, &[experiment(2)]), flag(2, &[experiment(1)]), faulty, flag(4, &[experiment(3)])];
    let before = engine.to_json();
    let report = apply(&engine, &moved);
    let kinds: Vec<_> = report.skipped.iter().map(|flag| flag.faults[0].kind().clone()).collect();
    let waits = |number| FaultKind::Duplicate {
        found: experiment_id(number).to_string(),
        other: format!("the flag {}, which stays", flag_id(number)),
    };
    assert_eq!(kinds, [waits(2), waits(1), FaultKind::Required, waits(3)]);
    let kept: Vec<_> = report.skipped.iter().map(|flag| flag.kept_previous).collect();
    assert_eq!(kept, [true, true, true, false]);
    assert_eq!(engine.to_json(), before);
}

#[test]
fn an_experiment_made_by_a_call_does_not_move_to_another_flag_of_the_document() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[]), flag(2, &[])]);
    let new = NewExperiment::new("by hand", "production").variant("control", "old", 50);
    let new = new.variant("treatment", "new", 50).id(experiment_id(1));
    engine.create_experiment("flag-1", new).unwrap();
    let mut changed = flag(1, &[]);
    changed["default_value"] = json!("new");
    let report = apply(&engine, &[changed, flag(2, &[experiment(1)])]);
    let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
    assert_eq!((&*skipped.path, skipped.kept_previous), ("flags[1]", true));
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "new");
    assert_eq!(engine.experiments("flag-1").unwrap().len(), 1);
}

/// Found in review: each flag that had to wait for another was searched for from the start, while
/// writers waited. Two thousand took seconds; this many would take minutes.
#[test]
fn twenty_thousand_flags_that_wait_for_each_other_are_all_skipped() {
    const FLAGS: u128 = 20_000;
    let (engine, _) = engine_at_noon();
    let mut flags: Vec<Value> = (0..FLAGS).map(|number| flag(number, &[])).collect();
    assert_eq!(apply(&engine, &flags).added.len(), 20_000);
    let before = engine.to_json();
    for (at, flag) in (1..).zip(&mut flags) {
        flag["key"] = json!(format!("flag-{}", at % FLAGS));
    }
    flags.last_mut().unwrap().as_object_mut().unwrap().remove("default_value");
    let report = apply(&engine, &flags);
    assert_eq!(report.skipped.len(), 20_000);
    assert!(report.skipped.iter().all(|skipped| skipped.kept_previous));
    assert_eq!(engine.to_json(), before);
}

#[test]
fn a_start_beside_an_experiment_that_was_started_by_hand_is_a_fault() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[with_status(1, "draft")])]);
    let new = NewExperiment::new("by hand", "production").variant("a", 1, 100);
    engine.create_experiment("flag-1", new.id(experiment_id(9)).status(Status::Running)).unwrap();
    let report = apply(&engine, &[flag(1, &[with_status(1, "running")])]);
    assert!(matches!(faults(&report)[..], [FaultKind::SecondRunning { .. }]));
    assert_eq!(status(&engine, 1), Status::Draft);
    engine.stop(experiment_id(9)).unwrap();
    let _ = apply(&engine, &[flag(1, &[with_status(1, "running")])]);
    assert_eq!(status(&engine, 1), Status::Running);
    // One stops and another starts, in one step.
    let exchanged = [flag(1, &[with_status(1, "stopped"), with_status(2, "running")])];
    let report = apply(&engine, &exchanged);
    assert_eq!((report.started.len(), report.stopped.len(), report.skipped.len()), (1, 1, 0));
    assert_eq!((status(&engine, 1), status(&engine, 2)), (Status::Stopped, Status::Running));
}

#[test]
fn a_known_experiment_ignores_the_dates_and_counts_of_a_document() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[with_status(1, "running")])]);
    let mut other = with_status(1, "running");
    other["started_at"] = json!("2030-01-01T00:00:00Z");
    other["created_at"] = json!("2001-01-01T00:00:00Z");
    other["conversions"] = json!({"control": 99});
    let before = engine.to_json();
    assert!(apply(&engine, &[flag(1, &[other.clone()])]).is_unchanged());
    assert_eq!(engine.to_json(), before);
    // One that is new takes them.
    other["id"] = json!(experiment_id(2));
    other["environment"] = json!("staging");
    other["started_at"] = json!("2025-01-01T00:00:00Z");
    let _ = apply(&engine, &[flag(1, &[with_status(1, "running"), other])]);
    let experiment = engine.experiment(experiment_id(2)).unwrap();
    assert_eq!(experiment.conversions().next(), Some(("control", 99)));
    assert_eq!(experiment.created_at().to_string(), "2001-01-01T00:00:00Z");
}

#[test]
fn other_variants_for_a_known_experiment_are_a_fault() {
    let (engine, _) = engine_at_noon();
    let _ = apply(&engine, &[flag(1, &[experiment(1)])]);
    let mut other = experiment(1);
    other["variants"][0]["value"] = json!("other");
    let report = apply(&engine, &[flag(1, &[other])]);
    assert!(matches!(faults(&report)[..], [FaultKind::VariantsChanged { .. }]));
}

#[test]
fn the_same_document_again_changes_no_version() {
    let (engine, clock) = engine_at_noon();
    let flags = [flag(1, &[with_status(1, "running")]), flag(2, &[])];
    let _ = apply(&engine, &flags);
    let (version, before) = (engine.snapshot().version(), engine.to_json());
    clock.advance(60);
    assert_eq!(apply(&engine, &flags).to_string(), "nothing to do");
    assert_eq!((engine.snapshot().version(), engine.to_json()), (version, before));
}

#[test]
fn a_document_brings_back_what_was_deleted_by_hand_only_where_it_changes() {
    let (engine, _) = engine_at_noon();
    let (one, two) = (experiment(1), experiment(2));
    let first = flag(1, &[one.clone(), two]);
    let _ = apply(&engine, &[first.clone(), flag(2, &[])]);
    engine.delete_experiment(experiment_id(1)).unwrap();
    engine.delete_flag(flag_id(2)).unwrap();

    // The same document, twice: nothing comes back.
    for _ in 0..2 {
        let report = apply(&engine, &[first.clone(), flag(2, &[])]);
        let left: Vec<_> =
            report.left.iter().map(|(named, why)| (named.to_string(), *why)).collect();
        let removed = Left::RemovedElsewhere;
        let experiment = "\"flag-1\", experiment \"experiment 1\"".to_owned();
        assert_eq!(left, [("\"flag-2\"".to_owned(), removed), (experiment, removed)]);
        assert_eq!(keys(&engine), ["flag-1"]);
        assert_eq!(engine.experiments("flag-1").unwrap().len(), 1);
    }
    // The document changes both.
    let mut other = flag(2, &[]);
    other["default_value"] = json!("newer");
    let changed = flag(1, &[with_status(1, "stopped"), experiment(2)]);
    let _ = apply(&engine, &[changed.clone(), other.clone()]);
    assert_eq!(keys(&engine), ["flag-1", "flag-2"]);
    assert_eq!(status(&engine, 1), Status::Stopped);

    // A flag that comes back has those of its experiments that the document changes too.
    engine.delete_flag("flag-1").unwrap();
    let mut again = flag(1, &[with_status(1, "draft"), experiment(2)]);
    again["default_value"] = json!("newer");
    let _ = apply(&engine, &[again, other.clone()]);
    let ids: Vec<_> =
        engine.experiments("flag-1").unwrap().iter().map(fairsplit::Experiment::id).collect();
    assert_eq!(ids, [experiment_id(1)]);
    // What the document no longer names is forgotten, so naming it is a first time.
    engine.delete_flag("flag-2").unwrap();
    let _ = apply(&engine, &[]);
    let _ = apply(&engine, &[other]);
    assert_eq!(keys(&engine), ["flag-2"]);
}
