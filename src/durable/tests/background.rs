//! The thread that syncs, on a disk that fails each of its requests.

use std::sync::mpsc;
use std::time::Duration;

use super::{Directory, flag, new, open};
use crate::Engine;
use crate::durable::OpenOptions;
use crate::error::OpenError;

#[test]
fn the_background_syncs_again_and_again_tells_what_fails_and_ends_with_the_engine() {
    let directory = Directory::new();
    let (sender, failures) = mpsc::channel();
    let engine = OpenOptions::new()
        .sync_every(Duration::ZERO, move |error| sender.send(error.clone()).unwrap())
        .open(&directory.0)
        .unwrap();
    engine.create_flag(flag("a", 1)).unwrap();
    engine.create_experiment("a", new(1)).unwrap();
    let handle = engine.environment("production").unwrap().flag("a");
    for _ in 0..3 {
        let failure = failures.recv().unwrap().to_string();
        let file = directory.0.join("counters");
        assert_eq!(failure, format!("cannot write {}: made to fail", file.display()));
    }
    let clone = engine.clone();
    drop(engine);
    assert!(failures.recv().is_ok());
    drop(clone);
    // The thread has ended, and its calls with it.
    assert!(failures.try_iter().count() < 1000 && failures.recv().is_err());
    // A handle in whose snapshot something is counted keeps the directory, and no thread.
    assert!(matches!(open(&directory), Err(OpenError::InUse { .. })));
    drop(handle);
    open(&directory).unwrap();
}

/// The thread itself may drop the last engine.
#[test]
fn the_background_may_drop_the_engine() {
    let directory = Directory::new();
    let (sender, engines) = mpsc::channel::<Engine>();
    let (done, is_done) = mpsc::channel();
    let options = OpenOptions::new().sync_every(Duration::ZERO, move |_| {
        drop(engines.recv());
        let _ = done.send(());
    });
    sender.send(options.open(&directory.0).unwrap()).unwrap();
    is_done.recv().unwrap();
    // Within a moment of that, nothing holds the directory.
    while matches!(open(&directory), Err(OpenError::InUse { .. })) {
        std::thread::yield_now();
    }
}

#[test]
fn the_background_goes_on_syncing_after_its_callback_has_panicked() {
    let directory = Directory::new();
    let (sender, failures) = mpsc::channel();
    let engine = OpenOptions::new()
        .sync_every(Duration::ZERO, move |_| {
            let _ = sender.send(());
            // Without a message: the hook is not called.
            std::panic::resume_unwind(Box::new(()));
        })
        .open(&directory.0)
        .unwrap();
    for _ in 0..3 {
        failures.recv().unwrap();
    }
    assert!(engine.storage_error().is_some());
}
