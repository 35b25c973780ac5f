//! Two rates compared, valid at one planned end.

use serde::Serialize;

use super::confidence::{Confidence, Interval};
use super::proportion::Proportion;
use super::special::{float, normal_tail};

/// The difference of the rates: the treatment's less the control's, from -1 to 1.
#[must_use]
pub fn difference(treatment: Proportion, control: Proportion) -> f64 {
    treatment.rate() - control.rate()
}

/// Newcombe's interval of the difference, built from the Wilson intervals of the two rates
/// (Statistics in Medicine 1998, method 10).
///
/// # Examples
///
/// ```
/// use fairsplit::results::{Confidence, Proportion, newcombe};
///
/// let (control, treatment) = (Proportion::new(142, 1000)?, Proportion::new(187, 1000)?);
/// let interval = newcombe(treatment, control, Confidence::default());
/// assert_eq!(format!("{:.4} to {:.4}", interval.low, interval.high), "0.0125 to 0.0775");
/// # Ok::<(), fairsplit::results::ProportionError>(())
/// ```
#[must_use]
pub fn newcombe(treatment: Proportion, control: Proportion, confidence: Confidence) -> Interval {
    let difference = difference(treatment, control);
    let (ours, theirs) = (treatment.wilson(confidence), control.wilson(confidence));
    let down = (treatment.rate() - ours.low).hypot(theirs.high - control.rate());
    let up = (ours.high - treatment.rate()).hypot(control.rate() - theirs.low);
    Interval::within(difference - down, difference + up, -1.0, 1.0)
}

/// The relative lift: the difference as a share of the control's rate, of at least -1. Absent if no
/// unit of the control converted.
#[must_use]
pub fn lift(treatment: Proportion, control: Proportion) -> Option<f64> {
    (control.converted() > 0).then(|| difference(treatment, control) / control.rate())
}

/// The interval of the relative lift by the delta method: the ratio's variance to first order, and
/// the normal quantile (Deng, Knoblich and Lu, KDD 2018). Absent where the lift is absent, and
/// where both variances are 0.
///
/// gbstats uses the quantile of Student's t with Welch's degrees of freedom instead: its interval
/// is wider, by less than one part in a thousand from a thousand users on.
#[must_use]
pub fn lift_interval(
    treatment: Proportion,
    control: Proportion,
    confidence: Confidence,
) -> Option<Interval> {
    let lift = lift(treatment, control)?;
    let ratio = treatment.rate() / control.rate();
    let error = (treatment.variance() / float(treatment.exposed()))
        .sqrt()
        .hypot(ratio * (control.variance() / float(control.exposed())).sqrt())
        / control.rate();
    let half = confidence.z() * error;
    if half > 0.0 { Interval::finite(lift - half, lift + half) } else { None }
}

/// A test of no difference. **Valid once, at an end that was planned before the start.** Looking
/// often and stopping at the first small p-value finds a winner in more than a fifth of experiments
/// that have none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ZTest {
    /// The difference in standard errors; above 0 where the treatment's rate is higher.
    pub z: f64,
    /// The chance of a `z` at least as far from 0, to either side, if there is no difference.
    pub p_value: f64,
}

/// The two-sided two-proportion z-test with the pooled rate. Absent if every unit converted or none
/// did: then nothing varies.
#[must_use]
pub fn z_test(treatment: Proportion, control: Proportion) -> Option<ZTest> {
    let (ours, theirs) = (float(treatment.exposed()), float(control.exposed()));
    let all = ours + theirs;
    let converted = float(treatment.converted()) + float(control.converted());
    let others = float(treatment.not_converted()) + float(control.not_converted());
    if converted <= 0.0 || others <= 0.0 {
        return None;
    }
    let pooled = (converted / all) * (others / all);
    let error = (pooled * (1.0 / ours + 1.0 / theirs)).sqrt();
    let z = difference(treatment, control) / error;
    Some(ZTest { z, p_value: (2.0 * normal_tail(z.abs())).min(1.0) })
}
