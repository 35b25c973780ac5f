//! Opening a directory.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::background::{Background, OnFailure};
use super::changes::{Changes, Kept};
use super::counters::Counters;
use super::definitions;
use super::directory::{CHANGES, COUNTERS, DEFINITIONS, Directory};
use super::error::OpenError;
use super::lock::{Access, lock};
use super::recover::unfinished_recovery;
use super::users::Users;
use crate::engine::Engine;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::durability::Durability;
use crate::engine::store::Store;
use crate::model::capacity::Capacity;
use crate::model::error::{CommitError, FileError, LoadError};

/// Options for opening a directory; [`Engine::open`] uses the defaults.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use fairsplit::Timestamp;
/// use fairsplit::clock::ManualClock;
/// use fairsplit::durable::OpenOptions;
///
/// # let directory = std::env::temp_dir().join(format!("fairsplit-doc-{}", std::process::id()));
/// let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(0)));
/// let engine = OpenOptions::new().clock(clock).open(&directory)?;
/// assert!(engine.flags().is_empty());
/// # drop(engine);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), fairsplit::error::OpenError>(())
/// ```
#[must_use = "nothing is opened yet"]
pub struct OpenOptions {
    clock: Box<dyn Clock>,
    accepts_edits: bool,
    patience: Duration,
    sync: Option<(Duration, OnFailure)>,
    kept: Kept,
    default_users: Option<Capacity>,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenOptions { clock, accepts_edits, patience, sync, kept, default_users } = self;
        let sync = sync.as_ref().map(|(interval, _)| interval);
        f.debug_struct("OpenOptions")
            .field("clock", clock)
            .field("accepts_edits", accepts_edits)
            .field("patience", patience)
            .field("sync", &sync)
            .field("kept", kept)
            .field("default_users", default_users)
            .finish()
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            clock: Box::new(SystemClock),
            accepts_edits: false,
            patience: Duration::ZERO,
            sync: None,
            kept: Kept::default(),
            default_users: None,
        }
    }
}

impl OpenOptions {
    /// The defaults: the system's clock, no edited definitions, no waiting, no background syncs.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Sets the clock.
    pub fn clock(self, clock: impl Clock + 'static) -> OpenOptions {
        OpenOptions { clock: Box::new(clock), ..self }
    }

    /// Accepts definitions that were edited by hand while no engine had the directory open, if they
    /// have no fault. Without this, a file that differs from the saved one is an
    /// [error](OpenError::Edited): it may be damaged and still be valid JSON.
    pub fn accept_edited_definitions(self) -> OpenOptions {
        OpenOptions { accepts_edits: true, ..self }
    }

    /// Keeps this number of the newest [changes](Engine::changes), of those no older than this. The
    /// default is 10,000 of the last 366 days.
    pub fn keep_changes(self, number: usize, age: Duration) -> OpenOptions {
        OpenOptions { kept: Kept { number: number.max(1), age }, ..self }
    }

    /// Sets how many users are kept at most of each experiment that does not say, as
    /// [`Engine::set_default_users`] does, from the opening on. Without it, no counting begins or
    /// ends: where an engine with a default has counted the users of a run, the counting goes on to
    /// the end of that run. A 0 ends it, and drops the users of what is running.
    /// More than [`MAX_USERS`](crate::fault::MAX_USERS) counts as that.
    pub fn default_users(self, capacity: u32) -> OpenOptions {
        OpenOptions { default_users: Capacity::nearest(capacity), ..self }
    }

