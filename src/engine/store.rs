//! The seam between an engine and what makes its changes permanent.

use std::fmt;
use std::sync::Arc;

use crate::format::export::Export;
use crate::format::stored::Stored;
use crate::model::change::Change;
use crate::model::error::CommitError;
use crate::model::remembered::Remembered;
use crate::model::source::Sources;
use crate::read::snapshot::Snapshot;

/// Where an engine commits its changes before it publishes them.
///
/// A directory is one (the feature `durable`), and a database that several processes share can be
/// one: each change is committed against the version that the engine knows, so of two processes
/// that change the same version, one is refused with [`CommitError::Behind`].
///
/// Calls come one at a time from one engine. A store that several engines share orders them.
///
/// # Examples
///
/// A store that keeps the changes in memory:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use fairsplit::{Engine, NewFlag};
/// use fairsplit::changes::{Actor, Change};
/// use fairsplit::clock::SystemClock;
/// use fairsplit::error::CommitError;
/// use fairsplit::store::{Proposal, Store};
///
/// #[derive(Debug, Default)]
/// struct InMemory(Mutex<Vec<Change>>);
///
/// impl Store for InMemory {
///     fn commit(&self, proposal: &Proposal<'_>) -> Result<(), CommitError> {
///         let mut changes = self.0.lock().unwrap();
///         let newest = changes.last().map_or(0, |change| change.version);
///         if proposal.change().version != newest + 1 {
///             return Err(CommitError::Behind { newest });
///         }
///         changes.push(proposal.change().clone());
///         Ok(())
///     }
///
///     fn changes(&self) -> Result<Vec<Change>, CommitError> {
///         Ok(self.0.lock().unwrap().clone())
///     }
/// }
///
/// let store = Arc::new(InMemory::default());
/// let engine = Engine::with_store(SystemClock, Arc::clone(&store));
/// let other = Engine::with_store(SystemClock, store);
/// engine.acting_as(Actor::token("ci")).create_flag(NewFlag::new("hero-banner", "old"))?;
/// assert_eq!(engine.changes()?[0].actor, Actor::token("ci"));
/// // It has not seen that change.
/// let refused = other.create_flag(NewFlag::new("checkout", 1)).unwrap_err();
/// assert_eq!(refused.to_string(), "version 1 is the newest, and the change was made from an older one");
/// # Ok::<(), fairsplit::Error>(())
/// ```
pub trait Store: fmt::Debug + Send + Sync {
    /// Makes a change permanent, if it was made from the newest version. If it fails, nothing has
    /// changed, neither here nor in the engine.
    ///
    /// # Errors
    ///
    /// [`CommitError::Behind`] if another change was committed since; another one if the change
    /// cannot be made permanent.
    fn commit(&self, proposal: &Proposal<'_>) -> Result<(), CommitError>;

    /// The changes that are kept, the oldest first.
    ///
    /// # Errors
    ///
    /// [`CommitError`] if they cannot be read.
    fn changes(&self) -> Result<Vec<Change>, CommitError>;
}

/// A change to be committed, and the definitions that it leads to.
#[derive(Debug)]
pub struct Proposal<'a> {
    change: &'a Change,
    next: &'a Snapshot,
    sources: &'a Arc<Sources>,
    remembered: &'a Arc<Remembered>,
}

impl<'a> Proposal<'a> {
    pub(super) fn new(
        change: &'a Change,
        next: &'a Snapshot,
        sources: &'a Arc<Sources>,
        remembered: &'a Arc<Remembered>,
    ) -> Proposal<'a> {
        Proposal { change, next, sources, remembered }
    }

    /// The change. It was made from the version before its own.
    #[must_use]
    pub fn change(&self) -> &'a Change {
        self.change
    }

    /// All definitions after the change, with the counts of this moment, as
    /// [`Engine::to_json`](crate::Engine::to_json) writes them. Cost: that of writing the document.
    #[must_use]
    pub fn definitions(&self) -> String {
        Export::of(self.next).to_json()
    }

    /// As [`definitions`](Proposal::definitions), with what belongs to this engine alone.
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing is stored"))]
    pub(crate) fn stored(&self) -> String {
        let (sources, remembered) = (Arc::clone(self.sources), Arc::clone(self.remembered));
        let stored = Stored { version: self.change.version, sources, remembered };
        Export::of(self.next).with(stored).to_json()
    }
}
