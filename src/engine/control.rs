//! The control plane: one change at a time, published whole.

use std::sync::Arc;

use serde_json::Value;

use super::Engine;
use crate::count::counts::Baseline;
use crate::count::registry::Record;
use crate::engine::events;
use crate::format::fields::strictly;
use crate::model::error::Error;
use crate::model::experiment::{Definition, Experiment, NewExperiment, Terms, Unchecked};
use crate::model::fault::{Findings, Path, Rule};
use crate::model::flag::{Flag, FlagRef, NewFlag};
use crate::model::id::{ExperimentId, FlagId};
use crate::model::status::Transition;
use crate::model::validation::{check_flag, check_value};
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentEntry, FlagEntry};
use crate::read::view::View;

impl Engine {
    /// Creates a flag.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the key or the name is blank or overlong, or the value nested too deep;
    /// [`Error::FlagKeyTaken`] or [`Error::FlagIdTaken`] if another flag has it.
    pub fn create_flag(&self, new: NewFlag) -> Result<Flag, Error> {
        let mut findings = Findings::default();
        check_flag(
            &Path::Root,
            Some(&new.key),
            new.name.as_deref(),
            Some(&new.default_value),
            &mut findings,
        );
        findings.into_result()?;
        let writer = self.lock();
        let now = self.control.clock.now();
        let view = self.current.view();
        if view.find(FlagRef::Key(&new.key)).is_some() {
            return Err(Error::FlagKeyTaken { key: new.key });
        }
        let id = new.id.map_or_else(random_flag_id, Ok)?;
        if view.find(FlagRef::Id(id)).is_some() {
            return Err(Error::FlagIdTaken { id });
        }
        let flag = Flag::create(id, &new.key, new.name.as_deref(), new.default_value, now);
        writer.publish(view.with(FlagEntry { flag: flag.clone(), experiments: Box::default() }))?;
        events::flag_created(flag.key());
        Ok(flag)
    }

