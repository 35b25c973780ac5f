//! What an engine remembers of what has left its definitions, so that nothing comes back for other
//! users and goes on with the counts of the former ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::goal::of_experiment::Goals;
use crate::model::id::{ExperimentId, HoldoutId};
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::share::Share;
use crate::model::timestamp::Timestamp;

/// What is remembered. Only an engine whose counts outlive the process fills in `experiments`:
/// where counts are in memory, the registry has the definitions beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Remembered {
    /// Started experiments that the definitions do not show as such.
    pub(crate) experiments: BTreeMap<ExperimentId, Population>,
    /// Holdouts that are gone, and that a started experiment was bound by.
    pub(crate) holdouts: BTreeMap<HoldoutId, Group>,
}

impl Remembered {
    pub(crate) fn is_empty(&self) -> bool {
        self.experiments.is_empty() && self.holdouts.is_empty()
    }

    /// A remembered experiment that has counted this goal.
    pub(crate) fn counting(&self, goal: &str) -> Option<ExperimentId> {
        let mut experiments = self.experiments.iter();
        experiments.find(|(_, population)| population.counts(goal)).map(|(id, _)| *id)
    }

    /// A remembered experiment that a holdout binds.
    pub(crate) fn bound_by(&self, holdout: HoldoutId) -> Option<ExperimentId> {
        let mut experiments = self.experiments.iter();
        let bound = experiments.find(|(_, population)| population.is_bound_by(holdout))?;
        Some(*bound.0)
    }
}

/// Who a started experiment is for, and what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Population {
    /// Its last start.
    pub(crate) started_at: Timestamp,
    /// `None` if everybody is meant.
    pub(crate) targeting: Option<Arc<Targeting>>,
    /// What it counts and is decided by; `None` if conversions alone.
    pub(crate) goals: Option<Arc<Goals>>,
}

impl Population {
    /// Whether it has counted this goal.
    pub(crate) fn counts(&self, goal: &str) -> bool {
        self.goals.as_ref().is_some_and(|goals| goals.has_had(goal))
    }

    pub(crate) fn is_bound_by(&self, holdout: HoldoutId) -> bool {
        let targeting = self.targeting.as_ref();
        targeting.is_some_and(|targeting| targeting.held_out_by.contains(&holdout))
    }
}

/// Which users a holdout holds out, beside what its id says of that.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) percentage: Share,
    pub(crate) bucket_by: Option<Box<str>>,
}

impl From<&Holdout> for Group {
    fn from(holdout: &Holdout) -> Group {
        let Holdout { percentage, bucket_by, .. } = holdout;
        Group { percentage: *percentage, bucket_by: bucket_by.clone() }
    }
}
