//! One variant's rate, and its interval.

use thiserror::Error;

use super::confidence::{Confidence, Interval};
use super::special::float;

/// A number of converted units out of a number of exposed ones: at least one exposed, and no more
/// converted than exposed.
///
/// # Examples
///
/// ```
/// use fairsplit::results::{Confidence, Proportion};
///
/// let control = Proportion::new(142, 1000)?;
/// assert_eq!(control.rate(), 0.142);
/// let interval = control.wilson(Confidence::default());
/// assert_eq!(format!("{:.3} to {:.3}", interval.low, interval.high), "0.122 to 0.165");
///
/// let error = Proportion::new(120, 100).unwrap_err();
/// assert_eq!(error.to_string(), "more units converted (120) than were exposed (100)");
/// # Ok::<(), fairsplit::results::ProportionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proportion {
    converted: u64,
    exposed: u64,
}

impl Proportion {
    /// The proportion of `converted` out of `exposed`.
    ///
    /// # Errors
    ///
    /// [`ProportionError`] if no unit was exposed, or if more converted than were exposed.
    pub fn new(converted: u64, exposed: u64) -> Result<Proportion, ProportionError> {
        if converted > exposed {
            Err(ProportionError::MoreConverted { converted, exposed })
        } else if exposed == 0 {
            Err(ProportionError::NoneExposed)
        } else {
            Ok(Proportion { converted, exposed })
        }
    }

    /// How many converted.
    #[must_use]
    pub fn converted(self) -> u64 {
        self.converted
    }

    /// How many were exposed.
    #[must_use]
    pub fn exposed(self) -> u64 {
        self.exposed
    }

    /// How many were exposed and did not convert.
    #[must_use]
    pub fn not_converted(self) -> u64 {
        self.exposed.saturating_sub(self.converted)
    }

    /// The converted as a share of the exposed, 0 to 1.
    #[must_use]
    pub fn rate(self) -> f64 {
        float(self.converted) / float(self.exposed)
    }

    /// The Wilson score interval of the rate (Wilson, JASA 1927; Brown, Cai and `DasGupta`,
    /// Statistical Science 2001). Accurate for small numbers too, and never outside of 0 to 1.
    #[must_use]
    pub fn wilson(self, confidence: Confidence) -> Interval {
        let z = confidence.z();
        let (converted, exposed) = (float(self.converted), float(self.exposed));
        let square = z * z;
        let centre = (converted + square / 2.0) / (exposed + square);
        let half = z / (exposed + square) * (exposed * self.variance() + square / 4.0).sqrt();
        // At the ends the formula gives exactly 0 and 1, which rounding would miss.
        let low = if self.converted == 0 { 0.0 } else { centre - half };
        let high = if self.not_converted() == 0 { 1.0 } else { centre + half };
        Interval::within(low, high, 0.0, 1.0)
    }

    /// The variance of one unit: p (1 - p).
    pub(super) fn variance(self) -> f64 {
        self.rate() * (float(self.not_converted()) / float(self.exposed))
    }
}

/// Why two counts have no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProportionError {
    /// No unit was exposed.
    #[error("no unit was exposed")]
    NoneExposed,
    /// More units converted than were exposed. Events can do that: a conversion may be recorded
    /// twice, or without an exposure.
    #[error("more units converted ({converted}) than were exposed ({exposed})")]
    #[non_exhaustive]
    MoreConverted {
        /// How many converted.
        converted: u64,
        /// How many were exposed.
        exposed: u64,
    },
}
