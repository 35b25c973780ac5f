//! A flag with forced users, compiled for evaluations.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::read::compiled_flag::Apart;
use crate::read::place::{VariantPlace, VariantPosition};
use crate::read::reason::Reason;
use crate::read::running_split::{Assigned, RunningSplit};
use crate::read::state::{ExperimentState, FlagState};

/// A flag with users that are forced into variants.
#[derive(Debug)]
pub(crate) struct Forced {
    /// User keys, each with the position of its variant in `variants`.
    pub(super) users: Users,
    /// The variants that can be answered: those of the running experiment in their order, then
    /// those that a user is forced into.
    pub(super) variants: Vec<VariantPlace>,
    pub(super) others: Others,
}

/// The answer of a flag to users that are not forced.
#[derive(Debug)]
pub(crate) enum Others {
    Default(Arc<FlagState>),
    Split(Arc<RunningSplit>),
}

/// User keys, each with the position of the variant that it is forced into.
pub(super) type Users = HashMap<Arc<str>, VariantPosition, RandomState>;

/// The users that experiments force, and the variants that can be answered: those of the running
/// experiment in their order, then those that a user is forced into.
pub(super) fn users_and_variants(
    active: &[(usize, &ExperimentState)],
    others: &Others,
) -> (Users, Vec<VariantPlace>) {
    let mut variants = Vec::new();
    if let Others::Split(split) = &others {
        let experiment = split.experiment;
        let places = 0..split.variants.len();
        variants.extend(places.map(|variant| VariantPlace { experiment, variant }));
    }
    let mut users = Users::default();
    for (at, experiment) in active {
        for (user_key, variant) in experiment.forced_users() {
            let place = VariantPlace { experiment: *at, variant };
            let known = variants.iter().position(|other| *other == place);
            let position = known.unwrap_or_else(|| {
                variants.push(place);
                variants.len().saturating_sub(1)
            });
            users.entry(Arc::clone(user_key)).or_insert(VariantPosition::new(position));
        }
    }
    (users, variants)
}

impl Forced {
    /// The flag with the users that its active experiments force; `others` itself if there are
    /// none.
    pub(super) fn new(
        active: &[(usize, &ExperimentState)],
        others: Others,
    ) -> Result<Forced, Others> {
        let (users, variants) = users_and_variants(active, &others);
        if users.is_empty() { Err(others) } else { Ok(Forced { users, variants, others }) }
    }

    /// What the flag decides for the user of a key that is not empty.
    pub(super) fn decide(&self, user_key: &str) -> Result<Assigned<'_>, Apart> {
        if let Some(position) = self.users.get(user_key) {
            return Err(Apart { position: *position, reason: Reason::Forced });
        }
        match &self.others {
            Others::Split(split) => Ok(split.assign(user_key)),
            Others::Default(_) => Err(Apart::default_value(Reason::NotRunning)),
        }
    }

    /// Whether an experiment is running.
    pub(super) fn has_split(&self) -> bool {
        matches!(self.others, Others::Split(_))
    }

    pub(super) fn state(&self) -> &Arc<FlagState> {
        match &self.others {
            Others::Default(state) => state,
            Others::Split(split) => &split.state,
        }
    }
}
