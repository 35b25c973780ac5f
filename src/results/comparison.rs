//! Variants by themselves, and compared with the control.

use serde::Serialize;

use super::confidence::Interval;
use super::difference::ZTest;
use super::means::Lacking;
use super::sequential::AlwaysValid;
use crate::model::goal::of_experiment::Better;

/// One variant by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VariantResult {
    /// The variant's key.
    pub key: String,
    /// The percentage of users that it is served to.
    pub percentage: u8,
    /// How many were exposed.
    pub exposed: u64,
    /// How many converted; of users, those of the exposed who did.
    pub converted: u64,
    /// Users who converted without an exposure; no rate includes them. Always 0 for events.
    pub converted_unexposed: u64,
    /// The converted as a share of the exposed, 0 to 1. Absent if no unit was exposed, or if more
    /// converted than were exposed.
    pub rate: Option<f64>,
    /// The Wilson interval of the rate, for this variant by itself; do not compare variants by it.
    /// For events it is too narrow, since users come back.
    pub interval: Option<Interval>,
    /// An estimate of the totals, where only a sample of the users was kept.
    pub total: Option<Total>,
}

/// An estimate of the totals of a variant, from a sample of its users.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Total {
    /// How many were exposed.
    pub exposed: f64,
    /// The standard error of `exposed`: two of them to either side hold the truth 19 times in 20.
    pub exposed_error: f64,
    /// How many of the exposed converted.
    pub converted: f64,
    /// The standard error of `converted`.
    pub converted_error: f64,
}

/// A variant compared with the control, by the [measure](super::Results::measure) of the results:
/// by the share that converted, or by the mean of the primary goal. For events only `difference` and
/// `lift` are present: no test of events holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The variant's key.
    pub variant: String,
    /// Its rate less the control's, as a share of 1; of means, in minor units for each user.
    pub difference: Option<f64>,
    /// The difference as a share of the control's rate or mean. Absent unless that is above 0.
    pub lift: Option<f64>,
    /// Valid at every look: the headline. The intervals of several treatments hold together, by
    /// Bonferroni. Absent until both variants have the [minimum](super::Analysis::minimum), of means
    /// [that of effective users](super::Analysis::minimum_effective).
    pub always_valid: Option<AlwaysValid>,
    /// The p-value of the [`ExactTest`](super::ExactTest): valid at every look, and exact from the
    /// first user on, if users are split exactly as configured. **A broken split makes it small
    /// too**, so no finding rests on it. Adjusted as `always_valid` is. Absent of means.
    pub exact_p_value: Option<f64>,
    /// Valid once, at an end that was planned before the start.
    pub at_planned_end: AtPlannedEnd,
    /// The chance that its rate is above the control's, or below it where lower is better, starting
    /// from a uniform prior. Not a test. Absent of means.
    pub chance_to_beat: Option<f64>,
    /// What the always-valid interval has shown.
    pub finding: Finding,
    /// Of means: why there is no always-valid interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacking: Option<Lacking>,
}

/// Figures that are **valid once, at an end that was planned before the start**. Watching them and
/// stopping when they look good errs far more often than they state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AtPlannedEnd {
    /// The interval of the difference: Newcombe's of rates, and Welch's of means.
    pub interval: Option<Interval>,
    /// The interval of the lift, by the delta method.
    pub lift_interval: Option<Interval>,
    /// The z-test: of two proportions, or of two means.
    pub test: Option<ZTest>,
    /// Its p-value, adjusted for several treatments after Holm. Absent of a comparison of means by
    /// itself, which is of one treatment.
    pub adjusted_p_value: Option<f64>,
}

/// What a comparison has shown: by the always-valid interval alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// No comparison is made: the sample ratio is a mismatch, one of the two variants has no rate,
    /// or the counts are of events.
    Withheld,
    /// One of the two variants has less than the [minimum](super::Analysis::minimum), or, of means,
    /// than the [effective users](super::Analysis::minimum_effective) that it needs.
    NotEnoughData,
    /// The interval contains 0: no difference is shown so far.
    NoDifferenceYet,
    /// The whole interval is above 0, or below 0 where lower is better.
    Better,
    /// The whole interval is below 0, or above 0 where lower is better.
    Worse,
}

impl Finding {
    /// What an always-valid interval of a difference shows.
    pub(super) fn of(difference: Interval, better: Better) -> Finding {
        let (is_above, is_below) = (difference.low > 0.0, difference.high < 0.0);
        match better {
            Better::Higher if is_above => Finding::Better,
            Better::Higher if is_below => Finding::Worse,
            Better::Lower if is_below => Finding::Better,
            Better::Lower if is_above => Finding::Worse,
            _ => Finding::NoDifferenceYet,
        }
    }
}
