//! What an analysis reads: the counts of an engine's experiment, or numbers from elsewhere.

use std::fmt;

use serde::Serialize;

use super::goals::ObservedGoal;
use crate::count::counts::{Count, Counts};
use crate::count::users::{UserCount, UserCounts};
use crate::model::experiment::Experiment;
use crate::model::timestamp::Timestamp;

/// What was counted: users, each once, or events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Users, each counted once: what every test here assumes.
    Users,
    /// Events: exposures and conversions. A user who comes back is counted several times, so events
    /// depend on each other and no test of independent units holds: with no difference and ten
    /// visits a user, a verdict by events would be wrong in more than a quarter of experiments.
    /// Events have rates, but no p-value, no chance and no verdict.
    Events,
    /// Events that each belong to a different unit, as the caller
    /// [states](super::Analysis::one_event_per_unit): a sign-up, the one visit of a campaign. They
    /// are analysed as users are.
    SingleEvents,
}

impl Unit {
    /// Whether each unit is counted once, so that tests of independent units hold.
    #[must_use]
    pub fn is_independent(self) -> bool {
        matches!(self, Unit::Users | Unit::SingleEvents)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Users => "users",
            Unit::Events => "events",
            Unit::SingleEvents => "single events",
        })
    }
}

/// The period of the counts. A restart keeps the counts "ever", and begins a new run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Period {
    /// The last run: since the last start.
    #[default]
    SinceStart,
    /// Over all runs. Of events only: users are counted by run.
    Ever,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Period::SinceStart => "in the last run",
            Period::Ever => "ever, over all runs",
        })
    }
}

/// One variant as it was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// The variant's key.
    pub variant: String,
    /// The percentage of users that it is served to.
    pub percentage: u8,
    /// How many were exposed.
    pub exposed: u64,
    /// How many converted; of users, those of the exposed who did.
    pub converted: u64,
    /// Users who converted without an exposure; no rate includes them. Always 0 for events.
    pub converted_unexposed: u64,
}

/// What was observed of an experiment: counts of one unit and one period.
///
/// # Examples
///
/// Numbers from elsewhere, here the 7-day retention of the game Cookie Cats:
///
/// ```
/// use fairsplit::results::{Analysis, Observations, Unit, Verdict};
///
/// let observed = Observations::new(Unit::Users)
///     .variant("gate_30", 50, 44_700, 8_502)
///     .variant("gate_40", 50, 45_489, 8_279);
/// let results = Analysis::new().results_of(&observed)?;
///
/// let test = results.comparisons[0].at_planned_end.test.expect("both vary");
/// assert_eq!(format!("{:.4}", test.p_value), "0.0016");
/// // Good for the one look that was planned; a verdict may be watched, and takes more.
/// assert!(matches!(results.verdict, Verdict::NoDifferenceYet { .. }));
/// # Ok::<(), fairsplit::results::AnalysisError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "observations do nothing until they are analysed"]
pub struct Observations {
    pub(super) name: Option<String>,
    pub(super) unit: Unit,
    pub(super) period: Period,
    /// The number of the run, if the period is one run.
    pub(super) run: Option<u32>,
    pub(super) since: Option<Timestamp>,
    /// `None` if the users are not a sample and never will be one.
    pub(super) one_in: Option<u64>,
    pub(super) variants: Vec<Observed>,
    /// The events of the run, where the users are counted only since later.
    pub(super) events: Option<RunEvents>,
    pub(super) goals: Vec<ObservedGoal>,
}

impl Observations {
    /// Observations of this unit, over all runs, without variants yet.
    pub fn new(unit: Unit) -> Observations {
        let (period, variants) = (Period::Ever, Vec::new());
        Observations {
            name: None,
            unit,
            period,
            run: None,
            since: None,
            one_in: None,
            variants,
            events: None,
            goals: Vec::new(),
        }
    }

    /// Adds a variant: its key, its percentage, how many were exposed, and how many converted.
    pub fn variant(
        mut self,
        key: impl Into<String>,
        percentage: u8,
        exposed: u64,
        converted: u64,
    ) -> Observations {
        let variant = key.into();
        let observed = Observed { variant, percentage, exposed, converted, converted_unexposed: 0 };
        self.variants.push(observed);
        self
    }

    /// Sets the name that the table shows as its title.
    pub fn name(mut self, name: impl Into<String>) -> Observations {
        self.name = Some(name.into());
        self
    }

    /// States that the users are a sample, drawn by a hash, of one in `one_in` users; the number
    /// doubles whenever the sample is full, and is 1 while all users are kept. Each halving begins
    /// another sequence of looks, and each sequence has a part of the level. So state it from the
    /// first look on, or not at all.
    pub fn one_in(self, one_in: u64) -> Observations {
        Observations { one_in: Some(one_in.max(1)), ..self }
    }

    pub(super) fn primary_goal(&self) -> Option<&ObservedGoal> {
        self.goals.iter().find(|goal| goal.is_primary())
    }

