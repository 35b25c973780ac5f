//! A thread that syncs at an interval.

use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::users::Users;
use crate::engine::process::Process;
use crate::model::error::FileError;

/// The name of the thread.
pub(super) const NAME: &str = "fairsplit-sync";

/// The shortest interval.
const SHORTEST: Duration = Duration::from_millis(1);

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Background {
    owner: Process,
    /// The thread ends when this is dropped.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) type OnFailure = Box<dyn FnMut(&FileError) + Send>;

impl Background {
    pub(super) fn start(
        users: &Arc<Users>,
        interval: Duration,
        mut on_failure: OnFailure,
    ) -> io::Result<Background> {
        let (end, ended) = mpsc::channel();
        // The thread must not keep the directory in use.
        let users: Weak<Users> = Arc::downgrade(users);
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            while ended.recv_timeout(interval.max(SHORTEST)) == Err(RecvTimeoutError::Timeout) {
                let Some(users) = users.upgrade() else { return };
                if let Err(error) = users.sync() {
                    // Syncing must not end because its failure could not be reported; the panic
                    // has been printed, or whatever the program's hook does.
                    let _ = panic::catch_unwind(AssertUnwindSafe(|| on_failure(&error)));
                }
            }
        })?;
        Ok(Background { owner: Process::current(), end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if !self.owner.is_current() {
            // A child of `fork` has no such thread, and finds the channel as the thread left it.
            mem::forget((self.end.take(), self.thread.take()));
            return;
        }
        drop(self.end.take());
        match self.thread.take() {
            // The callback on a failure may drop the engine, on this very thread, which cannot join
            // itself.
            Some(thread) if thread.thread().id() != thread::current().id() => drop(thread.join()),
            _ => {}
        }
    }
}
