//! What conversions alone can say, where nobody counted exposures.

use serde::Serialize;

use super::binomial::Binomial;
use super::multinomial::{chi_square, sequential_sample_ratio};

/// Do the variants' conversions come in the shares of their percentages?
///
/// If no variant has an effect they do: each conversion falls to a variant with the chance of its
/// percentage. **This assumes** that users were split as configured, that a user's conversions do
/// not come in clusters (each user is counted once, or converts once), and that all variants were
/// counted alike. It needs no exposures, and for that cannot tell an effect from a broken split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConversionsOnly {
    /// Which test gave `p_value`.
    pub test: ConversionsTest,
    /// Valid once, at a planned end. Absent where chi-square would not be good: a variant can expect less
    /// than 5.
    pub p_value: Option<f64>,
    /// Valid at every look: [`sequential_sample_ratio`] of the conversions.
    pub sequential_p_value: f64,
}

/// How conversions are held against percentages at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConversionsTest {
    /// Two variants: the exact binomial test, for both sides.
    Binomial,
    /// More: Pearson's chi-square test.
    ChiSquare,
}

/// The test of conversions, each number beside its variant's percentage. Variants of 0 % are left out.
/// Absent with fewer than two variants, and without any conversion.
///
/// # Examples
///
/// ```
/// use fairsplit::results::conversions_only;
///
/// let test = conversions_only(&[(142, 50), (187, 50)]).expect("somebody converted");
/// assert_eq!(format!("{:.4}", test.p_value.expect("two variants")), "0.0151");
/// ```
#[must_use]
pub fn conversions_only(conversions: &[(u64, u8)]) -> Option<ConversionsOnly> {
    let sequential_p_value = sequential_sample_ratio(conversions)?;
    let served: Vec<(u64, u8)> = conversions.iter().copied().filter(|(_, p)| *p > 0).collect();
    let (test, p_value) = match served.as_slice() {
        // Percentages of two variants sum to 100, or the test is not of an experiment.
        &[(one, percent), (other, rest)] if percent.checked_add(rest) == Some(100) => {
            let trials = u128::from(one).saturating_add(u128::from(other));
            let p_value = Binomial::new(trials, percent).two_sided(u128::from(one));
            (ConversionsTest::Binomial, Some(p_value))
        }
        _ => (ConversionsTest::ChiSquare, chi_square(&served).map(|test| test.p_value)),
    };
    Some(ConversionsOnly { test, p_value, sequential_p_value })
}
