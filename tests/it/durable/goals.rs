//! Goals in a directory: their counts are kept as those of experiments are.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::thread;

use super::{count, start};
use crate::common::directory::Directory;
use crate::common::{banner, ever, experiment_id, faults_of, production};
use fairsplit::counts::{GoalCount, GoalUsers};
use fairsplit::durable::{check, recover};
use fairsplit::error::{ControlError, OpenError};
use fairsplit::fault::FaultKind;
use fairsplit::goals::{GoalUse, NewGoal, NewGoals};
use fairsplit::{Engine, NewExperiment, NewFlag};

const LINE: usize = 128;
/// Where the file has its version, and the number of its blocks.
const VERSION: usize = 8;
const BLOCKS: usize = LINE + 8;
/// The words that every head has, and of them the checksum.
const HEAD: Range<usize> = 0..40;
const SUM: Range<usize> = 32..40;

/// An experiment that runs and has no goals, and two goals.
pub(super) fn shop(directory: &Directory) -> Engine {
    let engine = directory.open();
    start(&engine);
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("balance", "EUR").signed()).unwrap();
    engine
}

pub(super) fn attach(engine: &Engine) {
    let goals = NewGoals::new().secondary("signup").secondary("balance");
    engine.set_goals(experiment_id(1), goals).unwrap();
}

/// Records both goals, once for each user.
fn record(engine: &Engine, users: u32) {
    let production = production(engine);
    let (signup, balance) = (production.goal("signup"), production.goal("balance"));
    for user in 0..users {
        let key = format!("user-{user}");
        assert_eq!(signup.record(&*key).counted(), 1);
        let value = if user.is_multiple_of(2) { 1.25 } else { -0.5 };
        assert_eq!(balance.record_value(&*key, value).counted(), 1);
    }
}

/// What was counted for both goals, over both variants: ever, or since the start.
fn sums(engine: &Engine, is_ever: bool) -> [(u64, u64, u64); 2] {
    let counts = engine.goal_counts(experiment_id(1)).unwrap();
    let of_goal = |goal: &str| {
        let of_goal = counts.iter().find(|counts| counts.goal == goal).expect("it has the goal");
        let variants = of_goal.variants.iter();
        let counts = variants.map(|one| if is_ever { one.ever } else { one.since_start });
        counts.fold((0, 0, 0), |sum, GoalCount { events, gained, lost, .. }| {
            (sum.0 + events, sum.1 + gained, sum.2 + lost)
        })
    };
    [of_goal("signup"), of_goal("balance")]
}

/// What the goals have after this number of users were recorded.
fn of(users: u64) -> [(u64, u64, u64); 2] {
    [(users, 0, 0), (users, users.div_ceil(2) * 125, users / 2 * 50)]
}

fn exposures(engine: &Engine) -> u64 {
    let counts = engine.counts(experiment_id(1)).unwrap();
    ever(&counts).iter().map(|count| count.0).sum()
}

fn counters(directory: &Directory) -> Vec<u8> {
    fs::read(directory.file("counters")).unwrap()
}

#[expect(clippy::host_endian_bytes, reason = "as the file has it")]
fn put_word(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
}

#[expect(clippy::host_endian_bytes, reason = "as the file has it")]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn version(directory: &Directory) -> u64 {
    word(&counters(directory), VERSION)
}

/// Where the blocks of goals are.
fn goal_blocks(bytes: &[u8]) -> Vec<Range<usize>> {
    let magic = u64::from_be_bytes(*b"fs-goal_");
    let heads = (0..bytes.len()).step_by(LINE).filter(|at| word(bytes, *at) == magic);
    heads.map(|head| head..head + usize::try_from(word(bytes, head + 8)).unwrap() * LINE).collect()
}

pub(super) fn put(content: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in content {
        fs::write(path, bytes).unwrap();
    }
}

/// What a kill leaves: the files as they are now.
pub(super) fn kill(directory: &Directory, engine: Engine) {
    let left = directory.content();
    drop(engine);
    put(&left);
}

#[test]
fn goals_are_counted_on_where_the_last_engine_ended() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 31);
    engine.stop(experiment_id(1)).unwrap();
    engine.start(experiment_id(1)).unwrap();
    record(&engine, 10);
    let document = engine.to_json();
    drop(engine);
    for _ in 0..3 {
        let engine = directory.open();
        assert_eq!(engine.to_json(), document);
        assert_eq!(sums(&engine, false), of(10));
    }
    let engine = directory.open();
    record(&engine, 6);
    kill(&directory, engine);
    let engine = directory.open();
    assert_eq!(sums(&engine, false), [(16, 0, 0), (16, 8 * 125, 8 * 50)]);
    assert_eq!(sums(&engine, true)[0], (47, 0, 0));
}

