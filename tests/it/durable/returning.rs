//! What left the definitions of a directory that keeps its counts comes back for the users that it
//! was for, and for no others.

use std::fs;

use crate::common::directory::Directory;
use crate::common::{NOON, banner, experiment_id, flag_id, pairs, production};
use fairsplit::clock::ManualClock;
use fairsplit::durable::{OpenOptions, check, recover};
use fairsplit::error::{ControlError, LoadError, OpenError};
use fairsplit::fault::FaultKind;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::{Condition, HoldoutId, NewHoldout, NewTargeting, Operator, Share};
use fairsplit::{Engine, ExperimentId, NewExperiment, NewFlag, Reason, Status, Timestamp};
use serde_json::{Value, json};

fn experiment() -> ExperimentId {
    experiment_id(5)
}

const HOLDOUT: HoldoutId = HoldoutId::from_bytes([7; 16]);

fn holdout(percent: f64) -> NewHoldout {
    NewHoldout::new("2026", percent).id(HOLDOUT)
}

fn plan(plan: &str) -> NewTargeting {
    NewTargeting::new().condition(Condition::new("plan", Operator::Equals, plan))
}

fn targeted(targeting: NewTargeting) -> NewExperiment {
    banner("production").id(experiment()).targeting(targeting)
}

/// A fifth of the plan `pro` but for those that are held out, and one conversion.
fn start_for_some(engine: &Engine) {
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    engine.create_holdout(holdout(5.0)).unwrap();
    let new = targeted(plan("pro").coverage(20)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    assert!(engine.convert_variant(experiment(), "control").is_counted());
}

/// The faults of a call that is refused.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> Vec<(String, FaultKind)> {
    let Err(ControlError::Invalid(invalid)) = outcome else { panic!("{outcome:?}") };
    pairs(invalid.faults())
}

fn fixed(path: &str) -> (String, FaultKind) {
    (path.to_owned(), FaultKind::TargetingFixed { id: experiment().to_string() })
}

fn shrinks(path: &str, percent: f64) -> (String, FaultKind) {
    let was = Share::from_percent(percent).unwrap();
    (path.to_owned(), FaultKind::CoverageShrinks { was })
}

fn bound(path: &str) -> (String, FaultKind) {
    (path.to_owned(), FaultKind::HoldoutFixed { experiment: experiment().to_string() })
}

fn held_out_by(engine: &Engine) -> Vec<HoldoutId> {
    let found = engine.experiment(experiment()).unwrap();
    found.targeting().map_or_else(Vec::new, |targeting| targeting.held_out_by().to_vec())
}

/// It has counted a secondary goal, and neither an exposure nor a conversion.
#[test]
fn an_experiment_that_counted_nothing_but_a_goal_is_refused_for_other_users_too() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = targeted(NewTargeting::new().coverage(100));
    let new = new.goals(NewGoals::new().secondary("signup")).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    assert!(production(&engine).goal("signup").record("anna").is_counted());
    engine.stop(experiment()).unwrap();
    engine.delete_experiment(experiment()).unwrap();
    drop(engine);

    let engine = directory.open();
    let found = refused(engine.create_experiment("hero-banner", targeted(plan("pro"))));
    assert_eq!(found, [fixed("targeting.audience")]);
    assert!(matches!(engine.delete_goal("signup"), Err(ControlError::GoalInUse { .. })));
}

