//! A flag with all that belongs to it, as the control plane keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::environment::Environment;
use crate::experiment::{Definition, Experiment};
use crate::flag::Flag;
use crate::id::ExperimentId;
use crate::tally::{Count, Tally};
use crate::variant::Variant;

/// User keys pinned to the position of a variant.
pub(crate) type Forced = BTreeMap<Arc<str>, usize>;

/// An experiment with all that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct ExperimentEntry {
    pub(crate) definition: Arc<Definition>,
    pub(crate) tally: Arc<Tally>,
    /// The counts when it was last started.
    pub(crate) at_start: Arc<[Count]>,
    pub(crate) forced: Arc<Forced>,
}

impl ExperimentEntry {
    /// The experiment with its conversions of this moment.
    pub(crate) fn read(&self) -> Experiment {
        let conversions = self.tally.counts().iter().map(|count| count.conversions).collect();
        Experiment::new(Arc::clone(&self.definition), conversions)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.definition.terms.environment
    }

    pub(crate) fn variant(&self, position: usize) -> Option<&Variant> {
        self.definition.terms.variants.get(position)
    }
}

/// A flag with its experiments, in the order of their creation.
#[derive(Debug)]
pub(crate) struct FlagEntry {
    pub(crate) flag: Flag,
    pub(crate) experiments: Vec<ExperimentEntry>,
}

impl FlagEntry {
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
