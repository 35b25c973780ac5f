//! The sums of users' values in a directory: they go on, and are of the users who are known.

use std::fs;
use std::path::PathBuf;

use super::goals::{attach, kill, put, shop};
use crate::common::directory::Directory;
use crate::common::{experiment_id, production};
use fairsplit::Engine;
use fairsplit::durable::{check, recover};
use fairsplit::error::OpenError;
use fairsplit::goals::GoalId;

/// The sums of all users of both variants.
fn sums_of_users(engine: &Engine) -> Vec<i64> {
    let users = engine.users(experiment_id(1)).expect("users are counted");
    let balance = users.goals().iter().find(|of| of.goal == "balance").expect("it has the goal");
    let sums = (0..2).flat_map(|variant| balance.sums(variant).expect("it has values"));
    sums.copied().collect()
}

/// Each user pays once in each life of the directory, and so has the same sum.
fn pay(engine: &Engine, users: u32) {
    let production = production(engine);
    let balance = production.goal("balance");
    for user in 0..users {
        let key = format!("user-{user}");
        assert!(production.evaluate("hero-banner", &*key).is_counted());
        assert!(balance.record_units(&*key, -7).is_counted());
    }
}

#[test]
fn the_sums_of_users_go_on_where_the_last_engine_ended() {
    // All users, and a sample.
    for capacity in [100_000, 300] {
        let directory = Directory::new();
        let engine = shop(&directory);
        attach(&engine);
        engine.count_users(experiment_id(1), capacity).unwrap();
        engine.stop(experiment_id(1)).unwrap();
        engine.start(experiment_id(1)).unwrap();
        pay(&engine, 1000);
        let first = sums_of_users(&engine);
        assert_eq!(first.len() == 1000, capacity > 1000);
        assert!(first.iter().all(|sum| *sum == -7));
        drop(engine);
        let mut lives = 1;
        for is_killed in [false, true, true, false] {
            let engine = directory.open();
            assert_eq!(sums_of_users(&engine).len(), first.len());
            // Users move to other tables, and are killed while they move.
            pay(&engine, 1000);
            lives += 1;
            assert!(sums_of_users(&engine).iter().all(|sum| *sum == -7 * lives));
            if is_killed {
                kill(&directory, engine);
            } else {
                engine.sync().unwrap();
                drop(engine);
            }
            check(&directory.0).unwrap();
        }
        let engine = directory.open();
        assert_eq!(sums_of_users(&engine).len(), first.len());
        engine.stop(experiment_id(1)).unwrap();
        drop(engine);
        let engine = directory.open();
        assert!(sums_of_users(&engine).iter().all(|sum| *sum == -7 * lives), "of the last run");
        engine.start(experiment_id(1)).unwrap();
        assert!(sums_of_users(&engine).is_empty());
        drop(engine);
        // Files of the run before are gone.
        let files = fs::read_dir(directory.file("users")).unwrap().count();
        assert_eq!(files, 2, "users, and the sums of one goal");
    }
}

#[test]
fn a_table_of_sums_under_another_name_is_damaged() {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    engine.count_users(experiment_id(1), 1000).unwrap();
    pay(&engine, 10);
    drop(engine);
    let before = directory.content();
    let file = fs::read_dir(directory.file("users")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.max_by_key(|path| path.as_os_str().len()).unwrap();
    let goal = GoalId::of("balance").to_string();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.contains(&goal), "{name}");
    let other = GoalId::of("signup").to_string();
    for name in [name.replace(&goal, &other), name.replace(&format!("{goal}."), "")] {
        put(&before);
        let other = file.with_file_name(name);
        fs::rename(&file, &other).unwrap();
        match Engine::open(&directory.0).unwrap_err() {
            OpenError::Damaged { path, at, .. } => assert_eq!((path, at), (other.clone(), 24)),
            error => panic!("{error}"),
        }
        fs::remove_file(&other).unwrap();
    }
    put(&before);
    assert_eq!(sums_of_users(&directory.open()), [-7; 10]);
}

/// A directory in which 100 users have paid, and are counted.
fn paid() -> Directory {
    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    engine.count_users(experiment_id(1), 1000).unwrap();
    pay(&engine, 100);
    assert_eq!(sums_of_users(&engine), [-7; 100]);
    directory
}