/// The directory of `start_for_some`, which the experiment has left by each of the ways out, with
/// the document that has it.
fn left() -> Vec<(&'static str, Directory, Engine, Value)> {
    type Way = (&'static str, fn(&Engine));
    let ways: [Way; 3] = [
        ("deleted", |engine| {
            engine.stop(experiment()).unwrap();
            engine.delete_experiment(experiment()).unwrap();
        }),
        ("deleted with its flag", |engine| {
            engine.stop(experiment()).unwrap();
            engine.delete_flag("hero-banner").unwrap();
        }),
        ("replaced", |engine| {
            let mut without: Value = serde_json::from_str(&engine.to_json()).unwrap();
            without["flags"] = json!([]);
            engine.replace(&without.to_string()).unwrap();
        }),
    ];
    let left = ways.into_iter().map(|(way, leave)| {
        let directory = Directory::new();
        let engine = directory.open();
        start_for_some(&engine);
        let document = serde_json::from_str(&engine.to_json()).unwrap();
        leave(&engine);
        if engine.flag("hero-banner").is_none() {
            engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
        }
        (way, directory, engine, document)
    });
    left.collect()
}

/// What holds of an experiment that has left.
fn only_those_users_come_back(way: &str, engine: &Engine, document: &Value) {
    let create = |targeting| engine.create_experiment("hero-banner", targeted(targeting));
    assert_eq!(refused(create(plan("free").coverage(20))), [fixed("targeting.audience")], "{way}");
    let smaller = [shrinks("targeting.coverage", 20.0)];
    assert_eq!(refused(create(plan("pro").coverage(10))), smaller, "{way}");
    let everybody = engine.create_experiment("hero-banner", banner("production").id(experiment()));
    assert_eq!(refused(everybody), [fixed("targeting.audience")], "{way}");

    let mut other = document.clone();
    let targeting = &mut other["flags"][0]["targeting"][experiment().to_string()];
    targeting["audience"]["conditions"][0]["value"] = json!("free");
    targeting["coverage"] = json!(19);
    targeting["held_out_by"] = json!([]);
    let path = |field: &str| format!("flags[0].targeting.{}.{field}", experiment());
    let expected = [fixed(&path("audience")), shrinks(&path("coverage"), 20.0)];
    let replaced = engine.replace(&other.to_string());
    let Err(LoadError::Invalid(invalid)) = replaced else { panic!("{way}: {replaced:?}") };
    assert_eq!(pairs(invalid.faults()), expected, "{way}");
    let report = engine.apply(&other.to_string()).unwrap();
    assert_eq!(pairs(&report.skipped[0].faults), expected, "{way}");

    // Bound by another holdout, which there is.
    let mut other = document.clone();
    let holdout = json!({"id": experiment_id(8), "name": "2027", "percentage": 5});
    other["holdouts"].as_array_mut().unwrap().push(holdout);
    for held_out_by in [json!([experiment_id(8)]), json!([HOLDOUT, experiment_id(8)])] {
        let targeting = &mut other["flags"][0]["targeting"][experiment().to_string()];
        targeting["held_out_by"] = held_out_by;
        let replaced = engine.replace(&other.to_string());
        let Err(LoadError::Invalid(invalid)) = replaced else { panic!("{way}: {replaced:?}") };
        assert_eq!(pairs(invalid.faults()), [fixed(&path("held_out_by"))], "{way}");
    }
}

#[test]
fn an_experiment_that_left_is_refused_for_other_users_at_once_and_after_reopenings() {
    for (way, directory, engine, document) in left() {
        only_those_users_come_back(way, &engine, &document);
        drop(engine);
        for _ in 0..2 {
            // Each opening finds what a change of the one before has saved.
            let engine = directory.open();
            only_those_users_come_back(way, &engine, &document);
            engine.set_default("hero-banner", "older").unwrap();
            engine.set_default("hero-banner", "old").unwrap();
        }
    }
}

#[test]
fn an_experiment_that_left_comes_back_by_a_call_with_its_holdouts_and_more_coverage() {
    for (way, directory, engine, _) in left() {
        drop(engine);
        let engine = directory.open();
        engine.create_holdout(NewHoldout::new("2027", 5)).unwrap();
        let new = targeted(plan("pro").coverage(30)).status(Status::Running);
        let created = engine.create_experiment("hero-banner", new).unwrap();
        let targeting = created.targeting().unwrap();
        assert_eq!(targeting.held_out_by(), [HOLDOUT], "{way}");
        let coverages = targeting.coverages().iter().map(|step| step.coverage().percent());
        assert_eq!(coverages.collect::<Vec<_>>(), [20.0, 30.0], "{way}");
        let counts = engine.counts(experiment()).unwrap();
        assert_eq!(counts.variants()[0].ever.conversions, 1, "{way}");
        // The definitions have it again.
        let text = fs::read_to_string(directory.file("definitions.json")).unwrap();
        assert!(!text.contains("remembered"), "{way}: {text}");
        // It leaves as it is now.
        engine.stop(experiment()).unwrap();
        engine.delete_experiment(experiment()).unwrap();
        drop(engine);
        let create =
            directory.open().create_experiment("hero-banner", targeted(plan("pro").coverage(29)));
        assert_eq!(refused(create), [shrinks("targeting.coverage", 30.0)], "{way}");
    }
}

#[test]
fn an_experiment_that_left_comes_back_by_a_document_as_it_was() {
    for (way, directory, engine, mut document) in left() {
        drop(engine);
        // The document of a deploy, which does not say what the engine fills in.
        let id = experiment().to_string();
        let flag = &mut document["flags"][0];
        flag["counters"] = json!({});
        flag["experiments"][0]["started_at"] = Value::Null;
        for field in ["held_out_by", "coverages"] {
            flag["targeting"][&id].as_object_mut().unwrap().remove(field);
        }
        document["holdouts"]
            .as_array_mut()
            .unwrap()
            .push(json!({"id": experiment_id(8), "name": "2027", "percentage": 5}));
        let engine = directory.open();
        let report = engine.apply(&document.to_string()).unwrap();
        assert!(report.skipped.is_empty(), "{way}: {report}");
        assert_eq!(held_out_by(&engine), [HOLDOUT], "{way}");
        engine.replace(r#"{"flags": []}"#).unwrap();
        drop(engine);
        let engine = directory.open();
        engine.replace(&document.to_string()).unwrap();
        assert_eq!(held_out_by(&engine), [HOLDOUT], "{way}");
    }
}

/// As a draft has no date of a start, the definitions alone would not show it.
#[test]
fn an_experiment_that_came_back_as_a_draft_is_a_started_one_after_reopenings() {
    for (way, directory, engine, _) in left() {
        drop(engine);
        let engine = directory.open();
        engine.create_experiment("hero-banner", targeted(plan("pro").coverage(25))).unwrap();
        drop(engine);
        let engine = directory.open();
        let set = |to| engine.set_targeting(experiment(), to);
        assert_eq!(refused(set(plan("free").coverage(25))), [fixed("audience")], "{way}");
        assert_eq!(refused(set(plan("pro").coverage(20))), [shrinks("coverage", 25.0)], "{way}");
        set(plan("pro").coverage(26)).unwrap();
        drop(engine);
        let engine = directory.open();
        let smaller = engine.raise_coverage(experiment(), 25);
        assert_eq!(refused(smaller), [shrinks("coverage", 26.0)], "{way}");
        engine.create_holdout(NewHoldout::new("2027", 5)).unwrap();
        engine.start(experiment()).unwrap();
        assert_eq!(held_out_by(&engine), [HOLDOUT], "{way}");
    }
}

#[test]
fn an_experiment_that_a_document_makes_a_draft_again_is_a_started_one_after_a_reopening() {
    let directory = Directory::new();
    let engine = directory.open();
    start_for_some(&engine);
    let mut document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    let written = &mut document["flags"][0]["experiments"][0];
    written["status"] = json!("draft");
    written["started_at"] = Value::Null;
    engine.replace(&document.to_string()).unwrap();
    drop(engine);
    let engine = directory.open();
    let set = engine.set_targeting(experiment(), plan("free").coverage(20));
    assert_eq!(refused(set), [fixed("audience")]);
    engine.create_holdout(NewHoldout::new("2027", 5)).unwrap();
    engine.start(experiment()).unwrap();
    assert_eq!(held_out_by(&engine), [HOLDOUT]);
}

#[test]
fn an_experiment_without_counts_leaves_its_id_for_any_users() {
    for starts in [false, true] {
        let directory = Directory::new();
        let engine = directory.open();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        engine.create_experiment("hero-banner", targeted(plan("pro"))).unwrap();
        if starts {
            engine.start(experiment()).unwrap();
            engine.stop(experiment()).unwrap();
        }
        engine.delete_experiment(experiment()).unwrap();
        let text = fs::read_to_string(directory.file("definitions.json")).unwrap();
        assert!(!text.contains("remembered"), "{text}");
        engine.create_experiment("hero-banner", targeted(plan("free"))).unwrap();
        engine.delete_experiment(experiment()).unwrap();
        drop(engine);
        let engine = directory.open();
        engine.create_experiment("hero-banner", targeted(plan("other"))).unwrap();
    }
}

#[test]
fn an_experiment_for_everybody_that_left_comes_back_for_everybody_alone() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let new = targeted(NewTargeting::new()).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    let _ = production(&engine).evaluate("hero-banner", "anna");
    engine.stop(experiment()).unwrap();
    engine.delete_experiment(experiment()).unwrap();
    drop(engine);
    let engine = directory.open();
    let create = |targeting| engine.create_experiment("hero-banner", targeted(targeting));
    assert_eq!(refused(create(plan("pro"))), [fixed("targeting.audience")]);
    let of_teams = create(NewTargeting::new().bucket_by("team"));
    assert_eq!(refused(of_teams), [fixed("targeting.bucket_by")]);
    create(NewTargeting::new()).unwrap();
    engine.start(experiment()).unwrap();
    assert_eq!(production(&engine).evaluate("hero-banner", "anna").reason(), Reason::Split);
}

#[test]
fn a_holdout_that_left_with_what_it_bound_holds_out_the_same_users_after_reopenings() {
    for (way, directory, engine, document) in left() {
        engine.delete_holdout(HOLDOUT).unwrap();
        drop(engine);
        for _ in 0..2 {
            let engine = directory.open();
            let half = engine.create_holdout(holdout(50.0));
            assert_eq!(refused(half), [bound("percentage")], "{way}");
            let of_teams = engine.create_holdout(holdout(5.0).bucket_by("team"));
            assert_eq!(refused(of_teams), [bound("bucket_by")], "{way}");
            let mut other = document.clone();
            other["holdouts"][0]["percentage"] = json!(6);
            let replaced = engine.replace(&other.to_string());
            let Err(LoadError::Invalid(invalid)) = replaced else { panic!("{way}: {replaced:?}") };
            assert_eq!(pairs(invalid.faults()), [bound("holdouts[0].percentage")], "{way}");
            let report = engine.apply(&other.to_string()).unwrap();
            let is_skipped = report.skipped.iter().any(|skipped| skipped.path == "holdouts[0]");
            assert!(is_skipped, "{way}: {report}");
            engine.set_default("hero-banner", "older").unwrap();
            engine.set_default("hero-banner", "old").unwrap();
        }
        let engine = directory.open();
        engine.create_holdout(holdout(5.0)).unwrap();
        let half = engine.change_holdout(HOLDOUT, holdout(50.0));
        assert_eq!(refused(half), [bound("percentage")], "{way}");
        engine.create_experiment("hero-banner", targeted(plan("pro").coverage(20))).unwrap();
        assert_eq!(held_out_by(&engine), [HOLDOUT], "{way}");
    }
}

/// The text of the definitions, edited, in a directory that the experiment has left.
fn edited(edit: impl FnOnce(&mut Value)) -> (Directory, Result<Engine, OpenError>) {
    let (_, directory, engine, _) = left().swap_remove(0);
    drop(engine);
    let file = directory.file("definitions.json");
    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    edit(&mut text);
    fs::write(file, text.to_string()).unwrap();
    let clock = ManualClock::new(Timestamp::from_unix_seconds(NOON));
    let options = OpenOptions::new().clock(clock).accept_edited_definitions();
    let opened = options.open(&directory.0);
    (directory, opened)
}

#[test]
fn an_edit_by_hand_brings_it_back_for_the_same_users_alone() {
    let (_, refused) = edited(|text| {
        text["flags"][0]["experiments"] = json!([{
            "id": experiment(), "name": "Back", "environment": "production",
            "variants": [
                {"key": "control", "value": "old", "percentage": 50},
                {"key": "treatment", "value": "new", "percentage": 50}
            ]
        }]);
    });
    let Err(OpenError::Definitions { source: LoadError::Invalid(invalid), .. }) = refused else {
        panic!("{refused:?}")
    };
    let path = |field: &str| format!("flags[0].targeting.{}.{field}", experiment());
    assert_eq!(pairs(invalid.faults()), [fixed(&path("audience"))]);
}

#[test]
fn what_is_remembered_in_an_unknown_way_is_refused_and_not_forgotten() {
    let of_experiment = format!("/stored/remembered/experiments/{}", experiment());
    let places = [
        "/stored/remembered".to_owned(),
        of_experiment.clone(),
        format!("{of_experiment}/targeting"),
        format!("/stored/remembered/holdouts/{HOLDOUT}"),
    ];
    for place in places {
        let (directory, opened) = edited(|text| {
            let group = json!({"percentage": 5});
            text["stored"]["remembered"]["holdouts"][HOLDOUT.to_string()] = group;
            text.pointer_mut(&place).unwrap()["later"] = json!(1);
        });
        let Err(OpenError::Definitions { source: LoadError::Invalid(invalid), .. }) = opened else {
            panic!("{place}: {opened:?}")
        };
        let path = format!("{}.later", place[1..].replace('/', "."));
        assert_eq!(pairs(invalid.faults()), [(path, FaultKind::UnknownTargeting)]);
        assert!(check(&directory.0).is_err());
    }
}

/// As in a directory of an earlier version.
#[test]
fn a_directory_that_remembers_nothing_opens_and_remembers_from_then_on() {
    let (directory, opened) = edited(|text| {
        let forgotten = text["stored"].as_object_mut().unwrap().remove("remembered");
        assert!(forgotten.is_some());
    });
    let engine = opened.unwrap();
    let new = targeted(plan("free")).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    engine.stop(experiment()).unwrap();
    engine.delete_experiment(experiment()).unwrap();
    drop(engine);
    let engine = directory.open();
    let create = engine.create_experiment("hero-banner", targeted(plan("pro")));
    assert_eq!(refused(create), [fixed("targeting.audience")]);
}

#[test]
fn a_check_and_a_recovery_leave_what_is_remembered() {
    let (way, directory, engine, document) = left().swap_remove(0);
    drop(engine);
    let before = directory.content();
    assert_eq!(check(&directory.0).unwrap().experiments, 1);
    assert_eq!(directory.content(), before);
    let file = directory.file("counters");
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() - 1);
    fs::write(&file, bytes).unwrap();
    recover(&directory.0).unwrap();
    only_those_users_come_back(way, &directory.open(), &document);
}

/// An export is of what there is; so are the counts in it.
#[test]
fn an_export_carries_nothing_of_what_left() {
    let (_, _directory, engine, _) = left().swap_remove(0);
    let export = engine.to_json();
    assert!(!export.contains(&experiment().to_string()), "{export}");
    let other = Engine::from_json(&export).unwrap();
    other.create_experiment("hero-banner", targeted(plan("free"))).unwrap();
}

/// What `docs/durable.md` says of the bytes.
#[test]
fn an_experiment_for_everybody_that_left_takes_120_bytes_of_the_definitions() {
    let directory = Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let size = || fs::metadata(directory.file("definitions.json")).unwrap().len();
    let live = |number| {
        let new = banner("production").id(experiment_id(number)).status(Status::Running);
        let id = engine.create_experiment("hero-banner", new).unwrap().id();
        assert!(engine.convert_variant(id, "control").is_counted());
        engine.stop(id).unwrap();
        engine.delete_experiment(id).unwrap();
    };
    live(1);
    let before = size();
    (2..=11).for_each(live);
    let each = (size() - before) / 10;
    assert!((80..=120).contains(&each), "{each} bytes");
}
