//! Counting users: of which experiments, and up to which number.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Engine;
use super::lifecycle::find_experiment;
use super::user_sums::PreparedSums;
use super::writer::Writer;
use crate::count::distinct_users::slots::{Head, Slots};
use crate::count::distinct_users::{Activities, DistinctUsers, GoalPlace, Run, Scope, SumsOfUsers};
use crate::count::registry::{GoalRecord, Record};
use crate::count::users::{GoalUnit, UserCounts, UsersOfGoal, VariantUsers};
use crate::format::fields::strictly;
use crate::model::capacity::Capacity;
use crate::model::error::{ControlError, FileError};
use crate::model::experiment_change::ExperimentChange;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::path::Path;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::state::ExperimentState;

/// What a change does to the counting of users.
#[derive(Debug, Default)]
pub(super) struct UsersChange {
    /// Experiments whose counters are new to this engine: a former process may have left users.
    new: HashSet<ExperimentId, RandomState>,
    /// Experiments whose last run begins with this change.
    begun: HashSet<ExperimentId, RandomState>,
    /// `None` until it is prepared.
    prepared: Option<Vec<Prepared>>,
}

/// What is done to the users of one experiment once the change is committed.
#[derive(Debug)]
struct Prepared {
    record: Arc<Record>,
    /// Takes the place of what was counted before. It is made before the commit, which is the last
    /// step that may fail.
    run: Option<Run>,
    /// Whether the run was made for this change, and goes if the change is not committed.
    is_made: bool,
    sums: Vec<PreparedSums>,
    is_counted: bool,
    is_forgotten: bool,
}

impl UsersChange {
    pub(super) fn mark_new(&mut self, id: ExperimentId) {
        self.new.insert(id);
    }

    pub(super) fn mark_begun(&mut self, id: ExperimentId) {
        self.begun.insert(id);
    }

    pub(super) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// Drops the tables that were made for a change that is not committed.
    pub(super) fn give_up(&mut self) {
        for prepared in self.prepared.take().into_iter().flatten() {
            if let Some(run) = prepared.run.filter(|_| prepared.is_made) {
                run.give_up();
            }
            prepared.sums.into_iter().for_each(PreparedSums::give_up);
        }
    }
}

impl Writer<'_> {
    /// Makes the tables of users that the change needs, for the experiments of these records, of
    /// which the last of an experiment counts.
    pub(super) fn prepare_users<'r>(
        &mut self,
        records: impl Iterator<Item = &'r Arc<Record>>,
        shared: &Shared,
    ) {
        let records: HashMap<ExperimentId, &Arc<Record>, RandomState> =
            records.map(|record| (record.definition.id, record)).collect();
        let now = self.engine.control.clock.now();
        let prepared =
            records.into_values().filter_map(|record| self.prepared(record, shared, now));
        self.users.prepared = Some(prepared.collect());
    }

    fn prepared(&self, record: &Arc<Record>, shared: &Shared, now: Timestamp) -> Option<Prepared> {
        let Record { definition, counters, runs, started_at, .. } = &**record;
        let (id, run) = (definition.id, runs.number());
        let is_running = definition.is_running();
        let left = self.left(id, run, None);
        let is_of_run = counters.users().is_some_and(|users| users.scope().run == run);
        let said = definition.count_users.or(self.held.default_users);
        let capacity = said.map_or(0, Capacity::users);
        // Where nothing says whether to count, as in an engine that only edits a directory, what an
        // engine with a default has begun goes on: events without their users would make what is
        // known of the run untrue.
        let goes_on = said.is_none() && (is_of_run || !left.is_empty()) && !self.said_before(id);
        let is_counted = is_running && (capacity > 0 || goes_on);
        // What was counted of an experiment that is over stays, whatever the default is by now.
        let is_forgotten = capacity == 0
            && !goes_on
            && (is_running || definition.count_users.is_some())
            && (counters.users().is_some() || !left.is_empty());
        let begun = started_at.filter(|_| self.users.begun.contains(&id));
        let scope = Scope {
            experiment: id,
            run,
            goal: None,
            since: begun.unwrap_or(now),
            is_whole: begun.is_some(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
        };
        let is_made = left.is_empty() && is_counted && !is_of_run;
        let memory = &*self.engine.control.users;
        let run = if is_made {
            Some(Run::new(scope, memory))
        } else if left.is_empty() {
            None
        } else {
            let is_whole = left.iter().all(|(head, _)| head.is_whole);
            Some(Run::united::<Activities>(Scope { is_whole, ..scope }, left, memory))
        };
        // Sums are of the users that are kept. Without these, none is needed.
        let known = counters.users().filter(|_| is_of_run).map(DistinctUsers::scope);
        let scope = run.as_ref().map(Run::scope).or(known);
        let sums =
            scope.map(|users| self.prepared_sums(record, users, is_made, is_counted, shared, now));
        let sums = sums.unwrap_or_default();
        let is_needed = is_running || is_forgotten || run.is_some() || !sums.is_empty();
        let record = Arc::clone(record);
        is_needed.then(|| Prepared { record, run, is_made, sums, is_counted, is_forgotten })
    }

    /// Whether the experiment itself said, before this change, how many users are kept.
    fn said_before(&self, id: ExperimentId) -> bool {
        let known = self.engine.control.registry.with(id, |known| known.definition.count_users);
        known.flatten().is_some()
    }

    /// The users of a run that a former process has left, or the sums of the values of a goal.
    pub(super) fn left(
        &self,
        id: ExperimentId,
        run: u32,
        goal: Option<GoalId>,
    ) -> Vec<(Head, Slots)> {
        let durability = self.engine.control.durability.as_ref();
        let durability = durability.filter(|_| self.users.new.contains(&id));
        durability.map(|durability| durability.users_left(id, run, goal)).unwrap_or_default()
    }

    /// Begins to count users as the change says, and ends it; and opens the counters of what runs.
    pub(super) fn begin_users(&mut self, shared: &Shared) {
        for prepared in self.users.prepared.take().into_iter().flatten() {
            let Prepared { record, run, sums, is_counted, is_forgotten, .. } = prepared;
            let counters = &record.counters;
            if let Some(run) = run {
                counters.begin_users(run, &self.engine.control.users);
            }
            for sums in sums {
                sums.begin(&self.engine.control.users);
            }
            if record.definition.is_running() {
                let goals = record.definition.goals.as_ref();
                let primary = goals.and_then(|goals| goals.primary.as_ref());
                let goal = primary.and_then(|primary| shared.goal(primary.goal()));
                let needs_value = goal.is_some_and(|goal| goal.has_values());
                counters.set_open_for(true, is_counted, needs_value);
            }
            if is_forgotten {
                record.forget_users();
            }
        }
    }
}

