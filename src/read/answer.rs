//! Where on a snapshot an answer is to be found.

use serde_json::Value;

use crate::model::id::ExperimentId;
use crate::model::variant::Variant;
use crate::read::compiled_flag::Decision;
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;

/// Where on a snapshot an answer is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) slot: usize,
    /// The variant's position among those that the slot can answer.
    pub(crate) position: u32,
    pub(crate) reason: Reason,
}

impl Answer {
    /// The one way to an answer: evaluate, peek, explain and convert all take it.
    ///
    /// Left to itself, the compiler makes a function of its own of it; then the answer goes through
    /// memory and is taken apart again for the value: a fifth more instructions for a peek by a handle
    /// (`cargo bench --bench instructions`). What is rare, or not of this crate's doing, is apart.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured, as said above")]
    pub(crate) fn decide<'s>(
        snapshot: &'s Snapshot,
        slot: usize,
        user_key: &str,
    ) -> (Answer, Decision<'s>) {
        let decision = snapshot.slot(slot).decide(user_key);
        (Answer { slot, position: decision.position, reason: decision.reason }, decision)
    }

    #[inline]
    pub(crate) fn value(self, snapshot: &Snapshot) -> Option<&Value> {
        snapshot.slot(self.slot).value(self.position)
    }

    pub(crate) fn variant(self, snapshot: &Snapshot) -> Option<&Variant> {
        snapshot.slot(self.slot).variant(self.position)
    }

    pub(crate) fn experiment(self, snapshot: &Snapshot) -> Option<ExperimentId> {
        Some(snapshot.slot(self.slot).experiment(self.position)?.definition.id)
    }
}
