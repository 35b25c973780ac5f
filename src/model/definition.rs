//! An experiment without its counts: its terms, status and dates.

use std::sync::Arc;

use crate::assign::allocation::Allocation;
use crate::assign::assignment::Assignment;
use crate::assign::bucket::Seed;
use crate::model::capacity::Capacity;
use crate::model::goal::of_experiment::Goals;
use crate::model::id::ExperimentId;
use crate::model::notes::SomeNotes;
use crate::model::status::{Status, Transition, TransitionError};
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::terms::Terms;
use crate::model::timestamp::Timestamp;
use crate::model::variant::Variant;

/// The definition of an experiment: everything except its counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) id: ExperimentId,
    pub(crate) terms: Terms,
    pub(crate) status: Status,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) notes: SomeNotes,
    pub(crate) is_archived: bool,
    /// How many users are kept at most; 0 counts none, and `None` leaves it to the engine.
    pub(crate) count_users: Option<Capacity>,
    /// `None` if everybody is meant, as in most experiments.
    pub(crate) targeting: Option<Arc<Targeting>>,
    /// `None` if conversions alone are counted, as in most experiments.
    pub(crate) goals: Option<Arc<Goals>>,
}

impl Definition {
    /// A new experiment; one that is created running counts as started now.
    pub(crate) fn create(id: ExperimentId, terms: Terms, status: Status, now: Timestamp) -> Self {
        Definition {
            id,
            terms,
            status,
            started_at: (status == Status::Running).then_some(now),
            stopped_at: None,
            created_at: now,
            updated_at: now,
            notes: None,
            is_archived: false,
            count_users: None,
            targeting: None,
            goals: None,
        }
    }

    /// The experiment after a start or a stop, or as one of its variants is shipped.
    pub(crate) fn after(
        &self,
        transition: Transition,
        now: Timestamp,
    ) -> Result<Definition, TransitionError> {
        let status = self.status.after(transition)?;
        if status == self.status {
            return Ok(self.clone());
        }
        let mut next = Definition { status, updated_at: now, ..self.clone() };
        match transition {
            Transition::Start => {
                next.started_at = Some(now);
                next.stopped_at = None;
            }
            Transition::Stop | Transition::Ship => next.stopped_at = Some(now),
        }
        Ok(next)
    }

    /// Notes since when it has its coverage, if it has been started.
    pub(crate) fn note_coverage(&mut self, now: Timestamp) {
        let targeting = self.targeting.as_ref().zip(self.started_at);
        if let Some(noted) = targeting.and_then(|(of, started_at)| of.noted(started_at, now)) {
            self.targeting = noted.some();
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    pub(crate) fn assignment(&self) -> Assignment {
        let percentages = self.terms.variants.iter().map(Variant::percentage);
        Assignment::from_parts(Seed::from_id(self.id.to_bytes()), Allocation::of(percentages))
    }

    /// The position of the variant with this key.
    pub(crate) fn position(&self, variant: &str) -> Option<usize> {
        self.terms.variants.iter().position(|candidate| candidate.key() == variant)
    }
}
