//! Every experiment's counters by its id. Counters outlive any snapshot: a swap, a stop or a reload
//! loses nothing, and an experiment that leaves the configuration and comes back continues its
//! counts. Only a deleted experiment leaves, once nothing needs its counters.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;

use crate::count::counters::ExperimentCounters;
use crate::count::counts::{Baseline, Count};
use crate::count::distinct_users::SumsOfUsers;
use crate::count::goal_counters::GoalCounters;
use crate::count::goal_counts::GoalCount;
use crate::count::runs::Runs;
use crate::model::definition::Definition;
use crate::model::id::{ExperimentId, HoldoutId};
use crate::model::remembered::Population;
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
    /// Its goals, in the order in which its definition has them attached; `None` if it has none, as
    /// most experiments.
    pub(crate) goals: Option<Arc<Vec<GoalRecord>>>,
}

/// What an engine knows of a goal of an experiment.
#[derive(Clone, Debug)]
pub(crate) struct GoalRecord {
    /// The goal's key.
    pub(crate) goal: Arc<str>,
    pub(crate) counters: Arc<GoalCounters>,
    /// What was counted for each variant until the last start.
    pub(crate) at_start: Box<[GoalCount]>,
}

impl GoalRecord {
    /// The sums of the users of this run, if they are kept.
    pub(crate) fn sums_of_run(&self, run: u32) -> Option<SumsOfUsers> {
        let sums = self.counters.sums()?;
        (sums.scope().run == run).then(|| sums.read())
    }
}

impl Record {
    /// Drops the users, and the sums of their values.
    pub(crate) fn forget_users(&self) {
        self.counters.forget_users();
        for goal in self.goals.iter().flat_map(|goals| &**goals) {
            goal.counters.forget_sums();
        }
    }

    /// The goal of this key, with its place.
    pub(crate) fn goal(&self, key: &str) -> Option<(usize, &GoalRecord)> {
        let mut goals = self.goals.iter().flat_map(|goals| &**goals).enumerate();
        goals.find(|(_, record)| &*record.goal == key)
    }
}

impl Record {
    /// Who it is for, and what, if it has ever been started.
    pub(crate) fn population(&self) -> Option<Population> {
        let started_at = self.started_at.or(self.definition.started_at)?;
        let Definition { targeting, goals, .. } = &*self.definition;
        Some(Population { started_at, targeting: targeting.clone(), goals: goals.clone() })
    }
}

/// What an experiment has counted at one moment.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) definition: Arc<Definition>,
    pub(crate) counters: Arc<ExperimentCounters>,
    pub(crate) runs: Runs,
    /// Where the counts start.
    pub(crate) base: Baseline,
    pub(crate) counts: Box<[Count]>,
    pub(crate) goals: Vec<GoalCounted>,
}

impl Counted {
    pub(crate) fn of(record: &Record) -> Counted {
        let Record { definition, counters, runs, goals, .. } = record;
        let goals = goals.iter().flat_map(|goals| &**goals);
        let goals = goals.map(|goal| {
            let counts = goal.counters.counts();
            GoalCounted { record: goal.clone(), counts }
        });
        Counted {
            definition: Arc::clone(definition),
            counters: Arc::clone(counters),
            runs: runs.clone(),
            base: counters.base(),
            counts: counters.counts(),
            goals: goals.collect(),
        }
    }
}

/// What a goal of an experiment has counted at one moment.
#[derive(Debug)]
pub(crate) struct GoalCounted {
    pub(crate) record: GoalRecord,
    pub(crate) counts: Box<[GoalCount]>,
}

/// Records that are shared with the snapshots. One writer at a time changes them, while any thread
/// reads counts and users.
#[derive(Debug)]
pub(crate) struct Registry {
    known: DashMap<ById, (), RandomState>,
    /// Deleted experiments whose counts may not all be handed over yet. No id leads to them. Locked
    /// while a record moves here, so that a reader of all finds it once.
    deleted: RwLock<Vec<Arc<Record>>>,
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

impl Default for Registry {
    fn default() -> Registry {
        // The default, four for each hardware thread, is for maps that every request writes.
        const SHARDS: usize = 4;
        let known = DashMap::with_hasher_and_shard_amount(RandomState::default(), SHARDS);
        Registry { known, deleted: RwLock::default() }
    }
}

impl Registry {
    /// What `read` returns for an experiment's record, if there is one. `read` runs under a lock:
    /// it must be short, and must not call the registry.
    pub(crate) fn with<R>(
        &self,
        id: ExperimentId,
        read: impl FnOnce(&Arc<Record>) -> R,
    ) -> Option<R> {
        self.known.get(&id).map(|record| read(&record.key().0))
    }

