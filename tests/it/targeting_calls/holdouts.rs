//! Holdouts.

use super::{everybody, experiment, faults, holdout_id, idle, is_unit, no_such, refused, shop};
use crate::common::experiment_id;
use fairsplit::error::{ControlError, LoadError};
use fairsplit::fault::FaultKind;
use fairsplit::targeting::NewHoldout;
use fairsplit::{Engine, NewFlag, Status};

fn new() -> NewHoldout {
    NewHoldout::new("2026", 5).id(holdout_id(1))
}

#[test]
fn a_holdout_that_binds_no_experiment_is_created_changed_and_deleted() {
    let engine = shop();
    let created = engine.create_holdout(new()).unwrap();
    assert_eq!(engine.holdouts(), [created]);
    experiment(&engine, 1, everybody(), Status::Draft);
    idle(&engine, |engine| engine.change_holdout(holdout_id(1), new().id(holdout_id(9))));
    let changed = engine.change_holdout(holdout_id(1), NewHoldout::new("half", 0.5)).unwrap();
    assert_eq!((changed.name(), changed.percentage().thousandths()), ("half", 500));
    assert_eq!(engine.holdout(holdout_id(1)), Some(changed.clone()));
    // The draft would be bound by it.
    let of_teams = || NewHoldout::new("teams", 5).bucket_by("team");
    let found = faults(&engine, |engine| engine.change_holdout(holdout_id(1), of_teams()));
    assert!(matches!(&found[..], [(path, kind)] if path == "bucket_by" && is_unit(kind)));
    engine.set_targeting(experiment_id(1), everybody().holdouts(false)).unwrap();
    let changed = engine.change_holdout(holdout_id(1), of_teams()).unwrap();
    assert_eq!(engine.delete_holdout(holdout_id(1)), Ok(changed));
    let unknown = ControlError::HoldoutNotFound { id: holdout_id(1) };
    assert_eq!(refused(&engine, |engine| engine.delete_holdout(holdout_id(1))), unknown);
    assert_eq!(refused(&engine, |engine| engine.change_holdout(holdout_id(1), new())), unknown);
}

#[test]
fn a_holdout_that_is_wrong_or_has_a_taken_id_is_refused() {
    let engine = shop();
    engine.create_holdout(new()).unwrap();
    let taken = ControlError::HoldoutIdTaken { id: holdout_id(1) };
    assert_eq!(refused(&engine, |engine| engine.create_holdout(new())), taken);
    let wrong = || NewHoldout::new("", 100.5).bucket_by(" ");
    let found = [
        faults(&engine, |engine| engine.create_holdout(wrong())),
        faults(&engine, |engine| engine.change_holdout(holdout_id(1), wrong())),
    ];
    for found in found {
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["percentage", "name", "bucket_by"]);
    }
}

#[test]
fn percentage_and_unit_of_a_holdout_stay_from_the_first_experiment_that_it_binds() {
    let engine = shop();
    engine.create_holdout(new()).unwrap();
    let id = experiment(&engine, 1, everybody(), Status::Running);
    engine.stop(id).unwrap();
    let change =
        |to: NewHoldout| faults(&engine, move |engine| engine.change_holdout(holdout_id(1), to));
    let fixed =
        |path: &str| (path.to_owned(), FaultKind::HoldoutFixed { experiment: id.to_string() });
    assert_eq!(change(NewHoldout::new("2026", 6)), [fixed("percentage")]);
    assert_eq!(change(new().bucket_by("team")), [fixed("bucket_by")]);
    assert_eq!(
        change(NewHoldout::new("a", 4).bucket_by("b")),
        [fixed("percentage"), fixed("bucket_by")]
    );
    engine.change_holdout(holdout_id(1), NewHoldout::new("another name", 5)).unwrap();
    engine.delete_experiment(id).unwrap();
    engine.change_holdout(holdout_id(1), NewHoldout::new("2026", 6)).unwrap();
}

/// The experiment can come back with a document, and its counts go on.
#[test]
fn percentage_of_a_holdout_stays_while_what_it_binds_is_out_of_the_configuration() {
    let engine = shop();
    engine.create_holdout(new()).unwrap();
    let id = experiment(&engine, 1, everybody(), Status::Running);
    let with_it = engine.to_json();
    let mut without_it: serde_json::Value = serde_json::from_str(&with_it).unwrap();
    without_it["flags"] = serde_json::json!([]);
    engine.replace(&without_it.to_string()).unwrap();

    let fixed =
        |path: &str| (path.to_owned(), FaultKind::HoldoutFixed { experiment: id.to_string() });
    let half = || NewHoldout::new("2026", 50).id(holdout_id(1));
    let change = faults(&engine, |engine| engine.change_holdout(holdout_id(1), half()));
    assert_eq!(change, [fixed("percentage")]);
    without_it["holdouts"][0]["percentage"] = serde_json::json!(50);
    let report = engine.apply(&without_it.to_string()).unwrap();
    assert_eq!(report.skipped[0].path, "holdouts[0]");
    assert!(engine.replace(&without_it.to_string()).is_err());
    engine.replace(&with_it).unwrap();
}

