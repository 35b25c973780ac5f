//! For each goal in each environment, the running experiments that have it: made when a snapshot
//! is, so that recording looks nothing up.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::count::counters::Event;
use crate::count::distinct_users::{Deed, GoalPlace};
use crate::count::goal_counters::GoalCounters;
use crate::model::environment_name::EnvironmentName;
use crate::model::goal::definition::Goal;
use crate::model::goal::of_experiment::Role;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::targeting::shared::Shared;
use crate::read::goal::tally::{GoalTally, Tally};
use crate::read::index::Index;
use crate::read::place::SlotId;
use crate::read::state::FlagState;

/// All lists. One has its place forever, so that handles can keep it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GoalLists {
    places: HashMap<GoalId, Vec<(EnvironmentName, usize)>, RandomState>,
    lists: Vec<GoalList>,
}

/// The experiments that count one goal in one environment.
#[derive(Clone, Debug)]
pub(crate) struct GoalList {
    key: Arc<str>,
    environment: EnvironmentName,
    /// `None` if the engine has no such goal.
    pub(super) goal: Option<Arc<Goal>>,
    pub(super) members: Box<[Member]>,
    pub(super) tally: Arc<Tally>,
}

/// A running experiment that counts a goal.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The slot of its flag in the environment.
    pub(super) slot: SlotId,
    pub(super) experiment: ExperimentId,
    pub(super) deed: Deed,
    /// Its events are the experiment's conversions.
    pub(super) is_primary: bool,
    pub(super) counters: Arc<GoalCounters>,
}

impl GoalLists {
    /// The place of a goal's list.
    pub(crate) fn find(&self, environment: &EnvironmentName, goal: GoalId) -> Option<usize> {
        let places = self.places.get(&goal)?;
        places.iter().find(|(known, _)| known == environment).map(|(_, place)| *place)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&GoalList> {
        self.lists.get(place)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// What was not counted.
    pub(crate) fn tallies(&self) -> Vec<GoalTally> {
        let lists = self.lists.iter();
        lists.map(|list| list.tally.read(list.environment.as_str(), &list.key)).collect()
    }

    /// The place of a goal's list; adds one if it is missing.
    pub(crate) fn reserve(
        &mut self,
        environment: &EnvironmentName,
        key: &Arc<str>,
        shared: &Shared,
    ) -> usize {
        let id = GoalId::of(key);
        if let Some(known) = self.find(environment, id) {
            return known;
        }
        let place = self.lists.len();
        self.lists.push(GoalList {
            key: Arc::clone(key),
            environment: environment.clone(),
            goal: shared.goal(key).cloned(),
            members: Box::default(),
            tally: Arc::default(),
        });
        self.places.entry(id).or_default().push((environment.clone(), place));
        place
    }

    /// The lists of other flags, in the same places.
    pub(crate) fn made_anew<'s>(
        &self,
        states: impl Iterator<Item = &'s Arc<FlagState>>,
        index: &Index,
        shared: &Shared,
    ) -> GoalLists {
        let mut next = self.clone();
        let mut members: Vec<Vec<Member>> = Vec::new();
        for state in states {
            for experiment in state.experiments.iter().filter(|of| of.definition.is_running()) {
                let Some(goals) = &experiment.definition.goals else { continue };
                let environment = experiment.environment();
                let Some(slot) = index.own(environment, state.flag.key()) else { continue };
                for (role, goal) in goals.uses() {
                    let Some((at, record)) = experiment.goal(&goal.goal) else { continue };
                    let is_primary = role == Role::Primary;
                    let Some(place) = GoalPlace::new(at) else { continue };
                    let deed =
                        if is_primary { Event::Conversion.into() } else { Deed::goal(place) };
                    let (experiment, counters) =
                        (experiment.definition.id, Arc::clone(&record.counters));
                    let member = Member { slot, experiment, deed, is_primary, counters };
                    let list = next.reserve(environment, &goal.goal, shared);
                    if members.len() <= list {
                        members.resize_with(list.saturating_add(1), Vec::new);
                    }
                    if let Some(members) = members.get_mut(list) {
                        members.push(member);
                    }
                }
            }
        }
        let mut members = members.into_iter();
        for list in &mut next.lists {
            list.goal = shared.goal(&list.key).cloned();
            list.members = members.next().unwrap_or_default().into();
        }
        next
    }
}
