//! Tables of users in files: what a kill, a failing disk and damage leave of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Directory, id, new, open, template};
use crate::count::distinct_users::slots::{Head, Memory};
use crate::durable::counters::Counters;
use crate::durable::lock::{Access, lock};
use crate::durable::users::Users;
use crate::durable::{check, disk, recover};
use crate::error::OpenError;
use crate::{Engine, Status, Timestamp};

/// The bytes of a file before its slots, and those of a slot.
const HEAD: usize = 128;
const SLOT: usize = 16;

/// A directory with an experiment that counts its users.
pub(super) fn counting(capacity: u32) -> (Directory, Engine) {
    let directory = template();
    let engine = open(&directory).unwrap();
    engine.count_users(id(1), capacity).unwrap();
    (directory, engine)
}

pub(super) fn evaluate(engine: &Engine, users: impl IntoIterator<Item = u32>) {
    let production = engine.environment("production").unwrap();
    for user in users {
        assert!(production.evaluate("a", &format!("user-{user}")).is_counted());
    }
}

pub(super) fn convert_users(engine: &Engine, users: impl IntoIterator<Item = u32>) {
    let production = engine.environment("production").unwrap();
    for user in users {
        assert!(production.convert("a", &format!("user-{user}")).is_counted());
    }
}

/// The exposed users and those that converted, as far as they are in the sample.
pub(super) fn users(engine: &Engine) -> (u64, u64) {
    let users = engine.users(id(1)).unwrap();
    let counts = users.variants().iter().map(|variant| variant.count);
    counts.fold((0, 0), |sum, count| (sum.0 + count.exposed, sum.1 + count.converted))
}

/// The files of tables, without their folder.
pub(super) fn tables(directory: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory.join("users")) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub(super) fn only_table(directory: &Path) -> PathBuf {
    let tables = tables(directory);
    assert_eq!(tables.len(), 1, "{tables:?}");
    directory.join("users").join(tables.first().unwrap())
}

/// What is there after a kill at this moment: the kernel has what was stored.
pub(super) fn killed(directory: &Directory) -> Directory {
    Directory::like(&directory.0)
}

#[test]
fn users_are_those_from_before_after_growth_and_reopening() {
    let (directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..5000);
    convert_users(&engine, 0..1000);
    assert_eq!(users(&engine), (5000, 1000));
    drop(engine);
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (5000, 1000));
    // Each is there, and none is added again.
    evaluate(&engine, 0..5000);
    convert_users(&engine, 0..1000);
    assert_eq!(users(&engine), (5000, 1000));
    evaluate(&engine, 5000..6000);
    drop(engine);
    assert_eq!(users(&open(&directory).unwrap()), (6000, 1000));
}

#[test]
fn a_sample_of_users_is_the_same_after_downsampling_and_reopening() {
    let (directory, engine) = counting(100);
    evaluate(&engine, 0..5000);
    convert_users(&engine, 0..2500);
    let (counted, one_in) = (users(&engine), engine.users(id(1)).unwrap().one_in());
    assert!(one_in >= 32, "{one_in}");
    drop(engine);
    let engine = open(&directory).unwrap();
    assert_eq!((users(&engine), engine.users(id(1)).unwrap().one_in()), (counted, one_in));
    evaluate(&engine, 0..5000);
    convert_users(&engine, 0..2500);
    assert_eq!(users(&engine), counted);
}

/// Small tables, so that users are moving at most of these moments.
#[test]
fn a_kill_while_users_move_from_file_to_file_loses_none() {
    for capacity in [1_000_000, 60] {
        let (directory, engine) = counting(capacity);
        let mut moving = 0;
        for user in 0..260 {
            evaluate(&engine, [user]);
            if user % 3 == 0 {
                convert_users(&engine, [user]);
            }
            if user % 2 == 1 {
                continue;
            }
            let left = killed(&directory);
            moving += u32::from(tables(&left.0).len() > 1);
            let one_in = {
                let after = open(&left).unwrap();
                let found = users(&after);
                let one_in = after.users(id(1)).unwrap().one_in();
                if one_in == 1 {
                    let expected = u64::from(user) + 1;
                    assert_eq!(found, (expected, expected.div_ceil(3)), "{capacity}, {user}");
                }
                evaluate(&after, 0..=user);
                convert_users(&after, (0..=user).filter(|user| user % 3 == 0));
                assert_eq!(users(&after), found, "{capacity}, {user}");
                one_in
            };
            // One file is left, and says the same.
            assert_eq!(tables(&left.0).len(), 1);
            assert_eq!(open(&left).unwrap().users(id(1)).unwrap().one_in(), one_in);
            if user % 16 == 0 {
                engine.sync().unwrap();
            }
        }
        assert!(moving > 10, "{moving}");
        if capacity < 100 {
            assert!(engine.users(id(1)).unwrap().one_in() >= 4);
        }
    }
}

