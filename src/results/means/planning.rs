//! How many users a comparison of means needs, before the start.

use crate::results::confidence::Confidence;
use crate::results::planning::{PlanError, at_one_look, rounded_up, while_watched};

/// What an experiment is planned to detect: this difference of means, where users deviate by this
/// much, at this power and confidence.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::Plan;
///
/// let plan = Plan::new(1_500.0, 100.0)?; // a standard deviation of 15.00, a difference of 1.00
/// assert_eq!(plan.per_variant(), 3532);
/// # Ok::<(), fairsplit::results::PlanError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a plan does nothing until it is asked how many it takes"]
pub struct Plan {
    deviation: f64,
    difference: f64,
    power: f64,
    confidence: Confidence,
}

impl Plan {
    /// A plan for the standard deviation of the users' values, those of 0 included and after the
    /// [cap](super::Cap), and for the smallest difference of means of interest, up or down; both in
    /// the same units. [`Moments::variance`](super::Moments::variance) of past data is the square
    /// of the former. The confidence is 0.95 and the power 0.8.
    ///
    /// # Errors
    ///
    /// [`PlanError::Deviation`] unless the deviation is above 0 and finite, and
    /// [`PlanError::Difference`] unless the difference is finite and at least a billionth of it in
    /// size.
    pub fn new(deviation: f64, difference: f64) -> Result<Plan, PlanError> {
        if !(deviation > 0.0 && deviation.is_finite()) {
            return Err(PlanError::Deviation { found: deviation });
        }
        // A ratio of 0 or NaN is refused here as well.
        let ratio = difference.abs() / deviation;
        if !(ratio >= 1e-9 && ratio.is_finite()) {
            return Err(PlanError::Difference { found: difference, deviation });
        }
        Ok(Plan { deviation, difference, power: 0.8, confidence: Confidence::default() })
    }

    /// Sets the power: the chance to find the difference if it exists.
    ///
    /// # Errors
    ///
    /// [`PlanError::Power`] unless it is from 0.5 to 0.999999.
    pub fn power(self, power: f64) -> Result<Plan, PlanError> {
        if (0.5..=0.999_999).contains(&power) {
            Ok(Plan { power, ..self })
        } else {
            Err(PlanError::Power { found: power })
        }
    }

    /// Sets the confidence. For `n` treatments, plan with a confidence of 1 less the n-th part of
    /// the accepted error.
    pub fn confidence(self, confidence: Confidence) -> Plan {
        Plan { confidence, ..self }
    }

    /// How many users each of two equal variants needs, for one look at a planned end: with the two
    /// normal quantiles of confidence and power added up to z, it is 2 (z deviation / difference)^2.
    #[must_use]
    pub fn per_variant(self) -> u64 {
        self.users(at_one_look(self.confidence, self.power))
    }

    /// How many users each of two equal variants needs, for the always-valid interval to exclude 0
    /// at that difference with the plan's power. It assumes that
    /// [`tuning`](crate::results::Analysis::tuning) is the number of users in both, as
    /// [`results::Plan`](crate::results::Plan::per_variant_watched) does.
    #[must_use]
    pub fn per_variant_watched(self) -> u64 {
        self.users(while_watched(self.confidence, self.power))
    }

    /// For a difference that has to be this many standard errors.
    fn users(self, errors: f64) -> u64 {
        rounded_up(2.0 * (errors * (self.deviation / self.difference)).powi(2))
    }
}
