//! Every experiment's counters by its id. They outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves a configuration and comes back goes on counting.

use std::sync::Arc;

use dashmap::DashMap;

use crate::environment::Environment;
use crate::experiment::Definition;
use crate::id::ExperimentId;
use crate::stripe;
use crate::tally::{Count, Tally};
use crate::timestamp::Timestamp;
use crate::variant::Variant;

/// What an engine remembers of an experiment that it has met, whether or not it is still configured.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) environment: Environment,
    pub(crate) variants: Arc<[Variant]>,
    pub(crate) tally: Arc<Tally>,
    /// When it was last started, as far as the engine knows, and the counts at that moment.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) at_start: Arc<[Count]>,
}

#[derive(Debug)]
pub(crate) struct Registry {
    records: DashMap<ExperimentId, Record, foldhash::fast::RandomState>,
    stripes: usize,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry { records: DashMap::default(), stripes: stripe::count() }
    }

    /// The record of an experiment, if the engine has met it. A copy: no lock is held on return.
    pub(crate) fn get(&self, id: ExperimentId) -> Option<Record> {
        self.records.get(&id).map(|record| record.clone())
    }

    /// Begins a record, unless there is one: then that goes on as it is. The count starts at `base`,
    /// of which `at_start` had been there at the last start.
    pub(crate) fn meet(
        &self,
        definition: &Definition,
        base: Box<[Count]>,
        at_start: Arc<[Count]>,
    ) -> Record {
        let record = self.records.entry(definition.id).or_insert_with(|| Record {
            environment: definition.terms.environment.clone(),
            variants: Arc::clone(&definition.terms.variants),
            tally: Arc::new(Tally::new(base, self.stripes)),
            started_at: definition.started_at,
            at_start,
        });
        record.clone()
    }

    /// Keeps when an experiment was last started, and the counts at that moment.
    pub(crate) fn mark_start(
        &self,
        id: ExperimentId,
        started_at: Option<Timestamp>,
        at_start: &Arc<[Count]>,
    ) {
        if let Some(mut record) = self.records.get_mut(&id) {
            record.started_at = started_at;
            record.at_start = Arc::clone(at_start);
        }
    }
}
