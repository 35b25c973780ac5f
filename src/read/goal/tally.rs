//! What was recorded of a goal and not counted: a misspelt key, a missing value, users who were not
//! exposed. Rare, so threads share it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::read::goal::recorded::{Recorded, Refusal};

/// The numbers behind a [`GoalTally`].
#[derive(Debug, Default)]
pub(crate) struct Tally {
    not_found: AtomicU64,
    refused: AtomicU64,
    unexposed: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, recorded: Recorded) {
        let add = |number: &AtomicU64, more: u64| {
            if more > 0 {
                number.fetch_add(more, Ordering::Relaxed);
            }
        };
        match recorded.refusal() {
            Some(Refusal::GoalNotFound) => add(&self.not_found, 1),
            Some(_) => add(&self.refused, 1),
            None => add(&self.unexposed, recorded.unexposed().into()),
        }
    }

    pub(super) fn read(&self, environment: &str, goal: &str) -> GoalTally {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        GoalTally {
            environment: environment.to_owned(),
            goal: goal.to_owned(),
            not_found: read(&self.not_found),
            refused: read(&self.refused),
            unexposed: read(&self.unexposed),
        }
    }
}

/// What was recorded of one goal in one environment and not counted, since the engine was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GoalTally {
    /// The environment.
    pub environment: String,
    /// The goal's key.
    pub goal: String,
    /// How often there was no such goal: most often, a misspelt key.
    pub not_found: u64,
    /// How often the value was refused, or was missing.
    pub refused: u64,
    /// How often an experiment did not count an event, since its user had not been exposed; once
    /// for each experiment. Only where users are counted.
    pub unexposed: u64,
}
