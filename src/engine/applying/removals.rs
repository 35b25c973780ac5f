//! What a source named before and no longer names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{made_elsewhere, named_state};
use super::report::{Left, Named};
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::source::Source;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

/// Flags and experiments that the source no longer names.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// Flags that go.
    pub(super) flags: BTreeSet<FlagId>,
    /// Experiments that go from flags that stay.
    experiments: BTreeMap<FlagId, BTreeSet<ExperimentId>>,
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
        let key = state.flag.key();
        let stay: BTreeSet<ExperimentId> =
            made_elsewhere(state, source).map(|experiment| experiment.definition.id).collect();
        let go = state.experiments.iter().filter(|state| !stay.contains(&state.definition.id));
        let mut ids = BTreeSet::new();
        for experiment in go {
            let named = named_state(key, experiment);
            if experiment.definition.is_running() {
                self.running.push(named.clone());
            }
            self.removed.push(named);
            ids.insert(experiment.definition.id);
        }
        if stay.is_empty() {
            self.removed.push(named_flag(state));
            self.flags.insert(state.flag.id());
        } else {
            self.left.push((named_flag(state), Left::HasOtherExperiments));
            if !ids.is_empty() {
                self.experiments.insert(state.flag.id(), ids);
            }
        }
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
    Named { flag_key: state.flag.key().to_owned(), experiment: None }
}
