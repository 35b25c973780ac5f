//! The queue of first exposures.

use std::sync::Arc;

use super::Engine;
use crate::count::exposures::Exposures;

impl Engine {
    /// The queue of the first exposures of users, for a warehouse: from this call on, the first
    /// exposure of each user in each run is put into it, where the experiment's [users are
    /// counted](Engine::count_users). A thread of the service takes them out. Nothing is called on
    /// the thread of a request, and a request never waits: an exposure that finds the queue full is
    /// [missed](Exposures::missed), and the user's next one tries again.
    /// [`docs::exposures`](crate::docs::exposures) says what is guaranteed.
    ///
    /// An engine has one queue. The first call makes it, for as many exposures as `capacity` says:
    /// at least 1, at most 1,048,576, and another number counts as the nearest of these. Later
    /// calls, on any clone, return the same queue, whatever they say: so a thread that takes the
    /// place of one that failed goes on where that ended. The queue lasts as long as the engine.
    ///
    /// Call it before the first request. A user who has been exposed before the first call is queued
    /// at the next exposure; and so is one who is exposed on a snapshot that was pinned before it.
    ///
    /// # Cost
    ///
    /// About a hundred bytes for each place, at once. A first exposure that is queued reads the
    /// clock, and writes what all threads share; it allocates if the user key is longer than 54
    /// bytes. Every other evaluation of a running experiment makes one call more than without the
    /// queue. This call waits for a change that is under way, and goes through all flags.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let exposures = engine.exposures(8192);
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let banner = NewExperiment::new("Hero Banner", "production")
    ///     .variant("control", "old", 100)
    ///     .count_users(1_000_000)
    ///     .status(Status::Running);
    /// engine.create_experiment("hero-banner", banner)?;
    ///
    /// let production = engine.environment("production")?;
    /// for user in ["anna", "ben", "anna"] {
    ///     let _ = production.evaluate("hero-banner", user);
    /// }
    ///
    /// // On a thread of the service, every second or so:
    /// let mut batch = Vec::new();
    /// exposures.take(&mut batch);
    /// let users: Vec<&str> = batch.iter().map(|exposure| exposure.user_key()).collect();
    /// assert_eq!(users, ["anna", "ben"]);
    /// assert_eq!((batch[0].variant(), batch[0].run()), ("control", 1));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use = "what is not taken out fills the queue"]
    pub fn exposures(&self, capacity: usize) -> Exposures {
        let mut writer = self.lock();
        let snapshot = self.current.pin();
        snapshot.exposures().cloned().unwrap_or_else(|| {
            let clock = Arc::clone(&self.control.clock);
            let exposures = Exposures::new(capacity, move || clock.now());
            writer.publish_unstored(snapshot.with_exposures(exposures.clone()));
            exposures
        })
    }

    /// How many exposures were [missed](Exposures::missed) since the queue was full; `None` without
    /// [a queue](Engine::exposures).
    #[must_use]
    pub fn missed_exposures(&self) -> Option<u64> {
        self.current.pin().exposures().map(Exposures::missed)
    }
}
