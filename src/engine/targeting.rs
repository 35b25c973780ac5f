//! Who is in an experiment.

use std::sync::Arc;

use super::Engine;
use super::consistency::{Targeted, check_change, has_been_started};
use super::lifecycle::find_experiment;
use super::writer::Writer;
use crate::count::counts::Baseline;
use crate::count::runs::Runs;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::faults::Faults;
use crate::model::id::ExperimentId;
use crate::model::path::Path;
use crate::model::targeting::experiment_targeting::{COVERAGE, NewTargeting, Targeting};
use crate::model::targeting::share::Share;
use crate::read::snapshot::{FoundExperiment, Snapshot};
use crate::read::state::ExperimentState;

impl Engine {
    /// Sets who is in an experiment: its audience, its coverage, the unit that it is split by, its
    /// part of a layer, and whether holdouts apply. What is not given is as without targeting.
    ///
    /// Once the experiment has been started, its coverage can grow, and everything else stays: a
    /// new population is a new experiment. The holdouts that bind it stay. Targeting that is set
    /// already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] with every fault: what is
    /// wrong with the targeting itself; a segment or a layer that there is not; a unit that is not
    /// that of the layer, or of a holdout that binds the experiment or would bind it if it was
    /// started now; a part that would change, and a coverage that would shrink, after a start.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewTargeting, Operator};
    /// use fairsplit::{Engine, NewExperiment, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("golden", "new", 100);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    ///
    /// let germans = || {
    ///     let condition = Condition::new("country", Operator::Equals, "DE");
    ///     NewTargeting::new().condition(condition)
    /// };
    /// engine.set_targeting(id, germans().coverage(10))?;
    /// engine.start(id)?;
    ///
    /// let experiment = engine.set_targeting(id, germans().coverage(50))?;
    /// assert_eq!(experiment.targeting().unwrap().coverage().percent(), 50.0);
    /// // Everybody is another population.
    /// assert!(engine.set_targeting(id, NewTargeting::new()).is_err());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn set_targeting(
        &self,
        id: ExperimentId,
        targeting: NewTargeting,
    ) -> Result<Experiment, ControlError> {
        let mut faults = Faults::default();
        let targeting = targeting.check(&Path::Root, &mut faults);
        faults.into_result()?;
        self.target(id, Action::SetTargeting, |before| Targeting {
            held_out_by: Arc::clone(&before.held_out_by),
            coverages: Arc::clone(&before.coverages),
            ..targeting
        })
    }

    /// Sets which part of its audience is in an experiment, in per cent: 0 to 100, with at most
    /// three decimals. A larger coverage only adds users: those that are in it stay, with the same
    /// variant.
    ///
    /// Once the experiment has been started, the coverage only grows. The coverage that it has
    /// already changes nothing.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] if it is not such a number,
    /// or below the coverage of an experiment that has been started.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    /// use fairsplit::targeting::NewTargeting;
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production")
    ///     .variant("golden", "new", 100)
    ///     .targeting(NewTargeting::new().coverage(1))
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    ///
    /// engine.raise_coverage(id, 12.5)?;
    /// assert!(engine.raise_coverage(id, 5).is_err());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn raise_coverage(
        &self,
        id: ExperimentId,
        percent: impl Into<f64>,
    ) -> Result<Experiment, ControlError> {
        let mut faults = Faults::default();
        let coverage = Share::check(percent.into(), &Path::Root.field(COVERAGE), &mut faults);
        faults.into_result()?;
        self.target(id, Action::RaiseCoverage, |before| Targeting {
            coverage: coverage.unwrap_or(before.coverage),
            ..before.clone()
        })
    }

    fn target(
        &self,
        id: ExperimentId,
        action: Action,
        change: impl FnOnce(&Targeting) -> Targeting,
    ) -> Result<Experiment, ControlError> {
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let before = targeting_of(&found.state.definition);
        let after = change(&before);
        if after == before {
            return Ok(found.state.read());
        }
        let mut definition = Definition { updated_at: now, ..(*found.state.definition).clone() };
        definition.targeting = after.clone().some();
        definition.note_coverage(now);
        let mut faults = Faults::default();
        if has_been_started(found.state) {
            check_change(id, &before, &after, &Path::Root, &mut faults);
        } else {
            let of_flag = Targeted::of(&found.flag.flag, found.state);
            let next = Targeted { definition: &definition, ..of_flag };
            next.check(view.shared(), &Path::Root, &mut faults);
        }
        faults.into_result()?;
        let (next, published) = self.with_definition(&mut writer, &view, found, definition)?;
        writer.publish(published, action)?;
        match action {
            Action::RaiseCoverage => {
                events::coverage_raised(found.flag.flag.key(), id, after.coverage);
            }
            _ => events::targeting_set(found.flag.flag.key(), id),
        }
        Ok(next.read())
    }

    /// Stages another definition of an experiment, and returns the experiment, and the next
    /// snapshot.
    pub(super) fn with_definition(
        &self,
        writer: &mut Writer<'_>,
        view: &Snapshot,
        found: FoundExperiment<'_>,
        definition: Definition,
    ) -> Result<(ExperimentState, Snapshot), ControlError> {
        let known = self.control.registry.with(definition.id, Arc::clone);
        let definition = Arc::new(definition);
        let record = writer.apply(known, &definition, Baseline::default, Runs::default)?;
        let next = ExperimentState::new(record, found.state.forced.clone());
        let published = view.with(found.flag.with_experiment(found.position, next.clone()));
        Ok((next, published))
    }
}

/// The targeting of an experiment; of one that has none, that of everybody.
pub(super) fn targeting_of(definition: &Definition) -> Targeting {
    definition.targeting.as_deref().cloned().unwrap_or_default()
}
