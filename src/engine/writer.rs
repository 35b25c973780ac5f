//! One change of an engine: made beside what there is, and then published whole or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Engine;
use crate::count::counters::Tally;
use crate::count::counts::Baseline;
use crate::count::registry::Record;
use crate::count::stripe;
use crate::engine::events;
use crate::format::export::Export;
use crate::model::definition::Definition;
use crate::model::error::StorageError;
use crate::model::id::ExperimentId;
use crate::read::current::Retired;
use crate::read::snapshot::Snapshot;

/// The one who may change an engine. Until it publishes, nothing of what it does is to be seen; if it
/// is dropped before, nothing has happened.
#[derive(Debug)]
pub(super) struct Writer<'e> {
    engine: &'e Engine,
    retired: MutexGuard<'e, Retired>,
    /// Records as they will be.
    staged: BTreeMap<ExperimentId, Record>,
    starting: Vec<Arc<Tally>>,
    opening: Vec<Arc<Tally>>,
    closing: Vec<Arc<Tally>>,
    /// The definitions as they are to be stored, if that is not as they would be written now.
    stored_as: Option<String>,
}

impl Engine {
    /// Writers, one at a time. A writer that panicked has left nothing half done: what it was making
    /// was never published.
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
    /// The record of an experiment that is now defined like this. One that has been met goes on as it
    /// is; else the count starts at `base`, of which `at_start` had been there at the last start.
    pub(super) fn meet(
        &mut self,
        definition: &Arc<Definition>,
        base: impl FnOnce() -> Baseline,
        at_start: impl FnOnce() -> Baseline,
    ) -> Result<Record, StorageError> {
        let id = definition.id;
        let registry = &self.engine.control.registry;
        let known = self.staged.get(&id).cloned().or_else(|| registry.look(id, Record::clone));
        let record = match known {
            Some(known) if Arc::ptr_eq(&known.definition, definition) => return Ok(known),
            Some(known) => Record { definition: Arc::clone(definition), ..known },
            None => Record {
                definition: Arc::clone(definition),
                tally: Arc::new(self.tally(definition, base())?),
                started_at: definition.started_at,
                at_start: at_start(),
            },
        };
        self.staged.insert(id, record.clone());
        Ok(record)
    }

    /// The same with the counts of this moment as those at its start.
    pub(super) fn mark_start(&mut self, record: Record) -> Record {
        let at_start = Baseline::new(&record.tally.counts());
        let started_at = record.definition.started_at;
        let record = Record { started_at, at_start, ..record };
        self.starting.push(Arc::clone(&record.tally));
        self.staged.insert(record.definition.id, record.clone());
        record
    }

    /// Lets this be counted in, from just before the change is to be seen: whoever sees it running can
    /// count.
    pub(super) fn open(&mut self, tally: &Arc<Tally>) {
        if !tally.is_open() {
            self.opening.push(Arc::clone(tally));
        }
    }

    /// Lets nothing more be counted in this, from just after the change is to be seen: what is served
    /// is counted.
    pub(super) fn close(&mut self, tally: &Arc<Tally>) {
        self.closing.push(Arc::clone(tally));
    }

    /// Stores the change as this text, from which it was read.
    pub(super) fn store_as(&mut self, definitions: &str) {
        self.stored_as = Some(definitions.to_owned());
    }

    /// Stores the change, if the engine is one that does, and lets everybody see it.
    pub(super) fn publish(mut self, next: Snapshot) -> Result<(), StorageError> {
        if let Some(storage) = &self.engine.control.storage {
            let write = || Export::of(next.entries()).to_json();
            let saved = storage.save(&self.stored_as.take().unwrap_or_else(write));
            if let Err(error) = saved {
                drop(self);
                events::not_stored(&error);
                return Err(error);
            }
        }
        for record in std::mem::take(&mut self.staged).into_values() {
            self.engine.control.registry.put(record);
        }
        for ledger in self.starting.iter().filter_map(|tally| tally.ledger()) {
            ledger.begin_period();
        }
        for tally in self.opening.drain(..) {
            tally.set_open(true);
        }
        self.publish_unstored(next);
        for tally in self.closing.drain(..) {
            tally.set_open(false);
        }
        Ok(())
    }

    /// Lets everybody see a snapshot with the same definitions as before.
    pub(super) fn publish_unstored(&mut self, next: Snapshot) {
        self.engine.current.publish(next, &mut self.retired);
    }

    fn tally(&self, definition: &Definition, base: Baseline) -> Result<Tally, StorageError> {
        let variants = definition.terms.count();
        match &self.engine.control.storage {
            None => Ok(Tally::new(variants, base, stripe::count())),
            Some(storage) => Ok(Tally::kept(variants, storage.cells(definition, base)?)),
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some(storage) = &self.engine.control.storage {
            storage.give_up();
        }
    }
}
