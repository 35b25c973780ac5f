//! A service that keeps its definitions in a directory and follows the file that each deploy
//! brings, over several deploys and what people do between them.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};

use crate::common::directory::Directory;
use crate::common::{experiment_id, flag_id, production};
use fairsplit::apply::ApplyReport;
use fairsplit::changes::{Action, Actor};
use fairsplit::error::WatchError;
use fairsplit::watch::Watch;
use fairsplit::{Engine, NewFlag, Status};
use serde_json::{Value, json};

/// The file of a deploy.
fn file(directory: &Directory, document: &Value) -> PathBuf {
    let path = directory.file("flags.json");
    fs::create_dir_all(&directory.0).unwrap();
    fs::write(&path, document.to_string()).unwrap();
    path
}

fn document(default: &str, status: &str) -> Value {
    json!({"flags": [{
        "id": flag_id(1),
        "key": "hero-banner",
        "default_value": default,
        "experiments": [{
            "id": experiment_id(1),
            "name": "Hero Banner",
            "environment": "production",
            "status": status,
            "variants": [
                {"key": "control", "value": "old", "percentage": 50},
                {"key": "treatment", "value": "new", "percentage": 50}
            ]
        }]
    }]})
}

/// A process of the service: its engine, what it follows, and the outcome of the first time.
struct Process {
    engine: Engine,
    _watch: Watch,
    outcomes: Receiver<Result<ApplyReport, WatchError>>,
}

impl Process {
    fn start(directory: &Directory, files: &Directory, document: &Value) -> Process {
        let path = file(files, document);
        let engine = directory.open();
        let (send, outcomes) = mpsc::channel();
        let watch = engine.watch(path, move |outcome| drop(send.send(outcome))).unwrap();
        Process { engine, _watch: watch, outcomes }
    }

    fn report(&self) -> ApplyReport {
        self.outcomes.recv().unwrap().unwrap()
    }

    fn status(&self) -> Status {
        self.engine.experiment(experiment_id(1)).unwrap().status()
    }

    fn default(&self, flag: &str) -> Value {
        self.engine.flag(flag).unwrap().default_value().clone()
    }
}

#[test]
fn three_deploys_undo_neither_an_emergency_stop_nor_what_was_made_by_hand() {
    let (directory, files) = (Directory::new(), Directory::new());
    let first = Process::start(&directory, &files, &document("old", "running"));
    assert_eq!(first.report().added.len(), 2);
    assert!(production(&first.engine).evaluate("hero-banner", "anna").is_counted());
    let anna = first.engine.acting_as(Actor::token("anna"));
    anna.stop(experiment_id(1)).unwrap();
    anna.create_flag(NewFlag::new("by-hand", 1).id(flag_id(2))).unwrap();
    anna.set_default("hero-banner", "by hand").unwrap();
    drop((first, anna));

    // The same release restarts.
    let second = Process::start(&directory, &files, &document("old", "running"));
    let report = second.report();
    assert_eq!(report.kept.len(), 2, "{report}");
    assert_eq!(second.status(), Status::Stopped);
    assert_eq!(second.default("hero-banner"), "by hand");
    assert_eq!(second.default("by-hand"), 1);
    let counts = second.engine.counts(experiment_id(1)).unwrap();
    let exposures: u64 =
        counts.variants().iter().map(|variant| variant.since_start.exposures).sum();
    assert_eq!((exposures, counts.run()), (1, 1));
    drop(second);

    // The next release has another default, and still says that the experiment runs.
    let third = Process::start(&directory, &files, &document("newer", "running"));
    let report = third.report();
    assert_eq!(report.changed.len(), 1, "{report}");
    assert_eq!((third.status(), third.default("hero-banner")), (Status::Stopped, json!("newer")));

    // It is edited while it is followed: first it says what is so already, then it starts it anew.
    file(&files, &document("newer", "stopped"));
    assert!(third.report().is_unchanged());
    file(&files, &document("newer", "running"));
    assert_eq!(third.report().started.len(), 1);
    assert_eq!(third.status(), Status::Running);
    assert_eq!(third.engine.counts(experiment_id(1)).unwrap().run(), 2);

    let changes = third.engine.changes().unwrap();
    let asked: Vec<_> =
        changes.iter().map(|change| (change.action, change.actor.clone())).collect();
    let (by_document, by_anna) = (Actor::document("document"), Actor::token("anna"));
    assert_eq!(
        asked,
        [
            (Action::Apply, by_document.clone()),
            (Action::Stop, by_anna.clone()),
            (Action::CreateFlag, by_anna.clone()),
            (Action::ChangeFlag, by_anna),
            (Action::Apply, by_document.clone()),
            // It changed nothing but what the document has said.
            (Action::Apply, by_document.clone()),
            (Action::Apply, by_document),
        ]
    );
}

#[test]
fn a_directory_of_the_first_version_keeps_what_was_started_at_its_first_document() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/durable-1");
    for name in ["counters", "definitions.json"] {
        fs::copy(kept.join(name), directory.file(name)).unwrap();
    }
    let engine = directory.open();
    let id = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse().unwrap();
    let before = engine.counts(id).unwrap();
    assert_eq!(engine.experiment(id).unwrap().status(), Status::Running);
    let mut document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    let experiment = &mut document["flags"][0]["experiments"][0];
    experiment["status"] = json!("draft");
    experiment["name"] = json!("renamed");
    let report = engine.apply(&document.to_string()).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
    let experiment = engine.experiment(id).unwrap();
    assert_eq!((experiment.status(), experiment.name()), (Status::Running, "renamed"));
    assert_eq!(engine.counts(id).unwrap(), before);
}
