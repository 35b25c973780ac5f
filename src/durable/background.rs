//! A thread that syncs at an interval.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::counters::Counters;
use crate::model::error::FileError;

/// The name of the thread.
pub(super) const NAME: &str = "fairsplit-sync";

/// The shortest interval.
const SHORTEST: Duration = Duration::from_millis(1);

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Background {
    /// The thread ends when this is dropped.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) type OnFailure = Box<dyn FnMut(&FileError) + Send>;

impl Background {
    pub(super) fn start(
        counters: &Arc<Counters>,
        interval: Duration,
        mut on_failure: OnFailure,
    ) -> io::Result<Background> {
        let (end, ended) = mpsc::channel();
        // The thread must not keep the directory in use.
        let counters: Weak<Counters> = Arc::downgrade(counters);
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            while ended.recv_timeout(interval.max(SHORTEST)) == Err(RecvTimeoutError::Timeout) {
                let Some(counters) = counters.upgrade() else { return };
                if let Err(error) = counters.sync() {
                    on_failure(&error);
                }
            }
        })?;
        Ok(Background { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.end.take());
        match self.thread.take() {
            // The callback on a failure may drop the engine, on this very thread, which cannot join
            // itself.
            Some(thread) if thread.thread().id() != thread::current().id() => drop(thread.join()),
            _ => {}
        }
    }
}