#[test]
fn a_file_that_is_replaced_stays_until_a_sync_has_flushed_the_next_one() {
    let (directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..1000);
    let _ = users(&engine); // no user is moving
    let before = tables(&directory.0);
    assert!(before.len() > 2, "{before:?}");
    let mut failures = Vec::new();
    let mut converted = 0;
    for position in 1.. {
        // Something new, or the table would not be flushed again.
        convert_users(&engine, converted..=converted);
        converted += 1;
        disk::fail_at(position);
        let synced = engine.sync();
        let failed = disk::failed();
        disk::fail_at(0);
        if failed.is_none() {
            synced.unwrap();
            break;
        }
        assert!(synced.is_err() && engine.storage_error().is_some());
        failures.extend(failed);
        if failed != Some("remove") {
            assert_eq!(tables(&directory.0), before, "{failed:?}");
        }
        let left = users(&open(&killed(&directory)).unwrap());
        assert_eq!(left, (1000, converted.into()), "{failed:?}");
    }
    assert_eq!(engine.storage_error(), None);
    // The counters and the last table; the names in the folder, and the folder's own.
    let number_of = |name| failures.iter().filter(|failure| **failure == name).count();
    assert_eq!((number_of("flush"), number_of("sync the directory")), (2, 2));
    assert!(number_of("remove") > 0);
    // The last one.
    let left = only_table(&directory.0);
    assert!(before.iter().all(|name| number(name) <= number(left.to_str().unwrap())));
    assert_eq!(users(&open(&killed(&directory)).unwrap()), (1000, converted.into()));
}

fn number(name: &str) -> u64 {
    name.rsplit('.').next().unwrap().parse().unwrap()
}

/// The disk gets full, or the directory is gone: the users go on in memory, and the engine says so.
#[test]
fn a_table_whose_file_cannot_be_made_is_in_memory_and_the_file_before_it_stays() {
    for position in 1..=5 {
        let (directory, engine) = counting(1_000_000);
        evaluate(&engine, 0..40);
        engine.sync().unwrap();
        disk::fail_at(position);
        evaluate(&engine, 40..90);
        let _ = users(&engine);
        let failed = disk::failed().unwrap();
        disk::fail_at(0);
        assert_eq!(users(&engine), (90, 0), "{failed}");
        let error = engine.storage_error().unwrap();
        assert!(error.to_string().ends_with(": made to fail"), "{error}");
        assert_eq!(engine.sync().unwrap_err(), error);
        assert!(only_table(&directory.0).extension().unwrap() != "new");
        // Those that had a place are there after a kill.
        let kept = users(&open(&killed(&directory)).unwrap()).0;
        assert!((40..90).contains(&kept), "{failed}: {kept}");
        // The next table has a file, and all users.
        evaluate(&engine, 90..200);
        assert_eq!(users(&engine), (200, 0));
        assert_eq!(users(&open(&killed(&directory)).unwrap()), (200, 0), "{failed}");
        engine.sync().unwrap();
        assert_eq!(engine.storage_error(), None);
        only_table(&directory.0);
        drop(engine);
        assert_eq!(users(&open(&directory).unwrap()), (200, 0), "{failed}");
    }
}

#[test]
fn users_of_a_run_without_any_file_are_counted_in_memory() {
    for position in 1..=5 {
        let directory = template();
        let engine = open(&directory).unwrap();
        disk::fail_at(position);
        engine.count_users(id(1), 1000).unwrap();
        let failed = disk::failed().unwrap();
        disk::fail_at(0);
        evaluate(&engine, 0..20);
        assert_eq!(users(&engine), (20, 0), "{failed}");
        assert!(engine.storage_error().is_some() && engine.sync().is_err(), "{failed}");
        assert_eq!(tables(&directory.0).len(), 0, "{failed}");
        // The next run is another matter.
        engine.stop(id(1)).unwrap();
        engine.start(id(1)).unwrap();
        assert_eq!((engine.sync(), engine.storage_error()), (Ok(()), None), "{failed}");
    }
}

#[test]
fn a_file_of_another_run_or_of_no_experiment_goes_once_the_definitions_are_read() {
    let (directory, engine) = counting(1000);
    evaluate(&engine, 0..20);
    drop(engine);
    let table = only_table(&directory.0);
    let definitions = directory.0.join("definitions.json");
    let text = fs::read_to_string(&definitions).unwrap();
    // An opening that fails has removed nothing.
    fs::write(&definitions, "edited").unwrap();
    assert!(open(&directory).is_err());
    assert!(table.exists());
    fs::write(&definitions, text).unwrap();
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (20, 0));
    // The users of the last run stay when it ends, and those of a run before it go.
    engine.stop(id(1)).unwrap();
    drop(engine);
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (20, 0));
    let kept = fs::read(&table).unwrap();
    engine.start(id(1)).unwrap();
    drop(engine);
    fs::write(&table, &kept).unwrap();
    drop(open(&directory).unwrap());
    assert!(!table.exists());
}

