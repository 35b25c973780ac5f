//! Who has a directory: an engine whose files are removed or replaced under it, and one that waits
//! for another.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{count, start};
use crate::common::directory::Directory;
use crate::common::{ever, experiment_id, production};
use fairsplit::durable::{OpenOptions, recover};
use fairsplit::error::{CommitError, ControlError, OpenError};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};

fn exposures(engine: &Engine) -> u64 {
    let counts = engine.counts(experiment_id(1)).unwrap();
    ever(&counts).iter().map(|count| count.0).sum()
}

/// Changes and syncs fail while the path does not lead to the engine's file; counting goes on, and
/// the counts can be exported.
fn assert_out_of_place(engine: &Engine) {
    let before = engine.to_json();
    let Err(ControlError::NotCommitted(CommitError::File(change))) =
        engine.create_flag(NewFlag::new("other", 1))
    else {
        panic!("a change went to files that are not the engine's")
    };
    assert_eq!(change.kind(), ErrorKind::NotFound, "{change}");
    assert_eq!(engine.to_json(), before);
    let sync = engine.sync().unwrap_err();
    assert_eq!(sync.kind(), ErrorKind::NotFound, "{sync}");
    assert_eq!(engine.storage_error(), Some(sync));
    let counted = exposures(engine);
    count(engine, 10);
    let exported = Engine::from_json(&engine.to_json()).unwrap();
    assert_eq!(exposures(&exported), counted + 10);
}

#[test]
fn an_engine_whose_counters_are_removed_says_so_at_every_change_and_sync() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 10);
    fs::remove_file(directory.file("counters")).unwrap();
    assert_out_of_place(&engine);
    drop(engine);
    assert!(matches!(directory.refused(), OpenError::Missing { .. }));
}

/// The users of an experiment are in a folder of their own.
#[test]
fn an_engine_whose_tables_of_users_are_removed_says_so_at_every_sync_and_counts_on() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    engine.count_users(experiment_id(1), 1_000_000).unwrap();
    let exposed = |engine: &Engine| {
        let users = engine.users(experiment_id(1)).unwrap();
        users.variants().iter().map(|variant| variant.count.exposed).sum::<u64>()
    };
    let evaluate = |users: std::ops::Range<u32>| {
        let production = production(&engine);
        users.for_each(|user| {
            assert!(production.evaluate("hero-banner", &format!("other-{user}")).is_counted());
        });
    };
    evaluate(0..20);
    fs::remove_dir_all(directory.file("users")).unwrap();
    let error = engine.sync().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(engine.storage_error(), Some(error));
    // The next table, which has all users, is in the folder again.
    evaluate(20..200);
    assert_eq!(exposed(&engine), 200);
    engine.sync().unwrap();
    assert_eq!(engine.storage_error(), None);
    let copy = Directory::new();
    for (path, bytes) in directory.content() {
        let place = copy.0.join(path.strip_prefix(&directory.0).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }
    assert_eq!(exposed(&copy.open()), 200);
}

/// As a backup that is restored under a running engine does, or rsync.
#[test]
#[cfg(unix)]
fn an_engine_whose_counters_are_replaced_leaves_the_new_ones_alone() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 10);
    let (counters, copy) = (directory.file("counters"), directory.file("copy"));
    fs::copy(&counters, &copy).unwrap();
    fs::rename(&copy, &counters).unwrap();
    assert_out_of_place(&engine);
    // The lock went with the file that was replaced.
    let second = directory.open();
    count(&second, 5);
    assert_out_of_place(&engine);
    drop(engine);
    assert!(matches!(directory.refused(), OpenError::InUse { .. }));
    second.sync().unwrap();
    drop(second);
    assert_eq!(exposures(&directory.open()), 15);
}

