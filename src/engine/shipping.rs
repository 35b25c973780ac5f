//! Shipping a variant: what an experiment has decided becomes the default.

use std::sync::Arc;

use super::Engine;
use super::forcing::position_of;
use super::lifecycle::find_experiment;
use crate::count::counts::Baseline;
use crate::count::runs::Runs;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::id::ExperimentId;
use crate::model::status::Transition;
use crate::model::variant::Variant;
use crate::read::state::ExperimentState;

impl Engine {
    /// Ships a variant: its value becomes the flag's default, and the experiment stops if it is
    /// running, in one change. No request gets the old default in between.
    ///
    /// The default is that of all environments. The experiment keeps its counts, and can be started
    /// again.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::VariantNotFound`];
    /// [`ControlError::Transition`] for a draft, which has decided nothing, and for a completed
    /// one.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production")
    ///     .variant("control", "old", 50)
    ///     .variant("treatment", "new", 50);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    ///
    /// assert_eq!(engine.ship(id, "treatment")?.status(), Status::Stopped);
    /// let production = engine.environment("production")?;
    /// assert_eq!(production.evaluate("hero-banner", "anna").str_or(""), "new");
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn ship(&self, id: ExperimentId, variant: &str) -> Result<Experiment, ControlError> {
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let before = &found.state.definition;
        let position = position_of(before, variant)?;
        let after = before.after(Transition::Ship, now);
        let after = after.map_err(|source| ControlError::Transition { id, source })?;
        let definition = if after == **before { Arc::clone(before) } else { Arc::new(after) };
        let known = self.control.registry.with(id, Arc::clone);
        let record = writer.apply(known, &definition, Baseline::default, Runs::default)?;
        writer.close(&record.counters);
        let next = ExperimentState::new(record, found.state.forced.clone());
        let mut state = found.flag.with_experiment(found.position, next.clone());
        if let Some(value) = found.state.variant(position).map(Variant::value) {
            let notes = state.flag.notes().clone();
            state.flag = state.flag.changed(None, Some(value.clone()), notes, now);
        }
        writer.publish(view.with(state), Action::Ship)?;
        events::experiment_shipped(found.flag.flag.key(), id, variant);
        Ok(next.read())
    }
}
