//! Where on a snapshot a flag is to be found: names and ids to slots.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::model::environment::Environment;
use crate::model::id::{ExperimentId, FlagId};
use crate::read::state::FlagEntry;

/// A slot, or the number of a flag. Half of a `usize`, since there is one for each of many things.
type Number = u32;

/// Stands for a slot that is not there.
const NONE: Number = Number::MAX;

/// Names and ids to slots. A slot belongs to its names for good, so that handles can keep it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The number of each flag's key: how many keys had been met before it.
    numbers: HashMap<Arc<str>, Number, RandomState>,
    /// By a flag's number: its slot for environments that have none of their own for it.
    flags: Vec<Number>,
    /// Environments in which flags have had experiments, or handles, sorted. Few, so that a search is
    /// a comparison or two.
    environments: Vec<(Environment, Own)>,
    /// The slot of each flag, sorted by the ids. Only the control plane asks by id.
    ids: Vec<(FlagId, Number)>,
    /// The slot of an experiment's flag in its environment, and its position in the flag.
    experiments: HashMap<ExperimentId, (Number, Number), RandomState>,
    /// How many slots there are.
    slots: usize,
}

/// By a flag's number: its slot in one environment, or [`NONE`]. As long as it has to be.
type Own = Vec<Number>;

fn slot(slots: &[Number], number: Number) -> Option<usize> {
    let slot = slots.get(number as usize).filter(|slot| **slot != NONE);
    slot.map(|slot| *slot as usize)
}

impl Index {
    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of a flag in an environment, for reading.
    #[inline]
    pub(crate) fn find(&self, environment: &Environment, key: &str) -> Option<usize> {
        let number = self.number(key)?;
        // Nearly every flag that is asked for by name has a slot of its own there.
        self.own_slot(environment, number).or_else(|| slot(&self.flags, number))
    }

    /// The slot that a flag has of its own in an environment.
    pub(crate) fn own(&self, environment: &Environment, key: &str) -> Option<usize> {
        self.own_slot(environment, self.number(key)?)
    }

    /// The slot of a flag outside of the environments that have one of their own.
    pub(crate) fn flag(&self, key: &str) -> Option<usize> {
        slot(&self.flags, self.number(key)?)
    }

    pub(crate) fn id(&self, id: FlagId) -> Option<usize> {
        let at = self.ids.binary_search_by_key(&id, |(known, _)| *known).ok()?;
        self.ids.get(at).map(|(_, slot)| *slot as usize)
    }

    /// The slot of an experiment's flag in its environment, and its position in the flag.
    #[inline]
    pub(crate) fn experiment(&self, id: ExperimentId) -> Option<(usize, usize)> {
        self.experiments.get(&id).map(|(slot, at)| (*slot as usize, *at as usize))
    }

