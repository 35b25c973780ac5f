//! Counting an event of a goal for every running experiment that has it.

use crate::count::counters::{Added, Event};
use crate::count::distinct_users::Known;
use crate::model::goal::amount::{MAX_UNITS, units};
use crate::model::goal::definition::Goal;
use crate::read::conversion::{self, Apart};
use crate::read::goal::lists::{GoalList, Member};
use crate::read::goal::recorded::{Recorded, RecordedFor, Refusal};
use crate::read::guarded::Reach;
use crate::read::place::VariantPosition;
use crate::read::running_split::Assigned;
use crate::read::snapshot::Snapshot;
use crate::target::user::User;

/// What a caller gives of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given {
    Nothing,
    Value(f64),
    Units(i64),
}

/// An event of one experiment's goal.
struct Reached<'m> {
    member: &'m Member,
    /// In minor units; 0 for a goal without values.
    value: i64,
}

impl Reach for Reached<'_> {
    #[inline]
    fn count(
        &self,
        assigned: Assigned<'_>,
        variant: VariantPosition,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Added> {
        let Reached { member, value } = *self;
        let known = match assigned.admit(member.deed, is_meant)? {
            Ok(known) => known,
            Err(refused) => return Some(refused),
        };
        if member.is_primary {
            assigned.count_admitted(variant, Event::Conversion);
            member.counters.add_value(variant.number(), value);
        } else {
            member.counters.add(variant.number(), value);
        }
        if value != 0 && known == Known::Exposed {
            assigned.add_to_user(&member.counters, value);
        }
        Some(Added::Counted)
    }
}

impl GoalList {
    /// Counts an event of a user.
    #[inline]
    pub(crate) fn record(&self, snapshot: &Snapshot, user: User<'_>, given: Given) -> Recorded {
        self.record_each(snapshot, user, given, |_, _| ())
    }

    /// As [`record`](GoalList::record), with what came of it for each experiment.
    pub(crate) fn record_in_detail(
        &self,
        snapshot: &Snapshot,
        user: User<'_>,
        given: Given,
    ) -> Result<Vec<RecordedFor>, Refusal> {
        let mut all = Vec::with_capacity(self.members.len());
        let recorded = self.record_each(snapshot, user, given, |member, apart| {
            let Some(found) = snapshot.find_experiment(member.experiment) else { return };
            let compiled = snapshot.compiled(Some(member.slot));
            let variant = compiled.variant(apart.position).map(|variant| variant.key().to_owned());
            all.push(RecordedFor {
                flag: found.flag.flag.key().to_owned(),
                experiment: member.experiment,
                variant,
                outcome: apart.outcome,
            });
        });
        recorded.refusal().map_or(Ok(all), Err)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "without details, nothing is kept of each")]
    fn record_each(
        &self,
        snapshot: &Snapshot,
        user: User<'_>,
        given: Given,
        mut each: impl FnMut(&Member, Apart),
    ) -> Recorded {
        let value = match self.value(given) {
            Ok(value) => value,
            Err(refusal) => {
                let recorded = Recorded::refused(refusal);
                self.tally.add(recorded);
                return recorded;
            }
        };
        let mut recorded = Recorded::default();
        for member in &self.members {
            let apart = reach(snapshot, member, user, value);
            recorded.add(apart.outcome);
            each(member, apart);
        }
        if recorded.unexposed() > 0 {
            self.tally.add(recorded);
        }
        recorded
    }

    /// The value of an event in minor units, or why it is refused.
    #[inline]
    fn value(&self, given: Given) -> Result<i64, Refusal> {
        match (&self.goal, given) {
            (None, _) => Err(Refusal::GoalNotFound),
            (Some(goal), given) => value_of(goal, given),
        }
    }
}

#[inline]
pub(crate) fn value_of(goal: &Goal, given: Given) -> Result<i64, Refusal> {
    let value = match (&goal.values, given) {
        (None, Given::Nothing) => return Ok(0),
        (None, _) => return Err(Refusal::WithoutValues),
        (Some(_), Given::Nothing) => return Err(Refusal::ValueNeeded),
        (Some(values), Given::Value(value)) => units(value, values.decimals),
        (Some(_), Given::Units(units)) => {
            Some(units).filter(|units| units.unsigned_abs() <= MAX_UNITS.unsigned_abs())
        }
    };
    let is_allowed = |value: &i64| *value >= 0 || goal.is_signed();
    value.filter(is_allowed).ok_or(Refusal::ValueRefused)
}

/// Counts an event for one experiment, by the same path as a conversion.
#[inline]
fn reach(snapshot: &Snapshot, member: &Member, user: User<'_>, value: i64) -> Apart {
    let compiled = snapshot.compiled(Some(member.slot));
    let reached = Reached { member, value };
    match compiled.split_for(user.key()) {
        Some(split) => conversion::reach(split.assign(user.key()), &reached),
        None => compiled.reach_apart(user, &reached),
    }
}