    /// What an engine counted for an experiment: users of the last run if they are given, else
    /// events. A variant that the counts lack has 0.
    pub(super) fn of(
        experiment: &Experiment,
        counts: &Counts,
        users: Option<&UserCounts>,
        period: Period,
    ) -> Observations {
        // Users are those of one run.
        let users = users.filter(|_| period == Period::SinceStart);
        let variants = experiment.variants().iter().map(|variant| {
            let key = variant.key();
            let observed = users
                .map_or_else(|| events_as_units(counts, key, period), |users| users_of(users, key));
            Observed {
                variant: key.to_owned(),
                percentage: variant.percentage(),
                exposed: observed.exposed,
                converted: observed.converted,
                converted_unexposed: observed.converted_unexposed,
            }
        });
        let of_run = (period == Period::SinceStart).then(|| counts.run());
        let since = match period {
            Period::SinceStart => experiment.started_at(),
            Period::Ever => Some(experiment.created_at()),
        };
        let goals = ObservedGoal::all_of(experiment, users);
        Observations {
            name: Some(experiment.name().to_owned()),
            unit: if users.is_some() { Unit::Users } else { Unit::Events },
            period,
            run: users.map(UserCounts::run).or(of_run),
            since: users.map(UserCounts::since).or(since),
            one_in: users.map(UserCounts::one_in),
            variants: variants.collect(),
            events: users
                .filter(|users| !users.is_since_start())
                .map(|_| RunEvents::of(experiment, counts)),
            goals,
        }
    }
}

fn users_of(users: &UserCounts, key: &str) -> UserCount {
    let of = users.variants().iter().find(|users| users.key == key);
    of.map_or_else(UserCount::default, |of| of.count)
}

fn events_as_units(counts: &Counts, key: &str, period: Period) -> UserCount {
    let count = events(counts, key, period);
    UserCount { exposed: count.exposures, converted: count.conversions, ..UserCount::default() }
}

fn events(counts: &Counts, key: &str, period: Period) -> Count {
    counts.variant(key).map_or_else(Count::default, |of| match period {
        Period::SinceStart => of.since_start,
        Period::Ever => of.ever,
    })
}

/// The events of a run whose users are counted only since later than its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunEvents {
    /// When the run began, if that is known.
    pub since: Option<Timestamp>,
    /// One for each variant, in the experiment's order.
    pub variants: Vec<VariantEvents>,
}

/// The events of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariantEvents {
    /// The variant's key.
    pub key: String,
    /// How often it was served.
    pub exposures: u64,
    /// How many conversions were counted for it.
    pub conversions: u64,
}

impl RunEvents {
    fn of(experiment: &Experiment, counts: &Counts) -> RunEvents {
        let variants = experiment.variants().iter().map(|variant| {
            let Count { exposures, conversions } =
                events(counts, variant.key(), Period::SinceStart);
            VariantEvents { key: variant.key().to_owned(), exposures, conversions }
        });
        RunEvents { since: experiment.started_at(), variants: variants.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::users::VariantUsers;
    use crate::{Engine, NewExperiment, NewFlag, Status};

    #[test]
    fn users_are_taken_by_their_variants_keys_and_only_for_their_run() {
        let engine = Engine::new();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let experiment = NewExperiment::new("Hero Banner", "production")
            .variant("control", "old", 50)
            .variant("treatment", "new", 50)
            .status(Status::Running);
        let experiment = engine.create_experiment("hero-banner", experiment).unwrap();
        let counts = engine.counts(experiment.id()).unwrap();
        let later = Timestamp::from_unix_seconds(experiment.created_at().unix_seconds() + 60);
        let mut users = UserCounts {
            experiment: experiment.id(),
            run: 1,
            // In another order, and without the control.
            variants: vec![VariantUsers {
                key: "treatment".to_owned(),
                count: UserCount { exposed: 4, converted: 2, converted_unexposed: 1 },
            }],
            goals: Vec::new(),
            sampled_bits: 3,
            since: later,
            is_since_start: false,
        };

        let of = |users: &UserCounts, period| {
            Observations::of(&experiment, &counts, Some(users), period)
        };
        let observed = of(&users, Period::SinceStart);
        assert_eq!((observed.unit, observed.one_in), (Unit::Users, Some(8)));
        assert_eq!((observed.run, observed.since), (Some(1), Some(later)));
        assert_eq!((observed.variants[0].exposed, observed.variants[1].exposed), (0, 4));
        assert_eq!(observed.variants[1].converted, 2);
        assert_eq!(observed.variants[1].converted_unexposed, 1);
        let events = observed.events.clone().unwrap();
        assert_eq!((events.since, events.variants.len()), (experiment.started_at(), 2));

        let results = crate::results::Analysis::new().results_of(&observed).unwrap();
        assert_eq!(results.variants[1].rate, Some(0.5));
        assert!((results.variants[1].total.unwrap().exposed - 32.0).abs() < 1e-9);
        assert!(results.to_string().contains("one in 8 of them kept"), "{results}");
        assert!(results.to_string().contains("converted unexposed, in no rate"), "{results}");

        users.is_since_start = true;
        assert_eq!(of(&users, Period::SinceStart).events, None);
        // Ever is of events, as without users.
        let ever = of(&users, Period::Ever);
        assert_eq!(ever, Observations::of(&experiment, &counts, None, Period::Ever));
        assert_eq!((ever.unit, ever.one_in, ever.run), (Unit::Events, None, None));
        assert_eq!(ever.since, Some(experiment.created_at()));
    }
}