impl Engine {
    /// Sets how many users of an experiment are kept at most, each user counted once: those that
    /// are exposed, and those of them that convert. 0 counts no users. The number becomes part of
    /// the experiment's definition; where an experiment has none, the
    /// [default](Engine::set_default_users) applies. This is the short form of
    /// [`change_experiment`](Engine::change_experiment), and changes nothing if the experiment has
    /// that number already.
    ///
    /// # What is counted
    ///
    /// An experiment that is [split by an attribute](crate::targeting::NewTargeting::bucket_by)
    /// counts what it is split by: companies, say.
    ///
    /// A user is identified by the 64-bit hash that assigns it; two users share a hash with a
    /// chance of 1 in 2^64. A forced user, or one that gets the default value, is not a user of the
    /// experiment.
    ///
    /// Users are those of one run: a start begins another, without users. So set the number before
    /// the start. For an experiment that is running, users are counted from the call on, and what
    /// they did before is not known. Another number for an experiment whose users are counted
    /// applies from its next start on, even if the directory of a durable engine is opened again
    /// before. 0 ends the counting at once, and drops the users.
    ///
    /// **A conversion then counts only if its user has been exposed in this run.** For one that was
    /// not, the outcome is [`NotExposed`](crate::Outcome::NotExposed), and the user is [counted
    /// separately](crate::counts::UserCount::converted_unexposed). Where nothing is known of the
    /// user's exposure, the conversion counts: if users are counted since later than the start, or
    /// if the user is not in the sample. [`convert_variant`](Engine::convert_variant) has no user
    /// key, and counts the event in any case.
    ///
    /// # The capacity
    ///
    /// Beyond it the set of users is downsampled to every second user, then every fourth, and so
    /// on, drawn by a separate hash. The sample has all events of a user or none, so rates and
    /// tests hold on it unchanged, with the precision of its size. Users who convert without an
    /// exposure take places in it too.
    ///
    /// # Cost
    ///
    /// Memory for each user that is held (`cargo bench --bench users` prints the bytes), and for each
    /// who has a sum of values of a goal; none in advance. Evaluations and conversions of this experiment take no lock. Those of a user who is
    /// new may allocate. Other experiments cost what they did.
    ///
    /// # Errors
    ///
    /// [`ControlError::ExperimentNotFound`]; [`ControlError::Invalid`] for more than
    /// [`MAX_USERS`](crate::fault::MAX_USERS).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Outcome};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    /// engine.count_users(id, 1_000_000)?;
    /// engine.start(id)?;
    ///
    /// let production = engine.environment("production")?;
    /// for _ in 0..3 {
    ///     let _ = production.evaluate("hero-banner", "anna");
    ///     production.convert("hero-banner", "anna");
    /// }
    /// assert_eq!(production.convert("hero-banner", "ben").outcome(), Outcome::NotExposed);
    /// let users = engine.users(id).expect("they are counted").variants()[0].count;
    /// assert_eq!((users.exposed, users.converted, users.converted_unexposed), (1, 1, 1));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn count_users(&self, id: ExperimentId, capacity: u32) -> Result<(), ControlError> {
        let known = find_experiment(&self.current.pin(), id)?.state.definition.count_users;
        if known.map(Capacity::users) != Some(capacity) {
            self.change_experiment(id, ExperimentChange::new().count_users(capacity))?;
        }
        Ok(())
    }

    /// Sets how many users are kept at most of each experiment that [does not
    /// say](Engine::count_users) itself; 0, as in a new engine, counts no users of those. Takes
    /// effect as for one experiment: at once for those that are running.
    ///
    /// It belongs to this engine, not to the definitions: no document has it, and a directory does
    /// not keep it. `OpenOptions::default_users` opens a directory with it; an engine that is
    /// opened without it goes on to count the users of the runs where they were counted.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::Invalid`] for more than [`MAX_USERS`](crate::fault::MAX_USERS);
    /// [`ControlError::NotCommitted`] in a child of `fork`: the directory of a durable engine
    /// belongs to its parent.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.set_default_users(1_000_000)?;
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// assert!(engine.users(id).is_some());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn set_default_users(&self, capacity: u32) -> Result<(), ControlError> {
        let capacity = strictly(|faults| Capacity::check(Some(capacity), &Path::Root, faults))?;
        Ok(self.count_by_default(capacity)?)
    }

    pub(crate) fn count_by_default(&self, capacity: Capacity) -> Result<(), FileError> {
        let mut writer = self.lock_to_change()?;
        writer.held.default_users = Some(capacity);
        let view = self.current.pin();
        let experiments = view.states().flat_map(|state| &*state.experiments);
        let running = experiments.filter(|experiment| experiment.definition.is_running());
        writer.prepare_users(running.map(ExperimentState::record), view.shared());
        writer.begin_users(view.shared());
        Ok(())
    }

    /// The users of an experiment's last run, each counted once. `None` if they are not counted, or
    /// if the engine does not know the experiment. Cost: goes through all users that are held.
    #[must_use]
    pub fn users(&self, id: ExperimentId) -> Option<UserCounts> {
        let record = self.control.registry.with(id, Arc::clone)?;
        let (definition, users) = (&record.definition, record.counters.users()?);
        if users.scope().run < record.runs.number() {
            return None;
        }
        let assignment = definition.assignment();
        let (allocation, count) = (assignment.allocation(), definition.terms.count());
        let goals = record.goals.iter().flat_map(|goals| &**goals).enumerate();
        let goals = goals.filter_map(|(at, goal)| Some((goal, GoalPlace::new(at)?)));
        let (goals, places): (Vec<&GoalRecord>, Vec<_>) = goals.unzip();
        // Before the users, so that each user who has a sum is among those who reached the goal.
        let sums: Vec<_> = goals.iter().map(|goal| goal.sums_of_run(users.scope().run)).collect();
        let bits = sums.iter().flatten().map(|sums| sums.bits).max().unwrap_or(0);
        let sample = users.counts(allocation, count, &places, bits);
        let of_sample = |sums: SumsOfUsers| {
            (sums.since, Arc::from(sums.by_variant(allocation, count, &sample)))
        };
        let sums: Vec<_> = sums.into_iter().map(|sums| sums.map(of_sample).unzip()).collect();
        let primary = definition.goals.as_ref().and_then(|goals| goals.primary());
        let goals = goals.into_iter().map(|goal| &goal.goal);
        let goals = goals.zip(sums).zip(sample.goals).map(
            |((goal, (summed_since, sums)), mut variants)| {
                if primary.is_some_and(|primary| primary.goal == *goal) {
                    // Its events are conversions.
                    for (of_goal, count) in variants.iter_mut().zip(&sample.variants) {
                        of_goal.reached = count.converted;
                        of_goal.unexposed = count.converted_unexposed;
                    }
                }
                let unit = self.goal(goal).as_ref().and_then(GoalUnit::of);
                UsersOfGoal { goal: (**goal).to_owned(), variants, unit, sums, summed_since }
            },
        );
        let goals = goals.collect();
        let variants = definition.terms.variants.iter().zip(sample.variants);
        let variants =
            variants.map(|(variant, count)| VariantUsers { key: variant.key().to_owned(), count });
        Some(UserCounts {
            experiment: id,
            run: sample.scope.run,
            variants: variants.collect(),
            goals,
            sampled_bits: sample.bits,
            since: sample.scope.since,
            is_since_start: sample.scope.is_whole,
        })
    }
}
