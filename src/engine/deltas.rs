//! Handing over counts as deltas: each event once.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, TryLockError, Weak};

use super::Engine;
use crate::count::counters::ExperimentCounters;
use crate::count::counts::{Baseline, Count};
use crate::count::deltas::{Delta, DeltaError};
use crate::count::registry::{Counted, Record};
use crate::count::runs::Runs;
use crate::model::definition::Definition;
use crate::model::id::ExperimentId;

/// How much of the counts in each experiment's counters, beyond their start, has been handed over.
///
/// By the address of the counters: an id that was deleted may lead to other counters by now. The
/// weak reference keeps the address from being given to others.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<usize, (Weak<ExperimentCounters>, Box<[Count]>)>);

impl Marks {
    fn of(&self, counters: &Arc<ExperimentCounters>) -> Option<&[Count]> {
        self.0.get(&address(counters)).map(|(_, mark)| &**mark)
    }

    fn set(&mut self, counters: &Arc<ExperimentCounters>, mark: Box<[Count]>) {
        self.0.insert(address(counters), (Arc::downgrade(counters), mark));
    }

    fn forget_freed(&mut self) {
        self.0.retain(|_, (counters, _)| counters.strong_count() > 0);
    }
}

fn address(counters: &Arc<ExperimentCounters>) -> usize {
    Arc::as_ptr(counters).addr()
}

impl Engine {
    /// Passes what was counted since the last call to `receive`, as deltas: each event once. Use it
    /// to ship counts elsewhere; the counts themselves do not change.
    ///
    /// `receive` gets a delta for each variant whose counts have grown, and for each
    /// [run](Delta::run) in which they have, in the order of the experiments' ids, of their
    /// variants and of the runs. If it returns `Ok`, the next deltas begin where these end; if it
    /// fails, or panics, the next ones include these. Deltas cover every experiment that this
    /// engine knows, including stopped ones and those that have left the configuration, and what a
    /// [deleted](Engine::delete_experiment) one had counted. One that had left it before a durable
    /// engine was opened is covered once it comes back. Counts that a loaded document carried were
    /// counted elsewhere, and are not part of any delta.
    ///
    /// The mark up to which deltas were handed over lasts as long as the counts: in memory, or in
    /// the directory of a [durable](crate::docs::durable) engine. If the process is killed after
    /// `receive` has done its work and before the mark is set, the same events come again, with the
    /// same [`Delta::from`]. A receiver that keeps the last [`Delta::to`] of each variant can tell
    /// what is new.
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
        let mut marks = self.try_marks().ok_or(DeltaError::UnderWay)?;
        let durability = self.control.durability.as_deref();
        let mut deltas = Vec::new();
        let mut moved = Vec::new();
        for counted in self.control.registry.all_counted() {
            let Counted { definition, counters, runs, base, counts: now } = counted;
            let from = self.handed_over(&marks, definition.id, &counters, &base);
            if from == now {
                continue;
            }
            deltas.extend(deltas_of(&definition, &runs, &from, &now));
            let mark: Box<[Count]> =
                now.iter().enumerate().map(|(at, now)| now.since(base.of(at))).collect();
            moved.push((definition.id, counters, mark));
        }
        receive(&deltas).map_err(DeltaError::Refused)?;
        for (id, counters, mark) in moved {
            if let Some(durability) = durability {
                durability.set_mark(id, &mark);
            }
            marks.set(&counters, mark);
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
        let has_released = self.control.registry.release(|record| {
            let Record { definition, counters, .. } = record;
            let from = self.handed_over(marks, definition.id, counters, &counters.base());
            from != counters.counts() || readers.are_behind(record)
        });
        drop(readers);
        if has_released {
            marks.forget_freed();
        }
    }

    /// `None` while deltas are being handed over.
    fn try_marks(&self) -> Option<MutexGuard<'_, Marks>> {
        match self.control.marks.try_lock() {
            Ok(marks) => Some(marks),
            // An earlier `receive` panicked before any mark moved.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The counts of an experiment up to which deltas were handed over.
    fn handed_over(
        &self,
        marks: &Marks,
        id: ExperimentId,
        counters: &Arc<ExperimentCounters>,
        base: &Baseline,
    ) -> Box<[Count]> {
        let durability = self.control.durability.as_deref();
        let stored = || durability.map(|durability| durability.mark(id)).unwrap_or_default();
        let mark = marks.of(counters).map_or_else(stored, Box::from);
        let variants = 0..counters.variants();
        variants.map(|at| base.of(at).plus(mark.get(at).copied().unwrap_or_default())).collect()
    }
}

/// A delta for each variant of an experiment whose count has grown, and each run in which it has.
fn deltas_of(definition: &Definition, runs: &Runs, from: &[Count], to: &[Count]) -> Vec<Delta> {
    let variants = definition.terms.variants.iter().zip(from.iter().zip(to)).enumerate();
    let deltas = variants.flat_map(|(at, (variant, (&from, &to)))| {
        runs.parts(at, from, to).into_iter().map(|part| Delta {
            experiment: definition.id,
            variant: variant.key().to_owned(),
            run: part.run,
            from: part.from,
            to: part.to,
        })
    });
    deltas.collect()
}