/// The files of what users did, or of their sums.
fn tables(directory: &Directory, are_sums: bool) -> Vec<PathBuf> {
    let goal = GoalId::of("balance").to_string();
    let files = fs::read_dir(directory.file("users")).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| path.to_str().unwrap().contains(&goal) == are_sums;
    let files: Vec<_> = files.filter(is_one).collect();
    assert!(!files.is_empty());
    files
}

fn change(files: &[PathBuf], with: impl Fn(&mut [u8])) {
    for path in files {
        let mut bytes = fs::read(path).unwrap();
        with(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}

/// Else their mean would be of other users than their share.
#[test]
fn sums_whose_users_a_recovery_has_set_aside_are_not_those_of_later_users() {
    let directory = paid();
    change(&tables(&directory, false), |bytes| bytes[64] ^= 1);
    let files = tables(&directory, false).len();
    assert_eq!(recover(&directory.0).unwrap().users_tables, files);
    let engine = directory.open();
    assert!(sums_of_users(&engine).is_empty());
    pay(&engine, 10);
    assert_eq!(sums_of_users(&engine), [-7; 10]);
}

/// Pages are written in any order.
#[test]
fn a_sum_counts_only_with_its_user_after_a_loss_of_power() {
    let directory = paid();
    change(&tables(&directory, false), |bytes| bytes[128..].fill(0));
    let engine = directory.open();
    assert!(sums_of_users(&engine).is_empty());
    // The user paid in this run, and has been exposed in it.
    assert!(production(&engine).evaluate("hero-banner", "user-1").is_counted());
    assert_eq!(sums_of_users(&engine), [-7]);
}

/// The files of sums are removed after that of the users.
#[test]
fn sums_that_a_kill_left_while_the_counting_ended_are_not_those_of_the_next_one() {
    let directory = paid();
    let sums = tables(&directory, true);
    let content: Vec<_> = sums.iter().map(|path| fs::read(path).unwrap()).collect();
    directory.open().count_users(experiment_id(1), 0).unwrap();
    for (path, bytes) in sums.iter().zip(content) {
        fs::write(path, bytes).unwrap();
    }
    let engine = directory.open();
    engine.count_users(experiment_id(1), 1000).unwrap();
    pay(&engine, 10);
    assert_eq!(sums_of_users(&engine), [-7; 10]);
}

/// A file of sums is lost, and users go on: the values of the run are summed from then on.
#[cfg(feature = "results")]
#[test]
fn results_say_since_when_values_are_summed_if_their_sums_were_lost() {
    use fairsplit::clock::ManualClock;
    use fairsplit::durable::OpenOptions;

    let directory = Directory::new();
    let engine = shop(&directory);
    attach(&engine);
    engine.count_users(experiment_id(1), 1000).unwrap();
    engine.stop(experiment_id(1)).unwrap();
    engine.start(experiment_id(1)).unwrap();
    pay(&engine, 50);
    let since = |engine: &Engine, key: &str| {
        let found = engine.results(experiment_id(1)).expect("it is there");
        let goal = found.goals.iter().find(|goal| goal.key == key).expect("it has the goal");
        let (since, start) = (goal.since.unwrap(), found.since.unwrap());
        (since.unix_seconds() - start.unix_seconds(), found.to_string().contains("since 2025"))
    };
    assert_eq!(since(&engine, "balance").0, 0);
    drop(engine);
    let goal = GoalId::of("balance").to_string();
    for entry in fs::read_dir(directory.file("users")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains(&goal) {
            fs::remove_file(path).unwrap();
        }
    }
    for minutes in [60, 90] {
        let clock = ManualClock::new(fairsplit::Timestamp::from_unix_seconds(
            crate::common::NOON + minutes * 60,
        ));
        let engine = OpenOptions::new().clock(clock).open(&directory.0).unwrap();
        pay(&engine, 50);
        assert_eq!(since(&engine, "balance"), (3600, true), "the first opening without them");
        assert_eq!(since(&engine, "signup").0, 0);
        let sum = if minutes == 60 { -7 } else { -14 };
        assert!(sums_of_users(&engine).iter().all(|of| *of == sum));
    }
}