    /// Changes what a flag answers when no experiment decides.
    ///
    /// # Errors
    ///
    /// [`Error::FlagNotFound`]; [`Error::Invalid`] if the value is nested too deep.
    pub fn set_default<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        default_value: impl Into<Value>,
    ) -> Result<Flag, Error> {
        let default_value = default_value.into();
        let mut findings = Findings::default();
        check_value(&default_value, &Path::Root.field("default_value"), &mut findings);
        findings.into_result()?;
        let writer = self.lock();
        let now = self.control.clock.now();
        let view = self.current.view();
        let entry = find(&view, flag.into())?;
        let flag = entry.flag.with_default(default_value, now);
        writer.publish(
            view.with(FlagEntry { flag: flag.clone(), experiments: entry.experiments.clone() }),
        )?;
        events::default_changed(flag.key());
        Ok(flag)
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
        let terms = strictly(|findings| Unchecked::from(new).check(&Path::Root, findings))?;

        let mut writer = self.lock();
        let now = self.control.clock.now();
        let view = self.current.view();
        let entry = find(&view, flag.into())?;
        let id = id.map_or_else(random_experiment_id, Ok)?;
        if view.find_experiment(id).is_some() {
            return Err(Error::ExperimentIdTaken { id });
        }
        let mut findings = Findings::default();
        self.control.registry.look(id, |record| {
            same_experiment(record, id, &terms, &Path::Root, &mut findings);
        });
        findings.into_result()?;
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

    /// Pins a user key to a variant of an experiment, for testing it by hand. Whatever it was pinned
    /// to in that experiment before is forgotten.
    ///
    /// The flag answers the variant with the reason [`Forced`](crate::Reason::Forced), and neither
    /// the exposure nor a conversion of that user is counted. A pin holds while the experiment is a
    /// draft, so that a variant can be looked at before the start, and while it runs. Where a user is
    /// pinned in several experiments on one flag and environment, the running one has the say, then
    /// the oldest draft.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`]; [`Error::VariantNotFound`], which names the variants that there
    /// are; [`Error::NoUserKey`] for the empty key.
    pub fn force(&self, id: ExperimentId, user_key: &str, variant: &str) -> Result<(), Error> {
        if user_key.is_empty() {
            return Err(Error::NoUserKey);
        }
        let writer = self.lock();
        let view = self.current.view();
        let (entry, at, experiment) = place(&view, id)?;
        let definition = &experiment.definition;
        let Some(position) = definition.position(variant) else {
            let keys = definition.terms.variants.iter().map(|known| known.key().to_owned());
            return Err(Error::VariantNotFound {
                experiment: id,
                variant: crate::model::fault::quote(variant),
                known: keys.collect(),
            });
        };
        let mut next = experiment.clone();
        Arc::make_mut(next.forced.get_or_insert_default()).insert(user_key.into(), position);
        writer.publish(view.with(entry.with_experiment(at, next)))?;
        events::user_forced(id);
        Ok(())
    }

    /// Lets a pinned user key be assigned again; says whether it was pinned.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`].
    pub fn unforce(&self, id: ExperimentId, user_key: &str) -> Result<bool, Error> {
        let writer = self.lock();
        let view = self.current.view();
        let (entry, at, experiment) = place(&view, id)?;
        let mut next = experiment.clone();
        let forced = next.forced.as_mut().filter(|forced| forced.contains_key(user_key));
        let Some(forced) = forced else {
            return Ok(false);
        };
        Arc::make_mut(forced).remove(user_key);
        writer.publish(view.with(entry.with_experiment(at, next)))?;
        events::user_unforced(id);
        Ok(true)
    }

    /// The user keys that are pinned in an experiment, each with its variant's key, in the order of
    /// the user keys.
    ///
    /// # Errors
    ///
    /// [`Error::ExperimentNotFound`].
    pub fn forced(&self, id: ExperimentId) -> Result<Vec<(String, String)>, Error> {
        let view = self.current.view();
        let (_, _, experiment) = place(&view, id)?;
        let variants = &experiment.definition.terms.variants;
        let pins = experiment.pins().filter_map(|(user_key, variant)| {
            Some((user_key.to_string(), variants.get(variant)?.key().to_owned()))
        });
        Ok(pins.collect())
    }
}

/// Names what differs from the experiment that the engine has met under this id.
pub(super) fn same_experiment(
    record: &Record,
    id: ExperimentId,
    terms: &Terms,
    path: &Path<'_>,
    findings: &mut Findings,
) {
    let met = &record.definition.terms;
    if met.environment != terms.environment {
        let expected = (&met.environment).into();
        let rule = Rule::EnvironmentChanged { id: id.to_string(), expected };
        findings.fault(&path.field("environment"), rule);
    }
    if met.variants != terms.variants {
        findings.fault(&path.field("variants"), Rule::VariantsChanged { id: id.to_string() });
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

fn find<'v>(view: &'v View, flag: FlagRef<'_>) -> Result<&'v FlagEntry, Error> {
    match view.find(flag) {
        Some(entry) => Ok(entry),
        None => Err(Error::FlagNotFound {
            flag: match flag {
                FlagRef::Key(key) => format!("{:?}", crate::model::fault::quote(key)),
                FlagRef::Id(id) => id.to_string(),
            },
        }),
    }
}

fn place(
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
fn random_flag_id() -> Result<FlagId, Error> {
    Ok(FlagId::random())
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[expect(clippy::unnecessary_wraps, reason = "there are platforms without randomness")]
fn random_experiment_id() -> Result<ExperimentId, Error> {
    Ok(ExperimentId::random())
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn random_flag_id() -> Result<FlagId, Error> {
    Err(Error::IdRequired)
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn random_experiment_id() -> Result<ExperimentId, Error> {
    Err(Error::IdRequired)
}
