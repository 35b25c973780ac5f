//! A flag with all that belongs to it, as the control plane keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::counts::{Baseline, Counts};
use crate::environment::Environment;
use crate::experiment::{Definition, Experiment};
use crate::flag::Flag;
use crate::id::ExperimentId;
use crate::registry::Record;
use crate::tally::Tally;
use crate::variant::Variant;

/// User keys pinned to the position of a variant.
pub(crate) type Forced = BTreeMap<Arc<str>, usize>;

/// An experiment with all that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct ExperimentEntry {
    pub(crate) definition: Arc<Definition>,
    pub(crate) tally: Arc<Tally>,
    /// The counts when it was last started.
    pub(crate) at_start: Baseline,
    /// `None` if nobody is pinned, as in most experiments.
    pub(crate) forced: Option<Arc<Forced>>,
}

impl ExperimentEntry {
    /// An experiment as it was recorded.
    pub(crate) fn new(record: Record, forced: Option<Arc<Forced>>) -> ExperimentEntry {
        let Record { definition, tally, at_start, .. } = record;
        ExperimentEntry { definition, tally, at_start, forced }
    }

    /// The experiment with its conversions of this moment.
    pub(crate) fn read(&self) -> Experiment {
        let conversions = self.tally.counts().iter().map(|count| count.conversions).collect();
        Experiment::new(Arc::clone(&self.definition), conversions)
    }

    /// The experiment and all of its counts, of this moment.
    pub(crate) fn read_with_counts(&self) -> (Experiment, Counts) {
        let (id, variants) = (self.definition.id, &self.definition.terms.variants);
        let counted = self.tally.counts();
        let counts = Counts::new(id, variants, &self.at_start, &counted);
        let conversions = counted.iter().map(|count| count.conversions).collect();
        (Experiment::new(Arc::clone(&self.definition), conversions), counts)
    }

    /// User keys that are pinned, each with the position of its variant, in the keys' order.
    pub(crate) fn pins(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, usize)> {
        static NOBODY: Forced = Forced::new();
        let forced = self.forced.as_deref().unwrap_or(&NOBODY);
        forced.iter().map(|(user_key, variant)| (user_key, *variant))
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.definition.terms.environment
    }

    pub(crate) fn variant(&self, position: usize) -> Option<&Variant> {
        self.definition.terms.variants.get(position)
    }
}

impl ExperimentEntry {
    /// Whether nothing has changed, counters apart.
    fn is_same(&self, other: &ExperimentEntry) -> bool {
        // A definition that has not changed is the same one.
        Arc::ptr_eq(&self.definition, &other.definition)
            && self.at_start == other.at_start
            && self.forced == other.forced
    }
}

/// A flag with its experiments, in the order of their creation.
#[derive(Debug)]
pub(crate) struct FlagEntry {
    pub(crate) flag: Flag,
    pub(crate) experiments: Box<[ExperimentEntry]>,
}

impl FlagEntry {
    /// Whether nothing has changed, counters apart.
    pub(crate) fn is_same(&self, other: &FlagEntry) -> bool {
        let pairs = || self.experiments.iter().zip(&other.experiments);
        self.flag == other.flag
            && self.experiments.len() == other.experiments.len()
            && pairs().all(|(ours, theirs)| ours.is_same(theirs))
    }

    /// The flag with one experiment replaced.
    pub(crate) fn with_experiment(&self, at: usize, entry: ExperimentEntry) -> FlagEntry {
        let mut experiments = self.experiments.clone();
        if let Some(place) = experiments.get_mut(at) {
            *place = entry;
        }
        FlagEntry { flag: self.flag.clone(), experiments }
    }

    /// The id of the experiment that runs in an environment.
    pub(crate) fn running_in(&self, environment: &Environment) -> Option<ExperimentId> {
        let running = |entry: &&ExperimentEntry| {
            entry.definition.is_running() && entry.environment() == environment
        };
        self.experiments.iter().find(running).map(|entry| entry.definition.id)
    }
}
