//! Every experiment's counters by its id. They outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves a configuration and comes back goes on counting.

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::counts::Baseline;
use crate::experiment::Definition;
use crate::id::ExperimentId;
use crate::stripe;
use crate::tally::Tally;
use crate::timestamp::Timestamp;

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
    stripes: u32,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        // Writers come one at a time, and readers seldom: a shard for each processor would be waste.
        let records = DashMap::with_hasher_and_shard_amount(RandomState::default(), 4);
        Registry { records, stripes: stripe::count() }
    }

    /// What `look` makes of an experiment's record, if the engine has met it. It holds a lock: let it
    /// be short, and not come back here.
    pub(crate) fn look<R>(&self, id: ExperimentId, look: impl FnOnce(&Record) -> R) -> Option<R> {
        self.records.get(&id).map(|record| look(&record))
    }

    /// Begins a record, unless there is one: then that goes on as it is. The count starts at `base`,
    /// of which `at_start` had been there at the last start. A copy: no lock is held on return.
    pub(crate) fn meet(
        &self,
        definition: &Arc<Definition>,
        base: impl FnOnce() -> Baseline,
        at_start: impl FnOnce() -> Baseline,
    ) -> Record {
        let mut record = self.records.entry(definition.id).or_insert_with(|| Record {
            definition: Arc::clone(definition),
            tally: Arc::new(Tally::new(definition.terms.count(), base(), self.stripes)),
            started_at: definition.started_at,
            at_start: at_start(),
        });
        record.definition = Arc::clone(definition);
        record.clone()
    }

    /// Keeps an experiment as it is now.
    pub(crate) fn update(&self, definition: &Arc<Definition>) {
        if let Some(mut record) = self.records.get_mut(&definition.id) {
            record.definition = Arc::clone(definition);
        }
    }

    /// Keeps an experiment that is started, and the counts at that moment.
    pub(crate) fn mark_start(&self, definition: &Arc<Definition>, at_start: &Baseline) {
        if let Some(mut record) = self.records.get_mut(&definition.id) {
            record.definition = Arc::clone(definition);
            record.started_at = definition.started_at;
            record.at_start = at_start.clone();
        }
    }
}