/// As `cp backup/* directory/` does: every file keeps its name and its place on the disk.
fn overwrite(content: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in content {
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn an_engine_whose_files_are_overwritten_by_a_backup_says_so_at_every_change_and_sync() {
    let directory = Directory::new();
    start(&directory.open());
    let backup = directory.content();
    let engine = directory.open();
    count(&engine, 10);
    engine.create_flag(NewFlag::new("later", 1)).unwrap();
    overwrite(&backup);
    assert_out_of_place(&engine);
    drop(engine);
    let left = directory.content();
    for name in ["definitions.json", "changes.jsonl"] {
        let path = directory.file(name);
        assert!(left[&path] == backup[&path], "{name} is not the backup's");
    }
    // What was counted since is in the backup's cells, whose checksum says so.
    assert!(matches!(directory.refused(), OpenError::Damaged { .. }));
    overwrite(&backup);
    assert_eq!(exposures(&directory.open()), 0);
}

/// The memory behind the end of the file can no longer be used.
#[test]
fn an_engine_whose_counters_are_overwritten_by_shorter_ones_leaves_them_alone() {
    let directory = Directory::new();
    start(&directory.open());
    let backup = directory.content();
    let engine = directory.open();
    for number in 2..200_u128 {
        let many = NewExperiment::new("Many", "staging").id(experiment_id(number));
        let many = (0..100).fold(many, |new, at| new.variant(format!("v{at}"), at, 1));
        engine.create_experiment("hero-banner", many.status(Status::Running)).unwrap();
        engine.stop(experiment_id(number)).unwrap();
        if fs::metadata(directory.file("counters")).unwrap().len() > 1 << 20 {
            break;
        }
    }
    overwrite(&backup);
    assert_eq!(engine.sync().unwrap_err().kind(), ErrorKind::NotFound);
    drop(engine);
    assert!(directory.content() == backup);
    drop(directory.open());
}

#[test]
#[cfg(unix)]
fn an_engine_whose_directory_is_moved_away_goes_on_once_it_is_back() {
    let (directory, aside) = (Directory::new(), Directory::new());
    let engine = directory.open();
    start(&engine);
    fs::rename(&directory.0, &aside.0).unwrap();
    assert_out_of_place(&engine);
    assert!(!directory.0.exists());
    fs::rename(&aside.0, &directory.0).unwrap();
    engine.create_flag(NewFlag::new("other", 1)).unwrap();
    engine.sync().unwrap();
    assert_eq!(engine.storage_error(), None);
    drop(engine);
    assert_eq!(exposures(&directory.open()), 10);
}

#[test]
fn opening_a_directory_in_use_is_refused() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let before = directory.content();
    assert!(matches!(directory.refused(), OpenError::InUse { .. }));
    assert!(matches!(recover(&directory.0).unwrap_err(), OpenError::InUse { .. }));
    let text = directory.refused().to_string();
    assert!(text.ends_with("counters is in use by another engine"), "{text}");
    let content = directory.content();
    for (path, bytes) in before {
        assert_eq!(content.get(&path), Some(&bytes));
    }
    // What could still count holds it, too.
    let handle = production(&engine).flag("hero-banner");
    drop(engine);
    assert!(matches!(directory.refused(), OpenError::InUse { .. }));
    drop(handle);
    drop(directory.open());
}

/// By a symbolic link, and by a hard link to the file: the lock is the file's.
#[test]
#[cfg(unix)]
fn a_directory_in_use_is_in_use_by_every_path_to_it() {
    let (directory, link, other) = (Directory::new(), Directory::new(), Directory::new());
    let engine = directory.open();
    start(&engine);
    std::os::unix::fs::symlink(&directory.0, &link.0).unwrap();
    assert!(matches!(link.refused(), OpenError::InUse { .. }));
    fs::create_dir(&other.0).unwrap();
    fs::hard_link(directory.file("counters"), other.file("counters")).unwrap();
    assert!(matches!(other.refused(), OpenError::InUse { .. }));
    drop(engine);
    fs::remove_file(&link.0).unwrap();
}

#[test]
fn an_engine_that_waits_continues_where_the_one_before_it_ended() {
    let directory = Directory::new();
    // Nothing has been saved when the wait begins.
    let old = directory.open();
    thread::scope(|scope| {
        let (sender, is_waiting) = mpsc::channel();
        let path = &directory.0;
        let new = scope.spawn(move || {
            sender.send(()).unwrap();
            OpenOptions::new().wait(Duration::from_secs(600)).open(path)
        });
        is_waiting.recv().unwrap();
        start(&old);
        // It would be refused by now if it did not wait.
        thread::sleep(Duration::from_millis(200));
        count(&old, 10);
        drop(old);
        let new = new.join().unwrap().unwrap();
        assert_eq!(exposures(&new), 10);
        assert!(production(&new).evaluate("hero-banner", "anna").is_counted());
    });
}

#[test]
fn an_engine_that_has_waited_in_vain_is_refused() {
    let directory = Directory::new();
    let old = directory.open();
    let wait = |milliseconds| {
        OpenOptions::new().wait(Duration::from_millis(milliseconds)).open(&directory.0)
    };
    assert!(matches!(wait(50), Err(OpenError::InUse { .. })));
    drop(old);
    wait(0).unwrap();
}

/// Where there are definitions, counters that are gone are missing, and no new ones are begun.
#[test]
#[cfg(unix)]
fn an_engine_that_waits_while_the_counters_are_removed_makes_none() {
    let directory = Directory::new();
    // Nothing has been saved when the wait begins.
    let old = directory.open();
    let counters = directory.file("counters");
    thread::scope(|scope| {
        let path = &directory.0;
        let new = scope.spawn(move || OpenOptions::new().wait(Duration::from_secs(600)).open(path));
        thread::sleep(Duration::from_millis(200));
        start(&old);
        fs::remove_file(&counters).unwrap();
        let refused = new.join().unwrap().unwrap_err();
        assert_eq!(
            refused,
            OpenError::Missing { path: fs::canonicalize(path).unwrap().join("counters") }
        );
        assert!(!counters.exists());
    });
    drop(old);
}