#[test]
fn goals_that_many_threads_record_survive_a_kill() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| record(&engine, 100));
        }
    });
    kill(&directory, engine);
    assert_eq!(sums(&directory.open(), true), of(800));
}

#[test]
fn a_document_brings_the_counts_of_goals_once() {
    let source = Directory::new();
    let engine = shop(&source);
    attach(&engine);
    record(&engine, 20);
    let document = engine.to_json();
    let directory = Directory::new();
    let engine = directory.open();
    engine.replace(&document).unwrap();
    record(&engine, 10);
    kill(&directory, engine);
    let engine = directory.open();
    engine.replace(&document).unwrap();
    assert_eq!(sums(&engine, true), of(30));
}

/// `tests/data/durable-1` has such a file too.
#[test]
fn a_file_without_goals_stays_of_version_1_until_an_experiment_gets_one() {
    let directory = Directory::new();
    let engine = shop(&directory);
    count(&engine, 20);
    drop(engine);
    assert_eq!(version(&directory), 1);
    let engine = directory.open();
    attach(&engine);
    assert_eq!(version(&directory), 2);
    record(&engine, 10);
    let document = engine.to_json();
    drop(engine);
    let engine = directory.open();
    assert_eq!((engine.to_json(), sums(&engine, true)), (document, of(10)));
    drop(engine);
    assert_eq!(version(&directory), 2);
}

#[test]
#[cfg(target_endian = "little")]
fn a_directory_of_the_first_version_gets_goals() {
    let directory = crate::durable_values::kept("durable-1");
    let engine = directory.open();
    let id = engine.experiments("hero-banner").unwrap()[0].id();
    let before = engine.counts(id).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.set_goals(id, NewGoals::new().secondary("signup")).unwrap();
    assert_eq!(production(&engine).goal("signup").record("anna").counted(), 1);
    let document = engine.to_json();
    kill(&directory, engine);
    let engine = directory.open();
    assert_eq!((engine.counts(id).unwrap(), engine.to_json()), (before, document));
}

/// The definitions have the goals. A kill has come before the file did, or in between.
#[test]
fn a_kill_anywhere_in_the_change_of_the_version_leaves_a_directory_that_opens() {
    let directory = Directory::new();
    let engine = shop(&directory);
    count(&engine, 20);
    let before = counters(&directory);
    attach(&engine);
    let after = directory.content();
    drop(engine);
    let counters_path = directory.file("counters");
    let done = &after[&counters_path];
    let blocks = goal_blocks(done);
    assert_eq!(blocks.len(), 2);
    let without_goals = {
        let mut bytes = done.clone();
        bytes[HEAD].copy_from_slice(&before[HEAD]);
        bytes[BLOCKS..BLOCKS + 8].copy_from_slice(&before[BLOCKS..BLOCKS + 8]);
        for block in &blocks {
            bytes[block.clone()].fill(0);
        }
        bytes
    };
    let put_version = |bytes: &mut [u8]| {
        bytes[VERSION..VERSION + 8].copy_from_slice(&done[VERSION..VERSION + 8]);
    };
    let put_sum = |bytes: &mut [u8]| bytes[SUM].copy_from_slice(&done[SUM]);
    let put_block = |bytes: &mut [u8], at: usize, from: usize| {
        let block = blocks[at].start + from..blocks[at].end;
        bytes[block.clone()].copy_from_slice(&done[block]);
    };
    let mut moments = vec![("before all", without_goals.clone())];
    let mut bytes = without_goals.clone();
    let mut then = |what, step: &dyn Fn(&mut [u8])| {
        step(&mut bytes);
        moments.push((what, bytes.clone()));
    };
    then("the version", &|bytes| put_version(bytes));
    then("its checksum", &|bytes| put_sum(bytes));
    then("a block but for its first word", &|bytes| put_block(bytes, 0, 8));
    then("a block", &|bytes| put_block(bytes, 0, 0));
    then("both", &|bytes| put_block(bytes, 1, 0));
    // A loss of power may keep the blocks, and lose the page of the version.
    let mut lost = bytes.clone();
    lost[HEAD].copy_from_slice(&before[HEAD]);
    moments.push(("all but the version", lost));
    for (what, bytes) in moments {
        put(&after);
        fs::write(&counters_path, &bytes).unwrap();
        let checked = check(&directory.0).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((checked.experiments, checked.was_closed), (1, false), "{what}");
        assert_eq!(counters(&directory), bytes, "a check changes nothing");
        let engine = directory.open();
        assert_eq!((exposures(&engine), sums(&engine, true)), (20, of(0)), "{what}");
        record(&engine, 10);
        drop(engine);
        assert_eq!(counters(&directory)[HEAD], done[HEAD], "{what}");
        let engine = directory.open();
        assert_eq!((exposures(&engine), sums(&engine, true)), (20, of(10)), "{what}");
    }
    // No release writes these: an older one reads version 1, and refuses what it does not know.
    let mut bytes = without_goals;
    put_sum(&mut bytes);
    put(&after);
    fs::write(&counters_path, &bytes).unwrap();
    assert!(matches!(directory.refused(), OpenError::Damaged { at: 0, .. }));
    put_word(&mut bytes, VERSION, 3);
    fs::write(&counters_path, &bytes).unwrap();
    assert!(matches!(directory.refused(), OpenError::Damaged { at: 8, .. }));
    bytes[HEAD].fill(u8::MAX);
    fs::write(&counters_path, &bytes).unwrap();
    assert!(matches!(directory.refused(), OpenError::Damaged { at: 0, .. }));
}

