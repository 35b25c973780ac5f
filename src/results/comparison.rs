//! Variants by themselves, and beside the control.

use serde::Serialize;

use super::confidence::Interval;
use super::difference::ZTest;
use super::sequential::AlwaysValid;

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
    /// Users who converted without having been exposed: in no rate. Always 0 for events.
    pub converted_unexposed: u64,
    /// The converted as a share of the exposed. Absent if nobody was exposed, or more converted.
    pub rate: Option<f64>,
    /// The Wilson interval of the rate: for this variant by itself, and for no comparison. Of events it is
    /// narrower than the truth of users, who come back.
    pub interval: Option<Interval>,
    /// How many there are in all, where only a sample was kept.
    pub total: Option<Total>,
}

/// An estimate of how many were exposed in all, from a sample of one in so many.
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

/// A variant beside the control. Of events there are `difference` and `lift`, and nothing that would have
/// to hold for users.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The variant's key.
    pub variant: String,
    /// Its rate less the control's.
    pub difference: Option<f64>,
    /// The difference as a share of the control's rate.
    pub lift: Option<f64>,
    /// Valid at every look: the headline. For several treatments, all of them hold together, after
    /// Bonferroni. Absent before both variants have the [minimum](super::Analysis::minimum).
    pub always_valid: Option<AlwaysValid>,
    /// The p-value of the [`ExactTest`](super::ExactTest): valid at every look, and exact from the first user on if
    /// users are split exactly as configured. **A broken split makes it small too**, so no finding rests on
    /// it. Adjusted as `always_valid` is.
    pub exact_p_value: Option<f64>,
    /// Valid once, at an end that was planned before the start.
    pub at_planned_end: AtPlannedEnd,
    /// The chance that its rate is above the control's, if nothing was known before. No test.
    pub chance_to_beat: Option<f64>,
    /// What comes of it.
    pub finding: Finding,
}

/// Figures that are **valid once, at an end that was planned before the start**. Who watches them and
/// stops when he likes them is wrong far more often than they say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AtPlannedEnd {
    /// Of the difference: Newcombe's.
    pub interval: Option<Interval>,
    /// Of the lift, by the delta method.
    pub lift_interval: Option<Interval>,
    /// The two-proportion z-test.
    pub test: Option<ZTest>,
    /// Its p-value, adjusted for several treatments after Holm.
    pub adjusted_p_value: Option<f64>,
}

/// What a comparison has shown: by the always-valid interval alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// The sample ratio is a mismatch, one of the two has no rate, or events were counted and not users.
    Withheld,
    /// One of the two has fewer than the [minimum](super::Analysis::minimum).
    NotEnoughData,
    /// The interval holds 0: yet, or for good.
    NoDifferenceYet,
    /// The whole interval is above 0.
    Better,
    /// The whole interval is below 0.
    Worse,
}
