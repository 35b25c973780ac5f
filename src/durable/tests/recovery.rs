//! Recovering a directory while the disk fails, and while it is in use.

use std::fs;

use super::{Directory, open, template};
use crate::durable::{disk, recover};
use crate::error::OpenError;

/// Neither by a failure, nor by being killed after it.
#[test]
fn a_recovery_that_fails_has_not_made_damage_look_sound() {
    let template = template();
    let content = fs::read(template.0.join("counters")).unwrap();
    let at = content.windows(8).position(|word| word == 7_u64.to_le_bytes()).unwrap();
    let mut altered = content.clone();
    altered[at..at + 8].fill(9);
    for damaged in [&altered, &content[..at]] {
        for position in 1.. {
            let directory = Directory::like(&template.0);
            let counters = directory.0.join("counters");
            fs::write(&counters, damaged).unwrap();
            disk::fail_at(position);
            let recovered = recover(&directory.0);
            let failed = disk::failed();
            disk::fail_at(0);
            if failed.is_none() {
                assert_eq!(fs::read(recovered.unwrap().set_aside).unwrap(), damaged);
                open(&directory).unwrap();
                break;
            }
            recovered.unwrap_err();
            let left = fs::read_dir(&directory.0).unwrap().count();
            let is_replaced = failed == Some("sync the directory");
            assert_eq!(left, 3 + usize::from(is_replaced), "{failed:?}");
            if failed != Some("sync the directory") {
                assert!(fs::read(&counters).unwrap() == damaged, "{failed:?}");
                assert!(matches!(open(&directory), Err(OpenError::Damaged { .. })), "{failed:?}");
            }
        }
    }
}

#[test]
fn a_recovery_of_what_is_in_use_leaves_nothing_behind() {
    let directory = template();
    let engine = open(&directory).unwrap();
    assert!(matches!(recover(&directory.0), Err(OpenError::InUse { .. })));
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 3);
    drop(engine);
}

#[test]
fn a_recovery_finds_what_lies_behind_a_page_that_was_lost() {
    let directory = template();
    let counters = directory.0.join("counters");
    let mut content = fs::read(&counters).unwrap();
    // The first block: two lines of the file are before it.
    content[256..256 + 128].fill(0);
    fs::write(&counters, content).unwrap();
    assert!(matches!(open(&directory), Err(OpenError::Damaged { at: 128, .. })));
    let recovered = recover(&directory.0).unwrap();
    assert_eq!(recovered.experiments, 2);
    assert_eq!(recovered.damage[0], "at byte 128: 2 of 3 blocks are there");
    open(&directory).unwrap();
}

/// As a kill during a recovery leaves it.
#[test]
fn an_unfinished_recovery_is_removed_by_the_next_opening() {
    let directory = template();
    let unfinished = directory.0.join("counters.new");
    fs::write(&unfinished, "half").unwrap();
    drop(open(&directory).unwrap());
    assert!(!unfinished.exists());
}