#[test]
fn a_change_of_any_word_of_a_goals_block_is_damage() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 20);
    drop(engine);
    let closed = counters(&directory);
    let blocks = goal_blocks(&closed);
    assert_eq!(blocks.len(), 2);
    for at in blocks.into_iter().flatten().step_by(8) {
        let mut bytes = closed.clone();
        bytes[at] ^= 1;
        fs::write(directory.file("counters"), &bytes).unwrap();
        let refused = directory.refused();
        assert!(matches!(refused, OpenError::Damaged { .. }), "byte {at}: {refused}");
    }
    fs::write(directory.file("counters"), &closed).unwrap();
    assert_eq!(sums(&directory.open(), true), of(20));
}

#[test]
fn a_recovery_keeps_the_goals_that_can_be_read() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 10);
    // Kept in the definitions, too: as of this change.
    engine.set_default("hero-banner", "new").unwrap();
    count(&engine, 20);
    record(&engine, 10);
    drop(engine);
    let closed = directory.content();
    let damaged = |at: usize| {
        put(&closed);
        let mut bytes = closed[&directory.file("counters")].clone();
        bytes[at] ^= 1;
        fs::write(directory.file("counters"), &bytes).unwrap();
        let recovered = recover(&directory.0).unwrap();
        assert_eq!(version(&directory), 2);
        (recovered.experiments, directory.open())
    };
    let blocks = goal_blocks(&closed[&directory.file("counters")]);
    // The number of variants, of the experiment and of a goal.
    let (experiments, engine) = damaged(2 * LINE + 4 * 8);
    assert_eq!((experiments, exposures(&engine), sums(&engine, true)), (0, 0, of(20)));
    drop(engine);
    let (experiments, engine) = damaged(blocks[1].start + 4 * 8);
    assert_eq!((experiments, exposures(&engine)), (1, 20));
    assert_eq!(sums(&engine, true), [of(20)[0], of(10)[1]]);
    record(&engine, 10);
    drop(engine);
    assert_eq!(sums(&directory.open(), true), [of(30)[0], of(20)[1]]);
}

#[test]
fn checking_a_directory_with_goals_counts_experiments_and_changes_nothing() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 10);
    drop(engine);
    let assert_checked = || {
        let before = directory.content();
        assert_eq!(check(&directory.0).unwrap().experiments, 1);
        assert_eq!(directory.content(), before);
    };
    assert_checked();
    // Where an opening makes the goals' counters anew.
    let mut bytes = counters(&directory);
    for block in goal_blocks(&bytes) {
        bytes[block.start + 8] ^= 1;
    }
    fs::write(directory.file("counters"), bytes).unwrap();
    recover(&directory.0).unwrap();
    assert!(goal_blocks(&counters(&directory)).is_empty());
    assert_checked();
    drop(directory.open());
    assert_eq!(goal_blocks(&counters(&directory)).len(), 2);
    assert_checked();
}

#[test]
fn goals_of_a_removed_experiment_go_on_when_it_comes_back_and_for_no_other_variants() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 10);
    let document = engine.to_json();
    record(&engine, 10);
    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);
    let engine = directory.open();
    engine.replace(&document).unwrap();
    assert_eq!(sums(&engine, true), of(20));
    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);

    // Its own block is lost, and those of its goals say what they have counted for.
    let mut bytes = counters(&directory);
    bytes[2 * LINE + 4 * 8] ^= 1;
    fs::write(directory.file("counters"), bytes).unwrap();
    recover(&directory.0).unwrap();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let other = NewExperiment::new("Another split", "production").id(experiment_id(1));
    let other = other.variant("control", "old", 40).variant("treatment", "new", 60);
    let Err(ControlError::Invalid(invalid)) = engine.create_experiment("hero-banner", other) else {
        panic!("its goals were counted for another split")
    };
    let expected = FaultKind::CountsForOthers { id: experiment_id(1).to_string() };
    assert_eq!(invalid.faults()[0].kind(), &expected);
    engine.replace(&document).unwrap();
    assert_eq!(sums(&engine, true), of(20));
}

