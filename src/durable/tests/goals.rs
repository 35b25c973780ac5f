//! Goals on a disk that fails: an experiment has all of the goals that it was to get, or those of
//! before.

use std::fs::{self, File};

use super::{Directory, fail_each, full, id, open, stored, template};
use crate::Engine;
use crate::durable::{check, disk, recover};
use crate::error::FileError;
use crate::goals::{NewGoal, NewGoals};

/// The same directory with two goals that no experiment has.
fn with_goals(directory: Directory) -> Directory {
    let engine = open(&directory).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    drop(engine);
    directory
}

fn attach(engine: &Engine, number: u8) -> Result<(), FileError> {
    let goals = NewGoals::new().secondary("signup").secondary("purchase");
    stored(engine.set_goals(id(number), goals))
}

#[expect(clippy::host_endian_bytes, reason = "as the file has it")]
fn version(directory: &Directory) -> u64 {
    let content = fs::read(directory.0.join("counters")).unwrap();
    u64::from_ne_bytes(content[8..16].try_into().unwrap())
}

#[test]
fn a_goal_that_an_experiment_could_not_get_anywhere_is_none_of_its_goals() {
    let directory = with_goals(template());
    // What every change asks of the disk.
    assert_eq!(fail_each(&directory, "attach", |engine| attach(engine, 1)), 8);
    // An experiment of a hundred variants has no room for a goal in a file that is almost full.
    let directory = with_goals(full());
    let grown = fail_each(&directory, "grow for a goal", |engine| attach(engine, 10));
    // Before that: seek, write, sync, map.
    assert_eq!(grown, 8 + 4);
}

#[test]
fn a_goal_that_finds_no_room_in_the_file_leaves_it_to_releases_without_goals() {
    let template = with_goals(full());
    let before = fs::read(template.0.join("counters")).unwrap();
    for position in 1..=4 {
        let directory = Directory::like(&template.0);
        let engine = open(&directory).unwrap();
        disk::fail_at(position);
        let failed = attach(&engine, 10).unwrap_err();
        assert_eq!(engine.storage_error(), Some(failed));
        assert!(engine.goal_counts(id(10)).unwrap().is_empty());
        drop(engine);
        assert_eq!(version(&directory), 1);
        let mut after = fs::read(directory.0.join("counters")).unwrap();
        assert!(after.split_off(before.len()).iter().all(|byte| *byte == 0));
        assert!(after == before, "request {position}");
        attach(&open(&directory).unwrap(), 10).unwrap();
        assert_eq!(version(&directory), 2);
    }
}

/// Where an opening makes the goals' counters anew, and the file longer for them.
#[test]
fn a_check_does_not_make_the_file_longer_for_goals_whose_counters_are_lost() {
    let directory = with_goals(full());
    attach(&open(&directory).unwrap(), 10).unwrap();
    let path = directory.0.join("counters");
    let length = || fs::metadata(&path).unwrap().len();
    assert_eq!(length(), 2 << 20);
    File::options().write(true).open(&path).unwrap().set_len(1 << 20).unwrap();
    recover(&directory.0).unwrap();
    check(&directory.0).unwrap();
    assert_eq!(length(), 1 << 20);
    assert_eq!(open(&directory).unwrap().goal_counts(id(10)).unwrap().len(), 2);
    assert_eq!(length(), 2 << 20);
}
