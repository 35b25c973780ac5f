//! What lies behind the last block of the counters' file: zeros when it was closed in order, and
//! after a kill the remains of a block that was being written.

use std::fs;

use super::{count, start};
use crate::common::directory::Directory;
use crate::common::{ever, experiment_id};
use fairsplit::durable::recover;
use fairsplit::error::OpenError;
use fairsplit::{Engine, NewExperiment, Status};

const LINE: usize = 128;
/// Where the second line of the file has its words: whether it is in use, how many blocks it has,
/// and that what is behind them is zero.
const STATE: usize = LINE;
const BLOCKS: usize = LINE + 8;
const FREE_IS_ZERO: usize = LINE + 5 * 8;

fn one_variant(number: u128) -> NewExperiment {
    let new = NewExperiment::new("Another", "staging").variant("only", 1, 100);
    new.id(experiment_id(number)).status(Status::Running)
}

/// A directory with an experiment that has counted; deltas, so that its last line is not zero.
fn counted(directory: &Directory) -> Engine {
    let engine = directory.open();
    start(&engine);
    count(&engine, 50);
    super::deltas(&engine);
    engine
}

fn exposures(engine: &Engine) -> u64 {
    let counts = engine.counts(experiment_id(1)).unwrap();
    ever(&counts).iter().map(|count| count.0).sum()
}

fn counters(directory: &Directory) -> Vec<u8> {
    fs::read(directory.file("counters")).unwrap()
}

/// Puts these bytes in the place of the counters of a directory that is closed.
fn replace(directory: &Directory, bytes: &[u8]) {
    fs::write(directory.file("counters"), bytes).unwrap();
}

/// The first byte behind the last block, whose last line is not zero.
fn end(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    (last + 1).next_multiple_of(LINE)
}

/// The head of a wide block without its first word, as a kill in the middle of writing it leaves.
fn put_remains(bytes: &mut [u8]) {
    let end = end(bytes);
    bytes[end + 8..end + 13 * LINE].fill(0x5a);
}

fn damaged_at(directory: &Directory) -> u64 {
    match directory.refused() {
        OpenError::Damaged { at, .. } => at,
        other => panic!("{other}"),
    }
}

#[test]
fn a_word_changed_behind_the_blocks_of_a_closed_directory_is_named_by_the_next_opening() {
    let directory = Directory::new();
    drop(counted(&directory));
    let closed = counters(&directory);
    let behind = end(&closed)..closed.len();
    let places = behind.clone().take(3 * LINE).chain(behind.clone().step_by(4099));
    for at in places.chain([behind.end - 1]) {
        let mut bytes = closed.clone();
        bytes[at] = 1;
        replace(&directory, &bytes);
        let named = damaged_at(&directory);
        // The word, or the line if this looks like the beginning of a block.
        assert!(named == at as u64 / 8 * 8, "byte {at} is named as {named}");
        assert_eq!(counters(&directory), bytes, "nothing is repaired unasked");
    }
    recover(&directory.0).unwrap();
    assert_eq!(exposures(&directory.open()), 50);
}

/// A version that does not know of the word that says so has left remains, in a directory that it
/// made or that was closed by this one before.
#[test]
fn remains_behind_the_blocks_are_accepted_from_a_version_that_did_not_look() {
    let directory = Directory::new();
    drop(counted(&directory));
    let before = counters(&directory);
    let engine = directory.open();
    count(&engine, 10);
    super::deltas(&engine);
    drop(engine);
    let closed = counters(&directory);
    for word in [&[0; 8], &before[FREE_IS_ZERO..FREE_IS_ZERO + 8]] {
        let mut bytes = closed.clone();
        bytes[FREE_IS_ZERO..FREE_IS_ZERO + 8].copy_from_slice(word);
        put_remains(&mut bytes);
        replace(&directory, &bytes);
        assert_eq!(exposures(&directory.open()), 60);
        // The opening has made them zero, and the closing says so.
        assert_eq!(counters(&directory), closed);
    }
}

#[test]
fn the_word_that_says_that_nothing_is_behind_the_blocks_is_cleared_by_an_opening() {
    let directory = Directory::new();
    drop(counted(&directory));
    assert_ne!(counters(&directory)[FREE_IS_ZERO..FREE_IS_ZERO + 8], [0; 8]);
    let engine = directory.open();
    assert_eq!(counters(&directory)[FREE_IS_ZERO..FREE_IS_ZERO + 8], [0; 8]);
    drop(engine);
}

/// The next block is shorter than the one that was being written, so it does not cover the remains.
#[test]
fn a_short_block_after_a_kill_in_the_middle_of_a_long_one_leaves_a_directory_that_opens() {
    let directory = Directory::new();
    let engine = counted(&directory);
    let mut killed = counters(&directory);
    drop(engine);
    put_remains(&mut killed);
    replace(&directory, &killed);

    let engine = directory.open();
    engine.create_experiment("hero-banner", one_variant(2)).unwrap();
    let killed_again = counters(&directory);
    drop(engine);
    assert_eq!(exposures(&directory.open()), 50);
    replace(&directory, &killed_again);
    let engine = directory.open();
    assert!(engine.convert_variant(experiment_id(2), "only").is_counted());
    assert_eq!(exposures(&engine), 50);
}

/// A loss of power may lose one page and keep the next.
#[test]
fn a_block_behind_free_space_is_damage_and_its_counts_are_recovered() {
    let directory = Directory::new();
    let engine = counted(&directory);
    engine.create_experiment("hero-banner", one_variant(2)).unwrap();
    assert!(engine.convert_variant(experiment_id(2), "only").is_counted());
    let mut lost = counters(&directory);
    drop(engine);
    lost[BLOCKS..BLOCKS + 8].fill(0);
    let second =
        lost.windows(8).rposition(|word| word == u64::from_be_bytes(*b"fs-block").to_le_bytes());
    let second = second.unwrap();
    lost[2 * LINE..second].fill(0);
    assert_eq!(lost[STATE..STATE + 8], u64::from_be_bytes(*b"open____").to_le_bytes());
    replace(&directory, &lost);
    assert_eq!(damaged_at(&directory), second as u64);
    assert_eq!(recover(&directory.0).unwrap().experiments, 1);
    let counts = directory.open().counts(experiment_id(2)).unwrap();
    assert_eq!(ever(&counts), [(0, 1)]);
}

/// A process that is killed after the file has grown, and before a block is in the new part.
#[test]
fn blocks_go_on_behind_the_last_one_where_a_killed_growth_left_segments() {
    let directory = Directory::new();
    drop(counted(&directory));
    let mut bytes = counters(&directory);
    let end = end(&bytes);
    bytes.resize(3 << 20, 0);
    replace(&directory, &bytes);
    let engine = directory.open();
    engine.create_experiment("hero-banner", one_variant(2)).unwrap();
    assert!(engine.convert_variant(experiment_id(2), "only").is_counted());
    drop(engine);
    let bytes = counters(&directory);
    assert_eq!(bytes[end..end + 8], u64::from_be_bytes(*b"fs-block").to_le_bytes());
    assert_eq!(bytes.len(), 3 << 20);
    let engine = directory.open();
    assert_eq!(ever(&engine.counts(experiment_id(2)).unwrap()), [(0, 1)]);
    assert_eq!(exposures(&engine), 50);
}
