//! What an engine leaves in its directory, and what it finds there: after an end in order, after
//! damage, and on a full disk. After a kill: `tests/kill.rs`.

mod check;
#[cfg(target_endian = "little")]
mod free;
mod goals;
mod owner;
mod recovery;
mod returning;
mod returning_model;
mod sums;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use crate::common::directory::Directory;
use crate::common::{NOON, banner, ever, experiment_id, flag_id, production, since_start};
use fairsplit::clock::ManualClock;
use fairsplit::counts::Delta;
use fairsplit::durable::{OpenOptions, recover};
use fairsplit::error::{CommitError, ControlError, OpenError};
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, NewExperiment, NewFlag, Status, Timestamp};
use proptest::prelude::*;

fn start(engine: &Engine) {
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
}

fn count(engine: &Engine, events: u32) {
    for user in 0..events {
        let user = format!("user-{user}");
        assert!(production(engine).evaluate("hero-banner", &user).is_counted());
        if user.ends_with('7') {
            assert!(production(engine).convert("hero-banner", &user).is_counted());
        }
    }
}

/// How many exposures and conversions the deltas hold.
fn deltas(engine: &Engine) -> (u64, u64) {
    let mut sum = (0, 0);
    let outcome = engine.with_deltas(|deltas| {
        for added in deltas.iter().map(Delta::added) {
            sum = (sum.0 + added.exposures, sum.1 + added.conversions);
        }
        Ok::<(), ()>(())
    });
    outcome.unwrap();
    sum
}

/// What has left the definitions before a reopening is known by its counters alone.
#[test]
fn a_removed_experiment_comes_back_with_its_own_variants_and_no_others() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 50);
    let document = engine.to_json();
    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);
    let engine = directory.open();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let other = NewExperiment::new("Another split", "production").id(experiment_id(1));
    let other = other.variant("control", "old", 40).variant("treatment", "new", 60);
    let before = engine.to_json();
    let Err(ControlError::Invalid(invalid)) = engine.create_experiment("hero-banner", other) else {
        panic!("its counters are another split's")
    };
    let expected = FaultKind::CountsForOthers { id: experiment_id(1).to_string() };
    assert_eq!(invalid.faults()[0].kind(), &expected);
    assert_eq!(engine.to_json(), before);
    engine.replace(&document).unwrap();
    let exposures = |engine: &Engine| {
        ever(&engine.counts(experiment_id(1)).unwrap()).iter().map(|count| count.0).sum::<u64>()
    };
    assert_eq!(exposures(&engine), 50);
    count(&engine, 50);
    drop(engine);
    assert_eq!(exposures(&directory.open()), 100);
}

/// Its counters are there, and the names of its variants are not.
#[test]
fn deltas_of_an_experiment_removed_before_a_reopening_come_once_it_is_loaded_again() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 50);
    let document = engine.to_json();
    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);
    let engine = directory.open();
    assert_eq!(deltas(&engine), (0, 0));
    engine.replace(&document).unwrap();
    assert_eq!(deltas(&engine).0, 50);
    assert_eq!(deltas(&engine), (0, 0));
}

#[test]
fn deltas_continue_after_a_reopening_and_a_recovery() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 100);
    assert_eq!(deltas(&engine), (100, 10));
    count(&engine, 20);
    drop(engine);
    let engine = directory.open();
    assert_eq!((deltas(&engine), deltas(&engine)), ((20, 2), (0, 0)));
    count(&engine, 30);
    drop(engine);
    recover(&directory.0).unwrap();
    let engine = directory.open();
    assert_eq!((deltas(&engine), deltas(&engine)), ((30, 3), (0, 0)));
}

#[test]
fn reopening_a_directory_restores_definitions_and_counts() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 100);
    let id = experiment_id(1);
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    count(&engine, 50);
    engine.force(id, "qa", "treatment").unwrap();
    engine.sync().unwrap();
    let (document, counts) = (engine.to_json(), engine.counts(id).unwrap());
    drop(engine);
    for _ in 0..3 {
        let engine = directory.open();
        assert_eq!(engine.to_json(), document);
        assert_eq!(engine.counts(id).unwrap(), counts);
    }
    let engine = directory.open();
    count(&engine, 50);
    let more = engine.counts(id).unwrap();
    let sum = |counts: &[(u64, u64)]| counts.iter().map(|count| count.0).sum::<u64>();
    assert_eq!((sum(&ever(&more)), sum(&since_start(&more))), (200, 100));
}

