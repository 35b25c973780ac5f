//! Forcing users into a variant, for manual testing.

use std::sync::Arc;

use super::Engine;
use super::lifecycle::find_experiment;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::id::ExperimentId;
use crate::model::path::quote;

impl Engine {
    /// Forces a user into a variant of an experiment, for manual testing. Replaces the variant that
    /// the user was forced into before, if any.
    ///
    /// The flag answers this variant with the reason [`Forced`](crate::Reason::Forced), and neither
    /// exposures nor conversions of that user are counted. Forcing applies while the experiment is
    /// a draft, so that you can see a variant before the start, and while it is running. If several
    /// experiments on one flag and environment force a user, the running one decides, then the
    /// oldest draft.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::VariantNotFound`], which names the
    /// variants of the experiment; [`ControlError::NoUserKey`] for the empty key.
    pub fn force(
        &self,
        id: ExperimentId,
        user_key: &str,
        variant: &str,
    ) -> Result<(), ControlError> {
        if user_key.is_empty() {
            return Err(ControlError::NoUserKey);
        }
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let position = position_of(&found.state.definition, variant)?;
        let mut next = found.state.clone();
        Arc::make_mut(next.forced.get_or_insert_default()).insert(user_key.into(), position);
        writer
            .publish(view.with(found.flag.with_experiment(found.position, next)), Action::Force)?;
        events::user_forced(id);
        Ok(())
    }

    /// Ends the forcing of a user: assignment decides again. Returns whether the user was forced.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`].
    pub fn unforce(&self, id: ExperimentId, user_key: &str) -> Result<bool, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let mut next = found.state.clone();
        let forced = next.forced.as_mut().filter(|forced| forced.contains_key(user_key));
        let Some(forced) = forced else {
            return Ok(false);
        };
        Arc::make_mut(forced).remove(user_key);
        writer.publish(
            view.with(found.flag.with_experiment(found.position, next)),
            Action::Unforce,
        )?;
        events::user_unforced(id);
        Ok(true)
    }

    /// The user keys that are forced in an experiment, each with its variant's key, in the order of
    /// the user keys.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`].
    pub fn forced(&self, id: ExperimentId) -> Result<Vec<(String, String)>, ControlError> {
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let variants = &found.state.definition.terms.variants;
        let forced = found.state.forced_users().filter_map(|(user_key, variant)| {
            Some((user_key.to_string(), variants.get(variant)?.key().to_owned()))
        });
        Ok(forced.collect())
    }
}

/// The position of a variant, by its key.
pub(super) fn position_of(definition: &Definition, variant: &str) -> Result<usize, ControlError> {
    definition.position(variant).ok_or_else(|| {
        let keys = definition.terms.variants.iter().map(|known| known.key().to_owned());
        let (experiment, variant) = (definition.id, quote(variant));
        ControlError::VariantNotFound { experiment, variant, known: keys.collect() }
    })
}
