//! The results of an experiment: what an analysis answers.

use serde::Serialize;

use super::comparison::{Comparison, VariantResult};
use super::confidence::Confidence;
use super::conversions_only::ConversionsOnly;
use super::observations::{Period, Unit};
use super::sample_ratio::SampleRatio;
use super::verdict::Verdict;
use crate::model::timestamp::Timestamp;

/// What an experiment has shown so far.
///
/// Displays as a table of plain text, 80 columns wide at most; [`plot`](Results::plot) draws the intervals.
/// Serialises with the names of its fields; a figure that is absent is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Results {
    /// The experiment's display name, if it has one.
    pub name: Option<String>,
    /// What was counted. Every number below is of these.
    pub unit: Unit,
    /// Which runs. A level holds for one run: a restart begins another, of the same users in the same
    /// variants, with a level of its own.
    pub period: Period,
    /// The moment that `period` begins with, if it is known: it names the run.
    pub since: Option<Timestamp>,
    /// One user in so many was kept; 1 where all are. Rates and tests are of those that were kept.
    pub one_in: u64,
    /// Of every interval. Over all looks at one run, that is; where the users may become a
    /// [sample](crate::counts::UserCounts::one_in), each halving of it has a part of what is left of 1, and always-valid
    /// intervals are wider for it.
    pub confidence: Confidence,
    /// The key of the variant that the others are compared with.
    pub control: String,
    /// Whether the split is sound. If it is broken, nothing below can be trusted.
    pub sample_ratio: SampleRatio,
    /// Every variant, in the experiment's order.
    pub variants: Vec<VariantResult>,
    /// Every other variant with a percentage beside the control.
    pub comparisons: Vec<Comparison>,
    /// The test that needs no exposures.
    pub conversions_only: Option<ConversionsOnly>,
    /// What comes of it.
    pub verdict: Verdict,
}
