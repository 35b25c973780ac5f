//! A flag in one environment, compiled for evaluations: everything that can be decided before a
//! request is decided.

use std::sync::Arc;

use serde_json::Value;

use crate::count::exposures::Exposures;
use crate::model::environment_name::EnvironmentName;
use crate::model::status::Status;
use crate::model::targeting::rule::Rule;
use crate::model::targeting::shared::Shared;
use crate::model::variant::Variant;
use crate::read::exposing::Exposing;
use crate::read::forced::{Forced, Others};
use crate::read::guarded::Guarded;
use crate::read::place::{VariantPlace, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::{Allocations, Assigned, RunningSplit};
use crate::read::state::{ExperimentState, FlagState};
use crate::target::attributes::Attributes;

/// How a flag is answered in an environment.
///
/// The tag lies beside the pointer, not behind it, so that finding a running split costs one
/// comparison.
#[derive(Clone, Debug)]
pub(crate) enum CompiledFlag {
    /// The configuration has no such flag.
    NotFound,
    /// Every user gets the default value.
    Default(Arc<FlagState>),
    /// An experiment is running.
    Split(Arc<RunningSplit>),
    /// Some users are forced into variants.
    Forced(Arc<Forced>),
    /// The flag has rules, or its running experiment is not for everybody.
    Guarded(Arc<Guarded>),
    /// The flag is disabled: every user gets the default value.
    Disabled(Arc<FlagState>),
    /// The flag is archived: every user gets the default value.
    Archived(Arc<FlagState>),
    /// An experiment is running, and its exposures are queued.
    Exposing(Arc<Exposing>),
}

/// What a flag answers to a user whom no running experiment splits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    /// The variant or the rule; none for the default value, and for a flag that is not found.
    pub(crate) position: VariantPosition,
    pub(crate) reason: Reason,
}

impl Apart {
    pub(super) fn default_value(reason: Reason) -> Apart {
        Apart { position: VariantPosition::NONE, reason }
    }

    /// What an answer is written into for an evaluation. Where exposures are queued, that takes the
    /// user key, so the exposure is counted when the answer is decided; and that it is to be is said
    /// here, so that other flags pass nothing more.
    pub(super) fn to_count() -> Apart {
        Apart { position: VariantPosition::TO_COUNT, reason: Reason::NotRunning }
    }

    /// What is assigned, unless this is the answer: then it becomes it.
    #[inline]
    pub(super) fn unless<'s>(
        &mut self,
        decided: Result<Assigned<'s>, Apart>,
    ) -> Option<Assigned<'s>> {
        match decided {
            Ok(assigned) => Some(assigned),
            Err(apart) => {
                *self = apart;
                None
            }
        }
    }
}

impl CompiledFlag {
    /// A flag in an environment.
    pub(super) fn new(
        state: &Arc<FlagState>,
        environment: &EnvironmentName,
        shared: &Shared,
        allocations: &mut Allocations,
    ) -> CompiledFlag {
        if let Some(unused) = CompiledFlag::unused(state) {
            return unused;
        }
        // A user is forced while the experiment is a draft or running, and not archived. Where
        // several experiments force a user, the running one decides, then the oldest draft, so they
        // are sorted in that order.
        let experiments = state.experiments.iter().enumerate();
        let mut active: Vec<_> = experiments
            .filter(|(_, experiment)| {
                matches!(experiment.definition.status, Status::Running | Status::Draft)
                    && !experiment.definition.is_archived
                    && experiment.environment() == environment
            })
            .collect();
        active.sort_by_key(|(_, experiment)| !experiment.definition.is_running());

        let others = match active.first() {
            Some((at, experiment)) if experiment.definition.is_running() => {
                Others::Split(Arc::new(RunningSplit::new(state, *at, experiment, allocations)))
            }
            _ => Others::Default(Arc::clone(state)),
        };
        let others = match Guarded::new(state, environment, &active, others, shared) {
            Ok(guarded) => return CompiledFlag::Guarded(Arc::new(guarded)),
            Err(others) => others,
        };
        match Forced::new(&active, others) {
            Ok(forced) => CompiledFlag::Forced(Arc::new(forced)),
            Err(Others::Default(state)) => CompiledFlag::Default(state),
            Err(Others::Split(split)) => CompiledFlag::Split(split),
        }
    }

