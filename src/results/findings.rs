//! The results of an experiment: what an analysis answers.

use serde::Serialize;

use super::comparison::{Comparison, VariantResult};
use super::confidence::Confidence;
use super::conversions_only::ConversionsOnly;
use super::observed::{Period, Unit};
use super::split::Split;
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
    /// From when on.
    pub period: Period,
    /// The moment that `period` begins with, if it is known.
    pub since: Option<Timestamp>,
    /// One user in so many was kept; 1 where all are. Rates and tests are of those that were kept.
    pub one_in: u64,
    /// Of every interval.
    pub confidence: Confidence,
    /// The key of the variant that the others are compared with.
    pub control: String,
    /// Whether the split is sound. If it is broken, nothing below can be trusted.
    pub split: Split,
    /// Every variant, in the experiment's order.
    pub variants: Vec<VariantResult>,
    /// Every other variant with a percentage beside the control.
    pub comparisons: Vec<Comparison>,
    /// The test that needs no exposures.
    pub conversions_only: Option<ConversionsOnly>,
    /// What comes of it.
    pub verdict: Verdict,
}
