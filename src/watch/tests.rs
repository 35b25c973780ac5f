//! Each way in which a file changes, notified by the operating system alone, and found by checking
//! alone.

use std::fs;
use std::io;
use std::sync::mpsc::RecvTimeoutError;

use super::*;
use crate::fault::Fault;

/// Far beyond what any of this takes; a test waits this long only if it fails.
const LONG: Duration = Duration::from_mins(1);

pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("fairsplit-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn document(value: u32) -> String {
    format!(
        r#"{{"flags": [{{"id": "00000000-0000-4000-8000-00000000000a", "key": "a", "default_value": {value}}}]}}"#
    )
}

/// An engine that follows a file, and the outcomes of its loads.
pub(super) struct Following {
    engine: Engine,
    outcomes: Receiver<Result<ApplyReport, WatchError>>,
    watch: Watch,
}

impl Following {
    pub(super) fn new(path: &Path, signals: Signals) -> Following {
        let engine = Engine::new();
        let (send, outcomes) = mpsc::channel();
        let on_load = move |outcome| send.send(outcome).unwrap();
        let watch = super::watch(&engine, path, ApplyOptions::new(), signals, on_load).unwrap();
        let following = Following { engine, outcomes, watch };
        assert_eq!(following.next().unwrap().added.len(), 1);
        following
    }

    pub(super) fn next(&self) -> Result<ApplyReport, WatchError> {
        self.outcomes.recv_timeout(LONG).expect("an outcome")
    }

    pub(super) fn value(&self) -> u64 {
        self.engine.flag("a").unwrap().default_value().as_u64().unwrap()
    }

    #[track_caller]
    pub(super) fn assert_next(&self, value: u64) {
        assert!(!self.next().unwrap().is_unchanged());
        assert_eq!(self.value(), value);
    }
}

pub(super) fn on_both(name: &str, test: impl Fn(&Path, Signals)) {
    for (at, signals) in
        [Signals::System, Signals::Time(Duration::from_millis(5))].into_iter().enumerate()
    {
        let directory = Directory::new(&format!("{name}-{at}"));
        test(&directory.0, signals);
    }
}

#[test]
fn a_file_that_is_written_in_place_or_replaced_or_goes_away_and_comes_back() {
    on_both("file", |directory, signals| {
        let path = directory.join("flags.json");
        fs::write(&path, document(1)).unwrap();
        let following = Following::new(&path, signals);
        assert_eq!(following.value(), 1);
        let new = directory.join("new");
        for value in [2, 4] {
            fs::write(&new, document(value)).unwrap();
            fs::rename(&new, &path).unwrap();
            following.assert_next(value.into());
        }
        fs::remove_file(&path).unwrap();
        let Err(WatchError::Unreadable(error)) = following.next() else { panic!("it is away") };
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(following.value(), 4);
        fs::write(&new, document(5)).unwrap();
        fs::rename(&new, &path).unwrap();
        following.assert_next(5);
        if let Signals::System = signals {
            // A check alone may come in the middle of it, and find an empty file.
            fs::write(&path, document(6)).unwrap();
            following.assert_next(6);
        }
    });
}

#[test]
fn a_file_in_a_directory_that_goes_away_and_comes_back() {
    on_both("away", |directory, signals| {
        let (place, away) = (directory.join("place"), directory.join("away"));
        fs::create_dir(&place).unwrap();
        fs::write(place.join("flags.json"), document(1)).unwrap();
        let following = Following::new(&place.join("flags.json"), signals);
        fs::rename(&place, &away).unwrap();
        following.next().unwrap_err();
        fs::write(away.join("flags.json"), document(2)).unwrap();
        fs::rename(&away, &place).unwrap();
        following.assert_next(2);
        fs::write(place.join("new"), document(3)).unwrap();
        fs::rename(place.join("new"), place.join("flags.json")).unwrap();
        following.assert_next(3);
    });
}

#[test]
fn a_byte_order_mark_at_the_start_is_skipped() {
    let directory = Directory::new("mark");
    let path = directory.0.join("flags.json");
    fs::write(&path, format!("\u{feff}{}", document(1))).unwrap();
    assert_eq!(Following::new(&path, Signals::System).value(), 1);
}