    /// An experiment that a holdout binds since its first start, also one that has left the
    /// configuration. Those of `except` do not count.
    pub(crate) fn bound_by(
        &self,
        holdout: HoldoutId,
        except: &[ExperimentId],
    ) -> Option<ExperimentId> {
        let mut records = self.known.iter();
        let bound = records.find(|record| {
            let record = &record.key().0;
            let population = record.population();
            population.is_some_and(|population| population.is_bound_by(holdout))
                && !except.contains(&record.definition.id)
        })?;
        Some(bound.key().0.definition.id)
    }

    /// An experiment that has been started and counts this goal, or has counted it; also one that
    /// has left the configuration.
    pub(crate) fn counting(&self, goal: &str) -> Option<ExperimentId> {
        let mut records = self.known.iter();
        let counting = records.find(|record| {
            let record = &*record.key().0;
            record.started_at.or(record.definition.started_at).is_some()
                && record.goal(goal).is_some()
        })?;
        Some(counting.key().0.definition.id)
    }

    /// What every experiment has counted, in the order of the ids. Of one id, what was counted
    /// before it was deleted comes first.
    pub(crate) fn all_counted(&self) -> Vec<Counted> {
        let deleted = self.deleted.read().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.iter().map(|record| Counted::of(&record.key().0));
        let deleted = deleted.iter().map(|record| Counted::of(record));
        let mut counted: Vec<_> = deleted.chain(known).collect();
        counted.sort_by_key(|counted| counted.definition.id);
        counted
    }

    /// Replaces the records of experiments, the last of each experiment.
    pub(crate) fn put(&self, new: Vec<Arc<Record>>) {
        for record in new {
            match self.known.entry(ById(record)) {
                // The key is the record.
                Entry::Occupied(known) => drop(known.replace_entry(())),
                Entry::Vacant(vacant) => drop(vacant.insert(())),
            }
        }
    }

    /// Deletes experiments. Their users go at once; their records wait for a
    /// [`release`](Registry::release).
    pub(crate) fn delete(&self, ids: &[ExperimentId]) {
        let mut deleted = self.write();
        for id in ids {
            if let Some((ById(record), ())) = self.known.remove(id) {
                record.forget_users();
                deleted.push(record);
            }
        }
    }

    /// Drops the deleted records of experiments that have records again, which count in the same
    /// cells.
    pub(crate) fn forget_continued(&self) {
        self.write().retain(|record| !self.known.contains_key(&record.definition.id));
    }

    /// Drops each deleted record that nothing can count in any more, unless it `is_pending`: some
    /// of its counts are still to be handed over. That runs under a lock, and must not call the
    /// registry. Returns whether any was dropped.
    pub(crate) fn release(&self, mut is_pending: impl FnMut(&Record) -> bool) -> bool {
        let mut deleted = self.write();
        let before = deleted.len();
        deleted.retain(|record| {
            // Until it is freed, a view from before the deletion may be counting an event that came
            // before the stop.
            let is_read = Arc::strong_count(&record.counters) > 1;
            // What was counted by the last one that has dropped its view is visible here.
            fence(Ordering::Acquire);
            is_read || is_pending(record)
        });
        deleted.len() < before
    }

    /// A list is whole between its calls, so a poisoned lock is usable.
    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<Record>>> {
        self.deleted.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::count::pool::Pool;
    use crate::model::faults::Faults;
    use crate::model::new_experiment::NewExperiment;
    use crate::model::path::Path;
    use crate::model::status::Status;
    use crate::model::terms::Unchecked;

    #[test]
    fn a_deleted_record_stays_while_a_view_may_count_in_it_or_counts_are_pending() {
        let id = ExperimentId::from_bytes([1; 16]);
        let new = NewExperiment::new("name", "production").variant("only", 1, 100);
        let terms = Unchecked::from(new).check(&Path::Root, &mut Faults::default()).unwrap();
        let now = Timestamp::from_unix_seconds(0);
        let counters = ExperimentCounters::new(1, Baseline::default(), Pool::default().take(1, 1));
        let record = Record {
            definition: Arc::new(Definition::create(id, terms, Status::Draft, now)),
            counters: Arc::new(counters),
            started_at: None,
            runs: Runs::default(),
            goals: None,
        };
        let view = Arc::clone(&record.counters);
        let registry = Registry::default();
        registry.put(vec![Arc::new(record)]);
        registry.delete(&[id]);
        assert!(registry.with(id, |_| ()).is_none());
        assert!(!registry.release(|_| false), "a view may count");
        drop(view);
        assert!(!registry.release(|_| true), "counts are pending");
        assert_eq!(registry.all_counted().len(), 1);
        assert!(registry.release(|_| false));
        assert_eq!(registry.all_counted().len(), 0);
    }
}