    /// Waits for up to this long while another engine has the directory, and then continues where
    /// that one ended. Without this, and at the end of the time, a directory in use is an
    /// [error](OpenError::InUse). The calling thread is blocked; the lock is tried every few
    /// milliseconds, and engines that wait at the same time get it in no particular order.
    ///
    /// This is for a new process that takes over from an old one:
    /// [`docs::durable`](crate::docs::durable) says how.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use fairsplit::Engine;
    /// use fairsplit::durable::OpenOptions;
    ///
    /// # let directory = std::env::temp_dir().join(format!("fairsplit-wait-{}", std::process::id()));
    /// let old = Engine::open(&directory)?;
    /// thread::spawn(move || drop(old)); // the old process ends
    /// let new = OpenOptions::new().wait(Duration::from_secs(30)).open(&directory)?;
    /// # drop(new);
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), fairsplit::error::OpenError>(())
    /// ```
    pub fn wait(self, patience: Duration) -> OpenOptions {
        OpenOptions { patience, ..self }
    }

    /// Calls [`Engine::sync`] on a separate thread, at this interval. After a loss of power, only
    /// counts of the last interval, plus the time that the disk needs, can be missing. Without
    /// this, the kernel decides when counts are written. The interval is at least a millisecond; a
    /// second is reasonable.
    ///
    /// `on_failure` is called on that thread with each failure, and the next interval tries again.
    /// It must not hold the engine, which would then never be dropped; if it panics, syncing goes
    /// on. Dropping the engine's last clone ends the thread, and waits for a sync that is under
    /// way.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use fairsplit::durable::OpenOptions;
    ///
    /// # let directory = std::env::temp_dir().join(format!("fairsplit-sync-{}", std::process::id()));
    /// let engine = OpenOptions::new()
    ///     .sync_every(Duration::from_secs(1), |error| eprintln!("{error}"))
    ///     .open(&directory)?;
    /// # drop(engine);
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), fairsplit::error::OpenError>(())
    /// ```
    pub fn sync_every(
        self,
        interval: Duration,
        on_failure: impl FnMut(&FileError) + Send + 'static,
    ) -> OpenOptions {
        OpenOptions { sync: Some((interval, Box::new(on_failure))), ..self }
    }

    /// Opens a directory, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Engine, OpenError> {
        let directory = directory.as_ref();
        let failed = |tried: &'static str, path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| FileError::new(tried, &path, &error)
        };
        fs::create_dir_all(directory).map_err(failed("make", directory))?;
        // Links on the path and the current directory may change later.
        let directory = &fs::canonicalize(directory).map_err(failed("find", directory))?;
        let (definitions, counters) = (directory.join(DEFINITIONS), directory.join(COUNTERS));
        let is_there = |path: &Path| path.try_exists().map_err(failed("look for", path));
        let file = lock(&counters, Access::CountBeside(&definitions), self.patience)?;
        // From here on, no other engine with this directory is disturbed, nor disturbs.
        let is_first = !is_there(&definitions)?;
        let (opened, is_new) = Counters::open(file, &counters, is_first)?;
        for unfinished in [definitions::unfinished(&definitions), unfinished_recovery(directory)] {
            if is_there(&unfinished)? {
                fs::remove_file(&unfinished).map_err(failed("remove", &unfinished))?;
            }
        }
        let text = if is_new { None } else { text(&definitions, &opened, self.accepts_edits)? };
        opened.set_trusting(text.as_ref().is_some_and(|text| opened.has_written(text)));
        let opened = Arc::new(opened);
        let users = Arc::new(Users::open(Arc::clone(&opened), directory)?);
        let start = |(interval, on_failure)| Background::start(&users, interval, on_failure);
        let background =
            self.sync.map(start).transpose().map_err(failed("start a thread for", directory))?;
        let changes_path = directory.join(CHANGES);
        let changes = Changes::open(&changes_path, self.kept);
        let directory = Arc::new(Directory {
            _background: background,
            counters: Arc::clone(&opened),
            users: Arc::clone(&users),
            definitions: definitions.clone(),
            changes: changes.map_err(failed("open", &changes_path))?,
            changes_path,
            may_not_last: AtomicBool::new(false),
        });
        let durability: Arc<dyn Durability> = Arc::<Directory>::clone(&directory);
        let store: Arc<dyn Store> = Arc::<Directory>::clone(&directory);
        let engine = Engine::with_parts(self.clock, Some(store), Some(durability));
        if let Some(capacity) = self.default_users {
            engine.count_by_default(capacity)?;
        }
        let unlisted = |error: io::Error| directory.unlisted("write", &error);
        match &text {
            Some(text) if opened.knows(text) => {
                let restored = engine.restore(text);
                restored.map_err(|source| not_loaded(source, &definitions))?;
                directory.changes.cut(engine.snapshot().version()).map_err(unlisted)?;
            }
            Some(text) => {
                let newest = directory.changes.newest().map_err(unlisted)?;
                let accepted = engine.accept_edits(text, newest);
                accepted.map_err(|source| not_loaded(source, &definitions))?;
            }
            // The first change may have been listed, and never made. A longer list is that of a
            // directory whose definitions are gone: its versions go on.
            None => match directory.changes.newest().map_err(unlisted)? {
                0 | 1 => directory.changes.cut(0).map_err(unlisted)?,
                newest => engine.continue_from(newest),
            },
        }
        opened.set_trusting(false);
        users.begin();
        Ok(engine)
    }
}

/// Why stored definitions could not be loaded.
pub(super) fn not_loaded(source: LoadError, definitions: &Path) -> OpenError {
    match source {
        LoadError::NotCommitted(CommitError::File(error)) => OpenError::File(error),
        source => OpenError::Definitions { path: definitions.to_owned(), source },
    }
}

/// The definitions that belong to these counters, if any were ever saved.
pub(super) fn text(
    path: &Path,
    counters: &Counters,
    accepts_edits: bool,
) -> Result<Option<String>, OpenError> {
    let content = definitions::read(path).map_err(|error| FileError::new("read", path, &error))?;
    match content.map(String::from_utf8) {
        None if counters.has_no_definitions() => Ok(None),
        None => Err(OpenError::Missing { path: path.to_owned() }),
        Some(Ok(text)) if accepts_edits || counters.knows(&text) => Ok(Some(text)),
        Some(_) => Err(OpenError::Edited { path: path.to_owned() }),
    }
}

impl Engine {
    /// Opens an engine that outlives its process: one line makes an engine that survives SIGKILL
    /// without losing a count. It creates the directory if it does not exist, and continues where
    /// the last engine in it ended.
    ///
    /// Every change is on disk before it is visible; a change that cannot be stored returns an
    /// error and changes nothing. Counting costs the same as in memory, since the cells are in
    /// memory that the kernel keeps: a crash or a kill of the process loses no count. A loss of
    /// power loses what was counted since the last [`sync`](Engine::sync), unless the kernel has
    /// written it by then. [`docs::durable`](crate::docs::durable) has the table of what survives
    /// what, and the formats.
    ///
    /// The directory belongs to this engine until the engine and all its clones, handles, readers
    /// and views are dropped.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: in use, unreadable, damaged, or edited by hand. Nothing in the directory
    /// was changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// # let directory = std::env::temp_dir().join(format!("fairsplit-open-{}", std::process::id()));
    /// let engine = Engine::open(&directory)?;
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// assert!(engine.convert_variant(id, "control").is_counted());
    /// drop(engine);
    ///
    /// let engine = Engine::open(&directory)?;
    /// assert_eq!(engine.experiment(id).unwrap().conversions().next(), Some(("control", 1)));
    /// # drop(engine);
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(directory: impl AsRef<Path>) -> Result<Engine, OpenError> {
        OpenOptions::new().open(directory)
    }
}
