//! The index from names and ids to compiled flags.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::model::environment_name::EnvironmentName;
use crate::model::id::{ExperimentId, FlagId};
use crate::read::place::{EnvironmentId, SlotId};
use crate::read::state::FlagState;

/// Names and ids to slots. A slot belongs to its names forever, so that handles can keep it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The number of each flag's key.
    numbers: HashMap<Arc<str>, FlagNumber, RandomState>,
    /// By a flag's number: its slot in environments that have no slot of their own for it.
    flags: Vec<SlotId>,
    /// By an environment's number: environments in which flags have had experiments, and bound
    /// ones.
    environments: Vec<(EnvironmentName, OwnSlots)>,
    /// The number of each environment's name.
    environment_ids: HashMap<EnvironmentName, EnvironmentId, RandomState>,
    /// The slot of each flag, sorted by the ids. Only the control plane looks up ids.
    ids: Vec<(FlagId, SlotId)>,
    experiments: HashMap<ExperimentId, ExperimentPlace, RandomState>,
    /// How many slots were given out.
    slots: usize,
}

/// A flag, by the number of keys that were known before its own. Half of a `usize`, since there is
/// one for each flag.
#[derive(Clone, Copy, Debug)]
struct FlagNumber(u32);

impl FlagNumber {
    fn new(number: usize) -> FlagNumber {
        // More flags than 32 bits count do not fit into memory.
        FlagNumber(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// By a flag's number: its slot in one environment. No longer than the last flag that has one.
type OwnSlots = Vec<Option<SlotId>>;

/// An experiment, by the slot of its flag in its environment, and its position in the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExperimentPlace {
    pub(crate) slot: SlotId,
    position: u32,
}

impl ExperimentPlace {
    fn new(slot: SlotId, position: usize) -> ExperimentPlace {
        ExperimentPlace { slot, position: u32::try_from(position).unwrap_or(u32::MAX) }
    }

    pub(crate) fn position(self) -> usize {
        self.position as usize
    }
}

impl Index {
    /// The length of a snapshot: a place for each slot, and the place of `None`.
    pub(crate) fn places(&self) -> usize {
        self.slots.saturating_add(1)
    }

    /// The slot of a flag in an environment, for reading.
    ///
    /// An index that lacks the environment is older than its binding, and then no flag had an
    /// experiment there.
    #[inline]
    pub(crate) fn find(&self, environment: EnvironmentId, key: &str) -> Option<SlotId> {
        let number = self.number(key)?;
        // Nearly every flag that is evaluated by name has its own slot in the environment.
        self.own_slot(environment, number).or_else(|| self.flags.get(number.index()).copied())
    }

    /// As [`find`](Index::find), by an environment's name instead of its number.
    pub(crate) fn find_by_names(&self, environment: &EnvironmentName, key: &str) -> Option<SlotId> {
        match self.environment_id(environment) {
            Some(environment) => self.find(environment, key),
            None => self.flag(key),
        }
    }

    /// A flag's own slot in an environment.
    pub(crate) fn own(&self, environment: &EnvironmentName, key: &str) -> Option<SlotId> {
        self.own_slot(self.environment_id(environment)?, self.number(key)?)
    }

    /// The slot of a flag in environments that have no slot of their own for it.
    pub(crate) fn flag(&self, key: &str) -> Option<SlotId> {
        self.flags.get(self.number(key)?.index()).copied()
    }

    pub(crate) fn id(&self, id: FlagId) -> Option<SlotId> {
        let at = self.ids.binary_search_by_key(&id, |(known, _)| *known).ok()?;
        self.ids.get(at).map(|(_, slot)| *slot)
    }

    #[inline]
    pub(crate) fn experiment(&self, id: ExperimentId) -> Option<ExperimentPlace> {
        self.experiments.get(&id).copied()
    }

    /// The slots of flags, in the order in which their keys became known.
    pub(crate) fn order(&self) -> impl Iterator<Item = SlotId> {
        self.flags.iter().copied()
    }

    /// The number of an environment.
    pub(crate) fn environment_id(&self, environment: &EnvironmentName) -> Option<EnvironmentId> {
        self.environment_ids.get(environment).copied()
    }

    /// The name of an environment.
    pub(crate) fn environment_name(&self, environment: EnvironmentId) -> Option<&EnvironmentName> {
        self.environments.get(environment.index()).map(|(known, _)| known)
    }

    /// The index's copy of an environment's name, so that equal names can share their text.
    pub(crate) fn environment(&self, environment: &EnvironmentName) -> Option<&EnvironmentName> {
        self.environment_name(self.environment_id(environment)?)
    }

    /// Every slot that belongs to an environment, with the environment and the flag's slot.
    pub(crate) fn all_own(&self) -> impl Iterator<Item = (&EnvironmentName, SlotId, SlotId)> {
        self.environments.iter().flat_map(move |(environment, own)| {
            let slots = own.iter().zip(&self.flags);
            slots.filter_map(move |(own, flag)| Some((environment, (*own)?, *flag)))
        })
    }

    /// The slots that belong to a flag and an environment.
    pub(crate) fn own_of(&self, key: &str) -> impl Iterator<Item = (&EnvironmentName, SlotId)> {
        let number = self.number(key);
        self.environments.iter().filter_map(move |(environment, own)| {
            Some((environment, own.get(number?.index()).copied()??))
        })
    }

    /// Whether the index has all names and ids of this flag.
    pub(crate) fn knows(&self, state: &FlagState) -> bool {
        let key = state.flag.key();
        let slot = self.flag(key);
        slot.is_some()
            && self.id(state.flag.id()) == slot
            && state.experiments.iter().enumerate().all(|(at, experiment)| {
                let own = self.own(experiment.environment(), key);
                let place = own.map(|slot| ExperimentPlace::new(slot, at));
                place.is_some() && self.experiment(experiment.definition.id) == place
            })
            && state.rules.iter().all(|rule| self.own(rule.environment(), key).is_some())
    }

    /// Whether the index has all names and ids of these flags, and no other ids.
    pub(crate) fn has_just(&self, states: &[Arc<FlagState>]) -> bool {
        let experiments: usize = states.iter().map(|state| state.experiments.len()).sum();
        self.ids.len() == states.len()
            && self.experiments.len() == experiments
            && states.iter().all(|state| self.knows(state))
    }

    /// Adds flags with their ids and their experiments.
    pub(crate) fn add<'e>(&mut self, states: impl ExactSizeIterator<Item = &'e FlagState>) {
        // An index lives long: reserve exactly, and below drop what growing has left.
        self.ids.reserve_exact(states.len());
        if self.numbers.is_empty() {
            self.numbers.reserve(states.len());
        }
        self.experiments.reserve(states.len());
        for state in states {
            let number = self.reserve(state.flag.shared_key());
            self.ids.extend(self.flags.get(number.index()).map(|slot| (state.flag.id(), *slot)));
            for (at, experiment) in state.experiments.iter().enumerate() {
                // Reserve whatever the status is, so that a start or a stop does not change the
                // index.
                let environment = self.reserve_environment(experiment.environment());
                let own = self.reserve_own_of(environment, number);
                self.experiments.insert(experiment.definition.id, ExperimentPlace::new(own, at));
            }
            for rule in state.rules.iter() {
                let environment = self.reserve_environment(rule.environment());
                self.reserve_own_of(environment, number);
            }
        }
        self.ids.sort_unstable();
        self.ids.dedup();
        self.flags.shrink_to_fit();
        for (_, own) in &mut self.environments {
            own.shrink_to_fit();
        }
    }

    /// Removes all ids. Names keep their slots, since handles may hold them.
    pub(crate) fn forget_ids(&mut self) {
        self.ids.clear();
        self.experiments.clear();
    }

    /// A flag's own slot in an environment; adds flag, environment and slot where they are missing.
    pub(crate) fn reserve_own(&mut self, environment: &EnvironmentName, key: &str) -> SlotId {
        let number = self.number(key).unwrap_or_else(|| self.reserve(&key.into()));
        let environment = self.reserve_environment(environment);
        self.reserve_own_of(environment, number)
    }

    /// The number of an environment; adds the environment if it is missing.
    pub(crate) fn reserve_environment(&mut self, environment: &EnvironmentName) -> EnvironmentId {
        if let Some(known) = self.environment_id(environment) {
            return known;
        }
        let id = EnvironmentId::new(self.environments.len());
        self.environments.push((environment.clone(), OwnSlots::new()));
        self.environment_ids.insert(environment.clone(), id);
        id
    }

    /// The number of a flag; adds the flag if it is missing.
    fn reserve(&mut self, key: &Arc<str>) -> FlagNumber {
        if let Some(number) = self.number(key) {
            return number;
        }
        let number = FlagNumber::new(self.flags.len());
        let slot = self.next_slot();
        self.flags.push(slot);
        self.numbers.insert(Arc::clone(key), number);
        number
    }

    fn reserve_own_of(&mut self, environment: EnvironmentId, number: FlagNumber) -> SlotId {
        if let Some(slot) = self.own_slot(environment, number) {
            return slot;
        }
        let slot = self.next_slot();
        if let Some((_, own)) = self.environments.get_mut(environment.index()) {
            let number = number.index();
            if own.len() <= number {
                own.resize(number.saturating_add(1), None);
            }
            if let Some(place) = own.get_mut(number) {
                *place = Some(slot);
            }
        }
        slot
    }

    fn next_slot(&mut self) -> SlotId {
        self.slots = self.slots.saturating_add(1);
        SlotId::new(self.slots)
    }

    #[inline]
    fn number(&self, key: &str) -> Option<FlagNumber> {
        self.numbers.get(key).copied()
    }

    #[inline]
    fn own_slot(&self, environment: EnvironmentId, number: FlagNumber) -> Option<SlotId> {
        let (_, own) = self.environments.get(environment.index())?;
        own.get(number.index()).copied().flatten()
    }
}
