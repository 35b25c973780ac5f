//! Two means compared.

use super::Moments;
use crate::results::confidence::{Confidence, Interval};
use crate::results::difference::ZTest;
use crate::results::sequential::{AlwaysValid, Estimate};
use crate::results::special::{float, normal_tail};

/// The difference of the means: the treatment's less the control's. Absent if a variant has no
/// users.
///
/// Accurate to 15 digits also where both means are far from 0 and near each other.
#[must_use]
pub fn difference(treatment: Moments, control: Moments) -> Option<f64> {
    if treatment.users() == 0 || control.users() == 0 {
        return None;
    }
    // The integer nearest to the mean of both. Swapping the variants only changes the sign.
    let mut both = treatment;
    let pivot = both.merge(control).map_or(0, |()| both.nearest_to_mean());
    Some(treatment.mean_from(pivot) - control.mean_from(pivot))
}

/// The asymptotic confidence sequence of the difference of two means, and its p-value: valid at
/// every look.
///
/// The [sequence for rates](crate::results::confidence_sequence), with Welch's variance: each
/// variant has its own, with n - 1. `alpha` is 1 less the confidence, above 0 and at most 0.5, and
/// `tuning` the number of users in both variants at which it is narrowest; one out of range returns
/// `None`. So does a variant with fewer than two users, and so do two variants in which nothing
/// varies.
///
/// It holds once there are enough users to estimate the variance, which takes more where few users
/// carry the sum: see [`Sample::effective_users`](super::Sample::effective_users), and the minimum
/// that [`Analysis::compare_means`](crate::results::Analysis::compare_means) asks for.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::{Moments, confidence_sequence};
///
/// let control = Moments::of_sums(1_000_000, 1_550_000, 72_250_000)?;
/// let treatment = Moments::of_sums(1_000_000, 1_617_500, 75_662_500)?;
/// let watched = confidence_sequence(treatment, control, 0.05, 5000.0).expect("both vary");
/// assert_eq!(format!("{:.4} to {:.4}", watched.interval.low, watched.interval.high), "0.0227 to 0.1123");
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[must_use]
pub fn confidence_sequence(
    treatment: Moments,
    control: Moments,
    alpha: f64,
    tuning: f64,
) -> Option<AlwaysValid> {
    estimate(treatment, control, 1.0)?.always_valid(alpha, tuning)
}

/// The interval of the difference at one planned end: Welch's variance, and the normal quantile.
/// Absent where [`confidence_sequence`] is.
///
/// Welch's own interval has the quantile of Student's t, which is wider: by less than 1 % from 125
/// degrees of freedom on.
#[must_use]
pub fn difference_interval(
    treatment: Moments,
    control: Moments,
    confidence: Confidence,
) -> Option<Interval> {
    let Estimate { value, variance, .. } = estimate(treatment, control, 1.0)?;
    around(value, confidence.z() * variance.sqrt())
}

/// The two-sided test of no difference at one planned end: Welch's statistic, and the normal tail.
/// Absent where [`confidence_sequence`] is.
#[must_use]
pub fn z_test(treatment: Moments, control: Moments) -> Option<ZTest> {
    let Estimate { value, variance, .. } = estimate(treatment, control, 1.0)?;
    let z = value / variance.sqrt();
    (variance > 0.0).then(|| ZTest { z, p_value: (2.0 * normal_tail(z.abs())).min(1.0) })
}

/// The relative lift: the difference as a share of the control's mean. Absent unless that is above
/// 0: a share of a loss has the wrong sign.
#[must_use]
pub fn lift(treatment: Moments, control: Moments) -> Option<f64> {
    (control.sum() > 0).then_some(())?;
    Some(difference(treatment, control)? / control.mean()?)
}

/// The interval of the relative lift at one planned end, by the delta method (Deng, Knoblich and
/// Lu, KDD 2018) and the normal quantile. Absent where the lift or [`confidence_sequence`] is.
#[must_use]
pub fn lift_interval(
    treatment: Moments,
    control: Moments,
    confidence: Confidence,
) -> Option<Interval> {
    let (lift, mean) = (lift(treatment, control)?, control.mean()?);
    let ratio = treatment.mean()? / mean;
    let ours = treatment.error_squared()?.sqrt();
    let theirs = control.error_squared()?.sqrt();
    around(lift, confidence.z() * (ours.hypot(ratio * theirs) / mean))
}

/// The treatment's mean less this multiple of the control's: 1 for the difference, and another for
/// what a guardrail allows. Absent if a variant has no users.
pub(super) fn contrast(treatment: Moments, control: Moments, multiple: f64) -> Option<f64> {
    Some(difference(treatment, control)? + (1.0 - multiple) * control.mean()?)
}

/// That contrast, and its variance. Absent if a variant has fewer than two users.
pub(super) fn estimate(treatment: Moments, control: Moments, multiple: f64) -> Option<Estimate> {
    Some(Estimate {
        value: contrast(treatment, control, multiple)?,
        variance: treatment.error_squared()? + multiple * multiple * control.error_squared()?,
        units: float(treatment.users()) + float(control.users()),
    })
}

/// The interval of this half-width; absent if it has none.
fn around(value: f64, half: f64) -> Option<Interval> {
    if half > 0.0 { Interval::finite(value - half, value + half) } else { None }
}
