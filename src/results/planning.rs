//! How many users an experiment needs, before the start.

use super::confidence::Confidence;
use super::special::normal_quantile;
use super::spending::share_of_level;
use thiserror::Error;

/// What an experiment is planned to detect: an effect of this size on this rate, at this power and
/// confidence.
///
/// # Examples
///
/// ```
/// use fairsplit::results::Plan;
///
/// let plan = Plan::new(0.10, 0.02)?; // from 10 % to 12 %
/// assert_eq!(plan.per_variant(), 3841);
/// # Ok::<(), fairsplit::results::PlanError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "a plan does nothing until it is asked how many it takes"]
pub struct Plan {
    base: f64,
    effect: f64,
    power: f64,
    confidence: Confidence,
}

impl Plan {
    /// A plan for a base rate and the smallest effect of interest, both as shares of 1; the effect
    /// is a difference of rates, up or down. The confidence is 0.95 and the power 0.8.
    ///
    /// # Errors
    ///
    /// [`PlanError`] unless the base rate and the rate with the effect are above 0 and below 1, and
    /// the effect is at least 1e-9 in size.
    pub fn new(base: f64, effect: f64) -> Result<Plan, PlanError> {
        let inside = |rate: f64| rate > 0.0 && rate < 1.0;
        if !inside(base) {
            return Err(PlanError::Base { found: base });
        }
        if !inside(base + effect) || effect.abs() < 1e-9 {
            return Err(PlanError::Effect { found: effect, base });
        }
        Ok(Plan { base, effect, power: 0.8, confidence: Confidence::default() })
    }

    /// Sets the power: the chance to find the effect if it exists.
    ///
    /// # Errors
    ///
    /// [`PlanError`] unless it is from 0.5 to 0.999999.
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

    /// How many users each of two equal variants needs, for a z-test at one planned end (Fleiss,
    /// Levin and Paik, Statistical Methods for Rates and Proportions, 2003, without the correction
    /// for continuity).
    #[must_use]
    pub fn per_variant(self) -> u64 {
        rounded_up(self.exact_per_variant())
    }

    pub(super) fn exact_per_variant(self) -> f64 {
        let after = self.base + self.effect;
        let middle = self.base + self.effect / 2.0;
        let same = (2.0 * middle * (1.0 - middle)).sqrt();
        let sum =
            self.confidence.z() * same + normal_quantile(1.0 - self.power) * self.deviation(after);
        (sum / self.effect).powi(2)
    }

    /// How many users each of two equal variants needs, for the always-valid interval to exclude 0
    /// at that size with the plan's power. It assumes that [`tuning`](super::Analysis::tuning) is
    /// the number of users in both, and that an engine counts the users with capacity for all of
    /// them (so at 0.8 of the level, see [`docs::results`](crate::docs::results)). More than
    /// [`per_variant`](Plan::per_variant): the price of looking at any time. Most experiments whose
    /// effect is larger than planned end sooner.
    #[must_use]
    pub fn per_variant_watched(self) -> u64 {
        let deviation = self.deviation(self.base + self.effect);
        let sum = while_watched(self.confidence, self.power) * deviation;
        rounded_up((sum / self.effect).powi(2))
    }

    /// The standard deviation of the difference, for one user in each variant.
    fn deviation(self, after: f64) -> f64 {
        (self.base * (1.0 - self.base) + after * (1.0 - after)).sqrt()
    }
}

/// How many standard errors an effect has to be, for one look at a planned end.
pub(super) fn at_one_look(confidence: Confidence, power: f64) -> f64 {
    confidence.z() + normal_quantile(1.0 - power)
}

/// How many standard errors an effect has to be, for the always-valid interval to exclude 0 at the
/// size that it is tuned for, of users that an engine counts.
pub(super) fn while_watched(confidence: Confidence, power: f64) -> f64 {
    let log_alpha = (confidence.alpha() * share_of_level(Some(1))).ln();
    // At the size that the interval is tuned for, the half-width is this many standard errors,
    // whatever the size.
    let grown = -2.0 * log_alpha + (1.0 - 2.0 * log_alpha).ln();
    let half = ((1.0 + 1.0 / grown) * (grown.ln_1p() - 2.0 * log_alpha)).sqrt();
    half + normal_quantile(1.0 - power)
}

/// Why a plan is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The base rate is not above 0 and below 1.
    #[error("the base rate {found} is not between 0 and 1")]
    #[non_exhaustive]
    Base {
        /// What was given.
        found: f64,
    },
    /// The effect is 0, or moves the rate out of the range between 0 and 1.
    #[error("the effect {found} is 0, or moves the base rate {base} out of the range 0 to 1")]
    #[non_exhaustive]
    Effect {
        /// What was given.
        found: f64,
        /// The base rate.
        base: f64,
    },
    /// The standard deviation is not above 0, or not finite.
    #[error("the standard deviation {found} is not above 0 and finite")]
    #[non_exhaustive]
    Deviation {
        /// What was given.
        found: f64,
    },
    /// The difference of means is 0 or not finite, or less than a billionth of the standard
    /// deviation.
    #[error(
        "the difference {found} is not finite, or below a billionth of the standard deviation {deviation}"
    )]
    #[non_exhaustive]
    Difference {
        /// What was given.
        found: f64,
        /// The standard deviation.
        deviation: f64,
    },
    /// The power is out of range.
    #[error("the power {found} is not from 0.5 to 0.999999")]
    #[non_exhaustive]
    Power {
        /// What was given.
        found: f64,
    },
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float of at least 0 saturates"
)]
pub(super) fn rounded_up(number: f64) -> u64 {
    number.ceil() as u64
}
