//! Every experiment's counters by its id. Counters outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves the configuration and comes back continues its
//! counts.

use std::sync::Arc;

use dashmap::DashMap;
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

#[derive(Debug)]
pub(crate) struct Registry {
    records: DashMap<ExperimentId, Record, RandomState>,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        // Writers come one at a time, and readers are rare: a shard for each processor would be
        // waste.
        let records = DashMap::with_hasher_and_shard_amount(RandomState::default(), 4);
        Registry { records }
    }

    /// What `read` returns for an experiment's record, if there is one. `read` runs under a lock:
    /// it must be short, and must not call the registry.
    pub(crate) fn with<R>(&self, id: ExperimentId, read: impl FnOnce(&Record) -> R) -> Option<R> {
        self.records.get(&id).map(|record| read(&record))
    }

    /// What every experiment has counted, in the order of the ids.
    pub(crate) fn all_counted(&self) -> Vec<Counted> {
        let counted = self.records.iter().map(|record| {
            let Record { definition, counters, runs, .. } = &*record;
            let (base, counts) = (counters.base(), counters.counts());
            Counted { definition: Arc::clone(definition), runs: runs.clone(), base, counts }
        });
        let mut counted: Vec<_> = counted.collect();
        counted.sort_by_key(|counted| counted.definition.id);
        counted
    }

    /// Replaces the record of an experiment.
    pub(crate) fn put(&self, record: Record) {
        self.records.insert(record.definition.id, record);
    }
}
