//! Archiving flags and experiments: what they answer, what is refused, and what documents do.

use crate::common::{
    banner, engine_at_noon, ever, experiment_id, flag_id, production, running, staging,
};
use fairsplit::error::{ControlError, LoadError};
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, Experiment, Flag, NewFlag, Outcome, Reason, Status, Timestamp};
use serde_json::{Value, json};

/// The flag "hero-banner" with a stopped experiment in production and a draft in staging, and
/// "qa" forced in both.
fn stopped() -> Engine {
    let (engine, id) = running();
    engine.create_experiment("hero-banner", banner("staging").id(experiment_id(2))).unwrap();
    for id in [id, experiment_id(2)] {
        engine.force(id, "qa", "treatment").unwrap();
    }
    engine.stop(id).unwrap();
    engine
}

fn state(engine: &Engine) -> (String, u64) {
    (engine.to_json(), engine.snapshot().version())
}

#[test]
fn an_archived_flag_answers_its_default_to_every_user_in_every_environment_and_counts_nothing() {
    let engine = stopped();
    let handle = staging(&engine).flag("hero-banner");
    assert_eq!(handle.evaluate("qa").reason(), Reason::Forced);
    assert!(engine.archive_flag("hero-banner").unwrap().is_archived());
    let never_bound = engine.environment("nowhere").unwrap();
    for environment in [production(&engine), staging(&engine), never_bound] {
        for user in ["anna", "qa", ""] {
            let answer = environment.evaluate("hero-banner", user);
            assert_eq!((answer.str_or(""), answer.reason()), ("old", Reason::Archived));
            assert_eq!((answer.variant(), answer.experiment()), (None, None));
            assert!(!answer.is_counted() && answer.assignment().is_none());
            let peeked = environment.view().peek("hero-banner", user).reason();
            assert_eq!(peeked, Reason::Archived);
            let conversion = environment.convert("hero-banner", user);
            assert_eq!((conversion.outcome(), conversion.variant()), (Outcome::Archived, None));
        }
    }
    assert_eq!(handle.evaluate("qa").reason(), Reason::Archived);
    assert_eq!(handle.convert("qa").outcome(), Outcome::Archived);
    assert_eq!(engine.convert_variant(experiment_id(1), "control").outcome(), Outcome::Archived);
    assert_eq!(ever(&engine.counts(experiment_id(1)).unwrap()), [(0, 0), (0, 0)]);
    let why = production(&engine).explain("hero-banner", "qa");
    assert_eq!(
        (why.reason, why.value, why.assignment),
        (Reason::Archived, Some(json!("old")), None)
    );
    // An unknown flag is unknown, and one that is deleted is no longer archived.
    engine.delete_flag("hero-banner").unwrap();
    assert_eq!(handle.evaluate("anna").reason(), Reason::FlagNotFound);
}

#[test]
fn a_flag_that_is_unarchived_answers_and_counts_as_before() {
    let engine = stopped();
    let before = engine.to_json();
    engine.archive_flag("hero-banner").unwrap();
    let back = engine.unarchive_flag(flag_id(1)).unwrap();
    assert!(!back.is_archived());
    assert_eq!(engine.to_json(), before);
    assert_eq!(staging(&engine).evaluate("hero-banner", "qa").reason(), Reason::Forced);
    engine.start(experiment_id(1)).unwrap();
    assert!(production(&engine).evaluate("hero-banner", "anna").is_counted());
    assert!(production(&engine).convert("hero-banner", "anna").is_counted());
}

#[test]
fn a_view_from_before_an_archiving_answers_as_then() {
    let engine = stopped();
    let staging = staging(&engine);
    let view = staging.view();
    engine.archive_flag("hero-banner").unwrap();
    assert_eq!(view.evaluate("hero-banner", "qa").reason(), Reason::Forced);
    assert_eq!(staging.evaluate("hero-banner", "qa").reason(), Reason::Archived);
}

#[test]
fn what_runs_is_archived_only_after_a_stop() {
    let (engine, id) = running();
    let before = state(&engine);
    assert_eq!(engine.archive_experiment(id), Err(ControlError::ArchivesRunning { id }));
    let flag = "hero-banner".to_owned();
    let refused = ControlError::ArchivesFlagWithRunning { flag, running: id };
    assert_eq!(engine.archive_flag("hero-banner"), Err(refused));
    assert_eq!(state(&engine), before);
    engine.stop(id).unwrap();
    engine.archive_experiment(id).unwrap();
    engine.archive_flag("hero-banner").unwrap();
}

