//! Replacing the definitions by a document: what it leaves out comes from what the engine knows.

use std::sync::Arc;

use super::Engine;
use super::holdouts::bind;
use super::sharing::Sharing;
use super::writer::Writer;
use crate::count::counts::Count;
use crate::count::registry::Record;
use crate::format::experiment::ExperimentDocument;
use crate::format::flag_document::{ExperimentSection, FlagDocument};
use crate::model::definition::Definition;
use crate::model::error::FileError;
use crate::model::flag::FlagRef;
use crate::model::status::Status;
use crate::model::targeting::rule::Rules;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

impl Engine {
    /// The flags of a document, as they are to be.
    pub(super) fn replaced_by(
        &self,
        writer: &mut Writer<'_>,
        old: &Snapshot,
        flags: Vec<FlagDocument>,
        shared: &Shared,
    ) -> Result<Vec<Arc<FlagState>>, FileError> {
        let now = self.control.clock.now();
        // The records of all experiments, each looked up once, in the order of the document.
        let sections = flags.iter().flat_map(|document| &document.experiments);
        let records = sections.map(|section| {
            let record = self.control.registry.with(section.experiment.id, Arc::clone);
            if record.is_none() {
                writer.expect(section.experiment.terms.count());
            }
            record
        });
        let mut records = records.collect::<Vec<_>>().into_iter();
        let mut sharing = Sharing::with(old);
        let mut states = Vec::with_capacity(flags.len());
        for mut document in flags {
            let known = document.id.and_then(|id| old.find(FlagRef::Id(id)));
            let flag = document.flag(known.map(|state| &state.flag), now);
            let count = document.experiments.len();
            let mut records = records.by_ref().take(count);
            let Some(mut flag) = flag else {
                records.for_each(drop);
                continue;
            };
            sharing.value(flag.shared_default_value());
            let sections = document.experiments.into_iter().map(|mut section| {
                let terms = &mut section.experiment.terms;
                sharing.environment(&mut terms.environment);
                sharing.variants(&mut terms.variants);
                let record = records.next().flatten();
                experiment_of(writer, record, old, section, shared, now)
            });
            let experiments = sections.collect::<Result<_, _>>()?;
            let mut rules = document.rules.rules;
            for rule in &mut rules {
                sharing.rule(rule);
            }
            let rules = Rules::new(rules);
            let state = FlagState { flag, experiments, rules };
            // An unchanged flag keeps its memory, and so stays in the readers' caches.
            states.push(match known {
                Some(known) if state.is_same(known) => Arc::clone(known),
                _ => Arc::new(state),
            });
        }
        Ok(states)
    }
}

/// Opens the counters of what runs from now on, and closes those of what no longer does.
pub(super) fn open_and_close(writer: &mut Writer<'_>, old: &Snapshot, next: &Snapshot) {
    for experiment in running(next) {
        writer.open(experiment.record());
    }
    for experiment in running(old) {
        let now = next.find_experiment(experiment.definition.id);
        if !now.is_some_and(|found| found.state.definition.is_running()) {
            writer.close(&experiment.counters);
        }
    }
}

