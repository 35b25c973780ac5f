//! What all processes have counted, with the names of this engine.

use fairsplit::counts::GoalCount;
use fairsplit::{Count, Engine, ExperimentId};

use crate::cells::{Cell, Cells};
use crate::error::FleetError;

/// What all processes of a fleet have counted for an experiment, as far as it is in the database.
/// Events, not users: one user who is served by two processes is in the counts of both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetCounts {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The number of the last run that this engine knows.
    pub run: u32,
    /// One for each variant, in the variants' order.
    pub variants: Vec<FleetVariant>,
}

/// What all processes of a fleet have counted for one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetVariant {
    /// The variant's key.
    pub key: String,
    /// In all runs.
    pub ever: Count,
    /// In the runs of this [number](FleetCounts::run), each process counting its own starts.
    pub in_run: Count,
}

/// What all processes of a fleet have counted for one goal of an experiment. Events and sums of
/// values, in the goal's minor units; not users.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetGoalCounts {
    /// The experiment's id.
    pub experiment: ExperimentId,
    /// The goal's key.
    pub goal: String,
    /// The number of the last run that this engine knows.
    pub run: u32,
    /// One for each variant, in the variants' order.
    pub variants: Vec<FleetGoalVariant>,
}

/// What all processes of a fleet have counted for one goal in one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetGoalVariant {
    /// The variant's key.
    pub key: String,
    /// In all runs.
    pub ever: GoalCount,
    /// In the runs of this [number](FleetGoalCounts::run), each process counting its own starts.
    pub in_run: GoalCount,
}

/// The variants of an experiment, as an engine knows them.
pub(crate) struct Known {
    experiment: ExperimentId,
    run: u32,
    keys: Vec<String>,
}

impl Known {
    pub(crate) fn by(engine: &Engine, experiment: ExperimentId) -> Result<Known, FleetError> {
        let counts = engine.counts(experiment).ok_or(FleetError::UnknownExperiment)?;
        let keys = counts.variants().iter().map(|variant| variant.key.clone()).collect();
        Ok(Known { experiment, run: counts.run(), keys })
    }

    pub(crate) fn counts(&self, cells: &Cells) -> FleetCounts {
        let variants = self.sums(cells, None).map(|(key, ever, in_run)| FleetVariant {
            key,
            ever: count(ever),
            in_run: count(in_run),
        });
        FleetCounts { experiment: self.experiment, run: self.run, variants: variants.collect() }
    }

    /// Of each goal that was counted, in the order of their keys.
    pub(crate) fn goal_counts(&self, cells: &Cells) -> Vec<FleetGoalCounts> {
        let mut goals: Vec<&str> =
            cells.iter().filter_map(|(key, _)| key.goal.as_deref()).collect();
        goals.sort_unstable();
        goals.dedup();
        let counts = goals.into_iter().map(|goal| FleetGoalCounts {
            experiment: self.experiment,
            goal: goal.to_owned(),
            run: self.run,
            variants: self
                .sums(cells, Some(goal))
                .map(|(key, ever, in_run)| FleetGoalVariant {
                    key,
                    ever: goal_count(ever),
                    in_run: goal_count(in_run),
                })
                .collect(),
        });
        counts.collect()
    }

    /// For each variant the sum over all runs, and over those of the number that is known here.
    fn sums<'a>(
        &'a self,
        cells: &'a Cells,
        goal: Option<&'a str>,
    ) -> impl Iterator<Item = (String, Cell, Cell)> + 'a {
        self.keys.iter().zip(0_u16..).map(move |(name, variant)| {
            let (mut ever, mut in_run) = (Cell::default(), Cell::default());
            for (key, cell) in cells.iter() {
                if key.variant == variant && key.goal.as_deref() == goal {
                    ever = ever.plus(cell);
                    if key.run == self.run {
                        in_run = in_run.plus(cell);
                    }
                }
            }
            (name.clone(), ever, in_run)
        })
    }
}

fn count(Cell([exposures, conversions, _]): Cell) -> Count {
    let mut count = Count::default();
    (count.exposures, count.conversions) = (exposures, conversions);
    count
}

fn goal_count(Cell([events, gained, lost]): Cell) -> GoalCount {
    let mut count = GoalCount::default();
    (count.events, count.gained, count.lost) = (events, gained, lost);
    count
}
