//! Two rates beside each other, valid at one planned end.

use serde::Serialize;

use super::confidence::{Confidence, Interval};
use super::proportion::Proportion;
use super::special::{float, normal_tail};

/// The difference of the rates: the treatment's less the control's, from -1 to 1.
#[must_use]
pub fn difference(treatment: Proportion, control: Proportion) -> f64 {
    treatment.rate() - control.rate()
}

/// The interval of the difference that Newcombe puts together from the Wilson intervals of the two
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

/// The relative lift: the difference as a share of the control's rate, of at least -1. Absent if nobody of
/// the control converted.
#[must_use]
pub fn lift(treatment: Proportion, control: Proportion) -> Option<f64> {
    (control.converted() > 0).then(|| difference(treatment, control) / control.rate())
}

/// The interval of the relative lift by the delta method: the ratio's variance to first order, and the
/// normal quantile (Deng, Knoblich and Lu, KDD 2018). Absent where the lift is, and where the
/// variance of both is 0.
///
/// gbstats takes the quantile of Student's t with Welch's degrees of freedom instead, and is wider by less
/// than one part in a thousand from a thousand users on.
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

/// A test of no difference. **Valid once, at an end that was planned before the start.** Who looks often
/// and stops at the first small p-value finds a winner in more than every fifth experiment without any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ZTest {
    /// The difference in standard errors; above 0 where the treatment's rate is higher.
    pub z: f64,
    /// The chance of one at least so far from 0, to either side, if there is no difference.
    pub p_value: f64,
}

/// The two-proportion z-test with the pooled rate, for both sides. Absent if all converted or nobody
/// did: there is nothing to tell the variants apart by.
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
