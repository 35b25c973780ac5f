//! Experiments: made, started, stopped and listed.

use std::sync::Arc;

use super::Engine;
use super::flags::find;
use crate::count::counts::Baseline;
use crate::count::registry::Record;
use crate::engine::events;
use crate::format::fields::strictly;
use crate::model::definition::Definition;
use crate::model::error::Error;
use crate::model::experiment::Experiment;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::flag::FlagRef;
use crate::model::id::ExperimentId;
use crate::model::new_experiment::NewExperiment;
use crate::model::path::Path;
use crate::model::status::Transition;
use crate::model::terms::{Terms, Unchecked};
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentEntry, FlagEntry};

impl Engine {
    /// Creates an experiment on a flag. One that is created running counts as started now.
    ///
    /// Its count starts at nothing, unless the engine has met an experiment of this id before, with
    /// the same variants in the same environment: then it goes on from there.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with every rule that it breaks; [`Error::FlagNotFound`];
    /// [`Error::ExperimentIdTaken`]; [`Error::AlreadyRunning`] if it is to be created running where
    /// another one runs.
    pub fn create_experiment<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        new: NewExperiment,
    ) -> Result<Experiment, Error> {
        let (id, status) = (new.id, new.status);
        let terms = strictly(|faults| Unchecked::from(new).check(&Path::Root, faults))?;

        let mut writer = self.lock();
        let now = self.control.clock.now();
        let view = self.current.view();
        let entry = find(&view, flag.into())?;
        let id = id.map_or_else(random_experiment_id, Ok)?;
        if view.find_experiment(id).is_some() {
            return Err(Error::ExperimentIdTaken { id });
        }
        let mut faults = Faults::default();
        self.control.registry.look(id, |record| {
            same_experiment(record, id, &terms, &Path::Root, &mut faults);
        });
        faults.into_result()?;
        let definition = Arc::new(Definition::create(id, terms, status, now));
        if definition.is_running() {
            refuse_second_running(entry, &definition)?;
        }
        let nothing = Baseline::default;
        let mut record = writer.meet(&definition, nothing, nothing)?;
        if definition.is_running() {
            record = writer.mark_start(record);
            writer.open(&record.tally);
        }
        let created = ExperimentEntry::new(record, None);
        let experiment = created.read();
        let mut experiments = entry.experiments.to_vec();
        experiments.push(created);
        let experiments = experiments.into();
        writer.publish(view.with(FlagEntry { flag: entry.flag.clone(), experiments }))?;
        events::experiment_created(entry.flag.key(), &definition);
        Ok(experiment)
    }

    /// Starts a draft or a stopped experiment: traffic is split from now on. `started_at` becomes
    /// now, `stopped_at` is cleared, the counts go on.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`]; [`Error::Transition`] if it is running or completed;
    /// [`Error::AlreadyRunning`] if another one runs on the same flag in the same environment.
    pub fn start(&self, id: ExperimentId) -> Result<Experiment, Error> {
        self.transition(id, Transition::Start)
    }

    /// Stops a running experiment: the flag answers its default from now on, and nothing more is
    /// counted. `stopped_at` becomes now.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`]; [`Error::Transition`] if it is not running.
    pub fn stop(&self, id: ExperimentId) -> Result<Experiment, Error> {
        self.transition(id, Transition::Stop)
    }

    /// The experiment of this id, as it stands now.
    #[must_use]
    pub fn experiment(&self, id: ExperimentId) -> Option<Experiment> {
        let view = self.current.view();
        view.find_experiment(id).map(|(_, _, entry)| entry.read())
    }

    /// The experiments of a flag, in the order of their creation.
    ///
    /// # Errors
    ///
    /// [`Error::FlagNotFound`].
    pub fn experiments<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Result<Vec<Experiment>, Error> {
        let view = self.current.view();
        let entry = find(&view, flag.into())?;
        Ok(entry.experiments.iter().map(ExperimentEntry::read).collect())
    }

    fn transition(&self, id: ExperimentId, transition: Transition) -> Result<Experiment, Error> {
        let mut writer = self.lock();
        let now = self.control.clock.now();
        let view = self.current.view();
        let (entry, at, experiment) = place(&view, id)?;
        let definition = experiment.definition.after(transition, now);
        let definition = Arc::new(definition.map_err(|source| Error::Transition { id, source })?);
        let mut record = writer.meet(&definition, Baseline::default, Baseline::default)?;
        match transition {
            Transition::Start => {
                refuse_second_running(entry, &definition)?;
                record = writer.mark_start(record);
                writer.open(&record.tally);
            }
            Transition::Stop => writer.close(&record.tally),
        }
        let next = ExperimentEntry::new(record, experiment.forced.clone());
        writer.publish(view.with(entry.with_experiment(at, next.clone())))?;
        match transition {
            Transition::Start => events::experiment_started(entry.flag.key(), &definition),
            Transition::Stop => events::experiment_stopped(entry.flag.key(), &definition),
        }
        Ok(next.read())
    }
}

/// Names what differs from the experiment that the engine has met under this id.
pub(super) fn same_experiment(
    record: &Record,
    id: ExperimentId,
    terms: &Terms,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let met = &record.definition.terms;
    if met.environment != terms.environment {
        let expected = (&met.environment).into();
        let kind = FaultKind::EnvironmentChanged { id: id.to_string(), expected };
        faults.add(&path.field("environment"), kind);
    }
    if met.variants != terms.variants {
        faults.add(&path.field("variants"), FaultKind::VariantsChanged { id: id.to_string() });
    }
}

fn refuse_second_running(entry: &FlagEntry, definition: &Definition) -> Result<(), Error> {
    match entry.running_in(&definition.terms.environment) {
        Some(running) if running != definition.id => Err(Error::AlreadyRunning {
            flag: entry.flag.key().to_owned(),
            environment: (&definition.terms.environment).into(),
            running,
        }),
        _ => Ok(()),
    }
}

pub(super) fn place(
    snapshot: &Snapshot,
    id: ExperimentId,
) -> Result<(&FlagEntry, usize, &ExperimentEntry), Error> {
    let found = snapshot
        .find_experiment(id)
        .and_then(|(slot, at, experiment)| Some((&**snapshot.slot(slot).entry()?, at, experiment)));
    found.ok_or(Error::ExperimentNotFound { id })
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[expect(clippy::unnecessary_wraps, reason = "there are platforms without randomness")]
fn random_experiment_id() -> Result<ExperimentId, Error> {
    Ok(ExperimentId::random())
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn random_experiment_id() -> Result<ExperimentId, Error> {
    Err(Error::IdRequired)
}
