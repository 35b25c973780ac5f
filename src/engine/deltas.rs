//! Handing counts over to somebody else, once.

use std::sync::{Arc, TryLockError};

use super::Engine;
use crate::count::counts::Count;
use crate::count::deltas::{DrainError, Drained};
use crate::model::definition::Definition;
use crate::model::id::ExperimentId;

/// How far the counts of an experiment have been drained, beyond where they start.
pub(super) type Marks = std::collections::HashMap<ExperimentId, Box<[Count]>>;

impl Engine {
    /// Hands over what has been counted since the last drain, for whoever ships it elsewhere: each event
    /// once. The counts themselves stay as they are.
    ///
    /// `take` is given each variant to which something has been added, in the order of the experiments'
    /// ids and of their variants; if it says that it has taken them, the next drain begins behind them. If
    /// it fails, or panics, the next drain has them again. All experiments are in it that this engine has
    /// met, also those that are stopped, or have left the configuration; of one that had left it before a
    /// durable engine was opened, the rest is handed over when it comes back. Counts that a document carried
    /// when the engine was loaded from it were counted elsewhere, and are not.
    ///
    /// What was taken is remembered as the counts are: with the process, or in the directory of a
    /// [durable](crate::docs::store) engine. A process that is killed after `take` has done its work
    /// and before the engine has noted it tells that part again, with the same [`Drained::from`]; a
    /// receiver that keeps the last [`Drained::to`] of each variant knows what is new.
    ///
    /// # Errors
    ///
    /// [`DrainError::UnderWay`] if another drain is, and [`DrainError::NotTaken`] with what `take` said.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use fairsplit::{Drained, Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// let _ = engine.convert_variant(id, "control");
    ///
    /// let mut shipped = 0;
    /// let mut ship = |counts: &[Drained]| {
    ///     shipped += counts.iter().map(|drained| drained.added().conversions).sum::<u64>();
    ///     Ok::<(), Infallible>(())
    /// };
    /// engine.drain(&mut ship)?;
    /// engine.drain(&mut ship)?;
    /// assert_eq!(shipped, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain<E>(
        &self,
        take: impl FnOnce(&[Drained]) -> Result<(), E>,
    ) -> Result<(), DrainError<E>> {
        let mut marks = match self.control.marks.try_lock() {
            Ok(marks) => marks,
            // Somebody's `take` has panicked, and what it was given was not taken.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(DrainError::UnderWay),
        };
        let storage = self.control.storage.as_deref();
        let mut drained = Vec::new();
        let mut moved = Vec::new();
        for (definition, base, now) in self.control.registry.all_counts() {
            let mark = marks.get(&definition.id).cloned();
            let mark = mark.or_else(|| storage.map(|storage| storage.drained(definition.id)));
            let mark = mark.unwrap_or_default();
            let from: Box<[Count]> = (0..now.len())
                .map(|at| base.of(at).plus(mark.get(at).copied().unwrap_or_default()))
                .collect();
            if from == now {
                continue;
            }
            drained.extend(changes(&definition, &from, &now));
            let mark: Box<[Count]> =
                now.iter().enumerate().map(|(at, now)| now.since(base.of(at))).collect();
            moved.push((definition.id, mark));
        }
        take(&drained).map_err(DrainError::NotTaken)?;
        for (id, mark) in moved {
            if let Some(storage) = storage {
                storage.set_drained(id, &mark);
            }
            marks.insert(id, mark);
        }
        Ok(())
    }
}

fn changes(
    definition: &Arc<Definition>,
    from: &[Count],
    to: &[Count],
) -> impl Iterator<Item = Drained> {
    let counts = from.iter().zip(to);
    definition.terms.variants.iter().zip(counts).filter(|(_, (from, to))| from != to).map(
        |(variant, (&from, &to))| Drained {
            experiment: definition.id,
            variant: variant.key().to_owned(),
            from,
            to,
        },
    )
}
