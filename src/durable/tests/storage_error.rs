//! The error of the last save or sync, as the engine reports it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
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

/// A disk that is full syncs what has its space. A sync that fails says nothing new.
#[test]
fn a_failed_change_is_the_storage_error_until_a_sync_could_write_as_much() {
    let directory = template();
    let engine = open(&directory).unwrap();
    disk::fail_at(1);
    let failed = stored(engine.stop(id(1))).unwrap_err();
    let (mut synced, mut unsynced) = (0, 0);
    for position in 1.. {
        disk::fail_at(position);
        let outcome = engine.sync();
        let failure = disk::failed();
        disk::fail_at(0);
        // Of the probe, nothing stays.
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 3, "{failure:?}");
        match (failure, outcome) {
            (None, outcome) => {
                outcome.unwrap();
                break;
            }
            // The counts are on the disk, and the probe fails.
            (Some(_), Ok(())) => synced += 1,
            (Some(_), Err(_)) => unsynced += 1,
        }
        assert_eq!(engine.storage_error(), Some(failed.clone()), "{failure:?}");
    }
    assert!(synced >= 3 && unsynced >= 1, "{synced}, {unsynced}");
    assert_eq!(engine.storage_error(), None);
}

#[test]
fn a_failed_sync_is_the_storage_error_after_a_change_that_succeeds() {
    let directory = template();
    let engine = open(&directory).unwrap();
    disk::fail_at(1);
    let unsynced = engine.sync().unwrap_err();
    disk::fail_at(1);
    let failed = stored(engine.stop(id(1))).unwrap_err();
    assert_eq!(engine.storage_error(), Some(failed));
    engine.stop(id(1)).unwrap();
    assert_eq!(engine.storage_error(), Some(unsynced));
    engine.sync().unwrap();
    assert_eq!(engine.storage_error(), None);
}

/// A sync that tries to write uses the name of the unfinished definitions, which an opening
/// removes, and no file that it has not made.
#[test]
#[cfg(unix)]
fn a_sync_after_a_failed_change_follows_no_link_and_replaces_no_file() {
    let (directory, other) = (template(), template());
    let (mine, theirs) = (directory.0.join("probe"), other.0.join("theirs"));
    fs::write(&mine, "mine").unwrap();
    fs::write(&theirs, "theirs").unwrap();
    let unfinished = directory.0.join("definitions.json.new");
    let engine = open(&directory).unwrap();
    std::os::unix::fs::symlink(&theirs, &unfinished).unwrap();
    disk::fail_at(1);
    stored(engine.stop(id(1))).unwrap_err();
    engine.sync().unwrap();
    assert_eq!(engine.storage_error(), None);
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    assert!(unfinished.symlink_metadata().is_err());
}

/// Both write the file of the unfinished definitions.
#[test]
fn a_sync_that_tries_to_write_disturbs_no_change_of_another_thread() {
    let directory = template();
    let engine = open(&directory).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                disk::fail_at(1);
                stored(engine.stop(id(1))).unwrap_err();
                disk::fail_at(0);
                engine.sync().unwrap();
            }
        });
        let changes = (0..200).map(|number| stored(engine.set_default("a", number)));
        let outcomes: Vec<_> = changes.collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(outcomes.into_iter().find(Result::is_err), None);
    });
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
