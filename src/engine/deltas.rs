//! Handing over counts as deltas: each event once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError, Weak};

use super::Engine;
use crate::count::counters::ExperimentCounters;
use crate::count::counts::Count;
use crate::count::deltas::{Delta, DeltaError, GoalDelta};
use crate::count::goal_counters::GoalCounters;
use crate::count::goal_counts::GoalCount;
use crate::count::registry::{Counted, GoalCounted, GoalRecord, Record};
use crate::count::runs::Part;
use crate::engine::durability::Durability;

/// How much of the counts of each experiment and of each of its goals, beyond their start, has been
/// handed over.
#[derive(Debug, Default)]
pub(super) struct Marks {
    experiments: MarksOf<ExperimentCounters, Count>,
    goals: MarksOf<GoalCounters, GoalCount>,
}

/// The marks of one kind of counters, for each variant.
///
/// By the address of the counters: an id that was deleted may lead to other counters by now. The
/// weak reference keeps the address from being given to others.
#[derive(Debug)]
struct MarksOf<K, C>(HashMap<usize, (Weak<K>, Box<[C]>)>);

impl<K, C> Default for MarksOf<K, C> {
    fn default() -> MarksOf<K, C> {
        MarksOf(HashMap::new())
    }
}

impl<K, C> MarksOf<K, C> {
    fn of(&self, counters: &Arc<K>) -> Option<&[C]> {
        self.0.get(&address(counters)).map(|(_, mark)| &**mark)
    }

    fn set(&mut self, counters: &Arc<K>, mark: Box<[C]>) {
        self.0.insert(address(counters), (Arc::downgrade(counters), mark));
    }

    fn forget_freed(&mut self) {
        self.0.retain(|_, (counters, _)| counters.strong_count() > 0);
    }
}

fn address<K>(counters: &Arc<K>) -> usize {
    Arc::as_ptr(counters).addr()
}

/// What an experiment has counted, and up to which counts that was handed over.
struct HandedOver {
    counted: Counted,
    from: Box<[Count]>,
    /// Of each goal.
    goals: Vec<Box<[GoalCount]>>,
}

