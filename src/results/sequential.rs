//! The asymptotic confidence sequence: an interval that stays valid however often you look.

use serde::Serialize;

use super::confidence::Interval;
use super::proportion::Proportion;
use super::special::float;

/// An interval and a p-value that hold at every look, and whenever you stop.
///
/// Over all looks together, the chance that the interval ever excludes the truth is at most
/// `alpha`. Likewise, without a difference, the chance that the p-value ever falls below a level is
/// at most that level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AlwaysValid {
    /// Where the difference of the rates, or of the means, is.
    pub interval: Interval,
    /// Below `alpha` exactly when the interval excludes 0.
    pub p_value: f64,
}

/// The asymptotic confidence sequence of a difference of two rates, and its p-value.
///
/// After Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (arXiv 2103.06476v7): the half-width is
/// their equation 9 with the variance of the difference, the p-value their equation 155, and rho
/// their equation 161, which makes the interval narrowest when `tuning` units are in both variants
/// together. It is valid for every `tuning`, and narrowest where a decision is expected if `tuning`
/// is that size. `alpha` is 1 less the confidence, above 0 and at most 0.5; an `alpha` or a
/// `tuning` out of range returns `None`.
///
/// `None` where nothing varies yet. "Asymptotic" means that it holds once there are enough units to
/// estimate the variance; [`Analysis`](super::Analysis) has a minimum for that.
///
/// # Examples
///
/// ```
/// use fairsplit::results::{Proportion, confidence_sequence};
///
/// let (control, treatment) = (Proportion::new(142, 1000)?, Proportion::new(187, 1000)?);
/// let watched = confidence_sequence(treatment, control, 0.05, 5000.0).expect("both vary");
/// // A z-test of the same says 0.007: it did not have to hold at every look.
/// assert_eq!(format!("{:.3}", watched.p_value), "0.123");
/// assert!(watched.interval.contains(0.0));
/// # Ok::<(), fairsplit::results::ProportionError>(())
/// ```
#[must_use]
pub fn confidence_sequence(
    treatment: Proportion,
    control: Proportion,
    alpha: f64,
    tuning: f64,
) -> Option<AlwaysValid> {
    let (ours, theirs) = (float(treatment.exposed()), float(control.exposed()));
    let estimate = Estimate {
        value: treatment.rate() - control.rate(),
        variance: treatment.variance() / ours + control.variance() / theirs,
        units: ours + theirs,
    };
    let AlwaysValid { interval, p_value } = estimate.always_valid(alpha, tuning)?;
    Some(AlwaysValid {
        interval: Interval::within(interval.low, interval.high, -1.0, 1.0),
        p_value,
    })
}

/// What two variants together say of a difference, or of another contrast of theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// The squared standard error.
    pub(super) variance: f64,
    /// How many units are in both variants.
    pub(super) units: f64,
}

impl Estimate {
    /// The confidence sequence of any estimate that is asymptotically normal. `None` where nothing
    /// varies, for an `alpha` or a `tuning` out of range, and where the interval is not finite.
    pub(super) fn always_valid(self, alpha: f64, tuning: f64) -> Option<AlwaysValid> {
        let Estimate { value, variance, units } = self;
        let in_range = alpha > 0.0 && alpha <= 0.5 && tuning >= 1.0 && tuning.is_finite();
        if !in_range || variance <= 0.0 {
            return None;
        }
        let log_alpha = alpha.ln();
        let rho_square = (-2.0 * log_alpha + (1.0 - 2.0 * log_alpha).ln()) / tuning;
        let grown = units * rho_square;
        let log_grown = grown.ln_1p();
        let half = (variance * (1.0 + 1.0 / grown) * (log_grown - 2.0 * log_alpha)).sqrt();
        // The logarithm of the e-value: the evidence against 0.
        let evidence = value * value / variance / (2.0 * (1.0 + 1.0 / grown)) - log_grown / 2.0;
        Some(AlwaysValid {
            interval: Interval::finite(value - half, value + half)?,
            p_value: (-evidence).exp().min(1.0),
        })
    }
}