#[test]
fn bad_content_keeps_the_last_good_configuration() {
    on_both("bad", |directory, signals| {
        let path = directory.join("flags.json");
        let replace = |content: &[u8]| {
            fs::write(directory.join("new"), content).unwrap();
            fs::rename(directory.join("new"), &path).unwrap();
        };
        replace(document(1).as_bytes());
        let following = Following::new(&path, signals);
        for content in [&b"{"[..], b"", b"[]", b"\xff"] {
            replace(content);
            following.next().unwrap_err();
            assert_eq!(following.value(), 1);
        }
        let error = {
            replace(b"{");
            following.next().unwrap_err().to_string()
        };
        let expected = format!("{}: ", path.display());
        assert!(error.starts_with(&expected), "{error}");
        // A flag with a fault stays as it was, and the others are loaded.
        let faulty = document(2).replace("\"key\": \"a\"", "\"key\": \"\"");
        replace(faulty.as_bytes());
        let report = following.next().unwrap();
        assert_eq!((report.is_unchanged(), report.skipped.len()), (true, 1));
        assert!(report.skipped[0].faults.iter().any(|fault: &Fault| fault.path().ends_with("key")));
        assert_eq!(following.value(), 1);
        replace(document(3).as_bytes());
        following.assert_next(3);
        // The same again is nothing new; the next outcome is that of the next change.
        replace(document(3).as_bytes());
        replace(document(4).as_bytes());
        following.assert_next(4);
    });
}

#[test]
fn a_first_load_that_fails_follows_nothing() {
    let directory = Directory::new("first");
    let path = directory.0.join("flags.json");
    let engine = Engine::new();
    let (send, outcomes) = mpsc::channel();
    let outcome = engine.watch(&path, move |outcome| send.send(outcome).unwrap());
    assert!(matches!(outcome, Err(WatchError::Unreadable(_))), "{outcome:?}");
    assert!(outcomes.recv().is_err());
    fs::write(&path, "{").unwrap();
    let refused = engine.watch(&path, |_| {}).unwrap_err();
    assert!(matches!(refused, WatchError::Refused { .. }), "{refused}");
}

#[test]
fn a_watch_ends_when_it_is_dropped_also_by_what_it_tells() {
    let directory = Directory::new("end");
    let path = directory.0.join("flags.json");
    fs::write(&path, document(1)).unwrap();
    let following = Following::new(&path, Signals::System);
    drop(following.watch);
    assert_eq!(following.outcomes.recv_timeout(LONG).unwrap_err(), RecvTimeoutError::Disconnected);

    let engine = Engine::new();
    let (give, given) = mpsc::channel::<Watch>();
    let (send, outcomes) = mpsc::channel();
    let on_load = move |_| {
        if let Ok(watch) = given.try_recv() {
            drop(watch);
            send.send(()).unwrap();
        }
    };
    give.send(watch(&engine, &path, ApplyOptions::new(), Signals::System, on_load).unwrap())
        .unwrap();
    fs::write(directory.0.join("new"), document(2)).unwrap();
    fs::rename(directory.0.join("new"), &path).unwrap();
    outcomes.recv_timeout(LONG).unwrap();
    assert_eq!(outcomes.recv_timeout(LONG).unwrap_err(), RecvTimeoutError::Disconnected);
}

/// Reading a pipe would wait for a writer, and dropping the watch would wait for the read.
#[test]
#[cfg(unix)]
fn a_pipe_is_reported_and_blocks_neither_load_nor_drop() {
    on_both("pipe", |directory, signals| {
        let path = directory.join("flags.json");
        let pipe = directory.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        fs::write(&path, document(1)).unwrap();
        let following = Following::new(&path, signals);
        fs::rename(&pipe, &path).unwrap();
        let Err(WatchError::Unreadable(error)) = following.next() else {
            panic!("not a regular file")
        };
        assert!(error.to_string().ends_with(": not a regular file"), "{error}");
        fs::write(directory.join("new"), document(2)).unwrap();
        fs::rename(directory.join("new"), &path).unwrap();
        following.assert_next(2);
    });
}
