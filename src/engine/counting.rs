//! Reading the counts of events; `users` has those of users.

use std::sync::Arc;

use super::Engine;
use crate::count::counts::{Counts, RunCounts};
use crate::model::error::FileError;
use crate::model::id::ExperimentId;
use crate::read::snapshot::FoundExperiment;

impl Engine {
    /// What has been counted for an experiment: ever, and since its last start. An experiment that
    /// has left the configuration keeps its counts; `None` for one that the engine does not know.
    ///
    /// [`Counts`] says what a reader may assume. Cost: sums the stripes of every cell.
    #[must_use]
    pub fn counts(&self, id: ExperimentId) -> Option<Counts> {
        let view = self.current.pin();
        if let Some(FoundExperiment { state, .. }) = view.find_experiment(id) {
            let variants = &state.definition.terms.variants;
            return Some(Counts::new(id, variants, &state.runs, &state.counters.counts()));
        }
        self.control.registry.with(id, |record| {
            let variants = &record.definition.terms.variants;
            Counts::new(id, variants, &record.runs, &record.counters.counts())
        })
    }

    /// What was counted in each run of an experiment, the first run first: every start begins
    /// another. `None` for an experiment that the engine does not know.
    ///
    /// The last 100 starts are kept; earlier runs are no longer told apart. What was counted before
    /// the first kept start is in [`Counts`] alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// engine.convert_variant(id, "control");
    /// engine.stop(id)?;
    /// engine.start(id)?;
    ///
    /// let runs = engine.runs(id).expect("the engine knows it");
    /// let conversions: Vec<u64> = runs.iter().map(|run| run.variants[0].1.conversions).collect();
    /// assert_eq!((runs[1].run, conversions), (2, vec![1, 0]));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn runs(&self, id: ExperimentId) -> Option<Vec<RunCounts>> {
        let record = self.control.registry.with(id, Arc::clone)?;
        let variants = &record.definition.terms.variants;
        let now = record.counters.counts();
        Some(RunCounts::all(variants, &record.runs, record.started_at, &now))
    }

    /// Waits until everything counted so far would survive a loss of power. Returns at once for an
    /// engine in memory.
    ///
    /// Changes do not need it: they are on disk when their call returns. Nor does a crash of the
    /// process, which loses no count.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the disk fails, or if the file of the counters or of users was removed or
    /// replaced, or if users are in memory alone, since their file could not be made. Counting goes
    /// on in memory. In a child of `fork`: the directory belongs to its parent.
    pub fn sync(&self) -> Result<(), FileError> {
        self.control.durability.as_ref().map_or(Ok(()), |durability| durability.sync())
    }

    /// Why the engine's directory could not be written, as of the last change or
    /// [`sync`](Engine::sync), those in the background included. `None` once one has succeeded, and
    /// for an engine in memory; after a failed change, a sync clears it only if as much can be
    /// written as the change was to write, since a disk that is full may still sync. Cost: a lock
    /// that only changes and syncs use.
    ///
    /// Use it for the health of a service: after a failure the engine goes on answering and
    /// counting, and the counts since the last sync would not survive a loss of power.
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = fairsplit::Engine::new();
    /// engine.sync()?;
    /// assert_eq!(engine.storage_error(), None);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn storage_error(&self) -> Option<FileError> {
        self.control.durability.as_ref().and_then(|durability| durability.storage_error())
    }
}
