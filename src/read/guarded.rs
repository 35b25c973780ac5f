//! A flag that does not answer everybody alike before it splits: it has rules, or its running
//! experiment is not for everybody.

use std::sync::Arc;

use crate::count::counters::Added;
use crate::model::environment_name::EnvironmentName;
use crate::model::targeting::rule::Rule;
use crate::model::targeting::shared::Shared;
use crate::read::compiled_flag::Apart;
use crate::read::compiled_rule::CompiledRule;
use crate::read::conversion::{self, Outcome};
use crate::read::forced::{Others, Users, users_and_variants};
use crate::read::gates::Gates;
use crate::read::place::{VariantPlace, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::{Assigned, RunningSplit};
use crate::read::state::{ExperimentState, FlagState};
use crate::target::attributes::Attributes;
use crate::target::user::User;
use crate::target::user_key::Unit;

/// A flag with rules in the environment, or whose running experiment has gates.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// User keys, each with the position of its variant in `variants`.
    pub(super) users: Users,
    pub(super) rules: Box<[CompiledRule]>,
    pub(super) split: Option<GuardedSplit>,
    /// The variants that can be answered: those of the running experiment in their order, then
    /// those that a user is forced into. The values of rules have the positions after them.
    pub(super) variants: Vec<VariantPlace>,
    pub(super) state: Arc<FlagState>,
    /// Whether an audience and a coverage alone decide for a user with a key: no user is forced, and
    /// there is no rule, holdout, layer, or other unit. Most flags are like that, and one check
    /// costs a dozen instructions less than each.
    pub(super) is_simple: bool,
}

