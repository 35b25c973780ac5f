//! Deleting flags and experiments.

use std::sync::Arc;

use super::Engine;
use super::flags::find;
use super::lifecycle::find_experiment;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::ExperimentId;

impl Engine {
    /// Deletes a flag and its experiments, and returns the flag as it was. From now on requests get
    /// what they get for a flag that does not exist;
    /// [`delete_experiment`](Engine::delete_experiment) says what stays of the experiments.
    ///
    /// A document that named the flag and has not changed it since does not bring it back.
    ///
    /// Cost: goes through all flags. The flag's key keeps its place, a few words, for the handles
    /// that may hold it.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; [`ControlError::FlagHasRunning`] while one of its
    /// experiments is running: stop it first.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag, Reason};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// engine.delete_flag("hero-banner")?;
    ///
    /// let production = engine.environment("production")?;
    /// assert_eq!(production.evaluate("hero-banner", "anna").reason(), Reason::FlagNotFound);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn delete_flag<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Result<Flag, ControlError> {
        let mut writer = self.lock_to_change()?;
        let view = self.current.pin();
        let state = find(&view, flag.into())?;
        let flag = state.flag.clone();
        for experiment in &state.experiments {
            let id = experiment.definition.id;
            if experiment.definition.is_running() {
                let flag = flag.key().to_owned();
                return Err(ControlError::FlagHasRunning { flag, running: id });
            }
            writer.delete(id);
        }
        let others = view.states().filter(|other| other.flag.id() != flag.id());
        let next = view.with_all(&others.cloned().collect::<Vec<_>>());
        drop(view);
        writer.publish(next, Action::DeleteFlag)?;
        events::flag_deleted(flag.key());
        Ok(flag)
    }

    /// Deletes an experiment, with its counts, and returns it as it was: [`counts`](Engine::counts)
    /// and [`users`](Engine::users) return `None` from now on.
    ///
    /// What was counted and not yet handed over is still part of the next
    /// [deltas](Engine::with_deltas). After that, and once no view or handle from before can use
    /// them, the counters are freed; users are freed at once. Experiments that came with one
    /// document share the lines of their cells, which are freed with the last of those that share
    /// them. An engine that never hands over deltas keeps the counters of deleted experiments that
    /// have counted something: some hundred bytes each.
    ///
    /// The id can be used again, for other variants and other users too. In the directory of a
    /// durable engine the counters of an id stay for ever, and so does who they were counted for:
    /// there, an experiment with the same variants in the same environment and
    /// [for the same users](crate::docs::durable#what-left) goes on from their counts, and other
    /// ones are refused.
    ///
    /// A document that named the experiment and has not changed it since does not bring it back.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::DeletesRunning`] while it is running:
    /// stop it first.
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
    /// assert!(engine.delete_experiment(id).is_err());
    ///
    /// engine.stop(id)?;
    /// engine.delete_experiment(id)?;
    /// assert!(engine.experiment(id).is_none());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn delete_experiment(&self, id: ExperimentId) -> Result<Experiment, ControlError> {
        let mut writer = self.lock_to_change()?;
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        if found.state.definition.is_running() {
            return Err(ControlError::DeletesRunning { id });
        }
        let (flag, deleted) = (found.flag.flag.clone(), found.state.read());
        let states = view.states().map(|state| {
            if state.flag.id() == flag.id() {
                Arc::new(state.without(|other| other == id))
            } else {
                Arc::clone(state)
            }
        });
        let next = view.with_all(&states.collect::<Vec<_>>());
        drop(view);
        writer.delete(id);
        writer.publish(next, Action::DeleteExperiment)?;
        events::experiment_deleted(flag.key(), id);
        Ok(deleted)
    }
}