    /// A flag in an environment that none of its experiments has.
    pub(super) fn without_experiments(state: &Arc<FlagState>) -> CompiledFlag {
        CompiledFlag::unused(state).unwrap_or_else(|| CompiledFlag::Default(Arc::clone(state)))
    }

    /// A flag that is archived or disabled.
    fn unused(state: &Arc<FlagState>) -> Option<CompiledFlag> {
        if state.flag.is_archived() {
            Some(CompiledFlag::Archived(Arc::clone(state)))
        } else if state.flag.is_enabled() {
            None
        } else {
            Some(CompiledFlag::Disabled(Arc::clone(state)))
        }
    }

    /// The flag, with its exposures queued if an experiment is running.
    pub(super) fn exposing(self, exposures: &Exposures) -> CompiledFlag {
        let is_running = match &self {
            CompiledFlag::Split(_) => true,
            CompiledFlag::Forced(forced) => forced.has_split(),
            CompiledFlag::Guarded(guarded) => guarded.split.is_some(),
            _ => false,
        };
        if !is_running {
            return self;
        }
        CompiledFlag::Exposing(Arc::new(Exposing::new(self, exposures)))
    }

    /// How it is answered, whether exposures are queued or not.
    fn plain(&self) -> &CompiledFlag {
        match self {
            CompiledFlag::Exposing(exposing) => &exposing.flag,
            plain => plain,
        }
    }

    /// The flag, if it may depend on segments, layers or holdouts.
    pub(super) fn guarded(&self) -> Option<&Guarded> {
        match self.plain() {
            CompiledFlag::Guarded(guarded) => Some(guarded),
            _ => None,
        }
    }

    /// Whether it has rules in the environment that are enabled.
    pub(crate) fn has_rules(&self) -> bool {
        self.guarded().is_some_and(|guarded| !guarded.rules.is_empty())
    }

    /// The state that it was compiled from.
    #[inline]
    pub(crate) fn state(&self) -> Option<&Arc<FlagState>> {
        match self.plain() {
            CompiledFlag::NotFound | CompiledFlag::Exposing(_) => None,
            CompiledFlag::Default(state)
            | CompiledFlag::Archived(state)
            | CompiledFlag::Disabled(state) => Some(state),
            CompiledFlag::Split(split) => Some(&split.state),
            CompiledFlag::Forced(forced) => Some(forced.state()),
            CompiledFlag::Guarded(guarded) => Some(&guarded.state),
        }
    }

