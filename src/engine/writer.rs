//! One change of an engine: staged, then published whole or not at all.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::Engine;
use super::users::UsersChange;
use crate::count::counters::ExperimentCounters;
use crate::count::counts::Baseline;
use crate::count::goal_counters::{self, GoalCounters};
use crate::count::goal_counts::GoalCount;
use crate::count::pool::Pool;
use crate::count::registry::{GoalRecord, Record};
use crate::count::runs::Runs;
use crate::count::stripe;
use crate::engine::events;
use crate::engine::store::Proposal;
use crate::format::counters_document::CarriedGoal;
use crate::format::units::edits;
use crate::model::actor::Actor;
use crate::model::capacity::Capacity;
use crate::model::change::{Action, Change};
use crate::model::definition::Definition;
use crate::model::error::{CommitError, FileError};
use crate::model::id::ExperimentId;
use crate::model::remembered::Remembered;
use crate::model::source::Sources;
use crate::model::targeting::shared::Shared;
use crate::read::current::Retired;
use crate::read::snapshot::Snapshot;

/// What only the writer needs.
#[derive(Debug, Default)]
pub(super) struct Held {
    retired: Retired,
    sources: Arc<Sources>,
    /// What has left the definitions, and may come back.
    remembered: Arc<Remembered>,
    /// How many users are kept of an experiment that does not say; without it, none.
    pub(super) default_users: Option<Capacity>,
}

/// The right to change an engine, held by one thread at a time. Nothing that it stages is visible
/// before it publishes; if it is dropped before that, nothing has changed.
#[derive(Debug)]
pub(super) struct Writer<'e> {
    pub(super) engine: &'e Engine,
    pub(super) held: MutexGuard<'e, Held>,
    actor: Arc<Actor>,
    /// What the sources have said after the change, if that is other than before.
    sources: Option<Arc<Sources>>,
    /// What is remembered after the change, if that is other than before.
    remembered: Option<Arc<Remembered>>,
    /// The records after the change; the last of an experiment counts.
    staged: Vec<Arc<Record>>,
    /// The memory of new counters.
    pool: Pool,
    opening: Vec<Arc<Record>>,
    closing: Vec<Arc<ExperimentCounters>>,
    /// Experiments that are not in the snapshot to come, and are not to be known after it.
    pub(super) deleting: Vec<ExperimentId>,
    pub(super) users: UsersChange,
}

impl Engine {
    /// As [`lock`](Engine::lock), for a change that is to be stored. An error in a process that may
    /// not store it.
    pub(super) fn lock_to_change(&self) -> Result<Writer<'_>, FileError> {
        // Before the lock: a child of `fork` may find it held by a thread that it does not have.
        if let Some(durability) = &self.control.durability {
            durability.may_change()?;
        }
        Ok(self.lock())
    }

    /// Waits for the current writer, if there is one. A writer that panicked has published nothing,
    /// so a poisoned lock is usable.
    pub(super) fn lock(&self) -> Writer<'_> {
        let held = self.control.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Writer {
            engine: self,
            held,
            actor: Arc::clone(&self.actor),
            sources: None,
            remembered: None,
            staged: Vec::new(),
            pool: Pool::default(),
            opening: Vec::new(),
            closing: Vec::new(),
            deleting: Vec::new(),
            users: UsersChange::default(),
        }
    }
}

