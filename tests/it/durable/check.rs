//! Verifying a directory without opening it: the errors are those of an opening, and no byte
//! changes.

use std::fs;
#[cfg(unix)]
use std::{io::ErrorKind, process::Command};

use super::{count, start};
use crate::common::directory::Directory;
use crate::common::experiment_id;
use fairsplit::Engine;
use fairsplit::durable::{check, recover};
use fairsplit::error::OpenError;

/// A directory with a flag and an experiment that has counted, closed in order.
fn closed() -> Directory {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 20);
    directory
}

/// The outcome of a check, which has changed nothing.
fn checked(directory: &Directory) -> Result<(usize, usize, bool), OpenError> {
    let before = directory.content();
    let outcome = check(&directory.0);
    assert_eq!(directory.content(), before);
    outcome.map(|checked| (checked.flags, checked.experiments, checked.was_closed))
}

#[test]
fn checking_a_closed_directory_counts_its_flags_and_experiments() {
    let directory = closed();
    assert_eq!(checked(&directory), Ok((1, 1, true)));
    directory.open().replace(r#"{"flags": []}"#).unwrap();
    // The counters of an experiment that has left stay.
    assert_eq!(checked(&directory), Ok((0, 1, true)));
}

#[test]
fn checking_a_directory_that_was_never_changed_finds_nothing() {
    let directory = Directory::new();
    drop(directory.open());
    assert_eq!(checked(&directory), Ok((0, 0, true)));
    fs::write(directory.file("counters"), "").unwrap();
    assert_eq!(checked(&directory), Ok((0, 0, false)));
}

#[test]
fn checking_a_directory_after_a_crash_says_that_it_was_not_closed() {
    let directory = closed();
    let engine = directory.open();
    let left = directory.content();
    drop(engine);
    for (path, bytes) in left {
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(checked(&directory), Ok((1, 1, false)));
}

/// Their values are hashed as an early engine wrote them, which an opening accepts.
#[test]
#[cfg(target_endian = "little")]
fn checking_a_directory_of_an_early_engine_accepts_what_an_opening_accepts() {
    for name in ["durable-1", "durable-1-unsorted", "durable-1-zeros"] {
        let directory = crate::durable_values::kept(name);
        let outcome = checked(&directory);
        let (flags, _, was_closed) = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((directory.open().flags().len(), true), (flags, was_closed), "{name}");
    }
}

#[test]
fn checking_a_directory_in_use_is_refused() {
    let directory = closed();
    let engine = directory.open();
    assert!(matches!(checked(&directory), Err(OpenError::InUse { .. })));
    drop(engine);
    checked(&directory).unwrap();
}

#[test]
fn checking_a_missing_directory_is_an_error_and_does_not_create_it() {
    let directory = Directory::new();
    assert!(matches!(check(&directory.0), Err(OpenError::File(_))));
    assert!(!directory.0.exists());
    fs::create_dir(&directory.0).unwrap();
    assert!(matches!(checked(&directory), Err(OpenError::File(_))));
}

/// Each with its own error, which is the one that an opening returns.
#[test]
fn checking_what_cannot_be_opened_returns_the_error_of_opening() {
    let directory = closed();
    let content = directory.content();
    let counters = directory.file("counters");
    let definitions = directory.file("definitions.json");
    let refused = |make: &dyn Fn()| {
        for (path, bytes) in &content {
            fs::write(path, bytes).unwrap();
        }
        make();
        let error = checked(&directory).unwrap_err();
        assert_eq!(error, directory.refused());
        error
    };
    let is_missing = |error| matches!(error, OpenError::Missing { .. });
    assert!(is_missing(refused(&|| fs::remove_file(&counters).unwrap())));
    assert!(is_missing(refused(&|| fs::remove_file(&definitions).unwrap())));
    let alter = |at: usize| {
        let mut bytes = content[&counters].clone();
        bytes[at] ^= 1;
        fs::write(&counters, bytes).unwrap();
    };
    for at in [0, 144, 256, 256 + 128] {
        assert!(matches!(refused(&|| alter(at)), OpenError::Damaged { .. }), "byte {at}");
    }
    let edit = || fs::write(&definitions, "{}").unwrap();
    assert!(matches!(refused(&edit), OpenError::Edited { .. }));
    // Bytes that are not text, which no engine has written.
    let garble = || fs::write(&definitions, [0xff; 8]).unwrap();
    assert!(matches!(refused(&garble), OpenError::Edited { .. }));
}

/// A recovery accepts the definitions as they are, faults included.
#[test]
fn checking_saved_definitions_with_faults_names_them() {
    let directory = closed();
    fs::write(directory.file("definitions.json"), r#"{"flags": 1}"#).unwrap();
    recover(&directory.0).unwrap();
    let error = checked(&directory).unwrap_err();
    assert!(matches!(error, OpenError::Definitions { .. }), "{error}");
    assert_eq!(error, directory.refused());
}

/// Where an opening makes new counters, a check makes none.
#[test]
fn checking_definitions_whose_counters_are_lost_changes_nothing() {
    let directory = closed();
    let counters = directory.file("counters");
    let mut bytes = fs::read(&counters).unwrap();
    bytes[256 + 8] ^= 1;
    fs::write(&counters, bytes).unwrap();
    recover(&directory.0).unwrap();
    assert_eq!(checked(&directory), Ok((1, 0, true)));
    let engine = Engine::open(&directory.0).unwrap();
    assert!(engine.experiment(experiment_id(1)).is_some());
    drop(engine);
    assert_eq!(checked(&directory), Ok((1, 1, true)));
}

/// An opening for reading would wait for a writer.
#[test]
#[cfg(unix)]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let directory = closed();
    for name in ["counters", "definitions.json"] {
        let (path, aside) = (directory.file(name), directory.file("aside"));
        fs::rename(&path, &aside).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let is_refused = |outcome: Result<(), OpenError>| match outcome {
            Err(OpenError::File(error)) => error.kind() == ErrorKind::InvalidInput,
            other => panic!("{name}: {other:?}"),
        };
        assert!(is_refused(check(&directory.0).map(drop)), "{name}");
        assert!(is_refused(Engine::open(&directory.0).map(drop)), "{name}");
        assert!(is_refused(recover(&directory.0).map(drop)), "{name}");
        fs::rename(&aside, &path).unwrap();
    }
    drop(directory.open());
}
