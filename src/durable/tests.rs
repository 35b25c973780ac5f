//! Each request to the disk fails in turn: the call returns an error, nothing has changed, and the
//! next opening finds one of the two states.

mod background;
mod goals;
mod recovery;
mod storage_error;
mod users;
mod users_files;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{OpenOptions, disk};
use crate::clock::ManualClock;
use crate::error::{CommitError, ControlError, FileError, LoadError, OpenError};
use crate::{Engine, ExperimentId, FlagId, NewExperiment, NewFlag, Status, Timestamp};

struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fairsplit-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn like(other: &Path) -> Directory {
        let this = Directory::new();
        copy(other, &this.0);
        this
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Directory) -> Result<Engine, OpenError> {
    let clock = ManualClock::new(Timestamp::from_unix_seconds(1_700_000_000));
    OpenOptions::new().clock(clock).open(&directory.0)
}

fn id(number: u8) -> ExperimentId {
    ExperimentId::from_bytes([number; 16])
}

fn flag(key: &str, number: u8) -> NewFlag {
    NewFlag::new(key, "old").id(FlagId::from_bytes([number; 16]))
}

fn new(number: u8) -> NewExperiment {
    let new = NewExperiment::new("An experiment", "production");
    new.variant("control", "old", 50).variant("treatment", "new", 50).id(id(number))
}

fn convert(engine: &Engine, times: u32) {
    for _ in 0..times {
        assert!(engine.convert_variant(id(1), "treatment").is_counted());
    }
}

fn conversions(engine: &Engine) -> u64 {
    engine.counts(id(1)).unwrap().variants()[1].ever.conversions
}

/// Two flags; an experiment that runs and has counted, one that is stopped, and a draft.
fn template() -> Directory {
    let directory = Directory::new();
    let engine = open(&directory).unwrap();
    engine.create_flag(flag("a", 1)).unwrap();
    engine.create_flag(flag("b", 2)).unwrap();
    engine.create_experiment("a", new(1).status(Status::Running)).unwrap();
    engine.create_experiment("b", new(2).status(Status::Running)).unwrap();
    engine.stop(id(2)).unwrap();
    engine.create_experiment("b", new(3)).unwrap();
    convert(&engine, 7);
    directory
}

