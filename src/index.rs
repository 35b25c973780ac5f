//! Where on a snapshot a flag is to be found: names and ids to slots.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::entry::FlagEntry;
use crate::environment::Environment;
use crate::id::{ExperimentId, FlagId};

type Names = HashMap<Arc<str>, usize, RandomState>;

/// Names and ids to slots. A slot belongs to its name for good, so that handles can keep it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The slot of each flag for environments that have none of their own for it.
    flags: Names,
    /// The same slots, in the order in which the flags' keys were first met.
    order: Vec<usize>,
    /// Environments in which flags have had experiments, or handles, sorted; each with its slots for
    /// those flags. Few, so that a search is a comparison or two.
    environments: Vec<(Environment, Names)>,
    ids: HashMap<FlagId, usize, RandomState>,
    /// The slot of an experiment's flag in its environment, and its position in the flag.
    experiments: HashMap<ExperimentId, (usize, usize), RandomState>,
    /// How many slots there are.
    slots: usize,
}

impl Index {
    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of a flag in an environment, for reading.
    #[inline]
    pub(crate) fn find(&self, environment: &Environment, key: &str) -> Option<usize> {
        // Nearly every flag that is asked for by name has a slot of its own there.
        self.own(environment, key).or_else(|| self.flag(key))
    }

    /// The slot that a flag has of its own in an environment.
    #[inline]
    pub(crate) fn own(&self, environment: &Environment, key: &str) -> Option<usize> {
        let at = self.position(environment).ok()?;
        self.environments.get(at)?.1.get(key).copied()
    }

    /// The slot of a flag outside of the environments that have one of their own.
    #[inline]
    pub(crate) fn flag(&self, key: &str) -> Option<usize> {
        self.flags.get(key).copied()
    }

    pub(crate) fn id(&self, id: FlagId) -> Option<usize> {
        self.ids.get(&id).copied()
    }

    /// The slot of an experiment's flag in its environment, and its position in the flag.
    pub(crate) fn experiment(&self, id: ExperimentId) -> Option<(usize, usize)> {
        self.experiments.get(&id).copied()
    }

    /// The slots of flags, in the order in which their keys were first met.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Every slot that belongs to an environment, with that and the slot of its flag.
    pub(crate) fn all_own(&self) -> impl Iterator<Item = (&Environment, usize, usize)> {
        self.environments.iter().flat_map(move |(environment, names)| {
            let slots = names.iter();
            slots.filter_map(move |(key, slot)| Some((environment, *slot, self.flag(key)?)))
        })
    }

    /// The slots that belong to a flag and an environment.
    pub(crate) fn own_of<'a>(
        &'a self,
        key: &str,
    ) -> impl Iterator<Item = (&'a Environment, usize)> {
        let environments = self.environments.iter();
        environments.filter_map(move |(environment, names)| Some((environment, *names.get(key)?)))
    }

    /// Whether nothing of this flag would be new here.
    pub(crate) fn knows(&self, entry: &FlagEntry) -> bool {
        let key = entry.flag.key();
        let slot = self.flag(key);
        slot.is_some()
            && self.id(entry.flag.id()) == slot
            && entry.experiments.iter().enumerate().all(|(at, experiment)| {
                let own = self.own(experiment.environment(), key);
                own.is_some()
                    && self.experiment(experiment.definition.id) == own.map(|own| (own, at))
            })
    }

    /// Takes in a flag with its id and its experiments.
    pub(crate) fn add(&mut self, entry: &FlagEntry) {
        let key = entry.flag.key();
        let slot = self.reserve(key);
        self.ids.insert(entry.flag.id(), slot);
        for (at, experiment) in entry.experiments.iter().enumerate() {
            // Whatever its status: then a start or a stop leaves the index as it is.
            let own = self.reserve_own(experiment.environment(), key);
            self.experiments.insert(experiment.definition.id, (own, at));
        }
    }

    /// Forgets ids. Names stay where they are, for the handles that may have them.
    pub(crate) fn forget_ids(&mut self) {
        self.ids.clear();
        self.experiments.clear();
    }

    /// The slot of a flag, which need not be there.
    fn reserve(&mut self, key: &str) -> usize {
        if let Some(slot) = self.flag(key) {
            return slot;
        }
        let slot = self.next_slot();
        self.flags.insert(key.into(), slot);
        self.order.push(slot);
        slot
    }

    /// A slot of its own for a flag in an environment, neither of which need be there.
    pub(crate) fn reserve_own(&mut self, environment: &Environment, key: &str) -> usize {
        if let Some(slot) = self.own(environment, key) {
            return slot;
        }
        self.reserve(key);
        let slot = self.next_slot();
        // The text of the key is shared.
        let key = self.flags.get_key_value(key).map_or_else(|| key.into(), |(key, _)| key.clone());
        let at = self.position(environment).unwrap_or_else(|at| {
            self.environments.insert(at, (environment.clone(), Names::default()));
            at
        });
        if let Some((_, names)) = self.environments.get_mut(at) {
            names.insert(key, slot);
        }
        slot
    }

    fn next_slot(&mut self) -> usize {
        let slot = self.slots;
        self.slots = slot.saturating_add(1);
        slot
    }

    #[inline]
    fn position(&self, environment: &Environment) -> Result<usize, usize> {
        self.environments.binary_search_by(|(known, _)| known.cmp(environment))
    }
}
