//! Flags of a document that would have what another flag has.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Application;
use super::plan::{ExperimentPlan, FlagPlan};
use super::removals::Removals;
use crate::engine::load_report::SkippedFlag;
use crate::model::fault::{Fault, FaultKind};
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId, RuleId};
use crate::read::state::FlagState;

/// What only one flag can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Claim {
    Key(Arc<str>),
    Experiment(ExperimentId),
    Rule(RuleId),
}

impl Claim {
    fn of_plan(plan: &FlagPlan) -> Vec<Claim> {
        let key = Claim::Key(Arc::clone(plan.flag.shared_key()));
        let experiments = plan.experiments.iter().map(ExperimentPlan::id).map(Claim::Experiment);
        let rules = plan.rules.iter().map(|plan| Claim::Rule(plan.rule.id));
        [key].into_iter().chain(experiments).chain(rules).collect()
    }

    /// What a flag has that stays as it is.
    fn of_state(state: &FlagState, removals: &Removals) -> Vec<Claim> {
        let key = Claim::Key(Arc::clone(state.flag.shared_key()));
        let removed = removals.experiments_of(state.flag.id());
        let ids = state.experiments.iter().map(|experiment| experiment.definition.id);
        let stay = ids.filter(|id| !removed.is_some_and(|removed| removed.contains(id)));
        let removed = removals.rules_of(state.flag.id());
        let rules = state.rules.iter().map(|rule| rule.id);
        let rules = rules.filter(|id| !removed.is_some_and(|removed| removed.contains(id)));
        let experiments = stay.map(Claim::Experiment);
        [key].into_iter().chain(experiments).chain(rules.map(Claim::Rule)).collect()
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Key(key) => f.write_str(key),
            Claim::Experiment(id) => id.fmt(f),
            Claim::Rule(id) => id.fmt(f),
        }
    }
}

impl Application<'_> {
    /// Skips flags that would have a key, an experiment or a rule of another flag, which stays as
    /// it is. A flag that is skipped stays as well, so others may have to wait for it: each is
    /// looked at once, since writers wait meanwhile.
    pub(super) fn skip_conflicting(&mut self, removals: &Removals) {
        let mut plans: Vec<_> = self.plans.values().collect();
        plans.sort_by_key(|(at, _)| *at);
        let plans = plans.into_iter().map(|(_, plan)| (plan.flag.id(), Claim::of_plan(plan)));
        let plans: Vec<(FlagId, Vec<Claim>)> = plans.collect();
        let mut claimants: HashMap<&Claim, Vec<FlagId>> = HashMap::new();
        for (id, claims) in &plans {
            for claim in claims {
                claimants.entry(claim).or_default().push(*id);
            }
        }
        let mut staying: Vec<_> = self.unplanned(removals).map(Arc::clone).collect();
        self.skip_waiting(&mut staying, &claimants, removals);
        // Two flags of the document: the first one has it.
        for (id, claims) in &plans {
            for claim in claims {
                let of_claim = claimants.get(claim).into_iter().flatten();
                let first = of_claim.copied().find(|other| self.plans.contains_key(other));
                if let Some(first) = first.filter(|first| first != id) {
                    staying.extend(self.skip(*id, claim, first));
                    self.skip_waiting(&mut staying, &claimants, removals);
                }
            }
        }
    }

    /// Skips the flags that would have what one of `staying` has, and so on.
    fn skip_waiting(
        &mut self,
        staying: &mut Vec<Arc<FlagState>>,
        claimants: &HashMap<&Claim, Vec<FlagId>>,
        removals: &Removals,
    ) {
        while let Some(state) = staying.pop() {
            for claim in Claim::of_state(&state, removals) {
                for id in claimants.get(&claim).into_iter().flatten() {
                    staying.extend(self.skip(*id, &claim, state.flag.id()));
                }
            }
        }
    }

    /// Skips a flag, if it was not yet; returns it as it stays, if it is there.
    fn skip(&mut self, id: FlagId, claim: &Claim, owner: FlagId) -> Option<Arc<FlagState>> {
        let (at, plan) = self.plans.remove(&id)?;
        self.skipped.insert(id);
        let (path, known) = (format!("flags[{at}]"), self.old.find(FlagRef::Id(id)));
        let other = format!("the flag {owner}, which stays");
        let kind = FaultKind::Duplicate { found: claim.to_string(), other };
        self.report.skipped.push(SkippedFlag {
            path: path.clone(),
            key: Some(plan.flag.key().to_owned()),
            faults: vec![Fault::at(path, kind)],
            kept_previous: known.is_some(),
        });
        known.map(Arc::clone)
    }
}
