//! Whether a conversion was counted, and for which variant.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;

use crate::count::counters::{Added, Event};
use crate::model::id::ExperimentId;
use crate::model::variant::Variant;
use crate::read::answer::Answer;
use crate::read::compiled_flag::{self, CompiledFlag};
use crate::read::guarded::Reach;
use crate::read::pinned::Pinned;
use crate::read::place::{SlotId, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::Assigned;
use crate::read::snapshot::{FoundExperiment, Snapshot};
use crate::target::attributes::Attributes;
use crate::target::user::User;

/// What a conversion comes to where the running experiment does not decide at once. Small, so that
/// a function returns it in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    pub(super) position: VariantPosition,
    pub(super) reason: Reason,
    pub(super) outcome: Outcome,
}

/// Whether a conversion was counted, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Not counted: the goal that decides the experiment has values, and a conversion has none.
    /// Record the goal: [`GoalHandle::record_value`](crate::GoalHandle::record_value).
    ValueNeeded,
    /// Counted, for the variant that assignment gives the user, or that the caller named.
    Counted,
    /// Not counted: the user is forced into a variant.
    Forced,
    /// Not counted: no experiment is running, or the named one is not.
    NotRunning,
    /// Not counted: the users of the experiment are counted, and this one has not been exposed
    /// since it was started.
    NotExposed,
    /// Not counted: a rule answers to the user, and no experiment.
    Rule,
    /// Not counted: the user key is empty.
    NoUserKey,
    /// Not counted: the user has no attribute that the running experiment is split by.
    NoUnit,
    /// Not counted: the user is held out of the running experiment.
    HeldOut,
    /// Not counted: the user is in a part of the layer that the running experiment does not have.
    OtherLayerRange,
    /// Not counted: with the attributes of this call, the user is not in the audience of the
    /// running experiment. Where users are counted, the audience is not asked: see
    /// [`NotExposed`](Outcome::NotExposed).
    NotInAudience,
    /// Not counted: the running experiment does not cover this user, or not yet.
    NotCovered,
    /// Not counted: the flag is disabled.
    Disabled,
    /// Not counted: the flag is archived, or the named experiment is.
    Archived,
    /// Not counted: the configuration has no such flag.
    FlagNotFound,
    /// Not counted: the configuration has no such experiment.
    ExperimentNotFound,
    /// Not counted: the experiment has no such variant.
    VariantNotFound,
}

impl Outcome {
    /// The outcome in JSON: `counted`, `forced`, `not_running`, and so on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::ValueNeeded => "value_needed",
            Outcome::Counted => "counted",
            Outcome::Forced => "forced",
            Outcome::Rule => "rule",
            Outcome::NotRunning => "not_running",
            Outcome::NotExposed => "not_exposed",
            Outcome::NoUserKey => "no_user_key",
            Outcome::NoUnit => "no_unit",
            Outcome::HeldOut => "held_out",
            Outcome::OtherLayerRange => "other_layer_range",
            Outcome::NotInAudience => "not_in_audience",
            Outcome::NotCovered => "not_covered",
            Outcome::Disabled => "disabled",
            Outcome::Archived => "archived",
            Outcome::FlagNotFound => "flag_not_found",
            Outcome::ExperimentNotFound => "experiment_not_found",
            Outcome::VariantNotFound => "variant_not_found",
        }
    }
}

impl Outcome {
    /// That of a conversion for which an evaluation has this reason.
    pub(super) fn of(reason: Reason) -> Outcome {
        match reason {
            // A split counts, unless it is closed.
            Reason::Split | Reason::NotRunning => Outcome::NotRunning,
            Reason::Forced => Outcome::Forced,
            Reason::Rule => Outcome::Rule,
            Reason::NoUserKey => Outcome::NoUserKey,
            Reason::NoUnit => Outcome::NoUnit,
            Reason::HeldOut => Outcome::HeldOut,
            Reason::OtherLayerRange => Outcome::OtherLayerRange,
            Reason::NotInAudience => Outcome::NotInAudience,
            Reason::NotCovered => Outcome::NotCovered,
            Reason::Disabled => Outcome::Disabled,
            Reason::Archived => Outcome::Archived,
            Reason::FlagNotFound => Outcome::FlagNotFound,
        }
    }
}

