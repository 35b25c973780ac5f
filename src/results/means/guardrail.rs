//! A metric that should not get worse, or only by so much.

use serde::Serialize;

use super::difference::contrast;
use super::lacking::Lacking;
use super::{Better, MeansError, Sample};
use crate::results::analysis::Analysis;
use crate::results::confidence::Interval;
use crate::results::sequential::AlwaysValid;
use crate::results::special::float;

/// What a metric may lose at most, as a share of the control's mean.
///
/// # Examples
///
/// ```
/// use fairsplit::results::Analysis;
/// use fairsplit::results::means::{Better, Guardrail, GuardrailStatus, Sample};
///
/// let control = Sample::of([(0, 9_500), (1_990, 300), (4_990, 150), (19_900, 50)])?;
/// let treatment = Sample::of([(0, 9_420), (1_990, 340), (4_990, 180), (19_900, 60)])?;
/// let revenue = Guardrail::new(Better::Higher, 0.2)?; // at least 80 % of the control's
/// let found = Analysis::new().guard_mean(&treatment, &control, revenue);
/// assert_eq!(found.status, GuardrailStatus::Kept);
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a guardrail does nothing until it is held against two variants"]
pub struct Guardrail {
    better: Better,
    margin: f64,
    comparisons: u64,
}

impl Guardrail {
    /// A guardrail on a mean that should move this way, or at most this share of the control's mean
    /// the other way. With a margin of 0 it is kept only once a gain is shown.
    ///
    /// # Errors
    ///
    /// [`MeansError::Margin`] unless the margin is from 0 to 1.
    pub fn new(better: Better, margin: f64) -> Result<Guardrail, MeansError> {
        if (0.0..=1.0).contains(&margin) {
            Ok(Guardrail { better, margin, comparisons: 1 })
        } else {
            Err(MeansError::Margin { found: margin })
        }
    }

    /// Sets how many comparisons of guardrails are made together: their number times the number of
    /// treatments. One false alarm among many is likely, so harm is found at that part of the level
    /// (Bonferroni). "Kept" is not adjusted: to ship, all have to be kept, so that errors do not add
    /// up.
    pub fn comparisons(self, comparisons: u64) -> Guardrail {
        Guardrail { comparisons: comparisons.max(1), ..self }
    }
}

/// Whether a guardrail has held: by figures that are valid at every look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Guarded {
    /// By how much the treatment's mean is better than the margin allows, in minor units; below 0
    /// where it is worse. With a margin r, it is m1 - (1 - r) m0 where higher is better, and (1 + r)
    /// m0 - m1 where lower is. Absent where a variant has no users, and, unless the margin is 0,
    /// where the control's mean is not above 0: a share of a loss has the wrong sign.
    pub contrast: Option<f64>,
    /// Where that contrast is. The guardrail is kept once the interval is above 0.
    pub always_valid: Option<AlwaysValid>,
    /// Where the plain difference of the means is, treatment less control, adjusted for several
    /// comparisons. There is harm once the interval is on the worse side of 0.
    pub difference: Option<AlwaysValid>,
    /// What they amount to.
    pub status: GuardrailStatus,
    /// Why there are no intervals.
    pub lacking: Option<Lacking>,
}

/// What a guardrail has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GuardrailStatus {
    /// The loss, if there is one, is within the margin.
    Kept,
    /// There is a loss, and not shown to be within the margin.
    Harmed,
    /// Neither is shown so far.
    Open,
}

impl Analysis {
    /// Holds a guardrail against two variants, at this analysis' confidence, tuning and minimum: the
    /// same minimum as [`compare_means`](Analysis::compare_means).
    #[must_use]
    pub fn guard_mean(
        &self,
        treatment: &Sample,
        control: &Sample,
        guardrail: Guardrail,
    ) -> Guarded {
        self.guard_mean_at(treatment, control, guardrail, 1.0)
    }

    /// The same at this part of the level: the share of a sample of the users.
    pub(in crate::results) fn guard_mean_at(
        &self,
        treatment: &Sample,
        control: &Sample,
        guardrail: Guardrail,
        part: f64,
    ) -> Guarded {
        let Guardrail { better, margin, comparisons } = guardrail;
        let (multiple, sign) = match better {
            Better::Higher => (1.0 - margin, 1.0),
            Better::Lower => (1.0 + margin, -1.0),
        };
        let difference = self.watch_means(treatment, control, 1.0, part / float(comparisons));
        let (mut estimate, mut always_valid) = (None, None);
        if margin <= 0.0 || control.moments().sum() > 0 {
            estimate = contrast(treatment.moments(), control.moments(), multiple);
            always_valid = self.watch_means(treatment, control, multiple, part).ok();
        }
        if better == Better::Lower {
            always_valid = always_valid.map(mirrored);
        }
        let is_harmed = difference.is_ok_and(|found| match better {
            Better::Higher => found.interval.high < 0.0,
            Better::Lower => found.interval.low > 0.0,
        });
        let status = if always_valid.is_some_and(|found| found.interval.low > 0.0) {
            GuardrailStatus::Kept
        } else if is_harmed {
            GuardrailStatus::Harmed
        } else {
            GuardrailStatus::Open
        };
        Guarded {
            contrast: estimate.map(|estimate| sign * estimate),
            always_valid,
            difference: difference.ok(),
            status,
            lacking: difference.err(),
        }
    }
}

/// The figures of the same contrast with the other sign.
fn mirrored(found: AlwaysValid) -> AlwaysValid {
    let Interval { low, high } = found.interval;
    AlwaysValid { interval: Interval { low: -high, high: -low }, ..found }
}
