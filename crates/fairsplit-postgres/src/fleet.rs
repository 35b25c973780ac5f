//! An engine that is one of many.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fairsplit::{Engine, ExperimentId};

use crate::cells::Cells;
use crate::connection::Connection;
use crate::counts::{FleetCounts, FleetGoalCounts, Known};
use crate::error::FleetError;
use crate::options::FleetOptions;
use crate::postgres::Postgres;
use crate::status::{FleetStatus, Shared};
use crate::worker::{Command, Worker};

/// An engine that is one of a fleet: what it counts goes to a database that all processes share.
///
/// Drop it, or [leave](Fleet::leave), before the process ends: that ships what was counted since the
/// last flush. Evaluating and counting never wait for the database, whatever state it is in.
pub struct Fleet {
    engine: Engine,
    shared: Arc<Mutex<Shared>>,
    commands: Sender<Command>,
    /// `None` once it has left.
    thread: Option<JoinHandle<()>>,
    leaving: Duration,
    process: u32,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Fleet {
    /// Makes an engine one of the fleet in the database of this URL, which
    /// [`Schema::init`](crate::Schema::init) has prepared.
    ///
    /// What the engine counts from now on is shipped every 10 seconds, by a thread of its own; what
    /// it has counted before is not. An engine joins once: it is then one process of the fleet, and
    /// joined again before it has left, it would be another one that counts the same events.
    ///
    /// Returns without waiting for the database, so that a service starts without it. To know that
    /// it answers, call [`flush`](Fleet::flush).
    ///
    /// The URL is as for `psql`, or a list as in `host=/var/run/postgresql user=shop`. The
    /// connection is in plain text; one that leaves the machine is refused unless the URL says
    /// `sslmode=disable`.
    ///
    /// # Errors
    ///
    /// [`FleetError::Url`], [`FleetError::PlainText`], [`FleetError::Tls`] for the URL;
    /// [`FleetError::HasDirectory`] for an engine from `Engine::open`; [`FleetError::Thread`].
    pub fn join(engine: &Engine, url: &str) -> Result<Fleet, FleetError> {
        FleetOptions::new().join(engine, url)
    }

    pub(crate) fn with(
        options: FleetOptions,
        engine: &Engine,
        url: &str,
    ) -> Result<Fleet, FleetError> {
        let FleetOptions { schema, label, interval, limit, leaving } = options;
        let connection = Connection::new(url, limit)?;
        let reader = engine.delta_reader().ok_or(FleetError::HasDirectory)?;
        let shared = Arc::new(Mutex::new(Shared { interval, ..Shared::default() }));
        let ledger = Postgres::new(connection, schema, label);
        let worker = Worker::new(ledger, reader, interval, Arc::clone(&shared));
        let (commands, received) = mpsc::channel();
        let thread = thread::Builder::new().name("fairsplit-fleet".to_owned());
        let thread = thread.spawn(move || worker.run(&received));
        let thread = thread.map_err(|error| FleetError::Thread { reason: error.to_string() })?;
        let (engine, process) = (engine.clone(), std::process::id());
        Ok(Fleet { engine, shared, commands, thread: Some(thread), leaving, process })
    }

    /// Ships what has been counted until now, and waits for the database. Needed only where another
    /// process is to see it at once.
    ///
    /// Not to be called where blocking is not allowed; at most some
    /// [limits of a statement](FleetOptions::statement_limit).
    ///
    /// # Errors
    ///
    /// [`FleetError`] if the database refuses or does not answer. It is tried again.
    pub fn flush(&self) -> Result<(), FleetError> {
        self.ask(Command::Flush)?
    }

    /// What all processes have counted for an experiment, as far as they have shipped it. Asks the
    /// database, and blocks as [`flush`](Fleet::flush) does; does not ship what this process has
    /// counted.
    ///
    /// The database knows a variant by its position, so an experiment has the same variants in all
    /// processes.
    ///
    /// # Errors
    ///
    /// [`FleetError::UnknownExperiment`] if this engine does not know it; as
    /// [`flush`](Fleet::flush).
    pub fn counts(&self, experiment: ExperimentId) -> Result<FleetCounts, FleetError> {
        let known = Known::by(&self.engine, experiment)?;
        Ok(known.counts(&self.read(experiment)?))
    }

    /// What all processes have counted for the goals of an experiment; one entry for each goal that
    /// was counted. As [`counts`](Fleet::counts).
    ///
    /// # Errors
    ///
    /// As [`counts`](Fleet::counts).
    pub fn goal_counts(
        &self,
        experiment: ExperimentId,
    ) -> Result<Vec<FleetGoalCounts>, FleetError> {
        let known = Known::by(&self.engine, experiment)?;
        Ok(known.goal_counts(&self.read(experiment)?))
    }

    /// How this process stands with the database. Asks nothing, and does not wait.
    #[must_use]
    pub fn status(&self) -> FleetStatus {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).status()
    }

    /// Ships for the last time, and waits for that, at most this long. What the engine counts from
    /// now on is not shipped.
    ///
    /// # Errors
    ///
    /// [`FleetError::Unshipped`] with the events that are not in the database as far as is known.
    pub fn leave(mut self, within: Duration) -> Result<(), FleetError> {
        self.end(within)
    }

    fn end(&mut self, within: Duration) -> Result<(), FleetError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if self.process != std::process::id() {
            // The thread is the parent's: waiting for it would never end.
            std::mem::forget(thread);
            return Err(FleetError::Forked);
        }
        let until = Instant::now().checked_add(within).unwrap_or_else(Instant::now);
        let (answer, answered) = mpsc::channel();
        if self.commands.send(Command::Leave(until, answer)).is_err() {
            return Err(self.unshipped());
        }
        match answered.recv_timeout(within) {
            Ok(events) => {
                // It has nothing more to do.
                drop(thread.join());
                if events == 0 { Ok(()) } else { Err(FleetError::Unshipped { events }) }
            }
            // It waits for a statement, and ends after that.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(self.unshipped())
            }
        }
    }

    fn unshipped(&self) -> FleetError {
        FleetError::Unshipped { events: self.status().unshipped }
    }

    fn read(&self, experiment: ExperimentId) -> Result<Cells, FleetError> {
        self.ask(|answer| Command::Read(experiment, answer))?
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, FleetError> {
        if self.process != std::process::id() {
            return Err(FleetError::Forked);
        }
        let (answer, answered) = mpsc::channel();
        let gone = || FleetError::Thread { reason: "it has ended".to_owned() };
        self.commands.send(command(answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // What could not be shipped is lost with the process; `leave` returns how much.
        drop(self.end(self.leaving));
    }
}
