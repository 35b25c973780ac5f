//! Sample ratio mismatch: were users split as configured? What follows holds only if they were.

use std::fmt;

use serde::Serialize;

use super::multinomial::{CONCENTRATION, ChiSquare, chi_square, sequential_multinomial};
use super::observations::{Observed, Unit};

/// Below this p-value the split is a warning.
const WARNING: f64 = 0.01;
/// Below this p-value it is an alarm, and there is no verdict.
const ALARM: f64 = 0.001;

/// Whether the exposed came in the shares of the percentages (Fabijan et al., KDD 2019). Of events only
/// `unserved` is known: a user who reloads a page a thousand times looks like a mismatch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SampleRatio {
    /// What comes of the figures below.
    pub status: SampleRatioStatus,
    /// The test for one look. Absent while a variant can expect fewer than 5.
    pub chi_square: Option<ChiSquare>,
    /// The p-value of the sequential multinomial test, for those who watch. Absent while nobody is exposed.
    pub sequential_p_value: Option<f64>,
    /// The variants of 0 % that somebody was exposed to or converted in: a mismatch by itself.
    pub unserved: Vec<String>,
}

/// What the split is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SampleRatioStatus {
    /// Too few to tell, nothing to tell apart, or events, of which no ratio can be expected.
    Unknown,
    /// Nothing speaks against it.
    Holds,
    /// A p-value below 0.01: one of a hundred sound splits looks like this. Look into it.
    Warning,
    /// A p-value below 0.001, or somebody in a variant of 0 %: something is broken, and no comparison can be
    /// trusted.
    Mismatch,
}

impl fmt::Display for SampleRatioStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SampleRatioStatus::Unknown => "too few to tell",
            SampleRatioStatus::Holds => "holds",
            SampleRatioStatus::Warning => "warning",
            SampleRatioStatus::Mismatch => "mismatch",
        })
    }
}

impl SampleRatio {
    pub(super) fn of(variants: &[Observed], unit: Unit) -> SampleRatio {
        let exposed: Vec<(u64, u8)> =
            variants.iter().map(|variant| (variant.exposed, variant.percentage)).collect();
        let unserved: Vec<String> = variants
            .iter()
            .filter(|variant| variant.percentage == 0)
            .filter(|variant| {
                variant.exposed > 0 || variant.converted > 0 || variant.converted_unexposed > 0
            })
            .map(|variant| variant.variant.clone())
            .collect();
        let independent = unit.is_independent().then_some(exposed.as_slice());
        let chi_square = independent.and_then(chi_square);
        let sequential_p_value =
            independent.and_then(|exposed| sequential_multinomial(exposed, CONCENTRATION));
        let p_values = [chi_square.map(|test| test.p_value), sequential_p_value];
        let least = p_values.into_iter().flatten().reduce(f64::min);
        let status = match least {
            _ if !unserved.is_empty() => SampleRatioStatus::Mismatch,
            Some(p_value) if p_value < ALARM => SampleRatioStatus::Mismatch,
            Some(p_value) if p_value < WARNING => SampleRatioStatus::Warning,
            Some(_) if chi_square.is_some() => SampleRatioStatus::Holds,
            _ => SampleRatioStatus::Unknown,
        };
        SampleRatio { status, chi_square, sequential_p_value, unserved }
    }
}
