//! The confidence level, and the intervals that have it.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use super::special::normal_quantile;

/// The share of intervals, over many experiments, that contain the truth. The default is 0.95.
///
/// # Examples
///
/// ```
/// use fairsplit::results::Confidence;
///
/// let confidence = Confidence::new(0.99)?;
/// assert_eq!(confidence.to_string(), "99 %");
/// assert!((confidence.alpha() - 0.01).abs() < 1e-15);
/// # Ok::<(), fairsplit::results::ConfidenceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Confidence(f64);

impl Confidence {
    /// A confidence of this level, from 0.5 to 0.999999.
    ///
    /// # Errors
    ///
    /// [`ConfidenceError`] for anything else.
    pub fn new(level: f64) -> Result<Confidence, ConfidenceError> {
        if (0.5..=0.999_999).contains(&level) {
            Ok(Confidence(level))
        } else {
            Err(ConfidenceError { found: level })
        }
    }

    /// The level, as a share of 1.
    #[must_use]
    pub fn level(self) -> f64 {
        self.0
    }

    /// 1 less the level: the accepted chance of an error.
    #[must_use]
    pub fn alpha(self) -> f64 {
        1.0 - self.0
    }

    /// The normal quantile of a two-sided interval: 1.96 for 0.95.
    pub(super) fn z(self) -> f64 {
        normal_quantile(self.alpha() / 2.0)
    }
}

impl Default for Confidence {
    fn default() -> Confidence {
        Confidence(0.95)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A level has at most six decimals that matter, so four decimals of a percentage show it
        // whole.
        let text = format!("{:.4}", self.0 * 100.0);
        write!(f, "{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A confidence level that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("the confidence level {found} is not from 0.5 to 0.999999")]
#[non_exhaustive]
pub struct ConfidenceError {
    /// What was given.
    pub found: f64,
}

/// A range of values that the data leave plausible, both ends included. Both are finite, and `low`
/// is never above `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The interval, clamped to the range of its quantity.
    pub(super) fn within(low: f64, high: f64, least: f64, most: f64) -> Interval {
        Interval { low: low.clamp(least, most), high: high.clamp(least, most) }
    }

    /// Absent unless both ends are finite.
    pub(super) fn finite(low: f64, high: f64) -> Option<Interval> {
        (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
    }

    /// Whether the interval contains the value.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}