fn stored<T>(result: Result<T, ControlError>) -> Result<(), FileError> {
    match result {
        Ok(_) => Ok(()),
        Err(ControlError::NotCommitted(CommitError::File(error))) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn loaded<T>(result: Result<T, LoadError>) -> Result<(), FileError> {
    match result {
        Ok(_) => Ok(()),
        Err(LoadError::NotCommitted(CommitError::File(error))) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// Makes each request of a change fail; how many there were.
fn fail_each(
    template: &Directory,
    name: &str,
    change: impl Fn(&Engine) -> Result<(), FileError>,
) -> u32 {
    let after = {
        let directory = Directory::like(&template.0);
        let engine = open(&directory).unwrap();
        change(&engine).unwrap();
        convert(&engine, 3);
        engine.to_json()
    };
    for position in 1.. {
        let directory = Directory::like(&template.0);
        let engine = open(&directory).unwrap();
        let before = engine.to_json();
        disk::fail_at(position);
        let result = change(&engine);
        let failed = disk::failed();
        disk::fail_at(0);
        let Some(failed) = failed else {
            assert_eq!(result, Ok(()), "{name}");
            return position - 1;
        };
        let what = format!("{name}: failed to {failed}");
        let error = result.unwrap_err();
        assert!(error.to_string().ends_with(": made to fail"), "{error}");
        assert_eq!(engine.to_json(), before, "{what}");
        convert(&engine, 3);
        assert_eq!(conversions(&engine), 10, "{what}");
        let counted = engine.to_json();
        drop(engine);

        let engine = open(&directory).unwrap();
        assert_eq!(conversions(&engine), 10, "{what}");
        if failed == "sync the directory" {
            // The new text has its name, but the name may not last.
            assert_eq!(engine.to_json(), after, "{what}");
        } else {
            assert_eq!(engine.to_json(), counted, "{what}");
            change(&engine).unwrap();
        }
        let changed = engine.to_json();
        drop(engine);
        let engine = open(&directory).unwrap();
        assert_eq!(engine.to_json(), changed, "{what}");
        let left = fs::read_dir(&directory.0).unwrap().count();
        assert_eq!(left, 3, "{what}");
    }
    unreachable!()
}

#[test]
fn a_change_that_fails_anywhere_has_not_been_made() {
    let template = template();
    let requests = [
        fail_each(&template, "create a flag", |engine| stored(engine.create_flag(flag("c", 3)))),
        fail_each(&template, "set a default", |engine| stored(engine.set_default("a", 5))),
        fail_each(&template, "create", |engine| stored(engine.create_experiment("a", new(4)))),
        fail_each(&template, "create a running one", |engine| {
            stored(engine.create_experiment("b", new(4).status(Status::Running)))
        }),
        fail_each(&template, "start", |engine| stored(engine.start(id(2)))),
        fail_each(&template, "force", |engine| stored(engine.force(id(1), "qa", "control"))),
        fail_each(&template, "reload", |engine| {
            let document: serde_json::Value = serde_json::from_str(&engine.to_json()).unwrap();
            let mut document = document;
            document["flags"][0]["default_value"] = 5.into();
            loaded(engine.replace(&document.to_string()))
        }),
    ];
    // What a change asks of the disk: append, sync the list; flush, create, write, sync, rename,
    // sync the directory.
    assert_eq!(requests, [8; 7]);
}

/// Cells that a failed change reserved are released: the id is free, for other variants too.
#[test]
fn what_a_failed_change_asked_for_is_given_back() {
    let template = template();
    for position in 1..=8 {
        let directory = Directory::like(&template.0);
        let engine = open(&directory).unwrap();
        disk::fail_at(position);
        stored(engine.create_experiment("a", new(4))).unwrap_err();
        engine.create_flag(flag("c", 3)).unwrap();
        engine.create_experiment("a", wide(4)).unwrap();
        let document = engine.to_json();
        drop(engine);
        assert_eq!(open(&directory).unwrap().to_json(), document);
    }
}

#[test]
fn a_start_that_fails_begins_no_new_period_of_users() {
    let directory = template();
    let engine = open(&directory).unwrap();
    engine.count_users(id(1), 10).unwrap();
    let exposed = || {
        let users = engine.users(id(1)).unwrap();
        users.variants().iter().map(|variant| variant.count.exposed).sum::<u64>()
    };
    // A failure to make the table is none of the start: the users are counted in memory.
    for position in 1.. {
        assert!(engine.environment("production").unwrap().evaluate("a", "anna").is_counted());
        engine.stop(id(1)).unwrap();
        disk::fail_at(position);
        if stored(engine.start(id(1))).is_err() {
            break;
        }
    }
    assert_eq!(exposed(), 1);
    engine.start(id(1)).unwrap();
    assert_eq!(exposed(), 0);
}

fn wide(number: u8) -> NewExperiment {
    let new = NewExperiment::new("Many variants", "production").id(id(number));
    (0..100).fold(new, |new, at| new.variant(format!("v{at}"), at, 1))
}

/// A directory whose file has to grow for the next wide experiment.
fn full() -> Directory {
    let size = |directory: &Directory| fs::metadata(directory.0.join("counters")).unwrap().len();
    let source = Engine::new();
    source.replace(&open(&template()).unwrap().to_json()).unwrap();
    let lines = 13 + 13 + 25 * crate::count::stripe::count() as usize;
    for number in 0..super::counters::segment::LINES / lines - 2 {
        source.create_experiment("b", wide(10 + u8::try_from(number).unwrap())).unwrap();
    }
    let directory = template();
    let engine = open(&directory).unwrap();
    engine.replace(&source.to_json()).unwrap();
    drop(engine);
    assert_eq!(size(&directory), 1 << 20);
    loop {
        let before = Directory::like(&directory.0);
        let engine = open(&directory).unwrap();
        let next = u8::try_from(engine.experiments("b").unwrap().len()).unwrap();
        engine.create_experiment("b", wide(100 + next)).unwrap();
        drop(engine);
        if size(&directory) > size(&before) {
            return before;
        }
    }
}

#[test]
fn a_file_that_cannot_grow_has_not_grown() {
    let requests =
        fail_each(&full(), "grow", |engine| stored(engine.create_experiment("b", wide(255))));
    // As above, and before it: seek, write, sync, map.
    assert_eq!(requests, 8 + 4);
}

/// A process that is killed once the file has grown leaves a segment that no block is in.
#[test]
fn segments_that_a_killed_growth_left_are_used_before_the_file_grows() {
    let directory = full();
    let path = directory.0.join("counters");
    let mut content = fs::read(&path).unwrap();
    content.resize(3 << 20, 0);
    fs::write(&path, &content).unwrap();
    let requests =
        fail_each(&directory, "fill", |engine| stored(engine.create_experiment("b", wide(255))));
    assert_eq!(requests, 8);
    let engine = open(&directory).unwrap();
    engine.create_experiment("b", wide(255)).unwrap();
    drop(engine);
    let content = fs::read(&path).unwrap();
    assert_eq!(content.len(), 3 << 20);
    let block = content.windows(8).rposition(|word| word == b"kcolb-sf").unwrap();
    assert_eq!(block, 1 << 20);
}

#[test]
fn a_directory_that_cannot_be_begun_can_be_begun_later() {
    for position in 1.. {
        let directory = Directory::new();
        disk::fail_at(position);
        let result = open(&directory);
        let failed = disk::failed();
        disk::fail_at(0);
        if failed.is_none() {
            result.unwrap();
            // Seek, write, sync, map, flush.
            assert_eq!(position - 1, 5);
            return;
        }
        assert!(matches!(result, Err(OpenError::File(_))), "{failed:?}: {result:?}");
        open(&directory).unwrap().create_flag(flag("a", 1)).unwrap();
        assert!(open(&directory).unwrap().flag("a").is_some());
    }
}

/// A process that is killed as the file grows leaves zeros behind what was there.
#[test]
fn zeros_at_the_end_are_room_to_grow_and_anything_else_is_damage() {
    let template = template();
    for length in [1, 128, 65536, (1 << 20) - 1] {
        let directory = Directory::like(&template.0);
        let path = directory.0.join("counters");
        let mut content = fs::read(&path).unwrap();
        content.resize(content.len() + length, 0);
        fs::write(&path, &content).unwrap();
        assert_eq!(conversions(&open(&directory).unwrap()), 7);
        *content.last_mut().unwrap() = 1;
        fs::write(&path, &content).unwrap();
        assert!(matches!(open(&directory), Err(OpenError::Damaged { .. })));
        // An empty file of counters beside definitions is nothing to begin with.
        fs::write(&path, vec![0; length - 1]).unwrap();
        assert!(matches!(open(&directory), Err(OpenError::Damaged { at: 0, .. })));
    }
}

/// A process that is killed as it makes the file leaves one without the first word.
#[test]
fn a_file_that_was_never_finished_is_begun_anew_if_nothing_was_ever_saved() {
    let path = |directory: &Directory| directory.0.join("counters");
    let mut made = {
        let directory = Directory::new();
        drop(open(&directory).unwrap());
        fs::read(path(&directory)).unwrap()
    };
    let is_begun = |content: &[u8]| {
        let directory = Directory::new();
        fs::write(path(&directory), content).unwrap();
        open(&directory).is_ok()
    };
    assert!(is_begun(&made));
    made[..8].fill(0);
    assert!(is_begun(&made));
    made[1000] = 1;
    assert!(!is_begun(&made));
    made[1000] = 0;
    made[0] = 1;
    assert!(!is_begun(&made));
    assert!(is_begun(&vec![0; made.len()]) && is_begun(&[0; 4711]) && is_begun(&[]));
}

/// Nothing has been saved yet, so nothing is missing.
#[test]
fn a_first_change_that_fails_leaves_a_directory_that_can_be_opened() {
    for position in 1..=8 {
        let directory = Directory::new();
        let engine = open(&directory).unwrap();
        disk::fail_at(position);
        stored(engine.create_flag(flag("a", 1))).unwrap_err();
        let failed = disk::failed();
        drop(engine);
        let engine = open(&directory).unwrap_or_else(|error| panic!("{failed:?}: {error}"));
        let is_saved = failed == Some("sync the directory");
        assert_eq!(engine.flags().len(), usize::from(is_saved), "{failed:?}");
    }
}

/// The text of a change that failed when its name was to be made last is in the file.
#[test]
fn a_change_after_one_whose_name_may_not_last_is_stored_or_fails() {
    let template = template();
    for position in 0..=9 {
        let directory = Directory::like(&template.0);
        let engine = open(&directory).unwrap();
        disk::fail_at(8);
        stored(engine.set_default("a", "other")).unwrap_err();
        assert_eq!(disk::failed(), Some("sync the directory"));
        disk::fail_at(position);
        let second = stored(engine.set_default("b", "other"));
        let failed = disk::failed();
        disk::fail_at(0);
        assert_eq!(second.is_err(), failed.is_some());
        let expected = engine.to_json();
        drop(engine);
        let engine = open(&directory).unwrap_or_else(|error| panic!("{failed:?}: {error}"));
        if second.is_ok() {
            assert_eq!(engine.to_json(), expected);
        }
    }
}

#[test]
fn taking_back_a_change_whose_name_may_not_last_is_stored() {
    let directory = template();
    let engine = open(&directory).unwrap();
    engine.set_default("a", "new").unwrap();
    let before = engine.to_json();
    disk::fail_at(8);
    stored(engine.set_default("a", "other")).unwrap_err();
    assert_eq!(disk::failed(), Some("sync the directory"));
    engine.replace(&before).unwrap();
    drop(engine);
    assert_eq!(open(&directory).unwrap().to_json(), before);
}

/// Deploys turn links while the process before still runs.
#[test]
#[cfg(unix)]
fn a_link_that_is_turned_leads_no_change_elsewhere() {
    use std::os::unix::fs::symlink;
    let (root, one, two) = (Directory::new(), Directory::new(), Directory::new());
    let link = root.0.join("current");
    symlink(&one.0, &link).unwrap();
    let engine = OpenOptions::new().open(&link).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&two.0, &link).unwrap();
    engine.create_flag(flag("a", 1)).unwrap();
    drop(engine);
    assert_eq!(fs::read_dir(&two.0).unwrap().count(), 0);
    assert!(open(&one).unwrap().flag("a").is_some());
}

/// An experiment that left the definitions before the engine was opened is known by its counters.
#[test]
fn other_variants_of_a_counted_experiment_are_a_fault_of_their_flag() {
    let directory = template();
    let engine = open(&directory).unwrap();
    let other = engine.to_json().replacen(r#""percentage": 50"#, r#""percentage": 40"#, 1);
    let other = other.replacen(r#""percentage": 50"#, r#""percentage": 60"#, 1);
    engine.replace(r#"{"flags": []}"#).unwrap();
    drop(engine);
    let engine = open(&directory).unwrap();
    let expected = format!(
        "flags[0].experiments[0]: must be the variants and the environment for which experiment {} has \
         counted; a new split is a new experiment",
        id(1)
    );
    assert_eq!(engine.replace(&other).unwrap_err().to_string(), expected);
    let report = engine.apply(&other).unwrap();
    let added: Vec<&str> =
        report.added.iter().filter_map(|named| named.flag_key.as_deref()).collect();
    assert_eq!((added, report.skipped.len()), (vec!["b"; 3], 1));
    assert_eq!(report.skipped[0].faults[0].to_string(), expected);
    drop(engine);

    let definitions = directory.0.join("definitions.json");
    fs::write(&definitions, other).unwrap();
    let edited = OpenOptions::new().accept_edited_definitions().open(&directory.0).unwrap_err();
    assert_eq!(edited.to_string(), format!("{}: {expected}", definitions.display()));
}