#[test]
fn nothing_is_created_or_started_on_an_archived_flag() {
    let engine = stopped();
    engine.archive_flag("hero-banner").unwrap();
    let before = state(&engine);
    let flag = || "hero-banner".to_owned();
    for status in [Status::Draft, Status::Running] {
        let refused = engine.create_experiment("hero-banner", banner("eu").status(status));
        assert_eq!(refused, Err(ControlError::CreatesOnArchived { flag: flag() }));
    }
    for id in [experiment_id(1), experiment_id(2)] {
        let refused = ControlError::StartsOnArchived { id, flag: flag() };
        assert_eq!(engine.start(id), Err(refused));
    }
    assert_eq!(state(&engine), before);
    // The rest of its life goes on.
    engine.set_default("hero-banner", "newer").unwrap();
    assert!(engine.flag("hero-banner").unwrap().is_archived());
    engine.ship(experiment_id(1), "treatment").unwrap();
    let answer = production(&engine).evaluate("hero-banner", "anna");
    assert_eq!((answer.str_or(""), answer.reason()), ("new", Reason::Archived));
    engine.delete_experiment(experiment_id(2)).unwrap();
    engine.delete_flag("hero-banner").unwrap();
}

#[test]
fn an_archived_experiment_cannot_start_and_forces_no_user_until_it_is_unarchived() {
    let engine = stopped();
    let draft = experiment_id(2);
    let archived = engine.archive_experiment(draft).unwrap();
    assert_eq!((archived.is_archived(), archived.status()), (true, Status::Draft));
    assert_eq!(engine.experiment(draft), Some(archived));
    let before = state(&engine);
    assert_eq!(engine.start(draft), Err(ControlError::StartsArchived { id: draft }));
    assert_eq!(state(&engine), before);
    assert_eq!(staging(&engine).evaluate("hero-banner", "qa").reason(), Reason::NotRunning);
    assert_eq!(engine.convert_variant(draft, "control").outcome(), Outcome::Archived);
    let why = staging(&engine).explain("hero-banner", "qa");
    assert_eq!((why.reason, why.experiments[0].archived), (Reason::NotRunning, true));
    assert!(why.to_string().contains("draft, archived)"), "{why}");
    // The flag itself is not archived: another experiment runs where this one would.
    let other = banner("staging").id(experiment_id(3)).status(Status::Running);
    engine.create_experiment("hero-banner", other).unwrap();
    assert_eq!(staging(&engine).evaluate("hero-banner", "qa").reason(), Reason::Split);
    engine.stop(experiment_id(3)).unwrap();

    assert!(!engine.unarchive_experiment(draft).unwrap().is_archived());
    assert_eq!(staging(&engine).evaluate("hero-banner", "qa").reason(), Reason::Forced);
    engine.start(draft).unwrap();
}

#[test]
fn archiving_twice_and_unarchiving_what_is_not_archived_changes_nothing() {
    let engine = stopped();
    let id = experiment_id(1);
    let before = state(&engine);
    engine.unarchive_flag("hero-banner").unwrap();
    engine.unarchive_experiment(id).unwrap();
    assert_eq!(state(&engine), before);
    engine.archive_flag("hero-banner").unwrap();
    engine.archive_experiment(id).unwrap();
    let before = state(&engine);
    engine.archive_flag("hero-banner").unwrap();
    engine.archive_experiment(id).unwrap();
    assert_eq!(state(&engine), before);

    let unknown = experiment_id(9);
    let not_found = ControlError::ExperimentNotFound { id: unknown };
    assert_eq!(engine.archive_experiment(unknown), Err(not_found.clone()));
    assert_eq!(engine.unarchive_experiment(unknown), Err(not_found));
    for refused in [engine.archive_flag("hero"), engine.unarchive_flag("hero")] {
        assert!(matches!(refused, Err(ControlError::FlagNotFound { .. })), "{refused:?}");
    }
}

#[test]
fn archiving_moves_the_date_of_the_last_change_and_keeps_counts_names_and_notes() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").name("Hero").id(flag_id(1))).unwrap();
    let change = fairsplit::FlagChange::new().owner("anna").tags(["a"]);
    engine.change_flag("hero-banner", change).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let id = engine.create_experiment("hero-banner", new).unwrap().id();
    assert!(engine.convert_variant(id, "control").is_counted());
    let stopped = engine.stop(id).unwrap();
    let flag = engine.flag("hero-banner").unwrap();
    clock.advance(60);
    let archived_flag = engine.archive_flag("hero-banner").unwrap();
    let archived = engine.archive_experiment(id).unwrap();
    let dates = |flag: &Flag| (flag.created_at(), flag.updated_at());
    let noon = flag.created_at();
    let later = Timestamp::from_unix_seconds(noon.unix_seconds() + 60);
    assert_eq!(dates(&archived_flag), (noon, later));
    assert_eq!((archived_flag.name(), archived_flag.owner()), ("Hero", "anna"));
    assert_eq!((archived.updated_at(), archived.stopped_at()), (later, stopped.stopped_at()));
    assert_eq!(
        archived.conversions().collect::<Vec<_>>(),
        stopped.conversions().collect::<Vec<_>>()
    );
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 1), (0, 0)]);
}

