//! One variant's rate: so many of so many, and how well that is known.

use thiserror::Error;

use super::confidence::{Confidence, Interval};
use super::special::float;

/// So many converted of so many exposed: of at least one, and never more than all.
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
/// assert_eq!(error.to_string(), "120 converted of 100 exposed are no share of them");
/// # Ok::<(), fairsplit::results::ProportionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proportion {
    converted: u64,
    exposed: u64,
}

impl Proportion {
    /// A proportion, if it is one.
    ///
    /// # Errors
    ///
    /// [`ProportionError`] if nobody was exposed, or more converted than were.
    pub fn new(converted: u64, exposed: u64) -> Result<Proportion, ProportionError> {
        if converted > exposed {
            Err(ProportionError::MoreConverted { converted, exposed })
        } else if exposed == 0 {
            Err(ProportionError::NobodyExposed)
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

    /// The converted as a share of the exposed.
    #[must_use]
    pub fn rate(self) -> f64 {
        float(self.converted) / float(self.exposed)
    }

    /// The Wilson score interval of the rate (Wilson, JASA 1927; Brown, Cai and `DasGupta`, Statistical
    /// Science 2001). Right at small numbers too, and never outside of 0 to 1.
    #[must_use]
    pub fn wilson(self, confidence: Confidence) -> Interval {
        let z = confidence.z();
        let (converted, exposed) = (float(self.converted), float(self.exposed));
        let square = z * z;
        let centre = (converted + square / 2.0) / (exposed + square);
        let half = z / (exposed + square) * (exposed * self.variance() + square / 4.0).sqrt();
        // At the ends the formula gives 0 and 1 exactly, which rounding would miss.
        let low = if self.converted == 0 { 0.0 } else { centre - half };
        let high = if self.not_converted() == 0 { 1.0 } else { centre + half };
        Interval::within(low, high, 0.0, 1.0)
    }

    /// The variance of one unit: p (1 - p).
    pub(super) fn variance(self) -> f64 {
        self.rate() * (float(self.not_converted()) / float(self.exposed))
    }
}

/// Why there is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProportionError {
    /// There is nobody to take a share of.
    #[error("nobody was exposed")]
    NobodyExposed,
    /// Events were counted that are no subset of each other: a conversion can be told twice, or by who
    /// was not exposed.
    #[error("{converted} converted of {exposed} exposed are no share of them")]
    #[non_exhaustive]
    MoreConverted {
        /// How many converted.
        converted: u64,
        /// How many were exposed.
        exposed: u64,
    },
}
