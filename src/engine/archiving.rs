//! Archiving flags and experiments: what is no longer used, and not to be lost.

use std::sync::Arc;

use super::Engine;
use super::consistency::check_flag_state;
use super::flags::find;
use super::lifecycle::find_experiment;
use crate::count::counts::Baseline;
use crate::count::runs::Runs;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::faults::Faults;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::ExperimentId;
use crate::model::path::Path;
use crate::model::targeting::shared::Shared;
use crate::read::state::{ExperimentState, FlagState};

impl Engine {
    /// Archives a flag, for one that no code should ask for any more: it answers its default value
    /// with the reason [`Archived`](crate::Reason::Archived), in every environment. Nothing is
    /// counted, and forced users do not apply.
    ///
    /// No experiment can be created or started on it. Everything else can still be changed, and the
    /// counts of its experiments stay. A flag that is archived already stays as it is.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; [`ControlError::ArchivesFlagWithRunning`] while one of its
    /// experiments is running: stop it first.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag, Reason};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// assert!(engine.archive_flag("hero-banner")?.is_archived());
    ///
    /// let production = engine.environment("production")?;
    /// let answer = production.evaluate("hero-banner", "anna");
    /// assert_eq!((answer.str_or(""), answer.reason()), ("old", Reason::Archived));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn archive_flag<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Result<Flag, ControlError> {
        self.set_flag_archived(flag.into(), true)
    }

    /// Takes a flag out of the archive: it answers as before. One that is not archived stays as it
    /// is.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; [`ControlError::Invalid`] if a holdout that binds one of its
    /// experiments has been [deleted](Engine::delete_holdout).
    pub fn unarchive_flag<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Result<Flag, ControlError> {
        self.set_flag_archived(flag.into(), false)
    }

    /// Archives an experiment: it cannot be started, and its forced users do not apply. Its status
    /// and its counts stay. One that is archived already stays as it is.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::ArchivesRunning`] while it is running:
    /// stop it first.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    /// engine.archive_experiment(id)?;
    /// assert!(engine.start(id).is_err());
    ///
    /// engine.unarchive_experiment(id)?;
    /// engine.start(id)?;
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn archive_experiment(&self, id: ExperimentId) -> Result<Experiment, ControlError> {
        self.set_experiment_archived(id, true)
    }

    /// Takes an experiment out of the archive: it has the status that it had before, and its forced
    /// users apply again if it is a draft. One that is not archived stays as it is.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] if a holdout that binds it
    /// has been [deleted](Engine::delete_holdout).
    pub fn unarchive_experiment(&self, id: ExperimentId) -> Result<Experiment, ControlError> {
        self.set_experiment_archived(id, false)
    }

    fn set_flag_archived(
        &self,
        flag: FlagRef<'_>,
        is_archived: bool,
    ) -> Result<Flag, ControlError> {
        let writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let before = find(&view, flag)?;
        let FlagState { flag, experiments, .. } = before;
        if flag.is_archived() == is_archived {
            return Ok(flag.clone());
        }
        let running = experiments.iter().find(|state| state.definition.is_running());
        if let Some(running) = running {
            let (flag, running) = (flag.key().to_owned(), running.definition.id);
            return Err(ControlError::ArchivesFlagWithRunning { flag, running });
        }
        let flag = flag.clone().archived_at(is_archived, now);
        let action = if is_archived { Action::ArchiveFlag } else { Action::UnarchiveFlag };
        let state = FlagState { flag: flag.clone(), ..before.copy() };
        refuse_unfit(&state, view.shared())?;
        writer.publish(view.with(state), action)?;
        if is_archived {
            events::flag_archived(flag.key());
        } else {
            events::flag_unarchived(flag.key());
        }
        Ok(flag)
    }

    fn set_experiment_archived(
        &self,
        id: ExperimentId,
        is_archived: bool,
    ) -> Result<Experiment, ControlError> {
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let before = &found.state.definition;
        if before.is_archived == is_archived {
            return Ok(found.state.read());
        }
        if before.is_running() {
            return Err(ControlError::ArchivesRunning { id });
        }
        let after = Definition { is_archived, updated_at: now, ..(**before).clone() };
        let known = self.control.registry.with(id, Arc::clone);
        let record = writer.apply(known, &Arc::new(after), Baseline::default, Runs::default)?;
        let next = ExperimentState::new(record, found.state.forced.clone());
        let state = found.flag.with_experiment(found.position, next.clone());
        refuse_unfit(&state, view.shared())?;
        let published = view.with(state);
        let action =
            if is_archived { Action::ArchiveExperiment } else { Action::UnarchiveExperiment };
        writer.publish(published, action)?;
        let key = found.flag.flag.key();
        if is_archived {
            events::experiment_archived(key, id);
        } else {
            events::experiment_unarchived(key, id);
        }
        Ok(next.read())
    }
}

/// Refuses to take out of the archive what a deleted holdout binds.
fn refuse_unfit(state: &FlagState, shared: &Shared) -> Result<(), ControlError> {
    let mut faults = Faults::default();
    check_flag_state(state, shared, &Path::Root, &mut faults);
    Ok(faults.into_result()?)
}
