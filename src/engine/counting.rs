//! What has been counted: events, and users.

use super::Engine;
use crate::count::counts::Counts;
use crate::count::distinct_users::DistinctUsers;
use crate::count::registry::Record;
use crate::count::users::{UserCounts, VariantUsers};
use crate::model::error::{ControlError, FileError};
use crate::model::id::ExperimentId;
use crate::read::snapshot::FoundExperiment;

impl Engine {
    /// What has been counted for an experiment: ever, and since its last start. Also for one that
    /// has left the configuration since; `None` for one that the engine does not know.
    ///
    /// [`Counts`] says what a reader may assume. Sums the stripes of every cell.
    #[must_use]
    pub fn counts(&self, id: ExperimentId) -> Option<Counts> {
        let view = self.current.pin();
        if let Some(FoundExperiment { state, .. }) = view.find_experiment(id) {
            let variants = &state.definition.terms.variants;
            return Some(Counts::new(id, variants, &state.at_start, &state.counters.counts()));
        }
        self.control.registry.with(id, |record| {
            let variants = &record.definition.terms.variants;
            Counts::new(id, variants, &record.at_start, &record.counters.counts())
        })
    }

    /// Counts the users of an experiment from now on, each once, beside the events: the exposed
    /// users, and those of them that convert. Does nothing if they are counted already.
    ///
    /// A user is identified by the 64-bit hash that assigns it, so that two users share a hash with
    /// a chance of 1 in 2^64. A forced user, or one that gets the default value, is not a user of
    /// the experiment; nor is one whose conversion comes by
    /// [`convert_variant`](Engine::convert_variant), which has no user key. A conversion without an
    /// exposure before it is counted apart, and dropped if the exposure comes later. Nothing from
    /// before this call is counted.
    ///
    /// `capacity` is the most users that are held, at least one. Beyond it the set of users is
    /// downsampled: to every second user, then every fourth, and so on, drawn by a hash of its own.
    /// The sample holds each user whole or not at all, so rates and tests hold on it as they are,
    /// with the precision of its size.
    ///
    /// The set of users is in memory, also in a durable engine: call this again after each opening. For
    /// the feature `results` each opening is another counting, with a level of its own.
    ///
    /// # Cost
    ///
    /// Memory for each user that is held (`cargo bench --bench users` prints the bytes), and none
    /// before. Evaluations and conversions of this experiment take a lock that a part of the users
    /// shares, and may allocate; at the capacity, one of them goes through all users. Other
    /// experiments cost what they did.
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
        let _writer = self.lock();
        let view = self.current.pin();
        let found = view.find_experiment(id).ok_or(ControlError::ExperimentNotFound { id })?;
        let now = self.control.clock.now();
        found.state.counters.count_users(|| DistinctUsers::new(capacity, now));
        Ok(())
    }

    /// The users of an experiment, each counted once; `None` if they are not counted, or if the
    /// engine does not know it. Goes through all users that are held.
    #[must_use]
    pub fn users(&self, id: ExperimentId) -> Option<UserCounts> {
        let found = |record: &Record| (record.definition.clone(), record.counters.clone());
        let (definition, counters) = self.control.registry.with(id, found)?;
        let users = counters.users()?;
        let assignment = definition.assignment();
        let (counts, sampled_bits) =
            users.counts(assignment.allocation(), definition.terms.count());
        let variants = definition.terms.variants.iter().zip(counts);
        let variants = variants.map(|(variant, [ever, since_start])| VariantUsers {
            key: variant.key().to_owned(),
            ever,
            since_start,
        });
        Some(UserCounts {
            experiment: id,
            variants: variants.collect(),
            sampled_bits,
            since: users.since,
        })
    }

    /// Waits until everything that has been counted so far would outlive a loss of power. Of an
    /// engine in memory there is nothing to wait for.
    ///
    /// Changes need no such thing: they are on disk when their call returns. Nor does a crash of
    /// the process, which loses no count.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the disk fails. The counts go on in memory.
    pub fn sync(&self) -> Result<(), FileError> {
        self.control.durability.as_ref().map_or(Ok(()), |durability| durability.sync())
    }
}
