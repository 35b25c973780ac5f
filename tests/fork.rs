//! Children of a process that has a durable engine, or follows a file: what they may do, and that
//! their parent loses nothing by it.
//!
//! A binary of its own: a child has what any other test of its binary has open at that moment.
#![cfg(unix)]

#[path = "common/child.rs"]
mod child;
mod common;

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use child::{AS_EXPECTED, Ended, in_child, new_memory};
use common::directory::Directory;
use common::{banner, experiment_id, flag_id, production};
use fairsplit::durable::{OpenOptions, check};
use fairsplit::error::{ApplyError, CommitError, ControlError, FileError, LoadError, OpenError};
use fairsplit::{Engine, NewExperiment, NewFlag, Reason, Status};

const NO_ACCESS: Ended = Ended::Signal(libc::SIGSEGV);

fn start(engine: &Engine) {
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
}

fn convert(engine: &Engine) -> bool {
    engine.convert_variant(experiment_id(1), "treatment").is_counted()
}

fn conversions(engine: &Engine) -> u64 {
    engine.counts(experiment_id(1)).unwrap().variants()[1].ever.conversions
}

#[test]
fn a_child_that_drops_its_copy_leaves_the_directory_locked_and_in_use() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let mut copy = Some(engine);
    let ended = in_child(|| {
        drop(copy.take());
        true
    });
    assert_eq!(ended, AS_EXPECTED);
    let engine = copy.unwrap();
    assert!(matches!(check(&directory.0), Err(OpenError::InUse { .. })));
    assert!(convert(&engine));
    // What a kill of the parent would leave now.
    let left = Directory::new();
    fs::create_dir(&left.0).unwrap();
    for (path, bytes) in directory.content() {
        fs::write(left.file(path.file_name().unwrap().to_str().unwrap()), bytes).unwrap();
    }
    assert!(!check(&left.0).unwrap().was_closed);
    assert_eq!(conversions(&left.open()), 1);
    drop(engine);
    assert!(check(&directory.0).unwrap().was_closed);
    assert_eq!(conversions(&directory.open()), 1);
}

#[test]
fn a_child_that_counts_or_reads_counts_ends_and_its_parent_loses_nothing() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let handle = production(&engine).flag("hero-banner");
    assert!(convert(&engine));
    assert_eq!(in_child(|| convert(&engine)), NO_ACCESS);
    assert_eq!(in_child(|| handle.evaluate("anna").is_counted()), NO_ACCESS);
    assert_eq!(in_child(|| conversions(&engine) == 1), NO_ACCESS);
    assert_eq!(in_child(|| engine.to_json().is_empty()), NO_ACCESS);
    assert!(convert(&engine));
    assert_eq!(conversions(&engine), 2);
}

/// Tables of users are files of their own, of other lengths.
#[test]
fn a_child_that_counts_or_reads_users_ends_and_its_parent_loses_nothing() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    engine.count_users(experiment_id(1), 1_000_000).unwrap();
    let production = production(&engine);
    let evaluate = |users: std::ops::Range<u32>| {
        users.for_each(|user| {
            let _ = production.evaluate("hero-banner", &format!("user-{user}"));
        });
    };
    let exposed = || {
        let users = engine.users(experiment_id(1)).unwrap();
        users.variants().iter().map(|variant| variant.count.exposed).sum::<u64>()
    };
    // Some tables after the first one, which were made, replaced and removed.
    for users in [0..30, 30..1000] {
        evaluate(users.clone());
        assert_eq!(exposed(), u64::from(users.end));
        engine.sync().unwrap();
        let known = in_child(|| {
            evaluate(0..1);
            true
        });
        let new = in_child(|| {
            evaluate(users.end..users.end + 1);
            true
        });
        assert_eq!((known, new), (NO_ACCESS, NO_ACCESS));
        assert_eq!(in_child(|| exposed() > 0), NO_ACCESS);
        assert_eq!(exposed(), u64::from(users.end));
    }
}

/// If the addresses of the mapping were free in the child, one of its own allocations would be
/// there, and would be counted in.
#[test]
fn a_child_that_has_allocated_does_not_count_in_its_own_memory() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let ended = in_child(|| {
        // As large as a mapping, so that they fit in its place.
        let own: Vec<_> = (0..64).map(|_| new_memory(1 << 20)).collect();
        convert(&engine);
        own.into_iter().flatten().all(|byte| *byte == 0)
    });
    assert_eq!(ended, NO_ACCESS);
}

