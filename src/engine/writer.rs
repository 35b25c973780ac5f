//! One change of an engine: staged, then published whole or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Engine;
use crate::count::counters::ExperimentCounters;
use crate::count::counts::Baseline;
use crate::count::registry::Record;
use crate::count::stripe;
use crate::engine::events;
use crate::format::export::Export;
use crate::model::definition::Definition;
use crate::model::error::FileError;
use crate::model::id::ExperimentId;
use crate::read::current::Retired;
use crate::read::snapshot::Snapshot;

/// The right to change an engine, held by one thread at a time. Nothing that it stages is visible
/// before it publishes; if it is dropped before that, nothing has changed.
#[derive(Debug)]
pub(super) struct Writer<'e> {
    engine: &'e Engine,
    retired: MutexGuard<'e, Retired>,
    /// The records after the change.
    staged: BTreeMap<ExperimentId, Record>,
    starting: Vec<Arc<ExperimentCounters>>,
    opening: Vec<Arc<ExperimentCounters>>,
    closing: Vec<Arc<ExperimentCounters>>,
    /// The text to store as the definitions; `None` to write them from the snapshot.
    stored_as: Option<String>,
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
        let retired = self.control.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Writer {
            engine: self,
            retired,
            staged: BTreeMap::new(),
            starting: Vec::new(),
            opening: Vec::new(),
            closing: Vec::new(),
            stored_as: None,
        }
    }
}

impl Writer<'_> {
    /// Stages this definition of an experiment, and returns the experiment's record. The counts of
    /// a known experiment go on; those of a new one start at `base`, of which `at_start` was
    /// counted before its last start.
    pub(super) fn apply(
        &mut self,
        definition: &Arc<Definition>,
        base: impl FnOnce() -> Baseline,
        at_start: impl FnOnce() -> Baseline,
    ) -> Result<Record, FileError> {
        let id = definition.id;
        let registry = &self.engine.control.registry;
        let known = self.staged.get(&id).cloned().or_else(|| registry.with(id, Record::clone));
        let record = match known {
            Some(known) if Arc::ptr_eq(&known.definition, definition) => return Ok(known),
            Some(known) => Record { definition: Arc::clone(definition), ..known },
            None => Record {
                definition: Arc::clone(definition),
                counters: Arc::new(self.counters(definition, base())?),
                started_at: definition.started_at,
                at_start: at_start(),
            },
        };
        self.staged.insert(id, record.clone());
        Ok(record)
    }

    /// Stages a start: the current counts become those at the last start.
    pub(super) fn mark_start(&mut self, record: Record) -> Record {
        let at_start = Baseline::new(&record.counters.counts());
        let started_at = record.definition.started_at;
        let record = Record { started_at, at_start, ..record };
        self.starting.push(Arc::clone(&record.counters));
        self.staged.insert(record.definition.id, record.clone());
        record
    }

    /// Opens counters just before the snapshot is published, so that an evaluation that sees the
    /// experiment running is counted.
    pub(super) fn open(&mut self, counters: &Arc<ExperimentCounters>) {
        if !counters.is_open() {
            self.opening.push(Arc::clone(counters));
        }
    }

    /// Closes counters just after the snapshot is published, so that what was served is counted.
    pub(super) fn close(&mut self, counters: &Arc<ExperimentCounters>) {
        self.closing.push(Arc::clone(counters));
    }

    /// Stores the change as this text, from which it was read.
    pub(super) fn store_as(&mut self, definitions: &str) {
        self.stored_as = Some(definitions.to_owned());
    }

    /// Stores the change, if the engine is durable, and publishes it.
    pub(super) fn publish(mut self, next: Snapshot) -> Result<(), FileError> {
        if let Some(durability) = &self.engine.control.durability {
            let write = || Export::of(next.states()).to_json();
            let saved = durability.save(&self.stored_as.take().unwrap_or_else(write));
            if let Err(error) = saved {
                drop(self);
                events::not_stored(&error);
                return Err(error);
            }
        }
        for record in std::mem::take(&mut self.staged).into_values() {
            self.engine.control.registry.put(record);
        }
        for users in self.starting.iter().filter_map(|counters| counters.users()) {
            users.begin_period();
        }
        for counters in self.opening.drain(..) {
            counters.set_open(true);
        }
        self.publish_unstored(next);
        for counters in self.closing.drain(..) {
            counters.set_open(false);
        }
        Ok(())
    }

    /// Publishes a snapshot with the same definitions as before.
    pub(super) fn publish_unstored(&mut self, next: Snapshot) {
        self.engine.current.publish(next, &mut self.retired);
    }

    fn counters(
        &self,
        definition: &Definition,
        base: Baseline,
    ) -> Result<ExperimentCounters, FileError> {
        let variants = definition.terms.count();
        match &self.engine.control.durability {
            None => Ok(ExperimentCounters::new(variants, base, stripe::count())),
            Some(durability) => {
                Ok(ExperimentCounters::mapped(variants, durability.cells(definition, base)?))
            }
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some(durability) = &self.engine.control.durability {
            durability.give_up();
        }
    }
}