impl Writer<'_> {
    /// Prepares for a new experiment of this number of variants, to be staged in this change.
    pub(super) fn expect(&mut self, variants: u32) {
        self.pool.expect(variants);
    }

    /// Stages this definition of an experiment, once in a change, and returns the experiment's
    /// record; `known` is the record as it was. The counts of a known experiment go on; those of a
    /// new one start at `base`, and `runs` are its runs.
    pub(super) fn apply(
        &mut self,
        known: Option<Arc<Record>>,
        definition: &Arc<Definition>,
        base: impl FnOnce() -> Baseline,
        runs: impl FnOnce() -> Runs,
    ) -> Result<Arc<Record>, FileError> {
        self.apply_with_goals(known, definition, base, runs, &[])
    }

    /// As [`apply`](Writer::apply); the counts of goals that are new start at what a document
    /// carried.
    pub(super) fn apply_with_goals(
        &mut self,
        known: Option<Arc<Record>>,
        definition: &Arc<Definition>,
        base: impl FnOnce() -> Baseline,
        runs: impl FnOnce() -> Runs,
        carried: &[CarriedGoal],
    ) -> Result<Arc<Record>, FileError> {
        let record = match known {
            Some(known) if Arc::ptr_eq(&known.definition, definition) => return Ok(known),
            Some(known) => Record {
                definition: Arc::clone(definition),
                counters: Arc::clone(&known.counters),
                started_at: known.started_at,
                runs: known.runs.clone(),
                goals: self.goals(definition, known.goals.as_ref(), carried)?,
            },
            None => {
                let counters = Arc::new(self.counters(definition, base())?);
                self.users.mark_new(definition.id);
                let left = self.remembered().experiments.get(&definition.id);
                let last_start = left.map(|population| population.started_at);
                Record {
                    definition: Arc::clone(definition),
                    // After a loss of power, the counts can be older than the definitions.
                    runs: runs().at_most(|| counters.counts()),
                    counters,
                    started_at: definition.started_at.max(last_start),
                    goals: self.goals(definition, None, carried)?,
                }
            }
        };
        Ok(self.stage(record))
    }

    /// Stages a start: another run begins at the current counts.
    pub(super) fn mark_start(&mut self, record: &Record) -> Arc<Record> {
        let counts = Baseline::new(&record.counters.counts());
        let started_at = record.definition.started_at;
        let runs = record.runs.started(record.started_at, started_at, counts);
        self.mark_begun(record);
        let goals = record.goals.as_ref().map(|goals| {
            let started =
                |goal: &GoalRecord| GoalRecord { at_start: goal.counters.counts(), ..goal.clone() };
            Arc::new(goals.iter().map(started).collect())
        });
        self.stage(Record { started_at, runs, goals, ..record.clone() })
    }

    /// Stages that the last run of an experiment begins with this change.
    pub(super) fn mark_begun(&mut self, record: &Record) {
        self.users.mark_begun(record.definition.id);
    }

    fn stage(&mut self, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        self.staged.push(Arc::clone(&record));
        record
    }

    /// Opens counters just before the snapshot is published, so that an evaluation that sees the
    /// experiment running is counted.
    pub(super) fn open(&mut self, record: &Arc<Record>) {
        if !record.counters.is_open() {
            self.opening.push(Arc::clone(record));
        }
    }

    /// Closes counters just after the snapshot is published, so that what was served is counted.
    pub(super) fn close(&mut self, counters: &Arc<ExperimentCounters>) {
        self.closing.push(Arc::clone(counters));
    }

    /// Stages that an experiment, which does not run, is forgotten.
    pub(super) fn delete(&mut self, id: ExperimentId) {
        self.deleting.push(id);
    }

    /// What each source of documents said last.
    pub(super) fn sources(&self) -> &Arc<Sources> {
        &self.held.sources
    }

    /// Stages what the sources have said.
    pub(super) fn set_sources(&mut self, sources: Sources) {
        self.sources = Some(Arc::new(sources));
    }

    /// What has left the definitions, and may come back.
    pub(super) fn remembered(&self) -> &Arc<Remembered> {
        self.remembered.as_ref().unwrap_or(&self.held.remembered)
    }

    /// Stages what is remembered.
    pub(super) fn set_remembered(&mut self, remembered: Arc<Remembered>) {
        self.remembered = Some(remembered);
    }

    /// Records the change as this actor's.
    pub(super) fn acting_as(&mut self, actor: Actor) {
        self.actor = Arc::new(actor);
    }

    /// Commits the change, if the engine has a store, and publishes it.
    pub(super) fn publish(mut self, next: Snapshot, action: Action) -> Result<(), CommitError> {
        self.prepare(next.shared());
        self.remember(&next);
        if let Some(store) = &self.engine.control.store {
            let sources = self.sources.as_ref().unwrap_or(&self.held.sources);
            let change = Change {
                version: next.version(),
                at: self.engine.control.clock.now(),
                actor: (*self.actor).clone(),
                action,
                edits: edits(&self.engine.current.pin(), &next),
            };
            if let Err(error) =
                store.commit(&Proposal::new(&change, &next, sources, self.remembered()))
            {
                drop(self);
                events::not_stored(&error);
                return Err(error);
            }
        }
        self.publish_committed(next);
        Ok(())
    }

    /// Makes what the change needs besides the definitions, unless that has been done.
    fn prepare(&mut self, shared: &Shared) {
        if !self.users.is_prepared() {
            let records = self.opening.drain(..).chain(self.staged.iter().cloned());
            let records: Vec<_> = records.collect();
            self.prepare_users(records.iter(), shared);
        }
    }

    /// Publishes what has been committed.
    pub(super) fn publish_committed(mut self, next: Snapshot) {
        self.prepare(next.shared());
        if let Some(sources) = self.sources.take() {
            self.held.sources = sources;
        }
        if let Some(remembered) = self.remembered.take() {
            self.held.remembered = remembered;
        }
        let engine = self.engine;
        engine.control.registry.put(std::mem::take(&mut self.staged));
        if engine.control.durability.is_some() {
            engine.control.registry.forget_continued();
        }
        self.begin_users(next.shared());
        self.publish_unstored(next);
        for counters in self.closing.drain(..) {
            counters.set_open(false, false);
        }
        engine.control.registry.delete(&self.deleting);
        engine.release_deleted();
    }

    /// Publishes a snapshot with the same definitions as before.
    pub(super) fn publish_unstored(&mut self, next: Snapshot) {
        self.engine.current.publish(next, &mut self.held.retired);
    }

    /// The goals that a definition has attached: those that are known, and new ones.
    fn goals(
        &mut self,
        definition: &Definition,
        known: Option<&Arc<Vec<GoalRecord>>>,
        carried: &[CarriedGoal],
    ) -> Result<Option<Arc<Vec<GoalRecord>>>, FileError> {
        let Some(goals) = &definition.goals else { return Ok(None) };
        let mut records = Vec::with_capacity(goals.attached.len());
        for attached in &*goals.attached {
            let of_goal =
                known.and_then(|known| known.iter().find(|record| record.goal == attached.goal));
            let carried = carried.iter().find(|carried| carried.goal == *attached.goal);
            records.push(match (of_goal, carried) {
                (Some(known), _) => known.clone(),
                (None, carried) => {
                    let (ever, at_start) = carried.map_or_else(Default::default, |carried| {
                        (carried.ever.clone(), carried.at_start.clone())
                    });
                    let counters = self.goal_counters(definition, &attached.goal, ever)?;
                    // After a loss of power, the counts can be older than the definitions.
                    let most = counters.counts();
                    let starts = at_start.iter().zip(&most);
                    let at_start = starts.map(|(start, most)| start.at_most(*most)).collect();
                    let counters = Arc::new(counters);
                    GoalRecord { goal: Arc::clone(&attached.goal), counters, at_start }
                }
            });
        }
        Ok(Some(Arc::new(records)))
    }

    fn counters(
        &mut self,
        definition: &Definition,
        base: Baseline,
    ) -> Result<ExperimentCounters, FileError> {
        let variants = definition.terms.count();
        match &self.engine.control.durability {
            None => {
                let cells = self.pool.take(variants, stripe::count());
                Ok(ExperimentCounters::new(variants, base, cells))
            }
            Some(durability) => {
                Ok(ExperimentCounters::mapped(variants, durability.cells(definition, &base)?))
            }
        }
    }

    fn goal_counters(
        &mut self,
        definition: &Definition,
        goal: &str,
        base: Box<[GoalCount]>,
    ) -> Result<GoalCounters, FileError> {
        let variants = definition.terms.count();
        match &self.engine.control.durability {
            None => {
                let needed = goal_counters::cells_for(variants);
                let cells = self.pool.take_cells(needed, stripe::count());
                Ok(GoalCounters::new(variants, base, cells))
            }
            Some(durability) => {
                let cells = durability.goal_cells(definition, goal, &base)?;
                Ok(GoalCounters::mapped(variants, cells))
            }
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.users.give_up();
        if let Some(durability) = &self.engine.control.durability {
            durability.give_up();
        }
    }
}
