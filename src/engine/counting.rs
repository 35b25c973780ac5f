//! What has been counted: events, and users.

use super::Engine;
use crate::count::counts::Counts;
use crate::count::distinct_users::DistinctUsers;
use crate::count::registry::Record;
use crate::count::users::{UserCounts, VariantUsers};
use crate::model::error::{Error, FileError};
use crate::model::id::ExperimentId;
use crate::read::snapshot::FoundExperiment;

impl Engine {
    /// What has been counted for an experiment: ever, and since its last start. Also for one that has
    /// left the configuration since; `None` for one that the engine has never met.
    ///
    /// [`Counts`] says what a reader may assume. Sums the stripes of every cell.
    #[must_use]
    pub fn counts(&self, id: ExperimentId) -> Option<Counts> {
        let view = self.current.view();
        if let Some(FoundExperiment { state, .. }) = view.find_experiment(id) {
            let variants = &state.definition.terms.variants;
            return Some(Counts::new(id, variants, &state.at_start, &state.counters.counts()));
        }
        self.control.registry.with(id, |record| {
            let variants = &record.definition.terms.variants;
            Counts::new(id, variants, &record.at_start, &record.counters.counts())
        })
    }

    /// Counts the users of an experiment from now on, each once, beside the events: who is exposed, and who
    /// of them converts. An experiment whose users are counted already goes on as it does.
    ///
    /// A user is known by the 64-bit hash that assigns it, so two users in 2^64 are taken for one. Who is
    /// pinned to a variant, or gets the default, is not a user of the experiment; nor is whoever is
    /// converted by [`convert_variant`](Engine::convert_variant), which is told no user key. A
    /// conversion of a user who has not been exposed is counted apart, and is forgotten if the
    /// exposure comes later. What was before this call is not known.
    ///
    /// `capacity` is how many users there is room for, at least one. Beyond it the users keeps a sample:
    /// every second user, then every fourth, and so on, drawn by a hash of its own. Each user is in it whole
    /// or not at all, so rates and tests hold on it as they are, with the precision of its size.
    ///
    /// The users is in memory, also that of a durable engine: ask for it again after each opening.
    ///
    /// # Cost
    ///
    /// Memory for the users there are, of which `cargo bench --bench users` prints the bytes for each; none
    /// before they come. Evaluations and conversions of this experiment take a lock that a part of the
    /// users shares, and may allocate; when the capacity is reached, one of them goes through all users.
    /// Those of other experiments are as they were.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`].
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, Environment, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// engine.count_users(id, 1_000_000)?;
    ///
    /// let production = Environment::new("production")?;
    /// for _ in 0..3 {
    ///     let _ = engine.evaluate(&production, "hero-banner", "anna");
    ///     let _ = engine.convert(&production, "hero-banner", "anna");
    /// }
    /// let users = engine.users(id).expect("they are counted").variants()[0].since_start;
    /// assert_eq!((users.exposed, users.converted), (1, 1));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn count_users(&self, id: ExperimentId, capacity: usize) -> Result<(), Error> {
        let _writer = self.lock();
        let view = self.current.view();
        let found = view.find_experiment(id).ok_or(Error::ExperimentNotFound { id })?;
        let now = self.control.clock.now();
        found.state.counters.count_users(|| DistinctUsers::new(capacity, now));
        Ok(())
    }

    /// The users of an experiment, each counted once; `None` if they are not counted, or if the engine has
    /// never met it. Goes through all users that are kept.
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
        Some(UserCounts { variants: variants.collect(), sampled_bits, since: users.since })
    }

    /// Waits until everything that has been counted so far would outlive a loss of power. Of an engine
    /// in memory there is nothing to wait for.
    ///
    /// Changes need no such thing: they are on disk when their call returns. Nor does a crash of the
    /// process, which loses no count.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the disk fails. The counts go on in memory.
    pub fn sync(&self) -> Result<(), FileError> {
        self.control.durability.as_ref().map_or(Ok(()), |durability| durability.sync())
    }
}
