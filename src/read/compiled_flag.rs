//! A flag in one environment, as evaluations read it: everything that can be decided when it is
//! published has been.

use std::sync::Arc;

use serde_json::Value;

use crate::model::environment::Environment;
use crate::model::status::Status;
use crate::model::variant::Variant;
use crate::read::forced::Pinned;
use crate::read::reason::Reason;
use crate::read::running_split::Split;
use crate::read::state::{ExperimentEntry, FlagEntry};

/// What a place of a snapshot holds: how a flag is answered in an environment.
///
/// The four are told apart here, beside the pointer, so that the one that matters costs a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    /// The configuration has no such flag.
    Vacant,
    /// Everybody gets the default.
    Default(Arc<FlagEntry>),
    /// An experiment runs.
    Split(Arc<Split>),
    /// Some users are pinned to variants.
    Pinned(Arc<Pinned>),
}

/// What a flag answers, and what counts that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'s> {
    pub(crate) reason: Reason,
    /// The variant that is answered, by its position among those that the slot can answer;
    /// [`NO_VARIANT`] for the default, or for nothing if there is no such flag.
    ///
    /// A bare number, so that it stays in a register, and a value is found by one comparison.
    pub(crate) position: u32,
    /// The running experiment: there if, and only if, the reason is a split.
    pub(crate) split: Option<&'s Split>,
}

/// The position of the default: no variant has it.
pub(crate) const NO_VARIANT: u32 = u32::MAX;

impl Slot {
    /// A flag in an environment.
    pub(crate) fn new(entry: &Arc<FlagEntry>, environment: &Environment) -> Slot {
        // A pin holds while its experiment is a draft or running. Where a user is pinned in several
        // experiments, the running one has the say, then the oldest draft: so that one comes first.
        let experiments = entry.experiments.iter().enumerate();
        let mut active: Vec<_> = experiments
            .filter(|(_, entry)| {
                matches!(entry.definition.status, Status::Running | Status::Draft)
                    && entry.environment() == environment
            })
            .collect();
        active.sort_by_key(|(_, entry)| !entry.definition.is_running());

        let others = match active.first() {
            Some((at, experiment)) if experiment.definition.is_running() => {
                Slot::Split(Arc::new(Split::new(entry, *at, experiment)))
            }
            _ => Slot::Default(Arc::clone(entry)),
        };
        match Pinned::new(&active, others) {
            Ok(pinned) => Slot::Pinned(Arc::new(pinned)),
            Err(others) => others,
        }
    }

    #[inline]
    pub(crate) fn entry(&self) -> Option<&Arc<FlagEntry>> {
        match self {
            Slot::Vacant => None,
            Slot::Default(entry) => Some(entry),
            Slot::Split(split) => Some(&split.entry),
            Slot::Pinned(pinned) => pinned.others.entry(),
        }
    }

    /// What the flag answers to a user: the one path of evaluate, peek, explain and convert.
    ///
    /// In this order: no such flag; no user key; forced; running experiment; default.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    pub(crate) fn decide(&self, user_key: &str) -> Decision<'_> {
        let split = match self {
            Slot::Split(split) if !user_key.is_empty() => Some(&**split),
            Slot::Pinned(pinned) => pinned.split_for(user_key),
            _ => None,
        };
        if let Some(split) = split {
            let position =
                split.assignment.allocation().position(split.assignment.bucket(user_key));
            Decision { reason: Reason::Split, position: position.into(), split: Some(split) }
        } else {
            let (reason, position) = self.decide_without_split(user_key);
            Decision { reason, position, split: None }
        }
    }

    /// What a flag answers to a user whom no experiment splits. Apart, so that what is inlined into
    /// callers is short.
    #[inline(never)]
    fn decide_without_split(&self, user_key: &str) -> (Reason, u32) {
        if let Slot::Vacant = self {
            return (Reason::FlagNotFound, NO_VARIANT);
        }
        if user_key.is_empty() {
            return (Reason::NoUserKey, NO_VARIANT);
        }
        match self {
            Slot::Pinned(pinned) if let Some(position) = pinned.pins.get(user_key) => {
                (Reason::Forced, *position)
            }
            _ => (Reason::NotRunning, NO_VARIANT),
        }
    }

    /// The value of what was decided on here.
    #[inline]
    pub(crate) fn value(&self, position: u32) -> Option<&Value> {
        match self {
            Slot::Split(split) if let Some(variant) = split.variants.get(position as usize) => {
                Some(variant.value())
            }
            _ => self.value_without_split(position),
        }
    }

    #[inline(never)]
    fn value_without_split(&self, position: u32) -> Option<&Value> {
        match self.variant(position) {
            Some(variant) => Some(variant.value()),
            None => Some(self.entry()?.flag.default_value()),
        }
    }

    /// How many variants it can answer.
    pub(crate) fn variants(&self) -> u32 {
        let count = match self {
            Slot::Vacant | Slot::Default(_) => 0,
            Slot::Split(split) => split.variants.len(),
            Slot::Pinned(pinned) => pinned.options.len(),
        };
        u32::try_from(count).unwrap_or(NO_VARIANT)
    }

    /// The variant that was decided on here.
    pub(crate) fn variant(&self, position: u32) -> Option<&Variant> {
        let (experiment, variant) = self.place(position)?;
        self.entry()?.experiments.get(experiment)?.variant(variant)
    }

    /// The experiment of the variant that was decided on here.
    pub(crate) fn experiment(&self, position: u32) -> Option<&ExperimentEntry> {
        let (experiment, _) = self.place(position)?;
        self.entry()?.experiments.get(experiment)
    }

    /// The positions of an experiment and of a variant in it.
    fn place(&self, position: u32) -> Option<(usize, usize)> {
        let position = usize::try_from(position).ok()?;
        match self {
            Slot::Split(split) => {
                (position < split.variants.len()).then_some((split.experiment, position))
            }
            Slot::Pinned(pinned) => pinned.options.get(position).copied(),
            Slot::Vacant | Slot::Default(_) => None,
        }
    }
}