/// An experiment of a document and its record, if there is one, with its counters and forced users.
pub(super) fn experiment_of(
    writer: &mut Writer<'_>,
    record: Option<Arc<Record>>,
    old: &Snapshot,
    mut section: ExperimentSection,
    shared: &Shared,
    now: Timestamp,
) -> Result<ExperimentState, FileError> {
    let known = old.find_experiment(section.experiment.id).map(|found| found.state);
    let forced = match section.forced.take() {
        Some(forced) => (!forced.is_empty()).then(|| Arc::new(forced)),
        None => known.and_then(|experiment| experiment.forced.clone()),
    };
    let known = known.map(|experiment| &experiment.definition);
    let carried = section.carried();
    let is_dated = section.experiment.started_at.is_some();
    let has_run = section.was_started();
    let is_known = record.is_some();
    let left = writer.remembered().experiments.get(&section.experiment.id);
    let left = left.filter(|_| record.is_none());
    let last_start = match &record {
        Some(record) => record.started_at,
        None => left.map(|population| population.started_at),
    };
    let known_start = record.as_ref().is_some_and(|record| record.definition.started_at.is_some());
    let known_goals = match &record {
        Some(record) => record.definition.goals.clone(),
        None => left.and_then(|population| population.goals.clone()),
    };
    let targeting = section.experiment.targeting.take();
    let bound = match &record {
        Some(record) => record.definition.targeting.clone(),
        None => left.and_then(|population| population.targeting.clone()),
    };
    let targeting = targeting.as_deref().cloned().unwrap_or_default().bound_as(bound.as_deref());
    section.experiment.targeting = targeting.some();
    // A start with a date has been before, with the holdouts that the document gives.
    let binding = (!is_dated && last_start.is_none()).then_some(shared);
    let was_started = has_run || last_start.is_some() || known_start;
    let goals = section.experiment.goals.take();
    let attached = known_goals.as_deref();
    let goals = goals.as_deref().cloned().unwrap_or_default();
    section.experiment.goals = goals.attached_to(attached, was_started, now).some();
    let definition = definition_of(section.experiment, known, last_start, binding, now);
    let runs = || section.counters.runs(definition.started_at);
    let of_goals = &section.counters.goals;
    let mut record = writer.apply_with_goals(record, &definition, || carried, runs, of_goals)?;
    // "Since start" begins anew with a later `started_at`, or with a start that has no date but
    // now.
    let was_running = known.is_some_and(|known| known.is_running());
    let is_undated_start = definition.is_running() && !is_dated && !was_running;
    let is_started = definition.started_at > last_start || is_undated_start;
    if is_known && is_started {
        record = writer.mark_start(&record);
    } else if !is_known && is_undated_start {
        // An export from before dates were written may carry counts of the run.
        let is_first = record.counters.counts().iter().all(|count| *count == Count::default());
        if is_first {
            writer.mark_begun(&record);
        }
    }
    Ok(ExperimentState::new(record, forced))
}

fn running(snapshot: &Snapshot) -> impl Iterator<Item = &ExperimentState> {
    let experiments = snapshot.states().flat_map(|state| &*state.experiments);
    experiments.filter(|experiment| experiment.definition.is_running())
}

/// The definition that a document gives. What it leaves out comes from the known definition, or
/// else from the clock. If the experiment starts for the first time, it is bound by the holdouts of
/// `binding`.
fn definition_of(
    document: ExperimentDocument,
    known: Option<&Arc<Definition>>,
    last_start: Option<Timestamp>,
    binding: Option<&Shared>,
    now: Timestamp,
) -> Arc<Definition> {
    let was_running = known.is_some_and(|known| known.is_running());
    let status = document.status.unwrap_or_default();
    let is_running = status == Status::Running;
    // A start or a stop without a date happens now.
    let started_at = document.started_at.or((is_running && !was_running).then_some(now));
    let (started_at, stopped_at) = match status {
        Status::Draft => (document.started_at, document.stopped_at),
        // A document from before the last start does not undo it: the counts "since start" belong
        // to that start.
        Status::Running => (started_at.max(last_start), None),
        Status::Stopped | Status::Completed => {
            let known_stop = known.and_then(|known| known.stopped_at);
            let last_stop = if was_running { Some(now) } else { known_stop };
            (started_at.max(last_start), document.stopped_at.or(last_stop))
        }
    };
    let created_at = document.created_at.or(known.map(|known| known.created_at)).unwrap_or(now);
    let mut definition = Definition {
        id: document.id,
        terms: document.terms,
        status,
        started_at,
        stopped_at,
        created_at,
        updated_at: known.map_or(now, |known| known.updated_at),
        notes: document.notes,
        is_archived: document.is_archived,
        count_users: document.count_users,
        targeting: document.targeting,
        goals: document.goals,
    };
    if let Some(shared) = binding {
        bind(&mut definition, known.map(|known| &**known), shared);
    }
    definition.note_coverage(now);
    // An unchanged experiment keeps its `updated_at`.
    let as_before = known.filter(|known| definition == ***known);
    let updated_at = document.updated_at.or(as_before.map(|known| known.updated_at)).unwrap_or(now);
    match as_before {
        Some(known) if updated_at == known.updated_at => Arc::clone(known),
        _ => {
            definition.updated_at = updated_at;
            Arc::new(definition)
        }
    }
}