#[test]
fn reloading_a_document_does_not_add_its_counts_again() {
    let directory = Directory::new();
    let (engine, id) = crate::common::running();
    count(&engine, 40);
    let document = engine.to_json();
    let durable = directory.open();
    durable.replace(&document).unwrap();
    count(&durable, 40);
    let counts = durable.counts(id).unwrap();
    assert_eq!(ever(&counts).iter().map(|count| count.0).sum::<u64>(), 80);
    drop(durable);
    let durable = directory.open();
    // Another load of what it began with changes no count.
    durable.replace(&document).unwrap();
    assert_eq!(durable.counts(id).unwrap(), counts);
}

#[test]
fn opening_with_one_of_the_two_files_missing_is_refused() {
    let directory = Directory::new();
    start(&directory.open());
    for name in ["counters", "definitions.json"] {
        let (path, aside) = (directory.file(name), directory.file("aside"));
        fs::rename(&path, &aside).unwrap();
        assert_eq!(directory.refused(), OpenError::Missing { path: path.clone() });
        assert!(!path.exists(), "nothing is made in its place");
        fs::rename(&aside, &path).unwrap();
        drop(directory.open());
    }
}

#[test]
fn opening_ignores_and_removes_an_unfinished_file() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let document = engine.to_json();
    drop(engine);
    fs::write(directory.file("definitions.json.new"), "{\"flags\": [").unwrap();
    assert_eq!(directory.open().to_json(), document);
    assert!(!directory.file("definitions.json.new").exists());
}

#[test]
fn edited_definitions_open_only_if_edits_are_accepted_and_valid() {
    let directory = Directory::new();
    start(&directory.open());
    let path = directory.file("definitions.json");
    let text = fs::read_to_string(&path).unwrap();
    let edit = |text: &str| fs::write(&path, text).unwrap();
    let accept = || OpenOptions::new().accept_edited_definitions().open(&directory.0);

    edit(&text.replace("\"old\"", "\"older\""));
    assert_eq!(directory.refused(), OpenError::Edited { path: path.clone() });
    edit(&text.replace("\"key\": \"control\"", "\"kez\": \"control\""));
    let refused = accept().unwrap_err().to_string();
    assert!(refused.contains("flags[0].experiments[0].variants[0].key: "), "{refused}");
    assert!(refused.contains("flags[0].experiments[0].variants[0].kez"), "{refused}");
    edit(&text.replace("Hero Banner A/B Test", "Hero"));
    assert_eq!(accept().unwrap().experiment(experiment_id(1)).unwrap().name(), "Hero");
    drop(directory.open());
}