/// An event that counts if its user is in the running experiment: a conversion, or another goal.
pub(super) trait Reach {
    /// Counts it for a variant. Where it is not known whether the user has been exposed, it counts
    /// if `is_meant` says so, and else `None` is returned.
    fn count(
        &self,
        assigned: Assigned<'_>,
        variant: VariantPosition,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Added>;
}

struct Convert;

impl Reach for Convert {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Guarded::reach`")]
    fn count(
        &self,
        assigned: Assigned<'_>,
        variant: VariantPosition,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Added> {
        assigned.convert_if(variant, is_meant)
    }
}

/// The running experiment.
#[derive(Debug)]
pub(crate) struct GuardedSplit {
    pub(super) split: Arc<RunningSplit>,
    /// `None` if it is for everybody.
    pub(super) gates: Option<Gates>,
}

impl Guarded {
    /// The flag, if it is one: `others` itself if it answers everybody alike.
    pub(super) fn new(
        state: &Arc<FlagState>,
        environment: &EnvironmentName,
        active: &[(usize, &ExperimentState)],
        others: Others,
        shared: &Shared,
    ) -> Result<Guarded, Others> {
        let rules = state.rules.iter().enumerate();
        let here = rules.filter(|(_, rule)| rule.is_enabled && rule.environment == *environment);
        let rules: Box<[_]> = here.map(|(at, rule)| CompiledRule::new(at, rule, shared)).collect();
        let gates = match (&others, active.first()) {
            (Others::Split(_), Some((_, running))) => Gates::new(&running.definition, shared),
            _ => None,
        };
        if rules.is_empty() && gates.is_none() {
            return Err(others);
        }
        let (users, variants) = users_and_variants(active, &others);
        let split = match others {
            Others::Split(split) => Some(GuardedSplit { split, gates }),
            Others::Default(_) => None,
        };
        let is_simple = users.is_empty() && rules.is_empty();
        let is_simple = is_simple
            && matches!(&split, Some(GuardedSplit { gates: Some(gates), .. }) if gates.are_simple());
        Ok(Guarded { users, rules, split, variants, state: Arc::clone(state), is_simple })
    }

    /// What a [simple](Guarded::is_simple) flag decides for a user.
    ///
    /// With a key and attributes in place of a user, as `Answer::decide`.
    #[inline(never)]
    pub(super) fn decide_simply(
        &self,
        key: &str,
        attributes: &dyn Attributes,
        apart: &mut Apart,
    ) -> Option<Assigned<'_>> {
        let Some(GuardedSplit { split, gates: Some(gates) }) = &self.split else {
            return self.decide(key, attributes, apart);
        };
        let refused = if key.is_empty() {
            Some(Reason::NoUserKey)
        } else {
            gates.refuse_user(key, User::new(key).with(attributes))
        };
        match refused {
            Some(reason) => apart.unless(Err(Apart::default_value(reason))),
            None => Some(split.assign(key)),
        }
    }

    /// What the flag decides for a user, in this order: forced; rules; running experiment; default.
    #[inline(never)]
    pub(super) fn decide(
        &self,
        key: &str,
        attributes: &dyn Attributes,
        apart: &mut Apart,
    ) -> Option<Assigned<'_>> {
        let user = User::new(key).with(attributes);
        if let Some((reason, position)) = self.decide_before_split(user) {
            return apart.unless(Err(Apart { position, reason }));
        }
        apart.unless(self.decide_split(user).map_err(Apart::default_value))
    }

    /// Why the flag does not split a user; `None` if it does. A separate function, so that an
    /// evaluation has the decision inlined.
    #[inline(never)]
    fn refuse(&self, user: User<'_>) -> Option<Reason> {
        match self.decide_before_split(user) {
            Some((reason, _)) => Some(reason),
            None => self.decide_split(user).err(),
        }
    }

    /// The answer of what comes before the running experiment.
    #[inline]
    fn decide_before_split(&self, user: User<'_>) -> Option<(Reason, VariantPosition)> {
        if let Some(position) = self.forced(user) {
            return Some((Reason::Forced, position));
        }
        let rule = self.rules.iter().position(|rule| rule.answers(user))?;
        Some((Reason::Rule, self.position_of_rule(rule)))
    }

    #[inline]
    fn forced(&self, user: User<'_>) -> Option<VariantPosition> {
        if self.users.is_empty() { None } else { self.users.get(user.key()).copied() }
    }

    /// What the running experiment assigns the user, or why the user is not in it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    fn decide_split(&self, user: User<'_>) -> Result<Assigned<'_>, Reason> {
        let Some(GuardedSplit { split, gates }) = &self.split else {
            let is_nobody = user.key().is_empty();
            return Err(if is_nobody { Reason::NoUserKey } else { Reason::NotRunning });
        };
        let Some(gates) = gates else {
            let is_nobody = user.key().is_empty();
            return if is_nobody { Err(Reason::NoUserKey) } else { Ok(split.assign(user.key())) };
        };
        if gates.bucket_by.is_some() {
            return assign_by_attribute(split, gates, user);
        }
        if user.key().is_empty() {
            return Err(Reason::NoUserKey);
        }
        match gates.refuse(user.key(), user) {
            Some(reason) => Err(reason),
            None => Ok(split.assign(user.key())),
        }
    }

    /// Counts a conversion of a user, if it is one.
    ///
    /// A unit that is held out, elsewhere in the layer or not covered cannot have been exposed in
    /// this run, since the coverage only grows and the rest stays: so it takes no place among the
    /// users that are counted. Where it is known whether the unit was exposed, that alone decides:
    /// what is known of a user may have changed since, often by the very conversion. Where it is
    /// not known, the answer of an evaluation decides.
    #[inline(never)]
    pub(super) fn convert(&self, user: User<'_>) -> conversion::Apart {
        self.reach(user, &Convert)
    }

    /// As [`convert`](Guarded::convert), for any event that may count.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a conversion is not to cost more than it did")]
    pub(super) fn reach(&self, user: User<'_>, event: &impl Reach) -> conversion::Apart {
        if let Some(position) = self.forced(user) {
            let (reason, outcome) = (Reason::Forced, Outcome::Forced);
            return conversion::Apart { position, reason, outcome };
        }
        let unit = match &self.split {
            Some(GuardedSplit { gates: Some(gates), .. }) => gates.unit(user).ok(),
            Some(_) if !user.key().is_empty() => Some(Unit::Text(user.key())),
            _ => None,
        };
        let (Some(GuardedSplit { split, gates }), Some(unit)) = (&self.split, unit) else {
            return refused(self.refuse(user).unwrap_or(Reason::NotRunning));
        };
        let of_unit = gates.as_ref().and_then(|gates| gates.refuse_unit(unit.as_str()));
        if let Some(reason) = of_unit {
            return refused(reason);
        }
        let assigned = split.assign(unit.as_str());
        let position = assigned.position();
        let mut why = None;
        let is_meant = || {
            why = self.refuse(user);
            why.is_none()
        };
        match event.count(assigned, position, is_meant) {
            None => refused(why.unwrap_or(Reason::NotRunning)),
            Some(added) => {
                conversion::Apart { reason: Reason::Split, position, outcome: added.into() }
            }
        }
    }

    /// The position of a rule's value.
    fn position_of_rule(&self, rule: usize) -> VariantPosition {
        VariantPosition::new(self.variants.len().saturating_add(rule))
    }

    /// How many positions it can answer.
    pub(super) fn positions(&self) -> usize {
        self.variants.len().saturating_add(self.rules.len())
    }

    /// The rule at a position.
    pub(super) fn rule(&self, position: VariantPosition) -> Option<&Rule> {
        let compiled = self.rules.get(position.index().checked_sub(self.variants.len())?)?;
        self.state.rules.get(compiled.at)
    }
}

/// What an experiment that is split by an attribute assigns a user. A separate function: a unit that
/// may be written lies in memory.
#[inline(never)]
fn assign_by_attribute<'s>(
    split: &'s RunningSplit,
    gates: &Gates,
    user: User<'_>,
) -> Result<Assigned<'s>, Reason> {
    let unit = gates.unit(user)?;
    match gates.refuse(unit.as_str(), user) {
        Some(reason) => Err(reason),
        None => Ok(split.assign(unit.as_str())),
    }
}

fn refused(reason: Reason) -> conversion::Apart {
    let position = VariantPosition::NONE;
    conversion::Apart { reason, position, outcome: Outcome::of(reason) }
}
