//! A flag as evaluations read it: everything that can be decided when it is published has been.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::assignment::Assignment;
use crate::environment::Environment;
use crate::experiment::{Definition, Experiment};
use crate::flag::Flag;
use crate::id::ExperimentId;
use crate::reason::Reason;
use crate::status::Status;
use crate::tally::{Count, Tally};

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
}

/// A flag with its experiments, and what they come to in each environment.
#[derive(Debug)]
pub(crate) struct FlagEntry {
    pub(crate) flag: Flag,
    pub(crate) experiments: Vec<ExperimentEntry>,
    /// Environments in which something other than the default may be answered, sorted. Most flags
    /// have one or two, for which a search is a comparison or two.
    sites: Box<[Site]>,
}

/// A flag in one environment.
#[derive(Debug)]
struct Site {
    environment: Environment,
    running: Option<Split>,
    forced: HashMap<Arc<str>, Choice, RandomState>,
}

/// The running experiment.
#[derive(Debug)]
struct Split {
    experiment: usize,
    assignment: Assignment,
    tally: Arc<Tally>,
}

/// Which value was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Default,
    /// Positions of the experiment in its flag, and of the variant in it.
    Variant {
        experiment: usize,
        variant: usize,
    },
}

/// What a flag answers, and where that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'s> {
    pub(crate) choice: Choice,
    pub(crate) reason: Reason,
    /// The counters of the variant: there if, and only if, the reason is a split.
    pub(crate) counters: Option<(&'s Tally, usize)>,
}

impl FlagEntry {
    pub(crate) fn new(flag: Flag, experiments: Vec<ExperimentEntry>) -> FlagEntry {
        let mut sites: BTreeMap<Environment, Site> = BTreeMap::new();
        // A pin holds while its experiment is a draft or running. Where a user is pinned in several
        // experiments, the running one has the say, then the oldest draft: so that one comes first.
        let mut order: Vec<(usize, &ExperimentEntry)> = experiments.iter().enumerate().collect();
        order.retain(|(_, entry)| {
            matches!(entry.definition.status, Status::Running | Status::Draft)
        });
        order.sort_by_key(|(_, entry)| !entry.definition.is_running());
        for (experiment, entry) in order {
            let definition = &entry.definition;
            if !definition.is_running() && entry.forced.is_empty() {
                continue;
            }
            let environment = &definition.terms.environment;
            let site = sites.entry(environment.clone()).or_insert_with(|| Site {
                environment: environment.clone(),
                running: None,
                forced: HashMap::default(),
            });
            if definition.is_running() {
                site.running = Some(Split {
                    experiment,
                    assignment: definition.assignment(),
                    tally: Arc::clone(&entry.tally),
                });
            }
            for (user_key, &variant) in &*entry.forced {
                let choice = Choice::Variant { experiment, variant };
                site.forced.entry(Arc::clone(user_key)).or_insert(choice);
            }
        }
        let sites = sites.into_values().collect();
        FlagEntry { flag, experiments, sites }
    }

    /// The flag with one experiment replaced.
    pub(crate) fn with_experiment(&self, at: usize, entry: ExperimentEntry) -> FlagEntry {
        let mut experiments = self.experiments.clone();
        if let Some(place) = experiments.get_mut(at) {
            *place = entry;
        }
        FlagEntry::new(self.flag.clone(), experiments)
    }

    /// The id of the experiment that runs in an environment.
    pub(crate) fn running_in(&self, environment: &Environment) -> Option<ExperimentId> {
        let running = |entry: &&ExperimentEntry| {
            entry.definition.is_running() && entry.definition.terms.environment == *environment
        };
        self.experiments.iter().find(running).map(|entry| entry.definition.id)
    }

    /// What the flag answers to a user: the one path of evaluate, peek, explain and convert.
    ///
    /// In this order: no user key; forced; running experiment; default.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Snapshot::decide`")]
    pub(crate) fn decide(&self, environment: &Environment, user_key: &str) -> Decision<'_> {
        let default = |reason| Decision { choice: Choice::Default, reason, counters: None };
        if user_key.is_empty() {
            return default(Reason::NoUserKey);
        }
        let found = self.sites.binary_search_by(|site| site.environment.cmp(environment));
        let Some(site) = found.ok().and_then(|at| self.sites.get(at)) else {
            return default(Reason::NotRunning);
        };
        if !site.forced.is_empty()
            && let Some(&choice) = site.forced.get(user_key)
        {
            return Decision { choice, reason: Reason::Forced, counters: None };
        }
        let Some(split) = &site.running else {
            return default(Reason::NotRunning);
        };
        let Some(variant) = split.assignment.variant(user_key) else {
            return default(Reason::NoUserKey);
        };
        Decision {
            choice: Choice::Variant { experiment: split.experiment, variant },
            reason: Reason::Split,
            counters: Some((&split.tally, variant)),
        }
    }
}