impl Engine {
    /// Passes what was counted since the last call to `receive`, as deltas: each event once. Use it
    /// to ship counts elsewhere; the counts themselves do not change.
    ///
    /// `receive` gets a delta for each variant whose counts have grown, and for each
    /// [run](Delta::run) in which they have, in the order of the experiments' ids, of their
    /// variants and of the runs. The [goals](Delta::goals) whose counts have grown are in it. If it
    /// returns `Ok`, the next deltas begin where these end; if it fails, or panics, the next ones
    /// include these. Deltas cover every experiment that this
    /// engine knows, including stopped ones and those that have left the configuration, and what a
    /// [deleted](Engine::delete_experiment) one had counted. One that had left it before a durable
    /// engine was opened is covered once it comes back. Counts that a loaded document carried were
    /// counted elsewhere, and are not part of any delta.
    ///
    /// The mark up to which deltas were handed over lasts as long as the counts: in memory, or in
    /// the directory of a [durable](crate::docs::durable) engine. If the process is killed after
    /// `receive` has done its work and before the mark is set, the same events come again, with the
    /// same [`Delta::from`]. A receiver that keeps the last [`Delta::to`] of each variant, and the
    /// last [`GoalDelta::to`] of each of its goals, can tell what is new.
    ///
    /// # Errors
    ///
    /// [`DeltaError::UnderWay`] if another call on this engine has not returned yet;
    /// [`DeltaError::Refused`] with the error of `receive`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    /// use fairsplit::counts::Delta;
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// let _ = engine.convert_variant(id, "control");
    ///
    /// let mut shipped = 0;
    /// let mut ship = |deltas: &[Delta]| {
    ///     shipped += deltas.iter().map(|delta| delta.added().conversions).sum::<u64>();
    ///     Ok::<(), Infallible>(())
    /// };
    /// engine.with_deltas(&mut ship)?;
    /// engine.with_deltas(&mut ship)?;
    /// assert_eq!(shipped, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_deltas<E>(
        &self,
        receive: impl FnOnce(&[Delta]) -> Result<(), E>,
    ) -> Result<(), DeltaError<E>> {
        let _handing_over = match self.control.handing_over.try_lock() {
            Ok(held) => held,
            // An earlier `receive` panicked before any mark moved.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(DeltaError::UnderWay),
        };
        // A change may have them, for as long as it takes to find what can be freed.
        let mut marks = self.control.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let durability = self.control.durability.as_deref();
        let grown = marks.grown(durability, self.control.registry.all_counted());
        let deltas: Vec<_> = grown.iter().flat_map(HandedOver::deltas).collect();
        receive(&deltas).map_err(DeltaError::Refused)?;
        for HandedOver { counted, .. } in grown {
            marks.pass(durability, counted);
        }
        self.release(&mut marks);
        Ok(())
    }

    /// Gives back the memory of deleted experiments that nothing needs any more.
    pub(super) fn release_deleted(&self) {
        // If the marks are held, it is done once the deltas are handed over.
        if let Some(mut marks) = self.try_marks() {
            self.release(&mut marks);
        }
    }

    fn release(&self, marks: &mut Marks) {
        let mut readers = self.readers();
        let durability = self.control.durability.as_deref();
        let has_released = self.control.registry.release(|record: &Record| {
            marks.are_behind(durability, record) || readers.are_behind(record)
        });
        drop(readers);
        if has_released {
            marks.forget_freed();
        }
    }

    /// `None` while they are held.
    fn try_marks(&self) -> Option<MutexGuard<'_, Marks>> {
        match self.control.marks.try_lock() {
            Ok(marks) => Some(marks),
            // An earlier `receive` panicked before any mark moved.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Marks {
    /// What was counted since it was handed over last, and that it has been handed over now.
    pub(super) fn take(&mut self, counted: Vec<Counted>) -> Vec<Delta> {
        let grown = self.grown(None, counted);
        let deltas = grown.iter().flat_map(HandedOver::deltas).collect();
        for HandedOver { counted, .. } in grown {
            self.pass(None, counted);
        }
        self.forget_freed();
        deltas
    }

    /// Whether an experiment has counted more than was handed over.
    pub(super) fn are_behind(&self, durability: Option<&dyn Durability>, of: &Record) -> bool {
        self.handed_over(durability, Counted::of(of)).has_grown()
    }

    fn grown(&self, durability: Option<&dyn Durability>, counted: Vec<Counted>) -> Vec<HandedOver> {
        let all = counted.into_iter().map(|counted| self.handed_over(durability, counted));
        all.filter(HandedOver::has_grown).collect()
    }

    /// Sets the marks at what was counted.
    fn pass(&mut self, durability: Option<&dyn Durability>, counted: Counted) {
        let id = counted.definition.id;
        let mark = counted.mark();
        if let Some(durability) = durability {
            durability.set_mark(id, &mark);
        }
        self.experiments.set(&counted.counters, mark);
        for goal in counted.goals {
            let mark = goal.mark();
            if let Some(durability) = durability {
                durability.set_goal_mark(id, &goal.record.goal, &mark);
            }
            self.goals.set(&goal.record.counters, mark);
        }
    }

    fn forget_freed(&mut self) {
        self.experiments.forget_freed();
        self.goals.forget_freed();
    }

    /// Finds up to which counts deltas were handed over.
    fn handed_over(&self, durability: Option<&dyn Durability>, counted: Counted) -> HandedOver {
        let Counted { definition, counters, base, counts, goals, .. } = &counted;
        let stored = || durability.map(|durability| durability.mark(definition.id));
        let mark = self.experiments.of(counters).map(Box::from).or_else(stored);
        let mark = mark.unwrap_or_default();
        let of = |at: usize| mark.get(at).copied().unwrap_or_default();
        let from = (0..counts.len()).map(|at| base.of(at).plus(of(at))).collect();
        let goals = goals.iter().map(|GoalCounted { record, counts }| {
            let GoalRecord { goal, counters, .. } = record;
            let stored = || durability.map(|durability| durability.goal_mark(definition.id, goal));
            let mark = self.goals.of(counters).map(Box::from).or_else(stored);
            let mark = mark.unwrap_or_default();
            let of = |at: usize| mark.get(at).copied().unwrap_or_default();
            (0..counts.len()).map(|at| counters.base(at).plus(of(at))).collect()
        });
        let goals = goals.collect();
        HandedOver { counted, from, goals }
    }
}