#[test]
fn a_new_run_and_a_deletion_remove_the_file_at_once() {
    let (directory, engine) = counting(1000);
    evaluate(&engine, 0..100);
    engine.stop(id(1)).unwrap();
    engine.start(id(1)).unwrap();
    engine.count_users(id(1), 1000).unwrap();
    let table = only_table(&directory.0);
    assert_eq!(users(&engine), (0, 0));
    engine.stop(id(1)).unwrap();
    // What a handle from before may still use stays mapped.
    let handle = engine.environment("production").unwrap().flag("a");
    engine.delete_experiment(id(1)).unwrap();
    assert!(!table.exists());
    // The id counts anew, even after a kill.
    engine.create_experiment("a", new(1).status(Status::Running)).unwrap();
    drop(handle);
    assert_eq!(tables(&killed(&directory).0).len(), 0);
    engine.sync().unwrap();
}

/// A kill leaves a file without its name; a loss of power may leave one of which nothing is there.
#[test]
fn files_that_were_never_finished_are_removed_and_those_of_others_are_not() {
    let (directory, engine) = counting(1000);
    evaluate(&engine, 0..20);
    drop(engine);
    let table = only_table(&directory.0);
    let name = table.file_name().unwrap().to_str().unwrap();
    let place = |name: &str| table.with_file_name(name);
    let next = name.strip_suffix(&number(name).to_string()).unwrap().to_owned() + "99";
    fs::write(place(&format!("{next}.new")), "half").unwrap();
    fs::write(place(&next), []).unwrap();
    fs::write(place(&format!("{next}9")), vec![0; HEAD + 64 * SLOT]).unwrap();
    let others = ["README", &format!("{name}.damaged"), &format!("{}.01.99", id(1))];
    for name in others {
        fs::write(place(name), "theirs").unwrap();
    }
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (20, 0));
    let expected: BTreeSet<String> =
        others.iter().map(|other| (*other).to_owned()).chain([name.to_owned()]).collect();
    assert_eq!(tables(&directory.0), expected);
}

#[test]
fn a_head_that_is_damaged_or_of_another_table_is_refused_and_a_recovery_sets_it_aside() {
    let (directory, engine) = counting(1000);
    evaluate(&engine, 0..20);
    drop(engine);
    let table = only_table(&directory.0);
    let content = fs::read(&table).unwrap();
    let is_refused = || {
        let before = (tables(&directory.0), fs::read(directory.0.join("counters")).unwrap());
        let refused = [open(&directory).map(drop), check(&directory.0).map(drop)];
        let is_refused = refused.iter().all(|refused| {
            matches!(refused, Err(OpenError::Damaged { path, .. }) if path.ends_with(table.file_name().unwrap()))
        });
        assert_eq!(tables(&directory.0), before.0);
        is_refused
    };
    for at in 0..HEAD {
        for bit in [0, 7] {
            let mut damaged = content.clone();
            damaged[at] ^= 1 << bit;
            fs::write(&table, damaged).unwrap();
            assert!(is_refused(), "bit {bit} of byte {at}");
        }
    }
    for length in [1, HEAD - 1, HEAD, content.len() - 1, content.len() + 1] {
        let mut damaged = content.clone();
        damaged.resize(length, 0);
        fs::write(&table, damaged).unwrap();
        assert!(is_refused(), "{length} bytes");
    }
    fs::write(&table, &content).unwrap();
    let other = table.with_file_name(format!("{}.7.99", id(1)));
    fs::copy(&table, &other).unwrap();
    assert!(matches!(open(&directory), Err(OpenError::Damaged { .. })));

    let counters = fs::read(directory.0.join("counters")).unwrap();
    let recovered = recover(&directory.0).unwrap();
    let aside = other.with_file_name(format!("{}.7.99.damaged", id(1)));
    assert_eq!((recovered.users_tables, recovered.damage.len()), (1, 0));
    assert_eq!((recovered.experiments, &recovered.set_aside), (3, &aside));
    assert!(!other.exists() && aside.exists());
    // The counters were sound, and are as they were.
    assert!(fs::read(directory.0.join("counters")).unwrap() == counters);
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (20, 0));
    drop(engine);
    // With the counters, too, and under a name that is not in use.
    fs::write(&other, "damaged").unwrap();
    let counters = directory.0.join("counters");
    let mut content = fs::read(&counters).unwrap();
    content[128] ^= 1;
    fs::write(&counters, content).unwrap();
    let recovered = recover(&directory.0).unwrap();
    assert_eq!((recovered.users_tables, recovered.damage.len()), (1, 1));
    assert!(recovered.set_aside.ends_with("counters.damaged"));
    assert!(aside.with_file_name(format!("{}.7.99.damaged-2", id(1))).exists());
    assert_eq!(users(&open(&directory).unwrap()), (20, 0));
}