impl From<Added> for Outcome {
    #[inline]
    fn from(added: Added) -> Outcome {
        match added {
            Added::Counted => Outcome::Counted,
            Added::Unexposed => Outcome::NotExposed,
            Added::Closed => Outcome::NotRunning,
            Added::ValueNeeded => Outcome::ValueNeeded,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A conversion: whether it was counted, and for which variant.
///
/// Every conversion is counted: three by one user are three. Only a running experiment counts, and
/// where its [users are counted](crate::Engine::count_users), only those who have been exposed
/// since its start; for any other conversion the [`Outcome`] says why not.
///
/// `S` keeps the snapshot that the variant's key is borrowed from, as in
/// [`Evaluation`](crate::Evaluation).
#[derive(Clone, Debug)]
pub struct Conversion<S = Pinned> {
    snapshot: S,
    answer: Answer,
    outcome: Outcome,
}

impl<S: Deref<Target = Snapshot>> Conversion<S> {
    /// Whether it was counted, and why not.
    #[inline]
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether it was counted.
    #[inline]
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.outcome == Outcome::Counted
    }

    /// The key of the variant that it was counted for, or that the user is forced into.
    #[inline]
    #[must_use]
    pub fn variant(&self) -> Option<&str> {
        self.answer.variant(&self.snapshot).map(Variant::key)
    }

    /// The experiment of that variant.
    #[must_use]
    pub fn experiment(&self) -> Option<ExperimentId> {
        self.answer.experiment(&self.snapshot)
    }

    /// Counts for the variant that assignment gives the user.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(crate) fn assigned(
        snapshot: S,
        slot: Option<SlotId>,
        key: &str,
        attributes: &dyn Attributes,
    ) -> Conversion<S> {
        let compiled = snapshot.compiled(slot);
        let (answer, outcome) = if let Some(split) = compiled.split_for(key) {
            let assigned = split.assign(key);
            let position = assigned.position();
            let added = assigned.count(position, Event::Conversion);
            (Answer { slot, position, reason: Reason::Split }, added.into())
        } else {
            let Apart { position, reason, outcome } = apart(compiled, key, attributes);
            (Answer { slot, position, reason }, outcome)
        };
        Conversion { snapshot, answer, outcome }
    }

    /// Counts for the variant that the caller names.
    #[inline]
    pub(crate) fn named(snapshot: S, id: ExperimentId, variant: &str) -> Conversion<S> {
        let (answer, outcome) = convert_named(&snapshot, id, variant);
        Conversion { snapshot, answer, outcome }
    }
}

/// A conversion of a user whom no experiment splits at once. A separate function, so that the code
/// inlined into callers is short.
#[inline(never)]
fn apart(compiled: &CompiledFlag, key: &str, attributes: &dyn Attributes) -> Apart {
    if let CompiledFlag::Guarded(guarded) = compiled {
        return guarded.convert(User::new(key).with(attributes));
    }
    apart_alike(compiled, key, attributes)
}

/// As [`apart`], where no gate has to be asked. A separate function, so that the one before it saves
/// no registers.
#[inline(never)]
fn apart_alike(compiled: &CompiledFlag, key: &str, attributes: &dyn Attributes) -> Apart {
    if let CompiledFlag::Exposing(exposing) = compiled
        && exposing.flag.guarded().is_some()
    {
        return apart(&exposing.flag, key, attributes);
    }
    let mut apart = compiled_flag::Apart::default_value(Reason::NotRunning);
    if let Some(assigned) = compiled.decide_apart(key, attributes, &mut apart) {
        let position = assigned.position();
        let added = assigned.count(position, Event::Conversion);
        return Apart { position, reason: Reason::Split, outcome: added.into() };
    }
    let compiled_flag::Apart { position, reason } = apart;
    Apart { position, reason, outcome: Outcome::of(reason) }
}

impl CompiledFlag {
    /// What another event comes to where no experiment splits its user at once.
    #[inline(never)]
    pub(super) fn reach_apart(&self, user: User<'_>, event: &impl Reach) -> Apart {
        if let CompiledFlag::Guarded(guarded) = self {
            return guarded.reach(user, event);
        }
        if let CompiledFlag::Exposing(exposing) = self
            && exposing.flag.guarded().is_some()
        {
            return exposing.flag.reach_apart(user, event);
        }
        let mut apart = compiled_flag::Apart::default_value(Reason::NotRunning);
        let assigned = self.decide_apart(user.key(), user.attributes(), &mut apart);
        if let Some(assigned) = assigned {
            return reach(assigned, event);
        }
        let compiled_flag::Apart { position, reason } = apart;
        Apart { position, reason, outcome: Outcome::of(reason) }
    }
}

/// What an event comes to for a unit that the running experiment splits.
#[inline]
pub(super) fn reach(assigned: Assigned<'_>, event: &impl Reach) -> Apart {
    let position = assigned.position();
    // Nothing but the exposure is left to ask for.
    let added = event.count(assigned, position, || true).unwrap_or(Added::Closed);
    Apart { position, reason: Reason::Split, outcome: added.into() }
}

fn convert_named(snapshot: &Snapshot, id: ExperimentId, variant: &str) -> (Answer, Outcome) {
    let none = Answer { slot: None, position: VariantPosition::NONE, reason: Reason::NotRunning };
    let Some(FoundExperiment { slot, flag, state, .. }) = snapshot.find_experiment(id) else {
        return (none, Outcome::ExperimentNotFound);
    };
    let Some(position) = state.definition.position(variant) else {
        return (none, Outcome::VariantNotFound);
    };
    if flag.flag.is_archived() || state.definition.is_archived {
        return (none, Outcome::Archived);
    }
    if !flag.flag.is_enabled() {
        return (none, Outcome::Disabled);
    }
    if !state.definition.is_running() {
        return (none, Outcome::NotRunning);
    }
    // Where an experiment is running, its variants are the first that the flag can answer.
    let position = VariantPosition::new(position);
    let answer = Answer { slot: Some(slot), position, reason: Reason::Split };
    if state.counters.needs_value() {
        return (answer, Outcome::ValueNeeded);
    }
    let is_counted = state.counters.add(position.number(), Event::Conversion);
    (answer, if is_counted { Outcome::Counted } else { Outcome::NotRunning })
}

impl Snapshot {
    /// Counts a conversion for a variant that the caller names, as
    /// [`Engine::convert_variant`](crate::Engine::convert_variant).
    #[inline]
    #[expect(clippy::must_use_candidate, reason = "it records; the outcome is there to be read")]
    pub fn convert_variant(
        &self,
        experiment: ExperimentId,
        variant: &str,
    ) -> Conversion<&Snapshot> {
        Conversion::named(self, experiment, variant)
    }
}
