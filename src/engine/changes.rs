//! Who asks for changes, and which were made.

use std::sync::Arc;

use super::Engine;
use super::flags::find;
use crate::model::actor::Actor;
use crate::model::change::Change;
use crate::model::error::{CommitError, ControlError};
use crate::model::flag::FlagRef;

impl Engine {
    /// The same engine, for changes that this actor asks for: what is changed through the clone
    /// that is returned is recorded as asked for by `actor`. Without it, the
    /// [service](Actor::Service) asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    /// use fairsplit::changes::Actor;
    ///
    /// let engine = Engine::new();
    /// engine.acting_as(Actor::token("anna")).create_flag(NewFlag::new("hero-banner", "old"))?;
    /// assert!(engine.flag("hero-banner").is_some());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Engine {
        Engine { actor: Arc::new(actor), ..self.clone() }
    }

    /// The changes of the definitions that are kept, the oldest first. An engine in memory keeps
    /// none.
    ///
    /// Cost: reads them from where they are kept.
    ///
    /// # Errors
    ///
    /// [`CommitError`] if they cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>, CommitError> {
        self.control.store.as_ref().map_or_else(|| Ok(Vec::new()), |store| store.changes())
    }

    /// The [changes](Engine::changes) of one flag and of its experiments. A deleted flag is found
    /// by its id, as long as changes of it are kept.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; as [`changes`](Engine::changes).
    pub fn changes_of<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
    ) -> Result<Vec<Change>, ControlError> {
        let flag = flag.into();
        let known = find(&self.current.pin(), flag).map(|state| state.flag.id());
        let id = match (flag, &known) {
            (_, Ok(id)) => *id,
            (FlagRef::Id(id), Err(_)) => id,
            (FlagRef::Key(_), Err(error)) => return Err(error.clone()),
        };
        let mut changes = self.changes()?;
        changes.retain(|change| change.concerns(id));
        if changes.is_empty() {
            known?;
        }
        Ok(changes)
    }
}
