//! The thread that ships the counts of an engine. It holds nothing that an evaluation or a conversion
//! needs: it reads the counters as a scrape does.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fairsplit::ExperimentId;
use fairsplit::counts::{Count, DeltaReader};

use crate::cells::{Cell, Cells, Key};
use crate::error::FleetError;
use crate::ledger::{Answer, Ledger};
use crate::lives::Lives;
use crate::pace::Pace;
use crate::status::Shared;

/// A life that has not been heard of for longer is folded, unless it has a directory.
const GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a process folds those that are over.
const FOLDING: Duration = Duration::from_secs(3600);
/// How often a flush is repeated at once: a life that was refused begins anew, and a database that
/// went back needs all cells.
const ROUNDS: usize = 4;

/// What is asked of the thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// To ship now.
    Flush(Sender<Result<(), FleetError>>),
    /// To read the counts of an experiment.
    Read(ExperimentId, Sender<Result<Cells, FleetError>>),
    /// To ship for the last time, until this moment at most; answered with the events that were not.
    Leave(Instant, Sender<u64>),
}

#[derive(Debug)]
pub(crate) struct Worker<L> {
    ledger: L,
    reader: DeltaReader,
    lives: Lives,
    /// What the engine has counted since it joined.
    cells: Cells,
    pace: Pace,
    shared: Arc<Mutex<Shared>>,
    folds_at: Instant,
}

impl<L: Ledger<Error = FleetError>> Worker<L> {
    pub(crate) fn new(
        ledger: L,
        reader: DeltaReader,
        interval: Duration,
        shared: Arc<Mutex<Shared>>,
    ) -> Worker<L> {
        let cells = Cells::default();
        let lives = Lives::open(None, &cells, false);
        let now = Instant::now();
        let folds_at = now.checked_add(Pace::new(FOLDING).first()).unwrap_or(now);
        Worker { ledger, reader, lives, cells, pace: Pace::new(interval), shared, folds_at }
    }

    /// Ships until it is asked to leave, or the fleet is gone.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut due = Instant::now().checked_add(self.pace.first());
        loop {
            let wait = due.map_or(FOLDING, |due| due.saturating_duration_since(Instant::now()));
            match commands.recv_timeout(wait) {
                Ok(Command::Flush(answer)) => {
                    let (shipped, next) = self.beat();
                    due = Instant::now().checked_add(next);
                    // The caller may have gone.
                    drop(answer.send(shipped));
                }
                Ok(Command::Read(experiment, answer)) => {
                    let read = self.ledger.read(experiment);
                    self.note(read.as_ref().err());
                    drop(answer.send(read));
                }
                Ok(Command::Leave(until, answer)) => {
                    let _ = answer.send(self.leave(until));
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (_, next) = self.beat();
                    due = Instant::now().checked_add(next);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Counts and ships; returns the time until the next beat as well.
    fn beat(&mut self) -> (Result<(), FleetError>, Duration) {
        self.count();
        let started = Instant::now();
        let shipped = self.ship();
        self.note(shipped.as_ref().err());
        let next = match &shipped {
            Ok(()) => self.pace.after(started.elapsed()),
            Err(_) => self.pace.after_failure(),
        };
        self.shared().interval = self.pace.interval();
        if shipped.is_ok() && Instant::now() >= self.folds_at {
            self.folds_at = Instant::now().checked_add(FOLDING).unwrap_or(self.folds_at);
            // One that fails is done by another process, or an hour later.
            let folded = self.ledger.fold(GRACE);
            self.note(folded.err().as_ref());
        }
        (shipped, next)
    }

    /// Adds what the engine has counted since the last time.
    fn count(&mut self) {
        for delta in self.reader.read() {
            let Some(run) = in_range(delta.run) else { continue };
            let variant = u16::try_from(delta.position).unwrap_or(u16::MAX);
            let key = |goal| Key { experiment: delta.experiment, run, variant, goal };
            let count = delta.added();
            if count != Count::default() {
                self.cells.add(key(None), Cell([count.exposures, count.conversions, 0]));
            }
            for of in &delta.goals {
                let count = of.added();
                let cell = Cell([count.events, count.gained, count.lost]);
                self.cells.add(key(Some(Arc::from(&*of.goal))), cell);
            }
        }
    }

    /// Ships what has been counted, and all of it if this succeeds.
    fn ship(&mut self) -> Result<(), FleetError> {
        for _ in 0..ROUNDS {
            let mut is_settled = true;
            for id in self.lives.ids() {
                let Some(flush) = self.lives.flush(id, &self.cells) else { continue };
                let answer = self.ledger.flush(&flush)?;
                self.lives.answered(&flush, answer, &self.cells);
                is_settled &= answer == Answer::Accepted { is_behind: false };
            }
            if is_settled {
                break;
            }
        }
        Ok(())
    }

    /// Ships for the last time. What is counted from now on is not shipped.
    fn leave(&mut self, until: Instant) -> u64 {
        self.count();
        self.lives.leave();
        while !self.lives.is_over() {
            let shipped = self.ship();
            self.note(shipped.as_ref().err());
            let left = until.saturating_duration_since(Instant::now());
            let pause = if shipped.is_err() { self.pace.after_failure() } else { Duration::ZERO };
            // It answers before the time is over, and does not sleep the rest of it.
            if pause >= left {
                break;
            }
            std::thread::sleep(pause);
        }
        self.lives.unshipped(&self.cells)
    }

    /// Notes what came of speaking to the database.
    fn note(&self, error: Option<&FleetError>) {
        let (unshipped, dropped) = (self.lives.unshipped(&self.cells), self.lives.dropped());
        let mut shared = self.shared();
        if error.is_none() {
            shared.last_contact = Some(Instant::now());
        }
        shared.last_error = error.cloned();
        (shared.unshipped, shared.dropped) = (unshipped, dropped);
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that the database has a number for.
fn in_range(run: u32) -> Option<u32> {
    i32::try_from(run).is_ok().then_some(run)
}