    /// The running experiment, if nothing else can decide for a user with this key: with
    /// [`decide_apart`](CompiledFlag::decide_apart), the one path of evaluate, peek, explain and
    /// convert.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    pub(crate) fn split_for(&self, user_key: &str) -> Option<&RunningSplit> {
        match self {
            CompiledFlag::Split(split) if !user_key.is_empty() => Some(split),
            _ => None,
        }
    }

    /// What a flag decides for a user whom no experiment [splits at once](CompiledFlag::split_for):
    /// what the running experiment assigns, or `None`, with the answer in `apart`.
    ///
    /// A separate function, so that the code inlined into callers is short. It leaves all of its
    /// arguments where they are to the functions that decide, so that each of those saves the
    /// registers that it needs, and no other; and they return two words, in registers, where a
    /// `Result` would pass through memory. Cold, so that the compiler keeps the registers for the
    /// split that comes at once: one instruction of an evaluation, five of a typed one.
    ///
    /// In this order: no such flag; archived or disabled; forced; rules; running experiment;
    /// default.
    #[cold]
    #[inline(never)]
    pub(crate) fn decide_apart(
        &self,
        key: &str,
        attributes: &dyn Attributes,
        apart: &mut Apart,
    ) -> Option<Assigned<'_>> {
        match self {
            CompiledFlag::Guarded(guarded) if guarded.is_simple => {
                guarded.decide_simply(key, attributes, apart)
            }
            CompiledFlag::Guarded(guarded) => guarded.decide(key, attributes, apart),
            CompiledFlag::Exposing(exposing) => exposing.decide_or_count(key, attributes, apart),
            _ => self.decide_alike(key, apart),
        }
    }

    /// Without rules or gates.
    #[inline(never)]
    fn decide_alike(&self, key: &str, apart: &mut Apart) -> Option<Assigned<'_>> {
        let reason = match self {
            CompiledFlag::NotFound => Reason::FlagNotFound,
            CompiledFlag::Archived(_) => Reason::Archived,
            CompiledFlag::Disabled(_) => Reason::Disabled,
            _ if key.is_empty() => Reason::NoUserKey,
            CompiledFlag::Forced(forced) => return apart.unless(forced.decide(key)),
            _ => Reason::NotRunning,
        };
        apart.unless(Err(Apart::default_value(reason)))
    }

    /// The value of a variant, or the default value.
    #[inline]
    pub(crate) fn value(&self, position: VariantPosition) -> Option<&Value> {
        if let CompiledFlag::Split(split) = self
            && let Some(variant) = split.variants.get(position.index())
        {
            return Some(variant.value());
        }
        self.value_without_split(position)
    }

    #[inline(never)]
    fn value_without_split(&self, position: VariantPosition) -> Option<&Value> {
        // The variants of the running experiment have the first positions.
        if let CompiledFlag::Guarded(guarded) = self
            && let Some(split) = &guarded.split
            && let Some(variant) = split.split.variants.get(position.index())
        {
            return Some(variant.value());
        }
        self.value_apart(position)
    }

    /// A separate function, so that the one before it saves no registers.
    #[inline(never)]
    fn value_apart(&self, position: VariantPosition) -> Option<&Value> {
        if let Some(variant) = self.variant(position) {
            return Some(variant.value());
        }
        if let Some(rule) = self.rule(position) {
            return Some(rule.value());
        }
        Some(self.state()?.flag.default_value())
    }

    /// The positions of all variants and rules that it can answer.
    pub(crate) fn positions(&self) -> impl Iterator<Item = VariantPosition> + use<> {
        let count = match self.plain() {
            CompiledFlag::Split(split) => split.variants.len(),
            CompiledFlag::Forced(forced) => forced.variants.len(),
            CompiledFlag::Guarded(guarded) => guarded.positions(),
            _ => 0,
        };
        (0..count).map(VariantPosition::new)
    }

    /// The variant at a position.
    pub(crate) fn variant(&self, position: VariantPosition) -> Option<&Variant> {
        let place = self.place(position)?;
        self.state()?.experiments.get(place.experiment)?.variant(place.variant)
    }

    /// The rule at a position.
    pub(crate) fn rule(&self, position: VariantPosition) -> Option<&Rule> {
        self.guarded()?.rule(position)
    }

    /// The experiment of the variant at a position.
    pub(crate) fn experiment(&self, position: VariantPosition) -> Option<&ExperimentState> {
        let place = self.place(position)?;
        self.state()?.experiments.get(place.experiment)
    }

    fn place(&self, position: VariantPosition) -> Option<VariantPlace> {
        let position = position.index();
        match self.plain() {
            CompiledFlag::Split(split) => (position < split.variants.len())
                .then_some(VariantPlace { experiment: split.experiment, variant: position }),
            CompiledFlag::Forced(forced) => forced.variants.get(position).copied(),
            CompiledFlag::Guarded(guarded) => guarded.variants.get(position).copied(),
            _ => None,
        }
    }
}