impl Counted {
    /// The mark once all of it has been handed over.
    fn mark(&self) -> Box<[Count]> {
        self.counts.iter().enumerate().map(|(at, now)| now.since(self.base.of(at))).collect()
    }
}

impl GoalCounted {
    /// The same for a goal.
    fn mark(&self) -> Box<[GoalCount]> {
        let counters = &self.record.counters;
        self.counts.iter().enumerate().map(|(at, now)| now.since(counters.base(at))).collect()
    }
}

/// What a variant has counted in a run: in all, and of goals.
type InRun = (Option<Part<Count>>, Vec<GoalDelta>);

impl HandedOver {
    fn has_grown(&self) -> bool {
        let mut goals = self.counted.goals.iter().zip(&self.goals);
        self.from != self.counted.counts || goals.any(|(goal, from)| *from != goal.counts)
    }

    /// A delta for each variant whose counts have grown, and each run in which they have.
    fn deltas(&self) -> Vec<Delta> {
        let Counted { definition, runs, counts, .. } = &self.counted;
        let mut deltas = Vec::new();
        let variants = definition.terms.variants.iter().zip(self.from.iter().zip(counts));
        for (at, (variant, (&from, &to))) in variants.enumerate() {
            let mut by_run: BTreeMap<u32, InRun> = BTreeMap::new();
            for part in runs.parts(at, from, to) {
                by_run.entry(part.run).or_default().0 = Some(part);
            }
            for (counted, from) in self.counted.goals.iter().zip(&self.goals) {
                for (run, delta) in self.of_goal(counted, from, at) {
                    by_run.entry(run).or_default().1.push(delta);
                }
            }
            let mut reached = from;
            for (run, (part, goals)) in by_run {
                let (from, to) = part.map_or((reached, reached), |part| (part.from, part.to));
                reached = to;
                let (experiment, variant) = (definition.id, variant.key().to_owned());
                deltas.push(Delta { experiment, variant, position: at, run, from, to, goals });
            }
        }
        deltas
    }

    /// What was added to a goal in the variant in this position, by run.
    fn of_goal(
        &self,
        counted: &GoalCounted,
        from: &[GoalCount],
        variant: usize,
    ) -> impl Iterator<Item = (u32, GoalDelta)> {
        let GoalRecord { goal, at_start, .. } = &counted.record;
        let Counted { definition, runs, counts, .. } = &self.counted;
        let primary = definition.goals.as_ref().and_then(|goals| goals.primary.as_ref());
        let is_primary = primary.is_some_and(|primary| primary.goal == *goal);
        // Events of the primary goal are counted as conversions.
        let with_events = |of: Option<&GoalCount>, conversions: Option<&Count>| {
            let mut of = of.copied().unwrap_or_default();
            if is_primary {
                of.events = conversions.map_or(0, |count| count.conversions);
            }
            of
        };
        let from = with_events(from.get(variant), self.from.get(variant));
        let to = with_events(counted.counts.get(variant), counts.get(variant));
        let parts = runs.cut(from, to, |start, is_last| {
            // Of the sums, only those at the last start are known.
            let known = at_start.get(variant).filter(|_| is_last);
            with_events(known, Some(&start.counts.of(variant)))
        });
        let goal = Arc::clone(goal);
        parts.into_iter().map(move |Part { run, from, to }| {
            (run, GoalDelta { goal: (*goal).to_owned(), from, to })
        })
    }
}