/// A loss of power leaves zeros where a page was not written.
#[test]
fn users_whose_page_was_lost_are_missing_and_the_others_are_found() {
    let (directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..3000);
    let _ = users(&engine);
    engine.sync().unwrap();
    drop(engine);
    let table = only_table(&directory.0);
    let mut content = fs::read(&table).unwrap();
    let lost = 4096 * 3..4096 * 5;
    let users_in = |bytes: &[u8]| bytes.chunks(SLOT).filter(|slot| slot[..8] != [0; 8]).count();
    let missing = users_in(&content[lost.clone()]);
    assert!(missing > 100);
    content[lost].fill(0);
    fs::write(&table, content).unwrap();
    assert_eq!(check(&directory.0).unwrap().users, 3000 - missing);
    let engine = open(&directory).unwrap();
    assert_eq!(users(&engine), (3000 - missing as u64, 0));
    evaluate(&engine, 0..3000);
    assert_eq!(users(&engine), (3000, 0));
}

#[test]
fn a_check_counts_the_users_of_the_last_runs_and_changes_nothing() {
    let (directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..500);
    let left = killed(&directory);
    assert!(tables(&left.0).len() > 1);
    drop(engine);
    for directory in [&directory, &left] {
        let before = tables(&directory.0);
        assert_eq!(check(&directory.0).unwrap().users, 500);
        assert_eq!(tables(&directory.0), before);
        assert_eq!(users(&open(directory).unwrap()), (500, 0));
    }
}

/// The directory is overwritten or moved: no file is made, and none removed, in what is there now.
#[test]
fn an_engine_whose_directory_is_replaced_makes_and_removes_no_table_in_it() {
    let (directory, engine) = counting(1_000_000);
    evaluate(&engine, 0..60);
    let other = killed(&directory);
    let (path, aside) = (&directory.0, Directory::new());
    fs::remove_dir(&aside.0).unwrap();
    fs::rename(path, &aside.0).unwrap();
    fs::rename(&other.0, path).unwrap();
    let before = tables(path);
    evaluate(&engine, 60..1000);
    assert_eq!(users(&engine), (1000, 0));
    assert_eq!(engine.sync().unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(engine.storage_error().is_some());
    assert_eq!(tables(path), before);
    drop(engine);
    assert_eq!(users(&open(&directory).unwrap()), (60, 0));
}

#[test]
fn a_table_whose_file_is_removed_or_replaced_is_an_error_of_the_next_sync() {
    for is_replaced in [false, true] {
        let (directory, engine) = counting(1_000_000);
        evaluate(&engine, 0..20);
        engine.sync().unwrap();
        let table = only_table(&directory.0);
        let copy = fs::read(&table).unwrap();
        fs::remove_file(&table).unwrap();
        if is_replaced {
            // In the place that the file had on the disk, there may be this one.
            fs::write(table.with_file_name("other"), [1; 4096]).unwrap();
            fs::write(&table, &copy[..copy.len() - 1]).unwrap();
        }
        let error = engine.sync().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        assert_eq!(engine.storage_error(), Some(error));
        evaluate(&engine, 20..30);
        assert_eq!(users(&engine), (30, 0));
        assert_eq!(table.exists(), is_replaced);
    }
}

/// A run may be prepared for a change that is then not made.
#[test]
fn a_table_that_was_made_in_vain_is_removed_by_the_next_change() {
    let directory = Directory::new();
    let path = directory.0.join("counters");
    let file = lock(&path, Access::Count, Duration::ZERO).unwrap();
    let (counters, _) = Counters::open(file, &path, true).unwrap();
    let kept = Users::open(Arc::new(counters), &directory.0).unwrap();
    let head = Head {
        experiment: id(1),
        run: 7,
        since: Timestamp::from_unix_seconds(0),
        goal: None,
        is_whole: true,
        capacity: 100,
        bits: 0,
        slots: 64,
        multiplier: 1,
    };
    // While the definitions are read, nothing is removed.
    drop(kept.slots(&head));
    kept.give_up();
    only_table(&directory.0);
    kept.begin();
    kept.give_up();
    assert_eq!(tables(&directory.0).len(), 0);
    let prepared = kept.slots(&head);
    kept.give_up();
    only_table(&directory.0);
    drop(prepared);
    kept.sync().unwrap();
    // A sync comes while an engine is dropped, too, whose tables are not in use then.
    only_table(&directory.0);
    kept.give_up();
    assert_eq!(tables(&directory.0).len(), 0);
}