/// Neither by a call on the experiment, nor by one on its flag, nor by another holdout of that id
/// do they come back; with the holdout as it was, they do.
#[test]
fn a_deleted_holdout_leaves_the_experiments_that_it_bound_in_the_archive() {
    let engine = shop();
    engine.create_holdout(new()).unwrap();
    let id = experiment(&engine, 1, everybody(), Status::Running);
    let in_use = |engine: &Engine| {
        let error = refused(engine, |engine| engine.delete_holdout(holdout_id(1)));
        assert!(matches!(error, ControlError::HoldoutInUse { id, .. } if id == holdout_id(1)));
    };
    in_use(&engine);
    engine.stop(id).unwrap();
    in_use(&engine);
    engine.archive_experiment(id).unwrap();
    engine.delete_holdout(holdout_id(1)).unwrap();

    let held_out_by = || engine.experiment(id).unwrap().targeting().unwrap().held_out_by().to_vec();
    assert_eq!(held_out_by(), [holdout_id(1)]);
    let path = format!("targeting.{id}.held_out_by[0]");
    let unfit = [(path, no_such("holdout", &holdout_id(1)))];
    assert_eq!(faults(&engine, |engine| engine.unarchive_experiment(id)), unfit);
    let created = |new: NewHoldout| faults(&engine, |engine| engine.create_holdout(new));
    let fixed =
        |path: &str| (path.to_owned(), FaultKind::HoldoutFixed { experiment: id.to_string() });
    let half = || NewHoldout::new("2026", 50).id(holdout_id(1));
    assert_eq!(created(half()), [fixed("percentage")]);
    let of_teams = created(half().bucket_by("team"));
    assert_eq!(of_teams[..2], [fixed("percentage"), fixed("bucket_by")]);
    // Of an archived flag, an experiment runs no more than an archived one.
    engine.archive_flag("banner").unwrap();
    engine.unarchive_experiment(id).unwrap();
    assert_eq!(faults(&engine, |engine| engine.unarchive_flag("banner")), unfit);
    engine.create_holdout(NewHoldout::new("another name", 5).id(holdout_id(1))).unwrap();
    engine.unarchive_flag("banner").unwrap();
    engine.start(id).unwrap();
    assert_eq!(held_out_by(), [holdout_id(1)]);

    engine.stop(id).unwrap();
    engine.archive_experiment(id).unwrap();
    engine.delete_holdout(holdout_id(1)).unwrap();
    engine.delete_experiment(id).unwrap();
    engine.create_holdout(half()).unwrap();
}

/// Neither is in the configuration, and both come back.
#[test]
fn a_holdout_that_left_with_the_experiment_that_it_bound_comes_back_as_it_was() {
    let engine = shop();
    engine.create_holdout(new()).unwrap();
    let id = experiment(&engine, 1, everybody(), Status::Running);
    let with_both = engine.to_json();
    engine.replace(r#"{"flags": []}"#).unwrap();
    // An idle change in between, and one that brings another holdout.
    engine.create_flag(NewFlag::new("other", 1)).unwrap();
    engine.create_holdout(NewHoldout::new("2027", 5).id(holdout_id(2))).unwrap();

    let fixed =
        |path: &str| (path.to_owned(), FaultKind::HoldoutFixed { experiment: id.to_string() });
    let half = NewHoldout::new("2026", 50).id(holdout_id(1));
    assert_eq!(faults(&engine, |engine| engine.create_holdout(half)), [fixed("percentage")]);
    let mut other: serde_json::Value = serde_json::from_str(&with_both).unwrap();
    other["holdouts"][0]["percentage"] = serde_json::json!(50);
    let Err(LoadError::Invalid(refused)) = engine.replace(&other.to_string()) else {
        panic!("users that were held out would be in the experiment")
    };
    let found = &refused.faults()[0];
    assert_eq!((found.path(), found.kind()), ("holdouts[0].percentage", &fixed("").1));
    let report = engine.apply(&other.to_string()).unwrap();
    let skipped = report.skipped.iter().find(|skipped| skipped.path == "holdouts[0]").unwrap();
    assert_eq!(skipped.faults[0].kind(), &fixed("").1);
    assert_eq!((engine.holdout(holdout_id(1)), engine.experiment(id)), (None, None));

    engine.replace(&with_both).unwrap();
    assert_eq!(engine.to_json(), with_both);
}
