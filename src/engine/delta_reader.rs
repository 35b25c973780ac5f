//! Reading what is counted, for a reader that keeps its own place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::Engine;
use super::deltas::Marks;
use crate::count::deltas::Delta;
use crate::count::registry::Record;

/// Reads what an engine has counted since the last reading: each event once, whatever other readers
/// and [`with_deltas`](Engine::with_deltas) do. From [`Engine::delta_reader`].
///
/// Experiments are covered as by `with_deltas`: stopped ones, those that have left the
/// configuration, and what a deleted one had counted before its deletion. Counts that a document
/// carried are in no reading.
#[derive(Debug)]
pub struct DeltaReader {
    engine: Engine,
    marks: Arc<Mutex<Marks>>,
}

/// How far the readers of an engine have read, so that no counters are freed before all have read
/// them.
#[derive(Debug, Default)]
pub(super) struct Readers(Vec<Weak<Mutex<Marks>>>);

impl Engine {
    /// A reader of what is counted from now on. Use it beside
    /// [`with_deltas`](Engine::with_deltas), which has one place for all its callers.
    ///
    /// `None` for an engine from `Engine::open`: its counters go on from those of former processes,
    /// which a reader of one process cannot tell from its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let mut reader = engine.delta_reader().expect("the engine is in memory");
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// engine.convert_variant(id, "control");
    ///
    /// assert_eq!(reader.read()[0].added().conversions, 1);
    /// assert!(reader.read().is_empty());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn delta_reader(&self) -> Option<DeltaReader> {
        if self.control.durability.is_some() {
            return None;
        }
        let marks = Arc::default();
        self.readers().0.push(Arc::downgrade(&marks));
        let mut reader = DeltaReader { engine: self.clone(), marks };
        drop(reader.read());
        Some(reader)
    }

    pub(super) fn readers(&self) -> MutexGuard<'_, Readers> {
        self.control.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeltaReader {
    /// What was counted since the last reading, or since the reader was made: as
    /// [`with_deltas`](Engine::with_deltas) hands it over, in the same order. Cost: sums the stripes
    /// of every cell.
    pub fn read(&mut self) -> Vec<Delta> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let deltas = marks.take(self.engine.control.registry.all_counted());
        drop(marks);
        self.engine.release_deleted();
        deltas
    }
}

impl Readers {
    /// Whether a reader has not read all that an experiment has counted.
    pub(super) fn are_behind(&mut self, of: &Record) -> bool {
        self.0.retain(|reader| reader.strong_count() > 0);
        self.0.iter().filter_map(Weak::upgrade).any(|reader| match reader.try_lock() {
            Ok(marks) => marks.are_behind(None, of),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.get_ref().are_behind(None, of),
            // It releases what it has read, once it has.
            Err(TryLockError::WouldBlock) => true,
        })
    }
}
