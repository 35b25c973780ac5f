//! The state of a flag and of its experiments, as the control plane keeps it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::count::counts::Counts;
use crate::count::registry::Record;
use crate::model::environment_name::EnvironmentName;
use crate::model::experiment::Experiment;
use crate::model::flag::Flag;
use crate::model::id::ExperimentId;
use crate::model::targeting::rule::Rules;
use crate::model::variant::Variant;

/// User keys, each with the position of the variant that it is forced into.
pub(crate) type ForcedUsers = BTreeMap<Arc<str>, usize>;

/// An experiment: its definition, its counters, its forced users. Derefs to its record.
#[derive(Clone, Debug)]
pub(crate) struct ExperimentState {
    record: Arc<Record>,
    /// `None` if no user is forced, as in most experiments.
    pub(crate) forced: Option<Arc<ForcedUsers>>,
}

impl ExperimentState {
    pub(crate) fn new(record: Arc<Record>, forced: Option<Arc<ForcedUsers>>) -> ExperimentState {
        ExperimentState { record, forced }
    }

    /// What the engine knows of it, even after it has left the configuration.
    pub(crate) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The experiment with its current conversions.
    pub(crate) fn read(&self) -> Experiment {
        let conversions = self.counters.counts().iter().map(|count| count.conversions).collect();
        Experiment::new(Arc::clone(&self.definition), conversions)
    }

    /// The experiment with all of its current counts.
    pub(crate) fn read_with_counts(&self) -> (Experiment, Counts) {
        let (id, variants) = (self.definition.id, &self.definition.terms.variants);
        let counted = self.counters.counts();
        let counts = Counts::new(id, variants, &self.runs, &counted);
        let conversions = counted.iter().map(|count| count.conversions).collect();
        (Experiment::new(Arc::clone(&self.definition), conversions), counts)
    }

    /// The forced user keys, each with the position of its variant, in the keys' order.
    pub(crate) fn forced_users(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, usize)> {
        static NONE: ForcedUsers = ForcedUsers::new();
        let forced = self.forced.as_deref().unwrap_or(&NONE);
        forced.iter().map(|(user_key, variant)| (user_key, *variant))
    }

    pub(crate) fn environment(&self) -> &EnvironmentName {
        &self.definition.terms.environment
    }

    pub(crate) fn variant(&self, position: usize) -> Option<&Variant> {
        self.definition.terms.variants.get(position)
    }

    /// Whether the two are equal, except for counters.
    fn is_same(&self, other: &ExperimentState) -> bool {
        // An unchanged definition is the same allocation.
        Arc::ptr_eq(&self.definition, &other.definition)
            && self.runs == other.runs
            && self.forced == other.forced
    }
}

impl Deref for ExperimentState {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

/// A flag, with its experiments in the order of their creation.
#[derive(Debug)]
pub(crate) struct FlagState {
    pub(crate) flag: Flag,
    pub(crate) experiments: Box<[ExperimentState]>,
    pub(crate) rules: Rules,
}

impl FlagState {
    /// A flag without experiments and rules.
    pub(crate) fn of(flag: Flag) -> FlagState {
        FlagState { flag, experiments: Box::default(), rules: Rules::default() }
    }

    /// Whether an experiment has goals.
    pub(crate) fn has_goals(&self) -> bool {
        self.experiments.iter().any(|experiment| experiment.definition.goals.is_some())
    }

    /// Whether the two are equal, except for counters.
    pub(crate) fn is_same(&self, other: &FlagState) -> bool {
        let pairs = || self.experiments.iter().zip(&other.experiments);
        self.flag == other.flag
            && self.rules == other.rules
            && self.experiments.len() == other.experiments.len()
            && pairs().all(|(ours, theirs)| ours.is_same(theirs))
    }

    /// The flag with one experiment replaced.
    pub(crate) fn with_experiment(&self, at: usize, experiment: ExperimentState) -> FlagState {
        let mut experiments = self.experiments.clone();
        if let Some(slot) = experiments.get_mut(at) {
            *slot = experiment;
        }
        FlagState { experiments, ..self.copy() }
    }

    /// A copy, to be changed.
    pub(crate) fn copy(&self) -> FlagState {
        let FlagState { flag, experiments, rules } = self;
        FlagState { flag: flag.clone(), experiments: experiments.clone(), rules: rules.clone() }
    }

    /// The flag without some of its experiments.
    pub(crate) fn without(&self, is_removed: impl Fn(ExperimentId) -> bool) -> FlagState {
        let experiments = self.experiments.iter();
        let experiments = experiments.filter(|state| !is_removed(state.definition.id));
        FlagState { experiments: experiments.cloned().collect(), ..self.copy() }
    }

    /// The id of the experiment that runs in an environment.
    pub(crate) fn running_in(&self, environment: &EnvironmentName) -> Option<ExperimentId> {
        let is_running = |experiment: &&ExperimentState| {
            experiment.definition.is_running() && experiment.environment() == environment
        };
        self.experiments.iter().find(is_running).map(|experiment| experiment.definition.id)
    }
}