#[test]
fn what_is_archived_is_in_documents_and_objects_and_what_is_not_leaves_no_trace() {
    let engine = stopped();
    assert!(!engine.to_json().contains("archived"));
    engine.archive_flag("hero-banner").unwrap();
    engine.archive_experiment(experiment_id(2)).unwrap();
    let export = engine.to_json();
    let document: Value = serde_json::from_str(&export).unwrap();
    let flag = &document["flags"][0];
    assert_eq!(flag["archived"], true);
    assert_eq!(flag["experiments"][0].get("archived"), None);
    assert_eq!(flag["experiments"][1]["archived"], true);
    let other = Engine::from_json(&export).unwrap();
    assert_eq!((other.to_json(), other.flags()), (export, engine.flags()));
    let experiment = engine.experiment(experiment_id(2)).unwrap();
    let text = serde_json::to_string(&experiment).unwrap();
    assert_eq!(serde_json::from_str::<Experiment>(&text).unwrap(), experiment);
    assert_eq!(serde_json::to_value(engine.flag(flag_id(1)).unwrap()).unwrap()["archived"], true);
}

/// A document of one flag with one experiment; what is `null` is absent.
fn document(flag_archived: &Value, status: &Value, archived: &Value) -> String {
    json!({"flags": [{
        "id": flag_id(1), "key": "hero-banner", "default_value": "old", "archived": flag_archived,
        "experiments": [{
            "id": experiment_id(1), "name": "n", "environment": "production",
            "status": status, "archived": archived,
            "variants": [{"key": "only", "value": "new", "percentage": 100}]
        }]
    }]})
    .to_string()
}

#[test]
fn a_document_in_which_something_archived_runs_has_a_fault_there() {
    let (engine, _) = engine_at_noon();
    for (text, path, running) in [
        (
            document(&json!(true), &json!("running"), &json!(null)),
            "flags[0].archived",
            "flags[0].experiments[0]",
        ),
        (
            document(&json!(false), &json!("running"), &json!(true)),
            "flags[0].experiments[0].archived",
            "the experiment",
        ),
    ] {
        let LoadError::Invalid(invalid) = engine.replace(&text).unwrap_err() else { panic!() };
        let [fault] = invalid.faults() else { panic!("{invalid}") };
        let kind = FaultKind::ArchivedRunning { running: running.to_owned() };
        assert_eq!((fault.path(), fault.kind()), (path, &kind));
        let report = engine.apply(&text).unwrap();
        assert_eq!(report.skipped[0].faults.len(), 1);
    }
    let mistyped = document(&json!(1), &json!("draft"), &json!("true"));
    let LoadError::Invalid(invalid) = engine.replace(&mistyped).unwrap_err() else { panic!() };
    let is_of_type = |kind: &FaultKind| matches!(kind, FaultKind::Type { .. });
    let found: Vec<_> =
        invalid.faults().iter().map(|fault| (fault.path(), is_of_type(fault.kind()))).collect();
    assert_eq!(found, [("flags[0].archived", true), ("flags[0].experiments[0].archived", true)]);
    assert!(engine.flags().is_empty());
}

#[test]
fn an_applied_document_archives_what_it_changed_and_undoes_no_call() {
    let (engine, _) = engine_at_noon();
    let id = experiment_id(1);
    let (yes, no, none) = (json!(true), json!(false), json!(null));
    let apply = |flag: &Value, experiment: &Value| {
        let report = engine.apply(&document(flag, &json!("draft"), experiment)).unwrap();
        assert!(report.skipped.is_empty(), "{report}");
        report.to_string()
    };
    let found = || {
        let experiment = engine.experiment(id).unwrap();
        (engine.flag("hero-banner").unwrap().is_archived(), experiment.is_archived())
    };
    apply(&none, &none);
    assert_eq!(found(), (false, false));
    let changed = "changed \"hero-banner\": archived\n\
         changed \"hero-banner\", experiment \"n\": archived";
    assert_eq!(apply(&yes, &yes), changed);
    assert_eq!(found(), (true, true));
    // Unarchived by a call: it stays so until the document changes.
    engine.unarchive_flag("hero-banner").unwrap();
    engine.unarchive_experiment(id).unwrap();
    let kept = "kept \"hero-banner\": archived, as changed elsewhere\n\
         kept \"hero-banner\", experiment \"n\": archived, as changed elsewhere";
    assert_eq!(apply(&yes, &yes), kept);
    assert_eq!(found(), (false, false));
    // `false` says the same as an absent field, which it was.
    assert_eq!(apply(&no, &none), "nothing to do");
    engine.archive_flag("hero-banner").unwrap();
    engine.archive_experiment(id).unwrap();
    assert_eq!(apply(&none, &no), "nothing to do");
    assert_eq!(found(), (true, true));
    assert_eq!(apply(&yes, &yes), "nothing to do");
    assert_eq!(apply(&none, &no), changed);
    assert_eq!(found(), (false, false));
}

