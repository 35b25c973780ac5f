//! Keeping the sum of each user's values, for the goals that have values.

use std::sync::Arc;

use super::writer::Writer;
use crate::count::distinct_users::slots::Memory;
use crate::count::distinct_users::{Run, Scope, Sums};
use crate::count::goal_counters::GoalCounters;
use crate::count::registry::Record;
use crate::model::id::GoalId;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;

/// A table of the sums of one goal of an experiment, which is begun once the change is committed.
#[derive(Debug)]
pub(super) struct PreparedSums {
    counters: Arc<GoalCounters>,
    run: Run,
    /// Whether it was made for this change, and goes if the change is not committed.
    is_made: bool,
}

impl PreparedSums {
    /// Drops a table that was made for a change that is not committed.
    pub(super) fn give_up(self) {
        if self.is_made {
            self.run.give_up();
        }
    }

    pub(super) fn begin(self, memory: &Arc<dyn Memory>) {
        self.counters.begin_sums(self.run, memory);
    }
}

impl Writer<'_> {
    /// The tables that the goals of an experiment need, whose users are those of this scope: those
    /// that a former process has left, and new ones if its users are counted. A goal that comes
    /// later is summed from then on, and so is one whose sums are lost. Where users begin anew, so do
    /// their sums: what is left of others, whose users are lost, is not theirs.
    pub(super) fn prepared_sums(
        &self,
        record: &Record,
        users: Scope,
        is_begun: bool,
        is_counted: bool,
        shared: &Shared,
        now: Timestamp,
    ) -> Vec<PreparedSums> {
        let goals = record.goals.iter().flat_map(|goals| &**goals);
        let with_values =
            goals.filter(|record| shared.goal(&record.goal).is_some_and(|goal| goal.has_values()));
        let prepared = with_values.filter_map(|record| {
            let goal = GoalId::of(&record.goal);
            let left = if is_begun {
                Vec::new()
            } else {
                self.left(users.experiment, users.run, Some(goal))
            };
            let scope = Scope { goal: Some(goal), ..users };
            let memory = &*self.engine.control.users;
            let sums = record.counters.sums();
            let is_of_run = sums.is_some_and(|sums| sums.scope().run == users.run);
            let is_made = left.is_empty() && is_counted && (is_begun || !is_of_run);
            let run = if is_made {
                let since = if is_begun { users.since } else { now };
                Run::new(Scope { since, ..scope }, memory)
            } else if left.is_empty() {
                return None;
            } else {
                Run::united::<Sums>(scope, left, memory)
            };
            Some(PreparedSums { counters: Arc::clone(&record.counters), run, is_made })
        });
        prepared.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::goals::{NewGoal, NewGoals};
    use crate::{Engine, NewExperiment, NewFlag, Status};

    /// Else sums would take memory without a bound.
    #[test]
    fn as_many_sums_are_kept_as_users() {
        let engine = Engine::new();
        engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let new = NewExperiment::new("Hero Banner", "production")
            .variant("control", "old", 100)
            .goals(NewGoals::new().secondary("purchase"))
            .count_users(500)
            .status(Status::Running);
        let id = engine.create_experiment("hero-banner", new).unwrap().id();
        let capacity = || {
            engine.control.registry.with(id, |record| {
                let (_, goal) = record.goal("purchase").unwrap();
                goal.counters.sums().unwrap().scope().capacity
            })
        };
        assert_eq!(capacity(), Some(500));
        // Another number holds from the next start on, as it does for users.
        engine.count_users(id, 700).unwrap();
        assert_eq!(capacity(), Some(500));
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
        assert_eq!(capacity(), Some(700));
    }
}
