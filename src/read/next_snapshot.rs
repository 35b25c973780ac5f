//! Makes the next snapshot, without touching the one that is read.

use std::sync::Arc;

use crate::count::exposures::Exposures;
use crate::model::environment_name::EnvironmentName;
use crate::model::flag::FlagRef;
use crate::model::targeting::shared::Shared;
use crate::read::compiled_flag::CompiledFlag;
use crate::read::index::Index;
use crate::read::place::{EnvironmentId, SlotId};
use crate::read::running_split::Allocations;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

impl Snapshot {
    /// The next version, with one flag added or replaced.
    pub(crate) fn with(&self, state: FlagState) -> Snapshot {
        let mut next = self.next(self.flags.clone());
        if !next.index.knows(&state) {
            next.change_index(|index| index.add([&state].into_iter()));
        }
        let key = state.flag.key().to_owned();
        let before = next.find(FlagRef::Key(&key)).is_some_and(|state| state.has_goals());
        let has_goals = before || state.has_goals();
        let state = Arc::new(state);
        let index = Arc::clone(&next.index);
        if let Some(slot) = index.flag(&key) {
            next.put(slot, CompiledFlag::without_experiments(&state));
        }
        let mut allocations = Allocations::default();
        for (environment, slot) in index.own_of(&key) {
            let compiled = CompiledFlag::new(&state, environment, &self.shared, &mut allocations);
            next.put(slot, compiled);
        }
        if has_goals {
            next.remake_goals();
        }
        next
    }

    /// The next version, of just these flags.
    pub(crate) fn with_all(&self, states: &[Arc<FlagState>]) -> Snapshot {
        self.with_definitions(states, &self.shared)
    }

    /// The next version, with these segments, layers and holdouts.
    pub(crate) fn with_shared(&self, shared: Shared) -> Snapshot {
        let states: Vec<_> = self.states().cloned().collect();
        self.with_definitions(&states, &Arc::new(shared))
    }

    /// The next version, with just these flags, and these segments, layers and holdouts.
    pub(crate) fn with_definitions(
        &self,
        states: &[Arc<FlagState>],
        shared: &Arc<Shared>,
    ) -> Snapshot {
        let mut next = self.next(vec![CompiledFlag::NotFound; self.flags.len()]);
        next.shared = Arc::clone(shared);
        let is_shared_as_before = *self.shared == **shared;
        if !next.index.has_just(states) {
            next.change_index(|index| {
                index.forget_ids();
                index.add(states.iter().map(|state| &**state));
            });
        }
        let index = Arc::clone(&next.index);
        for state in states {
            if let Some(slot) = index.flag(state.flag.key()) {
                next.put(slot, CompiledFlag::without_experiments(state));
            }
        }
        let mut allocations = Allocations::default();
        for (environment, own, slot) in index.all_own() {
            let Some(state) = next.compiled(Some(slot)).state() else { continue };
            let before = self.compiled(Some(own));
            let is_as_before = before.state().is_some_and(|before| Arc::ptr_eq(before, state));
            let is_as_before = is_as_before && (is_shared_as_before || before.guarded().is_none());
            let compiled = if is_as_before {
                before.clone()
            } else {
                CompiledFlag::new(state, environment, shared, &mut allocations)
            };
            next.put(own, compiled);
        }
        if !shared.goals.is_empty() || !next.goals.is_empty() {
            next.remake_goals();
        }
        next
    }

    /// The same flags, as this version.
    pub(crate) fn of_version(self, version: u64) -> Snapshot {
        Snapshot { version, ..self }
    }

    /// The same version, with a slot for a flag in an environment.
    pub(crate) fn with_slot(&self, environment: &EnvironmentName, key: &str) -> (Snapshot, SlotId) {
        let mut next = Snapshot { version: self.version, ..self.next(self.flags.clone()) };
        let slot = next.change_index(|index| index.reserve_own(environment, key));
        if let Some(state) = self.find(FlagRef::Key(key)) {
            let mut allocations = Allocations::default();
            let compiled = CompiledFlag::new(state, environment, &self.shared, &mut allocations);
            next.put(slot, compiled);
        }
        (next, slot)
    }

    /// The same version, with a number for an environment.
    pub(crate) fn with_environment(
        &self,
        environment: &EnvironmentName,
    ) -> (Snapshot, EnvironmentId) {
        let mut next = Snapshot { version: self.version, ..self.next(self.flags.clone()) };
        let id = next.change_index(|index| index.reserve_environment(environment));
        (next, id)
    }

    /// The same version, with a place for a goal in an environment.
    pub(crate) fn with_goal_place(
        &self,
        environment: &EnvironmentName,
        key: &Arc<str>,
    ) -> (Snapshot, usize) {
        let mut next = Snapshot { version: self.version, ..self.next(self.flags.clone()) };
        let shared = Arc::clone(&next.shared);
        let place = Arc::make_mut(&mut next.goals).reserve(environment, key, &shared);
        (next, place)
    }

    /// The same version, with the first exposures of users queued here.
    pub(crate) fn with_exposures(&self, exposures: Exposures) -> Snapshot {
        let flags = self.flags.iter().cloned().map(|flag| flag.exposing(&exposures)).collect();
        let next = self.next(flags);
        Snapshot { version: self.version, exposures: Some(exposures), ..next }
    }

    /// Makes the lists of goals anew, of the flags that there are now.
    fn remake_goals(&mut self) {
        let lists = self.goals.made_anew(self.states(), &self.index, &self.shared);
        self.goals = Arc::new(lists);
    }

    /// The next version, with the same names and ids.
    fn next(&self, flags: Vec<CompiledFlag>) -> Snapshot {
        let (version, index) = (self.version.saturating_add(1), Arc::clone(&self.index));
        let (shared, goals) = (Arc::clone(&self.shared), Arc::clone(&self.goals));
        let exposures = self.exposures.clone();
        Snapshot { engine: self.engine, version, flags, index, shared, goals, exposures }
    }

    fn change_index<R>(&mut self, change: impl FnOnce(&mut Index) -> R) -> R {
        let result = change(Arc::make_mut(&mut self.index));
        self.flags.resize(self.index.places(), CompiledFlag::NotFound);
        result
    }

    fn put(&mut self, slot: SlotId, compiled: CompiledFlag) {
        if let Some(place) = self.flags.get_mut(SlotId::index(Some(slot))) {
            *place = match &self.exposures {
                Some(exposures) => compiled.exposing(exposures),
                None => compiled,
            };
        }
    }
}
