//! Following a configuration file: whoever replaces it, replaces the configuration.
//!
//! * `followed`: the file, and what was last seen of it;
//! * `places`: the directories in which something changes when the file does.

mod followed;
mod places;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::followed::{Followed, unreadable};
use self::places::Places;
use crate::engine::Engine;
use crate::engine::load_report::LoadReport;
use crate::model::error::{FileError, LoadError};

/// How often the file is looked at if nobody tells of a change.
const POLL: Duration = Duration::from_secs(2);
/// A change is taken when nothing has changed for so long: who writes in place is not interrupted.
const SETTLE: Duration = Duration::from_millis(50);
/// Whoever never stops writing is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the content of a file was not taken. The configuration is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The file could not be read: it is not there, or is no text.
    #[error(transparent)]
    Unreadable(FileError),
    /// The file could be read, and is no configuration.
    #[error("{}: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: LoadError,
    },
    /// There is no thread to be had.
    #[error(transparent)]
    NoThread(FileError),
}

/// A file that an engine follows, until this is dropped.
#[derive(Debug)]
#[must_use = "the file is followed until this is dropped"]
pub struct Watch {
    is_over: Arc<AtomicBool>,
    wake: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Loads a configuration document from a file, and again whenever the file changes: when it is
    /// written in place, when another file takes its name, or when a symbolic link on the way to it is
    /// turned, as in a mounted `ConfigMap`. Each time as [`Engine::reload_tolerant`] does: a flag with a
    /// fault keeps its last good definition, and content that is no document changes nothing.
    ///
    /// `on_load` is told what became of it: of this first load before `watch` returns, of others on a
    /// thread that the watch owns. The same content again is no change and is not told; a file that is
    /// away or cannot be read is told once. That thread holds a clone of the engine until the watch is
    /// dropped, which waits for a load that is under way. If `on_load` panics, the watch is over.
    ///
    /// A change is taken within a fraction of a second after the last write, where the operating system
    /// tells of it. Where it does not, on a network's file system or when it has no more watches to give,
    /// the file is read every two seconds.
    ///
    /// # Errors
    ///
    /// [`WatchError`] if the first load fails: nothing is followed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    ///
    /// # let path = std::env::temp_dir().join(format!("fairsplit-watch-{}", std::process::id()));
    /// # std::fs::write(&path, r#"{"flags": []}"#)?;
    /// let engine = Engine::new();
    /// let watch = engine.watch(&path, |loaded| match loaded {
    ///     Ok(report) => println!("{} flags, {} skipped", report.loaded, report.skipped.len()),
    ///     Err(error) => println!("the configuration stays as it was: {error}"),
    /// })?;
    /// // For as long as the file is to be followed.
    /// drop(watch);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(
        &self,
        path: impl AsRef<Path>,
        on_load: impl FnMut(Result<LoadReport, WatchError>) + Send + 'static,
    ) -> Result<Watch, WatchError> {
        watch(self, path.as_ref(), Signals::Both(POLL), on_load)
    }
}

/// What makes somebody look at the file.
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
    signals: Signals,
    mut on_load: impl FnMut(Result<LoadReport, WatchError>) + Send + 'static,
) -> Result<Watch, WatchError> {
    // The current directory may be another one later.
    let path = std::path::absolute(path).map_err(|error| unreadable(path, &error))?;
    let (wake, woken) = mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    // Before the first look, so that no change after it is missed.
    let mut places = Places::new(signals, &wake);
    places.update(&path);
    let mut file = Followed { path, engine: engine.clone(), last: None };
    if let Some(outcome) = file.look() {
        on_load(Ok(outcome?));
    }
    let (path, ended) = (file.path.clone(), Arc::clone(&is_over));
    let thread = thread::Builder::new().name("fairsplit-watch".to_owned()).spawn(move || {
        while wait(&woken, signals, &ended) {
            places.update(&file.path);
            if let Some(outcome) = file.look() {
                on_load(outcome);
            }
        }
    });
    let thread =
        thread.map_err(|error| WatchError::NoThread(FileError::new("watch", &path, &error)))?;
    Ok(Watch { is_over, wake, thread: Some(thread) })
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let _ = self.wake.send(());
        match self.thread.take() {
            // It may be what is told of a load that drops it.
            Some(thread) if thread.thread().id() != thread::current().id() => drop(thread.join()),
            _ => {}
        }
    }
}

/// Waits until it is time to look at the file; whether there is anything to wait for.
fn wait(woken: &Receiver<()>, signals: Signals, is_over: &AtomicBool) -> bool {
    let is_told = match signals {
        Signals::Both(poll) => woken.recv_timeout(poll).is_ok(),
        #[cfg(test)]
        Signals::System => woken.recv().is_ok(),
        #[cfg(test)]
        Signals::Time(poll) => woken.recv_timeout(poll).is_ok(),
    };
    if is_told {
        let start = Instant::now();
        while !is_over.load(Ordering::Acquire)
            && start.elapsed() < PATIENCE
            && woken.recv_timeout(SETTLE).is_ok()
        {}
    }
    !is_over.load(Ordering::Acquire)
}
