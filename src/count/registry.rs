//! Every experiment's counters by its id. They outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves a configuration and comes back goes on counting.

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::count::counters::Tally;
use crate::count::counts::Baseline;
use crate::count::counts::Count;
use crate::model::definition::Definition;
use crate::model::id::ExperimentId;
use crate::model::timestamp::Timestamp;

/// What an engine remembers of an experiment that it has met, whether or not it is still configured.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// As it was last met.
    pub(crate) definition: Arc<Definition>,
    pub(crate) tally: Arc<Tally>,
    /// When it was last started, as far as the engine knows, and the counts at that moment.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) at_start: Baseline,
}

#[derive(Debug)]
pub(crate) struct Registry {
    records: DashMap<ExperimentId, Record, RandomState>,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        // Writers come one at a time, and readers seldom: a shard for each processor would be waste.
        let records = DashMap::with_hasher_and_shard_amount(RandomState::default(), 4);
        Registry { records }
    }

    /// What `look` makes of an experiment's record, if the engine has met it. It holds a lock: let it
    /// be short, and not come back here.
    pub(crate) fn look<R>(&self, id: ExperimentId, look: impl FnOnce(&Record) -> R) -> Option<R> {
        self.records.get(&id).map(|record| look(&record))
    }

    /// Of every experiment, in the order of their ids: what it is, where its count starts, and what has
    /// been counted.
    pub(crate) fn all_counts(&self) -> Vec<(Arc<Definition>, Baseline, Box<[Count]>)> {
        let counts = self.records.iter().map(|record| {
            let Record { definition, tally, .. } = &*record;
            (Arc::clone(definition), tally.base(), tally.counts())
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort_by_key(|(definition, ..)| definition.id);
        counts
    }

    /// Keeps a record in the place of that before.
    pub(crate) fn put(&self, record: Record) {
        self.records.insert(record.definition.id, record);
    }
}