#[test]
fn a_child_that_counts_nothing_gets_answers() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let production = production(&engine);
    let ended = in_child(|| {
        production.peek("hero-banner", "anna").reason() == Reason::Split
            && production.explain("hero-banner", "anna").to_string().contains("anna")
            && engine.environment("staging").is_ok()
    });
    assert_eq!(ended, AS_EXPECTED);
}

/// Whether the error names the process that owns the directory.
fn names_owner(error: &FileError, owner: u32) -> bool {
    error.to_string().contains(&format!("belongs to process {owner},"))
}

#[test]
fn a_child_that_changes_or_syncs_gets_an_error_that_names_the_owner() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let before = (engine.to_json(), directory.content());
    let owner = std::process::id();
    let ended = in_child(|| {
        let new = || NewExperiment::new("Other", "staging").variant("only", 1, 100);
        let changes = [
            engine.create_flag(NewFlag::new("other", 1)).map(drop),
            engine.set_default("hero-banner", 2).map(drop),
            engine.create_experiment("hero-banner", new()).map(drop),
            engine.stop(experiment_id(1)).map(drop),
            engine.force(experiment_id(1), "qa", "control"),
            engine.unforce(experiment_id(1), "qa").map(drop),
            engine.count_users(experiment_id(1), 10),
        ];
        let loads = [
            engine.replace(r#"{"flags": []}"#),
            engine.apply(r#"{"flags": []}"#).map(drop).map_err(|error| match error {
                ApplyError::Load(error) => error,
                other => panic!("{other}"),
            }),
        ];
        changes.iter().all(
            |change| matches!(change, Err(ControlError::NotCommitted(CommitError::File(error))) if names_owner(error, owner)),
        ) && loads
            .iter()
            .all(|load| matches!(load, Err(LoadError::NotCommitted(CommitError::File(error))) if names_owner(error, owner)))
            && names_owner(&engine.sync().unwrap_err(), owner)
    });
    assert_eq!(ended, AS_EXPECTED);
    assert_eq!((engine.to_json(), directory.content()), before);
    engine.stop(experiment_id(1)).unwrap();
}

#[test]
fn a_child_that_drops_an_engine_with_background_syncs_waits_for_no_thread() {
    let directory = Directory::new();
    let options = OpenOptions::new().sync_every(Duration::from_millis(1), |_| {});
    let engine = options.open(&directory.0).unwrap();
    start(&engine);
    let mut copy = Some(engine);
    let ended = in_child(|| {
        drop(copy.take());
        true
    });
    assert_eq!(ended, AS_EXPECTED);
    copy.unwrap().sync().unwrap();
}

#[test]
fn a_child_that_drops_a_watch_waits_for_no_thread_and_its_parent_goes_on_following() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let path = directory.file("flags.json");
    fs::write(&path, r#"{"flags": []}"#).unwrap();
    let engine = Engine::new();
    let (sender, loads) = mpsc::channel();
    let watch = engine
        .watch(&path, move |load| {
            let _ = sender.send(load.is_ok());
        })
        .unwrap();
    let mut copy = Some(watch);
    let ended = in_child(|| {
        drop(copy.take());
        true
    });
    assert_eq!(ended, AS_EXPECTED);
    assert_eq!(loads.recv(), Ok(true));
    fs::write(&path, r#"{"flags": [] }"#).unwrap();
    assert_eq!(loads.recv(), Ok(true));
    drop(copy);
}

/// As a server with worker processes does.
#[test]
fn a_child_opens_a_directory_of_its_own() {
    let (parents, childs) = (Directory::new(), Directory::new());
    let engine = parents.open();
    start(&engine);
    let ended = in_child(|| {
        let own = childs.open();
        start(&own);
        convert(&own) && own.sync().is_ok() && conversions(&own) == 1
    });
    assert_eq!(ended, AS_EXPECTED);
    assert_eq!(conversions(&childs.open()), 1);
    assert_eq!(conversions(&engine), 0);
}

#[test]
fn starting_another_program_leaves_the_engine_as_it_was() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    assert!(Command::new("true").status().unwrap().success());
    assert!(convert(&engine));
    engine.stop(experiment_id(1)).unwrap();
    assert!(matches!(check(&directory.0), Err(OpenError::InUse { .. })));
    drop(engine);
    assert!(check(&directory.0).unwrap().was_closed);
}