    /// The slots of flags, in the order in which their keys were first met.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> {
        self.flags.iter().map(|slot| *slot as usize)
    }

    /// The environment of this name that the index has: equal ones can share the text.
    pub(crate) fn environment(&self, environment: &Environment) -> Option<&Environment> {
        let at = self.position(environment).ok()?;
        self.environments.get(at).map(|(known, _)| known)
    }

    /// Every slot that belongs to an environment, with that and the slot of its flag.
    pub(crate) fn all_own(&self) -> impl Iterator<Item = (&Environment, usize, usize)> {
        self.environments.iter().flat_map(move |(environment, own)| {
            let slots = own.iter().zip(&self.flags).filter(|(own, _)| **own != NONE);
            slots.map(move |(own, flag)| (environment, *own as usize, *flag as usize))
        })
    }

    /// The slots that belong to a flag and an environment.
    pub(crate) fn own_of(&self, key: &str) -> impl Iterator<Item = (&Environment, usize)> {
        let number = self.number(key).unwrap_or(NONE);
        let environments = self.environments.iter();
        environments.filter_map(move |(environment, own)| Some((environment, slot(own, number)?)))
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

    /// Whether these flags are all that there is, and nothing of them would be new here.
    pub(crate) fn has_just(&self, entries: &[Arc<FlagEntry>]) -> bool {
        let experiments: usize = entries.iter().map(|entry| entry.experiments.len()).sum();
        self.ids.len() == entries.len()
            && self.experiments.len() == experiments
            && entries.iter().all(|entry| self.knows(entry))
    }

    /// Takes in flags with their ids and their experiments.
    pub(crate) fn add<'e>(&mut self, entries: impl ExactSizeIterator<Item = &'e FlagEntry>) {
        // An index lives long: no room for more than what is there.
        self.ids.reserve_exact(entries.len());
        for entry in entries {
            let key = entry.flag.shared_key();
            let number = self.reserve(key);
            self.ids.extend(self.flags.get(number as usize).map(|slot| (entry.flag.id(), *slot)));
            for (at, experiment) in (0..).zip(&entry.experiments) {
                // Whatever its status: then a start or a stop leaves the index as it is.
                let own = self.reserve_own_of(experiment.environment(), number);
                self.experiments.insert(experiment.definition.id, (own, at));
            }
        }
        self.ids.sort_unstable();
        self.ids.dedup();
    }

    /// Forgets ids. Names stay where they are, for the handles that may have them.
    pub(crate) fn forget_ids(&mut self) {
        self.ids.clear();
        self.experiments.clear();
    }

    /// A slot of its own for a flag in an environment, neither of which need be there.
    pub(crate) fn reserve_own(&mut self, environment: &Environment, key: &str) -> usize {
        let number = self.number(key).unwrap_or_else(|| self.reserve(&key.into()));
        self.reserve_own_of(environment, number) as usize
    }

    /// The number of a flag, which need not be there.
    fn reserve(&mut self, key: &Arc<str>) -> Number {
        if let Some(number) = self.number(key) {
            return number;
        }
        let number = narrow(self.flags.len());
        let slot = self.next_slot();
        self.flags.push(slot);
        self.numbers.insert(Arc::clone(key), number);
        number
    }

    fn reserve_own_of(&mut self, environment: &Environment, number: Number) -> Number {
        if let Some(slot) = self.own_slot(environment, number) {
            return narrow(slot);
        }
        let slot = self.next_slot();
        let at = self.position(environment).unwrap_or_else(|at| {
            self.environments.insert(at, (environment.clone(), Own::new()));
            at
        });
        if let Some((_, own)) = self.environments.get_mut(at) {
            let number = number as usize;
            if own.len() <= number {
                own.resize(number.saturating_add(1), NONE);
            }
            if let Some(place) = own.get_mut(number) {
                *place = slot;
            }
        }
        slot
    }

    fn next_slot(&mut self) -> Number {
        let slot = narrow(self.slots);
        self.slots = self.slots.saturating_add(1);
        slot
    }

    #[inline]
    fn number(&self, key: &str) -> Option<Number> {
        self.numbers.get(key).copied()
    }

    #[inline]
    fn own_slot(&self, environment: &Environment, number: Number) -> Option<usize> {
        slot(self.own_slots(environment)?, number)
    }

    #[inline]
    fn own_slots(&self, environment: &Environment) -> Option<&Own> {
        /// Names of this many environments are mostly of different lengths: to go through them is
        /// quicker than to search.
        const FEW: usize = 8;
        if self.environments.len() <= FEW {
            let mut environments = self.environments.iter();
            return environments.find(|(known, _)| known == environment).map(|(_, own)| own);
        }
        let at = self.position(environment).ok()?;
        self.environments.get(at).map(|(_, own)| own)
    }

    fn position(&self, environment: &Environment) -> Result<usize, usize> {
        self.environments.binary_search_by(|(known, _)| known.cmp(environment))
    }
}

/// So many things do not fit into memory that their numbers would not fit.
fn narrow(number: usize) -> Number {
    Number::try_from(number).unwrap_or(NONE)
}
