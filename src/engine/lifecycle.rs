//! Creating, starting, stopping and listing experiments.

use std::sync::Arc;

use super::Engine;
use super::consistency::{
    Targeted, check_change, check_goals, check_variants, has_been_started, overlapping,
};
use super::flags::find;
use super::holdouts::bind;
use super::ids::given_or_random;
use crate::count::counts::Baseline;
use crate::count::registry::Record;
use crate::count::runs::Runs;
use crate::engine::events;
use crate::format::fields::strictly;
use crate::format::goals::GOALS;
use crate::model::capacity::Capacity;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::experiment::Experiment;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::flag::FlagRef;
use crate::model::id::ExperimentId;
use crate::model::new_experiment::NewExperiment;
use crate::model::path::Path;
use crate::model::status::Transition;
use crate::model::terms::{Terms, Unchecked};
use crate::read::snapshot::{FoundExperiment, Snapshot};
use crate::read::state::{ExperimentState, FlagState};

impl Engine {
    /// Creates an experiment on a flag. One that is created running counts as started now.
    ///
    /// Its counts start at 0, unless the engine has counted for an experiment of this id before,
    /// with the same variants in the same environment: then they go on from there.
    /// [`delete_experiment`](Engine::delete_experiment) says what it means for an id that it was
    /// deleted.
    ///
    /// # Errors
    ///
    /// [`ControlError::Invalid`] with every fault; [`ControlError::FlagNotFound`];
    /// [`ControlError::CreatesOnArchived`] if the flag is archived;
    /// [`ControlError::ExperimentIdTaken`]; [`ControlError::AlreadyRunning`] if it is created
    /// running and another one runs on the flag in that environment; [`ControlError::LayerTaken`]
    /// if it is created running and another one runs in that environment in a part of its range of
    /// its layer.
    pub fn create_experiment<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        new: NewExperiment,
    ) -> Result<Experiment, ControlError> {
        let (id, status, count_users) = (new.id, new.status, new.count_users);
        let of_targeting = Path::Root.field("targeting");
        let of_goals = Path::Root.field(GOALS);
        let (targeting, goals) = (new.targeting.clone(), new.goals.clone());
        let (mut terms, targeting, goals, count_users) = strictly(|faults| {
            let count_users = Capacity::check(count_users, &Path::Root, faults);
            let terms = Unchecked::from(new).check(&Path::Root, faults);
            let targeting = targeting.check(&of_targeting, faults);
            let goals = goals.check(&of_goals, faults);
            Some((terms?, targeting, goals, count_users))
        })?;

        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let state = find(&view, flag.into())?;
        if state.flag.is_archived() {
            return Err(ControlError::CreatesOnArchived { flag: state.flag.key().to_owned() });
        }
        let id = given_or_random(id, ExperimentId::from_bytes)?;
        if view.find_experiment(id).is_some() {
            return Err(ControlError::ExperimentIdTaken { id });
        }
        let mut faults = Faults::default();
        self.control.registry.with(id, |record| {
            same_experiment(record, id, &mut terms, &Path::Root, &mut faults);
        });
        let known = self.control.registry.with(id, Arc::clone);
        let durability = self.control.durability.as_ref().filter(|_| known.is_none());
        if durability.is_some_and(|durability| durability.counts_for_others(id, &terms)) {
            faults.add(&Path::Root, FaultKind::CountsForOthers { id: id.to_string() });
        }
        check_variants(&terms.variants, state.flag.flag_type(), &Path::Root, &mut faults);
        let population = writer.history().population(id);
        let mut targeting = targeting;
        if let Some(population) = &population {
            let before = population.targeting.as_deref().cloned().unwrap_or_default();
            check_change(id, &before, &targeting, &of_targeting, &mut faults);
            targeting.held_out_by = before.held_out_by;
            targeting.coverages = before.coverages;
            let before = population.goals.as_deref().cloned().unwrap_or_default();
            before.check_change(&goals, id, &of_goals, &mut faults);
        }
        let before = population.as_ref().and_then(|population| population.goals.as_deref());
        let goals = goals.attached_to(before, population.is_some(), now);
        check_goals(&goals, view.shared(), &of_goals, &mut faults);
        let definition = Definition::create(id, terms, status, now);
        let (targeting, goals) = (targeting.some(), goals.some());
        let mut definition = Definition { count_users, targeting, goals, ..definition };
        if population.is_none() {
            bind(&mut definition, None, view.shared());
        }
        definition.note_coverage(now);
        let is_started = population.is_some() || definition.started_at.is_some();
        let targeted = Targeted { definition: &definition, is_started, is_archived: false };
        targeted.check(view.shared(), &of_targeting, &mut faults);
        faults.into_result()?;
        let definition = Arc::new(definition);
        if definition.is_running() {
            refuse_second_running(state, &definition)?;
            refuse_taken_layer(&view, &definition)?;
        }
        let mut record = writer.apply(known, &definition, Baseline::default, Runs::default)?;
        if definition.is_running() {
            record = writer.mark_start(&record);
            writer.open(&record);
        }
        let created = ExperimentState::new(record, None);
        let experiment = created.read();
        let mut experiments = state.experiments.to_vec();
        experiments.push(created);
        let experiments = experiments.into();
        writer.publish(
            view.with(FlagState { experiments, ..state.copy() }),
            Action::CreateExperiment,
        )?;
        events::experiment_created(state.flag.key(), &definition);
        Ok(experiment)
    }

    /// Starts a draft or a stopped experiment: traffic is split from now on. `started_at` becomes
    /// now, `stopped_at` is cleared, the counts go on.
    ///
    /// The first start fixes who is in it: from then on its targeting stays, but that its
    /// [coverage](Engine::raise_coverage) can grow, and it is bound by the
    /// [holdouts](Engine::create_holdout) that there are at that moment.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Transition`] if it is running or
    /// completed; [`ControlError::StartsArchived`] or [`ControlError::StartsOnArchived`] if it or
    /// its flag is archived; [`ControlError::AlreadyRunning`] if another one runs on the same flag
    /// in the same environment; [`ControlError::LayerTaken`] if another one runs in the same
    /// environment in a part of its range of its layer.
    pub fn start(&self, id: ExperimentId) -> Result<Experiment, ControlError> {
        self.transition(id, Transition::Start)
    }

    /// Stops a running experiment: the flag answers its default from now on, and nothing more is
    /// counted. `stopped_at` becomes now.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Transition`] if it is not running.
    pub fn stop(&self, id: ExperimentId) -> Result<Experiment, ControlError> {
        self.transition(id, Transition::Stop)
    }

    /// The experiment of this id, as it stands now.
    #[must_use]
    pub fn experiment(&self, id: ExperimentId) -> Option<Experiment> {
        let view = self.current.pin();
        view.find_experiment(id).map(|found| found.state.read())
    }

    /// The experiments of a flag, in the order of their creation.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`].
    pub fn experiments<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
    ) -> Result<Vec<Experiment>, ControlError> {
        let view = self.current.pin();
        let state = find(&view, flag.into())?;
        Ok(state.experiments.iter().map(ExperimentState::read).collect())
    }

    fn transition(
        &self,
        id: ExperimentId,
        transition: Transition,
    ) -> Result<Experiment, ControlError> {
        let mut writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let found = find_experiment(&view, id)?;
        let definition = found.state.definition.after(transition, now);
        let mut definition =
            definition.map_err(|source| ControlError::Transition { id, source })?;
        if !has_been_started(found.state) {
            bind(&mut definition, Some(&found.state.definition), view.shared());
        }
        definition.note_coverage(now);
        let definition = Arc::new(definition);
        let known = self.control.registry.with(id, Arc::clone);
        let mut record = writer.apply(known, &definition, Baseline::default, Runs::default)?;
        match transition {
            Transition::Start => {
                refuse_archived(found.flag, &definition)?;
                refuse_second_running(found.flag, &definition)?;
                refuse_taken_layer(&view, &definition)?;
                record = writer.mark_start(&record);
                writer.open(&record);
            }
            Transition::Stop | Transition::Ship => writer.close(&record.counters),
        }
        let next = ExperimentState::new(record, found.state.forced.clone());
        let action = match transition {
            Transition::Start => Action::Start,
            Transition::Stop => Action::Stop,
            Transition::Ship => Action::Ship,
        };
        let published = view.with(found.flag.with_experiment(found.position, next.clone()));
        writer.publish(published, action)?;
        match transition {
            Transition::Start => events::experiment_started(found.flag.flag.key(), &definition),
            Transition::Stop | Transition::Ship => {
                events::experiment_stopped(found.flag.flag.key(), &definition);
            }
        }
        Ok(next.read())
    }
}

