//! The results of an experiment: what an analysis returns.

use serde::Serialize;

use super::comparison::{Comparison, VariantResult};
use super::confidence::Confidence;
use super::conversions_only::ConversionsOnly;
use super::goals::GoalResult;
use super::measure::Measure;
use super::notes::Note;
use super::observations::{Period, RunEvents, Unit};
use super::sample_ratio::SampleRatio;
use super::verdict::Verdict;
use crate::model::goal::of_experiment::Role;
use crate::model::timestamp::Timestamp;

/// What an experiment has shown so far.
///
/// Displays as a table of plain text, at most 80 columns wide; [`plot`](Results::plot) draws the
/// intervals. Serialises with the names of its fields; an absent figure is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Results {
    /// The experiment's display name, if it has one.
    pub name: Option<String>,
    /// What was counted: the unit of every number below.
    pub unit: Unit,
    /// The runs that the counts cover. A level holds for one run: a restart begins another, with
    /// the same users in the same variants and a level of its own.
    pub period: Period,
    /// The number of the run that the counts cover, if they cover one.
    pub run: Option<u32>,
    /// Since when the counts are: since `period` began, if that is known, or since the users of the
    /// run are counted, if that is later.
    pub since: Option<Timestamp>,
    /// The sample has one user in `one_in`; 1 if it has all. Rates and tests are of the sample.
    pub one_in: u64,
    /// The confidence of every interval, over all looks at one run. Where the users may become a
    /// [sample](crate::counts::UserCounts::one_in), each halving of the sample has a part of the
    /// error level, so always-valid intervals are wider.
    pub confidence: Confidence,
    /// The key of the variant that the others are compared with.
    pub control: String,
    /// Whether the split is sound. If it is broken, nothing below can be trusted.
    pub sample_ratio: SampleRatio,
    /// Every variant, in the experiment's order.
    pub variants: Vec<VariantResult>,
    /// The events of the run, where its users are counted only since later than its start.
    pub events: Option<RunEvents>,
    /// Every other variant above 0 %, compared with the control.
    pub comparisons: Vec<Comparison>,
    /// The test that needs no exposures.
    pub conversions_only: Option<ConversionsOnly>,
    /// The experiment's goals, the primary one first. Empty for an experiment without goals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<GoalResult>,
    /// What a reader has to know of the goals, and of the run: coverage, segments that were changed,
    /// holdouts. The latter are filled in by [`Engine::results`](crate::Engine::results) and
    /// [`Engine::analyse`](crate::Engine::analyse); an analysis of counts alone does not know them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What the experiment has shown, in one sentence.
    pub verdict: Verdict,
}

impl Results {
    /// What the comparisons and the verdict are about: the mean where the primary goal has values
    /// and the sums of users are known, else the share that converted.
    #[must_use]
    pub fn measure(&self) -> Measure {
        let primary = self.goals.iter().find(|goal| goal.role == Role::Primary);
        primary.map_or(Measure::Share, |goal| goal.measure.clone())
    }
}
