//! The answer of a flag to a user: how it is decided, and where on the snapshot it is.

use serde_json::Value;

use crate::count::counters::{Added, Event};
use crate::model::id::ExperimentId;
use crate::model::variant::Variant;
use crate::read::compiled_flag::Apart;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;
use crate::target::attributes::Attributes;

/// The place of an answer on a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) slot: Option<SlotId>,
    pub(crate) position: VariantPosition,
    pub(crate) reason: Reason,
}

impl Answer {
    /// Decides an answer; counts an exposure, if it is one and if that is asked for, and returns
    /// whether it did.
    ///
    /// Always inlined: as a separate function it would pass the answer through memory, which costs
    /// a peek by a handle a fifth more instructions (`cargo bench --bench instructions`). Rare
    /// paths are separate functions.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured, as said above")]
    pub(crate) fn decide(
        snapshot: &Snapshot,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
        counts: bool,
    ) -> (Answer, bool) {
        let compiled = snapshot.compiled(slot);
        if let Some(split) = compiled.split_for(key) {
            let hash = split.hash(key);
            let position = split.position(hash);
            let is_counted =
                counts && split.count(position, Event::Exposure, hash) == Added::Counted;
            (Answer { slot, position, reason: Reason::Split }, is_counted)
        } else {
            let Apart { position, reason, is_counted } =
                compiled.decide_apart(key, attributes, counts);
            (Answer { slot, position, reason }, is_counted)
        }
    }

    #[inline]
    pub(crate) fn value(self, snapshot: &Snapshot) -> Option<&Value> {
        snapshot.compiled(self.slot).value(self.position)
    }

    pub(crate) fn variant(self, snapshot: &Snapshot) -> Option<&Variant> {
        snapshot.compiled(self.slot).variant(self.position)
    }

    pub(crate) fn experiment(self, snapshot: &Snapshot) -> Option<ExperimentId> {
        Some(snapshot.compiled(self.slot).experiment(self.position)?.definition.id)
    }

    pub(crate) fn experiment_name(self, snapshot: &Snapshot) -> Option<&str> {
        Some(&snapshot.compiled(self.slot).experiment(self.position)?.definition.terms.name)
    }
}
