//! Reading what is counted, for a reader that keeps its own place.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use super::Engine;
use crate::count::added::{Added, AddedToGoal, AddedToVariant};
use crate::count::counters::ExperimentCounters;
use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::count::registry::{GoalRecord, Record};

/// Reads what an engine has counted since the last reading: each event once, whatever other readers
/// and [`with_deltas`](Engine::with_deltas) do. From [`Engine::delta_reader`].
///
/// Experiments are covered as by `with_deltas`: stopped ones, those that have left the
/// configuration, and what a deleted one had counted before its deletion. Counts that a document
/// carried are in no reading.
#[derive(Debug)]
pub struct DeltaReader {
    engine: Engine,
    places: Arc<Mutex<Places>>,
}

/// How far a reader has read in each experiment's counters. By their address, as
/// [`Marks`](super::deltas::Marks) are.
#[derive(Default)]
pub(super) struct Places(HashMap<usize, Place>);

struct Place {
    counters: Weak<ExperimentCounters>,
    /// The last run that it has seen begin.
    run: u32,
    counts: Box<[Count]>,
    goals: HashMap<Arc<str>, Box<[GoalCount]>>,
}

/// The places of an engine's readers, so that no counters are freed before all have read them.
#[derive(Debug, Default)]
pub(super) struct Readers(Vec<Weak<Mutex<Places>>>);

impl Engine {
    /// A reader of what is counted from now on. Use it beside
    /// [`with_deltas`](Engine::with_deltas), which has one place for all its callers.
    ///
    /// `None` for an engine from `Engine::open`: its counters go on from those of former processes,
    /// which a reader of one process cannot tell from its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let mut reader = engine.delta_reader().expect("the engine is in memory");
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// engine.convert_variant(id, "control");
    ///
    /// assert_eq!(reader.read().variants[0].count.conversions, 1);
    /// assert!(reader.read().variants.is_empty());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn delta_reader(&self) -> Option<DeltaReader> {
        if self.control.durability.is_some() {
            return None;
        }
        let places = Arc::default();
        self.readers().0.push(Arc::downgrade(&places));
        let mut reader = DeltaReader { engine: self.clone(), places };
        drop(reader.read());
        Some(reader)
    }

    pub(super) fn readers(&self) -> MutexGuard<'_, Readers> {
        self.control.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeltaReader {
    /// What was counted since the last reading, or since the reader was made: in the order of the
    /// experiments' ids. Cost: sums the stripes of every cell.
    pub fn read(&mut self) -> Added {
        let mut added = Added::default();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for record in self.engine.control.registry.all() {
            places.read(&record, &mut added);
        }
        places.0.retain(|_, place| place.counters.strong_count() > 0);
        drop(places);
        self.engine.release_deleted();
        added
    }
}

impl Places {
    fn read(&mut self, record: &Record, added: &mut Added) {
        let Record { definition, counters, runs, .. } = record;
        let variants = 0..counters.variants();
        let address = Arc::as_ptr(counters).addr();
        let place = self.0.entry(address).or_insert_with(|| Place {
            counters: Arc::downgrade(counters),
            run: runs.number().saturating_sub(1),
            counts: variants.map(|at| counters.base().of(at)).collect(),
            goals: HashMap::new(),
        });
        let now = counters.counts();
        for goal in record.goals.iter().flat_map(|goals| &**goals) {
            place.read_goal(record, goal, &now, added);
        }
        for (variant, (from, to)) in place.counts.iter().zip(&now).enumerate() {
            added.variants.extend(runs.parts(variant, *from, *to).into_iter().map(|part| {
                let (experiment, count) = (definition.id, part.to.since(part.from));
                AddedToVariant { experiment, run: part.run, variant, count }
            }));
        }
        // A record may be older than a reading of it: no place moves back.
        let grown = place.counts.iter().zip(&now).map(|(from, to)| from.at_least(*to));
        place.counts = grown.collect();
        place.run = place.run.max(runs.number());
    }
}

impl Place {
    fn read_goal(&mut self, record: &Record, of: &GoalRecord, now: &[Count], added: &mut Added) {
        let primary = record.definition.goals.as_ref().and_then(|goals| goals.primary.as_ref());
        let is_primary = primary.is_some_and(|primary| primary.goal == of.goal);
        let base = || {
            let mut base = of.counters.base().to_vec();
            base.resize(self.counts.len(), GoalCount::default());
            if is_primary {
                let counted = base.iter_mut().zip(&self.counts);
                counted.for_each(|(base, count)| base.events = count.conversions);
            }
            base.into()
        };
        let places = self.goals.entry(Arc::clone(&of.goal)).or_insert_with(base);
        let counts = of.counters.counts();
        for (variant, from) in places.iter_mut().enumerate() {
            let mut to = counts.get(variant).copied().unwrap_or_default();
            let mut start = of.at_start.get(variant).copied().unwrap_or_default();
            if is_primary {
                // They are in one place.
                to.events = now.get(variant).map_or(0, |count| count.conversions);
                start.events = record.runs.at_start(variant).conversions;
            }
            let run = record.runs.number();
            // What was counted before the last start belongs to a run before it.
            let end = if run > self.run { start.at_most(to).at_least(*from) } else { *from };
            for (run, from, to) in [(self.run, *from, end), (run, end, to)] {
                let count = to.since(from);
                if count != GoalCount::default() {
                    let (experiment, goal) = (record.definition.id, (*of.goal).to_owned());
                    added.goals.push(AddedToGoal { experiment, goal, run, variant, count });
                }
            }
            *from = from.at_least(to);
        }
    }
}

impl Readers {
    /// Whether a reader has not read all that an experiment has counted.
    pub(super) fn are_behind(&mut self, record: &Record) -> bool {
        self.0.retain(|reader| reader.strong_count() > 0);
        self.0.iter().filter_map(Weak::upgrade).any(|reader| match reader.try_lock() {
            Ok(places) => places.is_behind(record),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.get_ref().is_behind(record),
            Err(TryLockError::WouldBlock) => true,
        })
    }
}

impl Places {
    fn is_behind(&self, record: &Record) -> bool {
        let now = record.counters.counts();
        let Some(place) = self.0.get(&Arc::as_ptr(&record.counters).addr()) else {
            return now.iter().enumerate().any(|(at, now)| *now != record.counters.base().of(at));
        };
        let goals = record.goals.iter().flat_map(|goals| &**goals);
        let has_values = |of: &GoalRecord| {
            let counts = of.counters.counts();
            let read = place.goals.get(&of.goal).map(|read| &**read).unwrap_or_default();
            let sums = |count: &GoalCount| (count.gained, count.lost);
            !counts.iter().map(sums).eq(read.iter().map(sums))
        };
        place.counts != now || goals.into_iter().any(has_values)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("experiments", &self.0.len()).finish()
    }
}