/// After a loss of power, the cells may be older than the definitions.
#[test]
fn since_start_begins_at_what_is_there_where_a_start_was_at_more() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    record(&engine, 10);
    let old = counters(&directory);
    record(&engine, 20);
    engine.stop(experiment_id(1)).unwrap();
    engine.start(experiment_id(1)).unwrap();
    let mut left = directory.content();
    drop(engine);
    // All but the first two lines, which say which definitions these are.
    let bytes = left.get_mut(&directory.file("counters")).unwrap();
    bytes[2 * LINE..].copy_from_slice(&old[2 * LINE..]);
    put(&left);
    let engine = directory.open();
    assert_eq!((sums(&engine, true), sums(&engine, false)), (of(10), of(0)));
    record(&engine, 5);
    assert_eq!(sums(&engine, false), of(5));
    engine.set_default("hero-banner", "new").unwrap();
    drop(engine);
    assert_eq!(sums(&directory.open(), false), of(5));
}

#[test]
fn users_keep_the_goals_that_they_reached() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    engine.stop(experiment_id(1)).unwrap();
    engine.count_users(experiment_id(1), 1000).unwrap();
    engine.start(experiment_id(1)).unwrap();
    let unexposed = |engine: &Engine, goal: &str, user: &str| {
        assert_eq!(production(engine).goal(goal).record_value(user, 1.0).unexposed(), 1);
    };
    unexposed(&engine, "balance", "stranger");
    count(&engine, 20);
    record(&engine, 12);
    let users = |engine: &Engine| engine.users(experiment_id(1)).unwrap();
    let reached = |engine: &Engine, goal: &str| {
        let users = users(engine);
        let of_goal = users.goals().iter().find(|users| users.goal == goal).unwrap();
        let sum = |number: fn(&GoalUsers) -> u64| of_goal.variants.iter().map(number).sum::<u64>();
        (sum(|users| users.reached), sum(|users| users.unexposed))
    };
    let before = users(&engine);
    assert_eq!((reached(&engine, "signup"), reached(&engine, "balance")), ((12, 0), (12, 1)));
    drop(engine);
    let engine = directory.open();
    assert_eq!(users(&engine), before);
    // A goal that comes later has a place of its own.
    engine.create_goal(NewGoal::value("refund", "EUR")).unwrap();
    let goals = NewGoals::new().secondary("refund").secondary("balance");
    engine.set_goals(experiment_id(1), goals).unwrap();
    unexposed(&engine, "refund", "another");
    let later = users(&engine);
    kill(&directory, engine);
    let engine = directory.open();
    assert_eq!(users(&engine), later);
    assert_eq!((reached(&engine, "signup"), reached(&engine, "refund")), ((12, 0), (0, 1)));
    record_again(&engine);
    assert_eq!(users(&engine), later);
}

/// The users who have reached a goal before reach it again, with nothing.
fn record_again(engine: &Engine) {
    let balance = production(engine).goal("balance");
    for user in 0..12 {
        assert_eq!(balance.record_value(&*format!("user-{user}"), 0.0).counted(), 1);
    }
}

/// What is fixed of a goal is in the definitions, and in what is remembered of what left.
#[test]
fn a_goal_that_comes_back_after_a_reopening_is_meant_as_it_was() {
    let directory = Directory::new();
    let engine = shop(&directory);
    let id = experiment_id(1);
    let capped = |cap: u32| NewGoals::new().secondary(GoalUse::new("balance").cap(cap));
    engine.set_goals(id, capped(5)).unwrap();
    count(&engine, 1);
    engine.set_goals(id, NewGoals::new()).unwrap();
    kill(&directory, engine);
    let engine = directory.open();
    let fixed = |path: &str| vec![(path.to_owned(), FaultKind::GoalsFixed { id: id.to_string() })];
    let found = faults_of(engine.set_goals(id, capped(6)).unwrap_err());
    assert_eq!(found, fixed("secondary[0]"));
    engine.set_goals(id, capped(5)).unwrap();
    engine.set_goals(id, NewGoals::new()).unwrap();

    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let again = |cap| banner("production").id(id).goals(capped(cap));
    let found = faults_of(engine.create_experiment("hero-banner", again(6)).unwrap_err());
    assert_eq!(found, fixed("goals.secondary[0]"));
    engine.create_experiment("hero-banner", again(5)).unwrap();
}
