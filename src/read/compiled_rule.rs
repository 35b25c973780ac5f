//! A rule, compiled for evaluations.

use crate::assign::slot::{Gate, GateSeed};
use crate::model::targeting::rule::Rule;
use crate::model::targeting::share::Share;
use crate::model::targeting::shared::Shared;
use crate::read::compiled_audience::CompiledAudience;
use crate::target::user::User;

/// A rule that is used in the environment.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    /// Its position among the rules of the flag.
    pub(super) at: usize,
    pub(super) audience: CompiledAudience,
    /// Whom it picks of those, if not all.
    pub(super) pick: Option<(GateSeed, Share)>,
}

impl CompiledRule {
    pub(super) fn new(at: usize, rule: &Rule, shared: &Shared) -> CompiledRule {
        let seed = || GateSeed::new(Gate::Rule, rule.id.to_bytes());
        CompiledRule {
            at,
            audience: CompiledAudience::of_rule(&rule.tests, rule.segment, shared),
            pick: rule.percentage.map(|share| (seed(), share)),
        }
    }

    /// Whether it answers to a user.
    pub(super) fn answers(&self, user: User<'_>) -> bool {
        self.audience.has(user) && self.picks(user)
    }

    /// Whether its percentage picks a user. Without a user key there is no user to pick.
    pub(super) fn picks(&self, user: User<'_>) -> bool {
        self.pick
            .is_none_or(|(seed, share)| !user.key().is_empty() && share.has(seed.slot(user.key())))
    }
}
