//! Reading what was counted: events, and users.

use std::sync::Arc;

use super::Engine;
use crate::count::counts::{Counts, RunCounts};
use crate::count::distinct_users::slots::{InProcess, Memory};
use crate::count::distinct_users::{Run, Scope};
use crate::count::registry::Record;
use crate::count::users::{UserCounts, VariantUsers};
use crate::model::error::{ControlError, FileError};
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

    /// From now on, counts the users of an experiment in addition to the events, each user once:
    /// the exposed users, and those of them that convert. Does nothing if they are already counted.
    ///
    /// A user is identified by the 64-bit hash that assigns it; two users share a hash with a
    /// chance of 1 in 2^64. A forced user, or one that gets the default value, is not a user of the
    /// experiment. Conversions by [`convert_variant`](Engine::convert_variant) count no user, since
    /// they have no user key. A conversion without an earlier exposure is counted separately, and
    /// dropped if the exposure comes later. Nothing from before this call is counted.
    ///
    /// `capacity` is the most users that are held, at least one. Beyond it the set of users is
    /// downsampled to every second user, then every fourth, and so on, drawn by a separate hash.
    /// The sample has all events of a user or none, so rates and tests hold on it unchanged, with
    /// the precision of its size.
    ///
    /// The set of users lives in memory, even in a durable engine: call this again after each
    /// opening. For the feature `results` each opening is another counting, with a level of its
    /// own.
    ///
    /// # Cost
    ///
    /// Memory for each user that is held (`cargo bench --bench users` prints the bytes); none in
    /// advance. Evaluations and conversions of this experiment lock one shard of the users, and may
    /// allocate; the one that exceeds the capacity goes through all users. Other experiments cost
    /// what they did.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`].
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
    /// engine.count_users(id, 1_000_000)?;
    ///
    /// let production = engine.environment("production")?;
    /// for _ in 0..3 {
    ///     let _ = production.evaluate("hero-banner", "anna");
    ///     production.convert("hero-banner", "anna");
    /// }
    /// let users = engine.users(id).expect("they are counted").variants()[0].since_start;
    /// assert_eq!((users.exposed, users.converted), (1, 1));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn count_users(&self, id: ExperimentId, capacity: usize) -> Result<(), ControlError> {
        let _writer = self.lock_to_change()?;
        let view = self.current.pin();
        let found = view.find_experiment(id).ok_or(ControlError::ExperimentNotFound { id })?;
        let since = self.control.clock.now();
        let run = found.state.runs.number();
        let scope = Scope { experiment: id, run, since, is_whole: false, capacity };
        let memory = self.users_memory();
        let counters = &found.state.counters;
        counters.begin_users(Run::new(scope, &*memory), &memory);
        counters.set_open(counters.is_open(), true);
        Ok(())
    }

    /// Where the users of this engine are kept.
    pub(super) fn users_memory(&self) -> Arc<dyn Memory> {
        let durability = self.control.durability.as_ref();
        durability.map_or_else(|| Arc::new(InProcess) as Arc<dyn Memory>, |kept| kept.users())
    }

    /// The users of an experiment, each counted once. `None` if they are not counted, or if the
    /// engine does not know the experiment. Cost: goes through all users that are held.
    #[must_use]
    pub fn users(&self, id: ExperimentId) -> Option<UserCounts> {
        let found = |record: &Arc<Record>| (record.definition.clone(), record.counters.clone());
        let (definition, counters) = self.control.registry.with(id, found)?;
        let users = counters.users()?;
        let assignment = definition.assignment();
        let sample = users.counts(assignment.allocation(), definition.terms.count());
        let variants = definition.terms.variants.iter().zip(sample.variants);
        let variants = variants.map(|(variant, count)| VariantUsers {
            key: variant.key().to_owned(),
            ever: count,
            since_start: count,
        });
        Some(UserCounts {
            experiment: id,
            variants: variants.collect(),
            sampled_bits: sample.bits,
            since: sample.scope.since,
        })
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
