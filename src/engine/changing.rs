//! Changing what flags and experiments are called, their notes, and defaults.

use std::sync::Arc;

use serde_json::Value;

use super::Engine;
use super::consistency::check_flag_state;
use super::flags::find;
use super::lifecycle::find_experiment;
use crate::count::counts::Baseline;
use crate::count::runs::Runs;
use crate::engine::events;
use crate::model::capacity::Capacity;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::experiment_change::ExperimentChange;
use crate::model::faults::Faults;
use crate::model::flag::{Flag, FlagRef};
use crate::model::flag_change::FlagChange;
use crate::model::id::ExperimentId;
use crate::model::path::Path;
use crate::model::validation::check_flag;
use crate::read::state::{ExperimentState, FlagState};

impl Engine {
    /// Changes what a flag answers when no experiment decides: the short form of
    /// [`change_flag`](Engine::change_flag).
    ///
    /// # Errors
    ///
    /// As [`change_flag`](Engine::change_flag).
    pub fn set_default<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        default_value: impl Into<Value>,
    ) -> Result<Flag, ControlError> {
        self.change_flag(flag, FlagChange::new().default_value(default_value))
    }

    /// Changes a flag: its name, its default value, its description, its owner, its tags, its type,
    /// and whether it is enabled. A change of nothing changes nothing.
    ///
    /// A flag can be disabled while an experiment runs on it: the experiment stays running, and
    /// counts nothing until the flag is enabled again.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; [`ControlError::Invalid`] with every fault: a blank or
    /// overlong name, a value that is nested too deep or has a number that 64 bits do not hold,
    /// overlong notes, too many tags or one of them twice, and each value of the flag, its rules
    /// and its variants that is not of its type.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, FlagChange, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let change = FlagChange::new().description("The picture on the home page").tags(["home"]);
    /// let flag = engine.change_flag("hero-banner", change)?;
    /// assert_eq!(flag.description(), "The picture on the home page");
    /// assert_eq!(flag.tags(), ["home"]);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_flag<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        change: FlagChange,
    ) -> Result<Flag, ControlError> {
        let FlagChange { name, mut default_value, notes, is_enabled, flag_type } = change;
        let mut faults = Faults::default();
        check_flag(&Path::Root, None, name.as_deref(), default_value.as_mut(), &mut faults);
        notes.check(&Path::Root, &mut faults);
        faults.into_result()?;
        let writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let state = find(&view, flag.into())?;
        let is_nothing = name.is_none() && default_value.is_none() && notes.is_empty();
        if is_nothing && is_enabled.is_none() && flag_type.is_none() {
            return Ok(state.flag.clone());
        }
        let is_default = default_value.is_some();
        let notes = notes.apply(state.flag.notes());
        let flag = state.flag.changed(name.as_deref(), default_value, notes, now);
        let flag = flag
            .enabled(is_enabled.unwrap_or(state.flag.is_enabled()))
            .typed(flag_type.unwrap_or(state.flag.flag_type()));
        let next = FlagState { flag: flag.clone(), ..state.copy() };
        let mut faults = Faults::default();
        check_flag_state(&next, view.shared(), &Path::Root, &mut faults);
        faults.into_result()?;
        writer.publish(view.with(next), Action::ChangeFlag)?;
        if is_default {
            events::default_changed(flag.key());
        } else {
            events::flag_changed(flag.key());
        }
        Ok(flag)
    }

    /// Changes an experiment: its name, its description, its owner, its tags, and whether its users
    /// are [counted](Engine::count_users); also while it is running. A change of nothing changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] with every fault: a blank or
    /// overlong name, overlong notes, too many tags or one of them twice.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, ExperimentChange, NewExperiment, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    /// let change = ExperimentChange::new().name("Hero Banner A/B Test").owner("home page team");
    /// let experiment = engine.change_experiment(id, change)?;
    /// assert_eq!((experiment.name(), experiment.owner()), ("Hero Banner A/B Test", "home page team"));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_experiment(
        &self,
        id: ExperimentId,
        change: ExperimentChange,
    ) -> Result<Experiment, ControlError> {
        let ExperimentChange { name, notes, count_users } = change;
        let mut faults = Faults::default();
        check_flag(&Path::Root, None, name.as_deref(), None, &mut faults);
        notes.check(&Path::Root, &mut faults);
        let count_users = Capacity::check(count_users, &Path::Root, &mut faults);
        faults.into_result()?;
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        if name.is_none() && notes.is_empty() && count_users.is_none() {
            return Ok(found.state.read());
        }
        let before = &found.state.definition;
        let mut after =
            Definition { notes: notes.apply(&before.notes), updated_at: now, ..(**before).clone() };
        after.count_users = count_users.or(before.count_users);
        if let Some(name) = name {
            after.terms.name = name.into();
        }
        let known = self.control.registry.with(id, Arc::clone);
        let record = writer.apply(known, &Arc::new(after), Baseline::default, Runs::default)?;
        let next = ExperimentState::new(record, found.state.forced.clone());
        let published = view.with(found.flag.with_experiment(found.position, next.clone()));
        writer.publish(published, Action::ChangeExperiment)?;
        events::experiment_changed(found.flag.flag.key(), id);
        Ok(next.read())
    }
}
