//! What a source named before and no longer names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{made_elsewhere, rules_made_elsewhere};
use super::report::{Left, Named};
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId, RuleId};
use crate::model::source::Source;
use crate::model::targeting::rule::{Rule, Rules};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

/// Flags and experiments that the source no longer names.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// Flags that go.
    pub(super) flags: BTreeSet<FlagId>,
    /// Experiments that go from flags that stay.
    experiments: BTreeMap<FlagId, BTreeSet<ExperimentId>>,
    /// Rules that go from flags that stay.
    rules: BTreeMap<FlagId, BTreeSet<RuleId>>,
    /// Those of all these experiments that are running.
    pub(super) running: Vec<Named>,
    pub(super) removed: Vec<Named>,
    pub(super) left: Vec<(Named, Left)>,
}

impl Removals {
    /// The removals of these flags, which the source no longer names. None of them goes if one that
    /// could not be read may be any of them.
    pub(super) fn of(
        old: &Snapshot,
        source: &Source,
        gone: impl Iterator<Item = FlagId>,
        is_any_unidentified: bool,
    ) -> Removals {
        let mut removals = Removals::default();
        for state in gone.filter_map(|id| old.find(FlagRef::Id(id))) {
            if is_any_unidentified {
                removals.left.push((named_flag(state), Left::MayBeUnread));
            } else {
                removals.add(state, source);
            }
        }
        removals
    }

    fn add(&mut self, state: &Arc<FlagState>, source: &Source) {
        let (flag, key) = (state.flag.id(), state.flag.key());
        let stay: BTreeSet<ExperimentId> =
            made_elsewhere(state, source).map(|experiment| experiment.definition.id).collect();
        let is_named = |unit| source.units.contains_key(&unit);
        let rules_stay: BTreeSet<RuleId> =
            rules_made_elsewhere(&state.rules, flag, is_named).collect();
        let go = state.experiments.iter().filter(|state| !stay.contains(&state.definition.id));
        let mut ids = BTreeSet::new();
        for experiment in go {
            let named = Named::of_state(flag, key, experiment);
            if experiment.definition.is_running() {
                self.running.push(named.clone());
            }
            self.removed.push(named);
            ids.insert(experiment.definition.id);
        }
        let rules = state.rules.iter().map(|rule| rule.id);
        let rules: BTreeSet<RuleId> = rules.filter(|rule| !rules_stay.contains(rule)).collect();
        self.removed.extend(rules.iter().map(|rule| Named::rule(flag, key, *rule)));
        if stay.is_empty() && rules_stay.is_empty() {
            self.removed.push(named_flag(state));
            self.flags.insert(flag);
            return;
        }
        let why = if stay.is_empty() { Left::HasOtherRules } else { Left::HasOtherExperiments };
        self.left.push((named_flag(state), why));
        if !ids.is_empty() {
            self.experiments.insert(flag, ids);
        }
        if !rules.is_empty() {
            self.rules.insert(flag, rules);
        }
    }

    /// A flag that stays, without what goes from it.
    pub(super) fn remaining(&self, state: &Arc<FlagState>) -> Arc<FlagState> {
        let flag = state.flag.id();
        let (experiments, rules) = (self.experiments.get(&flag), self.rules.get(&flag));
        if experiments.is_none() && rules.is_none() {
            return Arc::clone(state);
        }
        let remaining = state.without(|id| experiments.is_some_and(|gone| gone.contains(&id)));
        let stays = |rule: &&Rule| !rules.is_some_and(|gone| gone.contains(&rule.id));
        let rules = Rules::new(state.rules.iter().filter(stays).cloned().collect());
        Arc::new(FlagState { rules, ..remaining })
    }

    /// The rules that go from a flag that stays.
    pub(super) fn rules_of(&self, flag: FlagId) -> Option<&BTreeSet<RuleId>> {
        self.rules.get(&flag)
    }

    pub(super) fn has_flag(&self, flag: FlagId) -> bool {
        self.flags.contains(&flag)
    }

    /// The experiments that go from a flag that stays.
    pub(super) fn experiments_of(&self, flag: FlagId) -> Option<&BTreeSet<ExperimentId>> {
        self.experiments.get(&flag)
    }
}

fn named_flag(state: &FlagState) -> Named {
    Named::flag(state.flag.id(), state.flag.key())
}