/// An edit that changes no flag: an editor's last line break, or another indentation.
#[test]
fn an_accepted_edit_of_the_text_alone_is_an_edit_no_longer() {
    let edits: [fn(&str) -> String; 2] =
        [|text| format!("{text}\n"), |text| text.replace("  ", "\t")];
    for edit in edits {
        let directory = Directory::new();
        let engine = directory.open();
        start(&engine);
        let document = engine.to_json();
        drop(engine);
        let path = directory.file("definitions.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, edit(&text)).unwrap();
        assert_eq!(directory.refused(), OpenError::Edited { path: path.clone() });
        drop(OpenOptions::new().accept_edited_definitions().open(&directory.0).unwrap());
        assert_eq!(directory.open().to_json(), document);
    }
}

#[test]
fn a_change_that_cannot_be_stored_is_not_made() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 10);
    let (document, version) = (engine.to_json(), production(&engine).view().version());
    // A directory in the place of the file that is written first: also root cannot write that.
    let obstacle = directory.file("definitions.json.new");
    fs::create_dir(&obstacle).unwrap();
    let text = fs::read(directory.file("definitions.json")).unwrap();
    let new =
        || NewExperiment::new("Other", "staging").variant("only", 1, 100).id(experiment_id(2));
    let refused = [
        engine.create_flag(NewFlag::new("other", 1)).map(drop),
        engine.set_default("hero-banner", 2).map(drop),
        engine.create_experiment("hero-banner", new().status(Status::Running)).map(drop),
        engine.stop(experiment_id(1)).map(drop),
        engine.force(experiment_id(1), "qa", "control"),
    ];
    for result in refused {
        let Err(ControlError::NotCommitted(CommitError::File(error))) = result else {
            panic!("{result:?}")
        };
        assert!(error.to_string().starts_with("cannot replace "), "{error}");
    }
    assert!(engine.replace(r#"{"flags": []}"#).is_err());
    assert_eq!((engine.to_json(), production(&engine).view().version()), (document, version));
    assert_eq!(engine.counts(experiment_id(2)), None);
    assert_eq!(fs::read(directory.file("definitions.json")).unwrap(), text);
    count(&engine, 10);

    fs::remove_dir(&obstacle).unwrap();
    // The engine does not know the id: it is free for other variants.
    let other = banner("production").id(experiment_id(2));
    engine.create_experiment("hero-banner", other).unwrap();
    let document = engine.to_json();
    drop(engine);
    assert_eq!(directory.open().to_json(), document);
}

#[test]
fn more_experiments_than_a_segment_holds_keep_their_counts() {
    let directory = Directory::new();
    let engine = directory.open();
    let flags: Vec<_> = (0..3000_u128)
        .map(|number| {
            serde_json::json!({
                "id": flag_id(number), "key": format!("flag-{number}"), "default_value": 0,
                "experiments": [{
                    "id": experiment_id(number), "name": "x", "environment": "production",
                    "status": "running", "variants": [{"key": "a", "value": 1, "percentage": 100}]
                }]
            })
        })
        .collect();
    let document = serde_json::json!({"flags": flags}).to_string();
    engine.replace(&document).unwrap();
    for number in 0..3000_u128 {
        for _ in 0..=number % 3 {
            assert!(engine.convert_variant(experiment_id(number), "a").is_counted());
        }
    }
    drop(engine);
    let engine = directory.open();
    for number in 0..3000_u128 {
        let counts = engine.counts(experiment_id(number)).unwrap();
        assert_eq!(ever(&counts), [(0, u64::try_from(number % 3).unwrap() + 1)]);
    }
    assert!(fs::metadata(directory.file("counters")).unwrap().len() > 1 << 20);
}

/// `tests/data/durable-1` is a directory as version 1 of the formats left it, made by this crate on
/// a machine of the usual byte order with two hardware threads. Every later version reads it.
#[test]
#[cfg(target_endian = "little")]
fn a_directory_of_the_first_version_is_read() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/durable-1");
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    for name in ["counters", "definitions.json"] {
        fs::copy(kept.join(name), directory.file(name)).unwrap();
    }
    let engine = directory.open();
    // Since then an export says how often an experiment was started; counts at the start that are
    // not 0 show a second one.
    let expected = fs::read_to_string(kept.join("expected.json")).unwrap();
    let expected =
        expected.replace("          \"at_start\"", "          \"run\": 2,\n          \"at_start\"");
    assert_eq!(engine.to_json(), expected);
    let id = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse().unwrap();
    let before = engine.counts(id).unwrap();
    let sum = |counts: &[(u64, u64)]| {
        counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
    };
    assert_eq!((sum(&ever(&before)), sum(&since_start(&before))), ((1100, 110), (100, 10)));
    assert_eq!(deltas(&engine), (100, 10));
    count(&engine, 100);
    assert_eq!(sum(&ever(&engine.counts(id).unwrap())), (1200, 120));
}

/// How that directory was made.
#[test]
#[ignore = "writes tests/data/durable-1, which is made once and kept"]
fn make_the_directory_of_the_first_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/durable-1");
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(NOON)));
    let engine = OpenOptions::new().clock(Arc::clone(&clock)).open(&path).unwrap();
    let flag = NewFlag::new("hero-banner", "old").name("Hero banner");
    engine.create_flag(flag.id("d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a".parse().unwrap())).unwrap();
    let id = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse().unwrap();
    engine.create_experiment("hero-banner", banner("production").id(id)).unwrap();
    engine.start(id).unwrap();
    count(&engine, 500);
    thread::scope(|scope| scope.spawn(|| count(&engine, 500)).join().unwrap());
    clock.advance(3600);
    engine.stop(id).unwrap();
    assert_eq!(deltas(&engine), (1000, 100));
    clock.advance(3600);
    engine.start(id).unwrap();
    engine.force(id, "qa", "treatment").unwrap();
    count(&engine, 100);
    fs::write(path.join("expected.json"), engine.to_json()).unwrap();
}

