//! The error of the last save or sync, as the engine reports it.

use std::sync::mpsc;
use std::time::Duration;

use super::{full, id, open, stored, template, wide};
use crate::durable::{OpenOptions, disk};

#[test]
fn a_failed_change_is_the_storage_error_until_a_change_succeeds() {
    let directory = template();
    let engine = open(&directory).unwrap();
    assert_eq!(engine.storage_error(), None);
    disk::fail_at(1);
    let failed = stored(engine.stop(id(1))).unwrap_err();
    assert_eq!(engine.storage_error(), Some(failed));
    engine.stop(id(1)).unwrap();
    assert_eq!(engine.storage_error(), None);
}

/// A disk that is full syncs what has its space.
#[test]
fn a_failed_change_is_the_storage_error_until_a_sync_could_write_as_much() {
    let directory = template();
    let engine = open(&directory).unwrap();
    disk::fail_at(1);
    let failed = stored(engine.stop(id(1))).unwrap_err();
    let mut synced = 0;
    for position in 1.. {
        disk::fail_at(position);
        let outcome = engine.sync();
        let failure = disk::failed();
        disk::fail_at(0);
        match (failure, outcome) {
            (None, outcome) => {
                outcome.unwrap();
                break;
            }
            // The probe fails, and the counts are on the disk.
            (Some(_), Ok(())) => {
                synced += 1;
                assert_eq!(engine.storage_error(), Some(failed.clone()));
            }
            (Some(_), Err(error)) => {
                assert_eq!(engine.storage_error(), Some(error));
                disk::fail_at(1);
                stored(engine.stop(id(1))).unwrap_err();
            }
        }
    }
    disk::fail_at(0);
    assert!(synced >= 3, "{synced}");
    assert_eq!(engine.storage_error(), None);
    assert!(!directory.0.join("probe").exists());
}

#[test]
fn a_failed_sync_is_the_storage_error_until_a_sync_succeeds() {
    let directory = template();
    let engine = open(&directory).unwrap();
    disk::fail_at(1);
    let failed = engine.sync().unwrap_err();
    assert_eq!(engine.clone().storage_error(), Some(failed));
    engine.sync().unwrap();
    assert_eq!(engine.storage_error(), None);
}

#[test]
fn a_file_that_cannot_grow_is_the_storage_error() {
    let directory = full();
    let engine = open(&directory).unwrap();
    disk::fail_at(1);
    let failed = stored(engine.create_experiment("b", wide(255))).unwrap_err();
    assert_eq!(engine.storage_error(), Some(failed));
}

#[test]
fn a_failed_sync_in_the_background_is_the_storage_error() {
    let directory = template();
    let (sender, failures) = mpsc::channel();
    let engine = OpenOptions::new()
        .sync_every(Duration::ZERO, move |error| drop(sender.send(error.clone())))
        .open(&directory.0)
        .unwrap();
    let failed = failures.recv().unwrap();
    assert_eq!(engine.storage_error(), Some(failed));
}