type Call = dyn Fn(&Engine);

#[test]
fn a_document_that_archives_what_runs_or_starts_what_is_archived_is_skipped_with_the_reason() {
    let (yes, none) = (json!(true), json!(null));
    let running = format!("experiment {}", experiment_id(1));
    let kind = FaultKind::ArchivedRunning { running };
    // It runs by a call, or was archived by one.
    let cases: [(&Call, String, &str); 4] = [
        (
            &|engine| drop(engine.start(experiment_id(1)).unwrap()),
            document(&yes, &json!("draft"), &none),
            "flags[0].archived",
        ),
        (
            &|engine| drop(engine.start(experiment_id(1)).unwrap()),
            document(&none, &json!("draft"), &yes),
            "flags[0].experiments",
        ),
        (
            &|engine| drop(engine.archive_flag("hero-banner").unwrap()),
            document(&none, &json!("running"), &none),
            "flags[0].archived",
        ),
        (
            &|engine| drop(engine.archive_experiment(experiment_id(1)).unwrap()),
            document(&none, &json!("running"), &none),
            "flags[0].experiments",
        ),
    ];
    for (call, text, path) in cases {
        let (engine, _) = engine_at_noon();
        let _ = engine.apply(&document(&none, &json!("draft"), &none)).unwrap();
        call(&engine);
        let before = engine.to_json();
        let report = engine.apply(&text).unwrap();
        let [fault] = report.skipped[0].faults.as_slice() else { panic!("{report}") };
        assert_eq!((fault.path(), fault.kind()), (path, &kind));
        assert_eq!(engine.to_json(), before);
    }
}

#[test]
fn a_document_can_stop_and_archive_at_once() {
    let (engine, _) = engine_at_noon();
    let (yes, none) = (json!(true), json!(null));
    let _ = engine.apply(&document(&none, &json!("running"), &none)).unwrap();
    let report = engine.apply(&document(&yes, &json!("stopped"), &yes)).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!((experiment.status(), experiment.is_archived()), (Status::Stopped, true));
    assert_eq!(production(&engine).evaluate("hero-banner", "anna").reason(), Reason::Archived);
    assert_eq!(engine.convert_variant(experiment_id(1), "only").outcome(), Outcome::Archived);
}

#[cfg(feature = "durable")]
#[test]
fn archiving_is_a_change_of_its_own_and_is_there_after_an_opening() {
    use fairsplit::changes::Action;
    let directory = crate::common::directory::Directory::new();
    let engine = directory.open();
    let id = experiment_id(1);
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    engine.create_experiment("hero-banner", banner("production").id(id)).unwrap();
    engine.archive_experiment(id).unwrap();
    engine.archive_flag("hero-banner").unwrap();
    drop(engine);
    let engine = directory.open();
    assert_eq!(production(&engine).evaluate("hero-banner", "anna").reason(), Reason::Archived);
    assert!(engine.experiment(id).unwrap().is_archived());
    engine.unarchive_flag("hero-banner").unwrap();
    engine.unarchive_experiment(id).unwrap();
    let changes = engine.changes().unwrap();
    let found: Vec<_> = changes[2..]
        .iter()
        .map(|change| {
            let mut edits = change.edits.iter().filter(|edit| edit.field == "archived");
            let edit = edits.next().unwrap();
            (change.action, edit.before.clone(), edit.after.clone())
        })
        .collect();
    let yes = || Some(json!(true));
    assert_eq!(
        found,
        [
            (Action::ArchiveExperiment, None, yes()),
            (Action::ArchiveFlag, None, yes()),
            (Action::UnarchiveFlag, yes(), None),
            (Action::UnarchiveExperiment, yes(), None),
        ]
    );
}