/// On a file system of its own that is really full. Needs to be allowed to mount one.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_refuses_the_change_and_counting_goes_on() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let mount = |arguments: &[&str]| {
        let result = Command::new("mount").args(arguments).arg(&directory.0).output();
        result.is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=1200k", "tmpfs"]) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no file system can be mounted here");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        let engine = directory.open();
        start(&engine);
        let mut created = 0_u32;
        let refused = loop {
            match engine.create_flag(NewFlag::new(format!("flag-{created}"), "x".repeat(5000))) {
                Ok(_) => created += 1,
                Err(error) => break error,
            }
        };
        let ControlError::NotCommitted(CommitError::File(error)) = refused else {
            panic!("{refused}")
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
        assert!(created > 3, "{created}");
        assert!(engine.flag(&format!("flag-{created}")).is_none());
        // Counting needs no more of the disk.
        count(&engine, 1000);
        let document = engine.to_json();
        let counts = engine.counts(experiment_id(1)).unwrap();
        drop(engine);
        let text = fs::read_to_string(directory.file("definitions.json")).unwrap();
        assert!(text.contains(&format!("flag-{}", created - 1)));
        // Opening needs no more of the disk either, and what fits can be done once there is room.
        let engine = directory.open();
        assert!(mount(&["-o", "remount,size=8m"]));
        assert_eq!(engine.counts(experiment_id(1)).unwrap(), counts);
        assert_eq!(engine.to_json(), document);
        engine.create_flag(NewFlag::new("last", 1)).unwrap();
    });
    let unmounted = Command::new("umount").arg("-l").arg(&directory.0).status();
    assert!(result.is_ok() && unmounted.is_ok_and(|status| status.success()));
}

/// Whatever happens to a file that was left in order: an error, or the data as they were.
fn assert_refused_or_right(directory: &Directory, document: &str, what: &str) {
    match OpenOptions::new().open(&directory.0) {
        Err(_) => {}
        Ok(engine) => assert_eq!(engine.to_json(), document, "{what}"),
    }
}

#[test]
fn no_flipped_bit_and_no_truncation_yields_wrong_counts() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    count(&engine, 30);
    engine.stop(experiment_id(1)).unwrap();
    engine.start(experiment_id(1)).unwrap();
    let document = engine.to_json();
    drop(engine);
    // Where the last block ends, and a good deal beyond.
    let used = 16 * 128;
    for name in ["counters", "definitions.json"] {
        let path = directory.file(name);
        let original = directory.content();
        let restore = || {
            for (path, bytes) in &original {
                fs::write(path, bytes).unwrap();
            }
        };
        let bytes = &original[&path];
        for at in 0..bytes.len().min(used) {
            for bit in [0, 7] {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, damaged).unwrap();
                assert_refused_or_right(
                    &directory,
                    &document,
                    &format!("{name}: bit {bit} of {at}"),
                );
                restore();
            }
        }
        let lengths = (0..bytes.len().min(used)).chain([bytes.len() / 2, bytes.len() - 1]);
        for length in lengths.step_by(if name == "counters" { 64 } else { 1 }) {
            fs::write(&path, &bytes[..length]).unwrap();
            assert_refused_or_right(&directory, &document, &format!("{name}: cut to {length}"));
            restore();
        }
    }
    assert_eq!(directory.open().to_json(), document);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the counters' file.
    #[test]
    fn no_content_of_the_counters_file_panics(
        places in prop::collection::vec((0..2048_usize, any::<u8>()), 1..60),
        length in prop::option::of(0..200_000_usize),
    ) {
        let directory = Directory::new();
        start(&directory.open());
        let path = directory.file("counters");
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in places {
            bytes[at] = byte;
        }
        bytes.truncate(length.unwrap_or(bytes.len()));
        fs::write(&path, bytes).unwrap();
        let _ = Engine::open(&directory.0);
        let _ = recover(&directory.0);
        let _ = Engine::open(&directory.0);
    }
}
