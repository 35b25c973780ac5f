//! Sample ratio mismatch: were users split as configured? All other results hold only if they were.

use std::fmt;

use serde::Serialize;

use super::multinomial::{ChiSquare, chi_square, sequential_sample_ratio};
use super::observations::{Observed, Unit};
use super::spending::at_share;

/// Below this p-value the sample ratio is a warning.
const WARNING: f64 = 0.01;
/// Below this p-value it is a mismatch, and there is no verdict.
const MISMATCH: f64 = 0.001;

/// Whether the exposed have the shares of the percentages (Fabijan et al., KDD 2019). For events
/// only `unserved` is known: a user who reloads a page a thousand times would look like a mismatch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SampleRatio {
    /// The finding. It rests on the sequential p-value and `unserved` alone, so it holds at every
    /// look.
    pub status: SampleRatioStatus,
    /// The test for one look at a planned end. It raises no alarm, since a watched one fires sooner
    /// or later in every experiment. Absent while a variant can expect fewer than 5.
    pub chi_square: Option<ChiSquare>,
    /// Valid at every look: the p-value of [`sequential_sample_ratio`]. Absent while no user is
    /// exposed.
    pub sequential_p_value: Option<f64>,
    /// The variants of 0 % that have exposures or conversions: any is a mismatch by itself.
    pub unserved: Vec<String>,
}

/// What the sample ratio shows of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SampleRatioStatus {
    /// Undecided: a variant can expect fewer than 5 users, fewer than two variants are above 0 %,
    /// or the counts are of events, which have no expected ratio.
    Unknown,
    /// Nothing speaks against it.
    Holds,
    /// A sequential p-value below 0.01: at most one sound split in a hundred ever has one, however
    /// often you look. Investigate the split.
    Warning,
    /// A sequential p-value below 0.001, or users in a variant of 0 %: something is broken, and no
    /// comparison can be trusted.
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
    pub(super) fn of(variants: &[Observed], unit: Unit, share: f64) -> SampleRatio {
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
            independent.and_then(sequential_sample_ratio).map(|p_value| at_share(p_value, share));
        let status = match sequential_p_value {
            _ if !unserved.is_empty() => SampleRatioStatus::Mismatch,
            Some(p_value) if p_value < MISMATCH => SampleRatioStatus::Mismatch,
            Some(p_value) if p_value < WARNING => SampleRatioStatus::Warning,
            Some(_) if chi_square.is_some() => SampleRatioStatus::Holds,
            _ => SampleRatioStatus::Unknown,
        };
        SampleRatio { status, chi_square, sequential_p_value, unserved }
    }
}