/// Adds a fault for each difference to the experiment that the engine knows under this id. Equal
/// variants become the known ones, so that their values keep their writing, and share memory.
pub(super) fn same_experiment(
    record: &Record,
    id: ExperimentId,
    terms: &mut Terms,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let known = &record.definition.terms;
    if known.environment != terms.environment {
        let expected = (&known.environment).into();
        let kind = FaultKind::EnvironmentChanged { id: id.to_string(), expected };
        faults.add(&path.field("environment"), kind);
    }
    if known.variants == terms.variants {
        terms.variants = Arc::clone(&known.variants);
    } else {
        faults.add(&path.field("variants"), FaultKind::VariantsChanged { id: id.to_string() });
    }
}

fn refuse_archived(state: &FlagState, definition: &Definition) -> Result<(), ControlError> {
    let id = definition.id;
    if definition.is_archived {
        return Err(ControlError::StartsArchived { id });
    }
    if state.flag.is_archived() {
        return Err(ControlError::StartsOnArchived { id, flag: state.flag.key().to_owned() });
    }
    Ok(())
}

fn refuse_second_running(state: &FlagState, definition: &Definition) -> Result<(), ControlError> {
    match state.running_in(&definition.terms.environment) {
        Some(running) if running != definition.id => Err(ControlError::AlreadyRunning {
            flag: state.flag.key().to_owned(),
            environment: (&definition.terms.environment).into(),
            running,
        }),
        _ => Ok(()),
    }
}

fn refuse_taken_layer(view: &Snapshot, definition: &Definition) -> Result<(), ControlError> {
    let part = definition.targeting.as_ref().and_then(|targeting| targeting.layer());
    match (part, overlapping(view.states(), definition)) {
        (Some(part), Some((flag, running))) => {
            let (id, layer, flag) = (definition.id, part.id(), flag.to_owned());
            Err(ControlError::LayerTaken { id, layer, running, flag })
        }
        _ => Ok(()),
    }
}

pub(super) fn find_experiment(
    snapshot: &Snapshot,
    id: ExperimentId,
) -> Result<FoundExperiment<'_>, ControlError> {
    snapshot.find_experiment(id).ok_or(ControlError::ExperimentNotFound { id })
}
