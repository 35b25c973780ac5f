//! Following a configuration file: when it changes, the configuration does.
//!
//! * `followed`: the file, and its last known content;
//! * `places`: the directories in which something changes when the file does.

mod followed;
#[cfg(all(test, unix))]
mod link_tests;
mod places;
#[cfg(test)]
mod tests;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::followed::{Followed, unreadable};
use self::places::Places;
use crate::engine::Engine;
use crate::engine::applying::options::{ApplyError, ApplyOptions};
use crate::engine::applying::report::ApplyReport;
use crate::engine::process::Process;
use crate::model::error::FileError;

/// How often the file is checked without a notification.
const POLL: Duration = Duration::from_secs(2);
/// A change is applied once nothing has changed for this long, so that a write in place can finish.
const SETTLE: Duration = Duration::from_millis(50);
/// The longest that a change waits for further ones.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the content of a file was not applied. The definitions are as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The file could not be read: it is missing, is not UTF-8 text, or is behind a cycle of links.
    #[error(transparent)]
    Unreadable(FileError),
    /// The file could be read, but was not applied.
    #[error("{}: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ApplyError,
    },
    /// The thread could not be started.
    #[error(transparent)]
    NoThread(FileError),
}

/// A file that an engine follows until this value is dropped.
#[derive(Debug)]
#[must_use = "the file is followed until this is dropped"]
pub struct Watch {
    owner: Process,
    is_over: Arc<AtomicBool>,
    /// Taken only when this is dropped.
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Applies a configuration document from a file, and again whenever the file changes: when it
    /// is written in place, when another file takes its name, or when a symbolic link on its path
    /// changes, as in a mounted `ConfigMap`. Each time works as [`Engine::apply`]: what the file
    /// changes is changed, and what was done by calls stays; a flag with a fault stays as it was,
    /// and content that is not a document changes nothing.
    ///
    /// `on_apply` is called with the outcome of each time: with the first before `watch` returns,
    /// with later ones on a thread that the watch owns. Unchanged content is not applied again; a
    /// file that is missing or cannot be read calls `on_apply` once. The thread holds a clone of
    /// the engine until the watch is dropped; dropping waits for a call that is under way. If
    /// `on_apply` panics, the watch ends.
    ///
    /// A change is applied within a fraction of a second after the last write, where the operating
    /// system sends notifications. Where it does not, as on a network file system or when no more
    /// watches are available, the file is read every two seconds.
    ///
    /// # Errors
    ///
    /// [`WatchError`] if the first load fails; then nothing is followed.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    ///
    /// # let path = std::env::temp_dir().join(format!("fairsplit-watch-{}", std::process::id()));
    /// # std::fs::write(&path, r#"{"flags": []}"#)?;
    /// let engine = Engine::new();
    /// let watch = engine.watch(&path, |applied| match applied {
    ///     Ok(report) => println!("{report}"),
    ///     Err(error) => println!("the definitions stay as they were: {error}"),
    /// })?;
    /// // For as long as the file is to be followed.
    /// drop(watch);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(
        &self,
        path: impl AsRef<Path>,
        on_apply: impl FnMut(Result<ApplyReport, WatchError>) + Send + 'static,
    ) -> Result<Watch, WatchError> {
        self.watch_with(path, ApplyOptions::new(), on_apply)
    }

    /// As [`watch`](Engine::watch), with options: another source, or removals that are allowed.
    ///
    /// # Errors
    ///
    /// As [`watch`](Engine::watch).
    pub fn watch_with(
        &self,
        path: impl AsRef<Path>,
        options: ApplyOptions,
        on_apply: impl FnMut(Result<ApplyReport, WatchError>) + Send + 'static,
    ) -> Result<Watch, WatchError> {
        watch(self, path.as_ref(), options, Signals::Both(POLL), on_apply)
    }
}

/// What makes the thread check the file.
#[derive(Clone, Copy, Debug)]
enum Signals {
    /// The operating system, and the time.
    Both(Duration),
    #[cfg(test)]
    System,
    #[cfg(test)]
    Time(Duration),
}

fn watch(
    engine: &Engine,
    path: &Path,
    options: ApplyOptions,
    signals: Signals,
    mut on_apply: impl FnMut(Result<ApplyReport, WatchError>) + Send + 'static,
) -> Result<Watch, WatchError> {
    // The current directory may change later.
    let path = std::path::absolute(path).map_err(|error| unreadable(path, &error))?;
    let (wake, woken) = mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    // Before the first check, so that no change after it is missed.
    let mut places = Places::new(signals, &wake);
    places.update(&path);
    let mut file = Followed { path, engine: engine.clone(), options, last: None };
    if let Some(outcome) = file.check() {
        on_apply(Ok(outcome?));
    }
    let (path, ended) = (file.path.clone(), Arc::clone(&is_over));
    let thread = thread::Builder::new().name("fairsplit-watch".to_owned()).spawn(move || {
        while wait(&woken, signals, &ended) {
            places.update(&file.path);
            if let Some(outcome) = file.check() {
                on_apply(outcome);
            }
        }
    });
    let thread =
        thread.map_err(|error| WatchError::NoThread(FileError::new("watch", &path, &error)))?;
    Ok(Watch { owner: Process::current(), is_over, wake: Some(wake), thread: Some(thread) })
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.owner.is_current() {
            // A child of `fork` has no such thread, and finds the channel as the thread left it.
            mem::forget((self.wake.take(), self.thread.take()));
            return;
        }
        self.is_over.store(true, Ordering::Release);
        if let Some(wake) = &self.wake {
            let _ = wake.send(());
        }
        match self.thread.take() {
            // `on_apply` itself may drop the watch, on this thread.
            Some(thread) if thread.thread().id() != thread::current().id() => drop(thread.join()),
            _ => {}
        }
    }
}

/// Waits until it is time to check the file; returns false once the watch is over.
fn wait(woken: &Receiver<()>, signals: Signals, is_over: &AtomicBool) -> bool {
    let is_notified = match signals {
        Signals::Both(poll) => woken.recv_timeout(poll).is_ok(),
        #[cfg(test)]
        Signals::System => woken.recv().is_ok(),
        #[cfg(test)]
        Signals::Time(poll) => woken.recv_timeout(poll).is_ok(),
    };
    if is_notified {
        let start = Instant::now();
        while !is_over.load(Ordering::Acquire)
            && start.elapsed() < PATIENCE
            && woken.recv_timeout(SETTLE).is_ok()
        {}
    }
    !is_over.load(Ordering::Acquire)
}
