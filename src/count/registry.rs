//! Every experiment's counters by its id. Counters outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves the configuration and comes back continues its
//! counts.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;

use crate::count::counters::ExperimentCounters;
use crate::count::counts::{Baseline, Count};
use crate::count::runs::Runs;
use crate::model::definition::Definition;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

/// What an engine knows of an experiment, even after it has left the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Its latest definition.
    pub(crate) definition: Arc<Definition>,
    pub(crate) counters: Arc<ExperimentCounters>,
    /// The last known start.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) runs: Runs,
}

/// What an experiment has counted at one moment.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) definition: Arc<Definition>,
    pub(crate) runs: Runs,
    /// Where the counts start.
    pub(crate) base: Baseline,
    pub(crate) counts: Box<[Count]>,
}

/// Records that are shared with the snapshots. Only the control plane comes here, one writer at a
/// time and few readers, so one lock is enough.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    records: RwLock<HashSet<ById, RandomState>>,
}

/// A record by its experiment's id: a set of these is a map whose keys take no memory.
#[derive(Debug)]
struct ById(Arc<Record>);

impl Borrow<ExperimentId> for ById {
    fn borrow(&self) -> &ExperimentId {
        &self.0.definition.id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.definition.id.hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &ById) -> bool {
        self.0.definition.id == other.0.definition.id
    }
}

impl Eq for ById {}

impl Registry {
    /// What `read` returns for an experiment's record, if there is one. `read` runs under a lock:
    /// it must be short, and must not call the registry.
    pub(crate) fn with<R>(
        &self,
        id: ExperimentId,
        read: impl FnOnce(&Arc<Record>) -> R,
    ) -> Option<R> {
        // A set of records is whole between its calls, so a poisoned lock is usable.
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&id).map(|record| read(&record.0))
    }

    /// What every experiment has counted, in the order of the ids.
    pub(crate) fn all_counted(&self) -> Vec<Counted> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        let counted = records.iter().map(|ById(record)| {
            let runs = record.runs.clone();
            let (base, counts) = (record.counters.base(), record.counters.counts());
            Counted { definition: Arc::clone(&record.definition), runs, base, counts }
        });
        let mut counted: Vec<_> = counted.collect();
        counted.sort_by_key(|counted| counted.definition.id);
        counted
    }

    /// Replaces the records of experiments, the last of each experiment.
    pub(crate) fn put(&self, new: Vec<Arc<Record>>) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if records.is_empty() {
            // Growing by doubling would hash every id once more, on a line of its own.
            records.reserve(new.len());
        }
        for record in new {
            records.replace(ById(record));
        }
    }
}
