//! When the files of users go: not before a sync has those that follow, and all with their
//! counting.

use super::users::{convert_users, counting, evaluate, killed, only_table, tables, users};
use super::{Directory, id, new, open};
use crate::durable::{OpenOptions, disk};
use crate::{NewFlag, Status};

/// Files of replaced tables wait for a sync. They are of the counting that ends.
#[test]
fn a_counting_that_ends_removes_all_its_files_and_the_next_one_of_the_run_has_none_of_its_users() {
    let (directory, engine) = counting(1000);
    for ends in [0, 1] {
        evaluate(&engine, 0..1000);
        let _ = users(&engine); // no user is moving
        assert!(tables(&directory.0).len() > 2);
        if ends == 0 {
            engine.count_users(id(1), 0).unwrap();
            assert_eq!(tables(&directory.0).len(), 0);
            engine.count_users(id(1), 1000).unwrap();
            evaluate(&engine, 0..10);
            assert_eq!(users(&open(&killed(&directory)).unwrap()), (10, 0));
        }
    }
    engine.stop(id(1)).unwrap();
    engine.start(id(1)).unwrap();
    only_table(&directory.0);
    engine.sync().unwrap();
    only_table(&directory.0);
}

#[test]
fn a_change_leaves_the_files_that_wait_for_a_sync() {
    let (directory, engine) = counting(1000);
    evaluate(&engine, 0..1000);
    let _ = users(&engine); // no user is moving
    let before = tables(&directory.0);
    assert!(before.len() > 2);
    engine.create_flag(NewFlag::new("other", 1)).unwrap();
    assert_eq!(tables(&directory.0), before);
}

/// A flush of a file takes a millisecond, with nothing to write too, and most tables of a server
/// have nothing new each second.
#[test]
fn a_sync_flushes_a_table_in_which_something_is_new() {
    let (_directory, engine) = counting(1000);
    let requests = || {
        disk::fail_at(100);
        engine.sync().unwrap();
        let requests = 100 - disk::left();
        disk::fail_at(0);
        requests
    };
    engine.sync().unwrap();
    let idle = requests();
    assert_eq!(requests(), idle);
    evaluate(&engine, 0..1);
    assert_eq!((requests(), requests()), (idle + 1, idle), "another user");
    evaluate(&engine, 0..1);
    assert_eq!(requests(), idle, "a user who is known");
    convert_users(&engine, 0..1);
    assert_eq!((requests(), requests()), (idle + 1, idle), "more of a user");
    // A flush that failed is done again.
    evaluate(&engine, 1..2);
    disk::fail_at(2);
    engine.sync().unwrap_err();
    assert_eq!(disk::failed(), Some("flush"));
    assert_eq!((requests(), requests()), (idle + 1, idle), "after a failure");
}

/// A table that is large is not read to see that.
#[test]
fn a_sync_flushes_a_large_table() {
    let (_directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..10_000);
    let _ = users(&engine); // no user is moving
    engine.sync().unwrap();
    disk::fail_at(2);
    engine.sync().unwrap_err();
    assert_eq!(disk::failed(), Some("flush"));
}

/// An opening may be what ends it, and finds several tables after a kill.
#[test]
fn a_default_of_0_ends_what_a_killed_process_has_counted_for_good() {
    let (directory, engine) = counting(1000);
    engine.stop(id(1)).unwrap();
    engine.delete_experiment(id(1)).unwrap();
    engine.set_default_users(1000).unwrap();
    engine.create_experiment("a", new(1).status(Status::Running)).unwrap();
    evaluate(&engine, 0..1000);
    let killed: Directory = killed(&directory);
    assert!(tables(&killed.0).len() > 2);
    drop(OpenOptions::new().default_users(0).open(&killed.0).unwrap());
    assert_eq!(tables(&killed.0).len(), 0);
    let engine = OpenOptions::new().default_users(1000).open(&killed.0).unwrap();
    assert_eq!(users(&engine), (0, 0));
    assert!(!engine.users(id(1)).unwrap().is_since_start());
}
