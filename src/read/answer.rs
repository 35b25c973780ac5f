//! The answer of a flag to a user: how it is decided, and where on the snapshot it is.

use serde_json::Value;

use crate::assign::bucket::{Bucket, Seed};
use crate::model::definition::Definition;
use crate::model::id::{ExperimentId, RuleId};
use crate::model::variant::Variant;
use crate::read::compiled_flag::Apart;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::Assigned;
use crate::read::snapshot::Snapshot;
use crate::target::attributes::Attributes;
use crate::target::user::User;
use crate::target::user_key::Unit;

/// The place of an answer on a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) slot: Option<SlotId>,
    pub(crate) position: VariantPosition,
    pub(crate) reason: Reason,
}

/// An answer, and what counts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided<'s> {
    pub(crate) answer: Answer,
    /// What the running experiment assigns, if it is that which answers.
    pub(crate) assigned: Option<Assigned<'s>>,
}

impl Answer {
    /// Decides an answer, and counts nothing.
    ///
    /// Always inlined, and with a key and attributes in place of a [`User`](crate::User): as a
    /// separate function it would pass the answer through memory, which costs a peek by a handle a
    /// fifth more instructions (`cargo bench --bench instructions`), and so does a user in one
    /// piece. Rare paths are separate functions.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured, as said above")]
    pub(crate) fn decide<'s>(
        snapshot: &'s Snapshot,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
    ) -> Decided<'s> {
        let compiled = snapshot.compiled(slot);
        let assigned = if let Some(split) = compiled.split_for(key) {
            split.assign(key)
        } else {
            let mut apart = Apart::default_value(Reason::NotRunning);
            let Some(assigned) = compiled.decide_apart(key, attributes, &mut apart) else {
                let Apart { position, reason } = apart;
                return Decided { answer: Answer { slot, position, reason }, assigned: None };
            };
            assigned
        };
        let answer = Answer { slot, position: assigned.position(), reason: Reason::Split };
        Decided { answer, assigned: Some(assigned) }
    }

    /// Decides the answer of an evaluation. Where exposures are queued, the exposure is counted; if
    /// so, nothing is assigned that is left to be counted, and the reason is a split.
    ///
    /// Written out, and not one function with [`decide`](Answer::decide), so that a peek costs what
    /// it does without it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(super) fn decide_to_count<'s>(
        snapshot: &'s Snapshot,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
    ) -> Decided<'s> {
        let compiled = snapshot.compiled(slot);
        let assigned = if let Some(split) = compiled.split_for(key) {
            split.assign(key)
        } else {
            let mut apart = Apart::to_count();
            let Some(assigned) = compiled.decide_apart(key, attributes, &mut apart) else {
                let Apart { position, reason } = apart;
                return Decided { answer: Answer { slot, position, reason }, assigned: None };
            };
            assigned
        };
        let answer = Answer { slot, position: assigned.position(), reason: Reason::Split };
        Decided { answer, assigned: Some(assigned) }
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

    pub(crate) fn rule(self, snapshot: &Snapshot) -> Option<RuleId> {
        Some(snapshot.compiled(self.slot).rule(self.position)?.id())
    }

    pub(crate) fn experiment_name(self, snapshot: &Snapshot) -> Option<&str> {
        Some(&snapshot.compiled(self.slot).experiment(self.position)?.definition.terms.name)
    }

    /// A user's bucket in the experiment whose variant is answered.
    pub(crate) fn bucket(self, snapshot: &Snapshot, user: User<'_>) -> Option<Bucket> {
        let definition = &snapshot.compiled(self.slot).experiment(self.position)?.definition;
        let unit = unit(definition, user)?;
        Some(Bucket::from_hash(Seed::from_id(definition.id.to_bytes()).hash(unit.as_str())))
    }
}

/// What an experiment splits a user by; `None` if the user has no such attribute.
pub(super) fn unit<'u>(definition: &Definition, user: User<'u>) -> Option<Unit<'u>> {
    let bucket_by = definition.targeting.as_ref().and_then(|targeting| targeting.bucket_by());
    match bucket_by {
        Some(attribute) => user.get(attribute).and_then(Unit::of),
        None => Some(Unit::Text(user.key())),
    }
}
