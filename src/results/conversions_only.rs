//! What conversions alone can show, without exposures.

use serde::Serialize;

use super::binomial::Binomial;
use super::multinomial::{chi_square, sequential_sample_ratio};

/// A test of whether the variants' conversions have the shares of their percentages.
///
/// Without an effect they do: each conversion belongs to a variant with the chance of its
/// percentage. **This assumes** that users were split as configured, that a user's conversions do
/// not come in clusters (each user is counted once, or converts once), and that all variants were
/// counted alike. The test needs no exposures; the price is that it cannot distinguish an effect
/// from a broken split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConversionsOnly {
    /// Which test gave `p_value`.
    pub test: ConversionsTest,
    /// Valid once, at a planned end. Absent where chi-square is not accurate: a variant can expect
    /// less than 5.
    pub p_value: Option<f64>,
    /// Valid at every look: [`sequential_sample_ratio`] of the conversions.
    pub sequential_p_value: f64,
}

/// The test of conversions against percentages at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConversionsTest {
    /// For two variants: the two-sided exact binomial test.
    Binomial,
    /// For more variants: Pearson's chi-square test.
    ChiSquare,
}

/// Tests conversions against percentages, given as pairs of one variant each. Variants of 0 % are
/// left out. Absent with fewer than two variants, and without any conversion.
///
/// # Examples
///
/// ```
/// use fairsplit::results::conversions_only;
///
/// let test = conversions_only(&[(142, 50), (187, 50)]).expect("there are conversions");
/// assert_eq!(format!("{:.4}", test.p_value.expect("two variants")), "0.0151");
/// ```
#[must_use]
pub fn conversions_only(conversions: &[(u64, u8)]) -> Option<ConversionsOnly> {
    let sequential_p_value = sequential_sample_ratio(conversions)?;
    let served: Vec<(u64, u8)> = conversions.iter().copied().filter(|(_, p)| *p > 0).collect();
    let (test, p_value) = match served.as_slice() {
        // The binomial test needs two percentages that sum to 100.
        &[(one, percent), (other, rest)] if percent.checked_add(rest) == Some(100) => {
            let trials = u128::from(one).saturating_add(u128::from(other));
            let p_value = Binomial::new(trials, percent).two_sided(u128::from(one));
            (ConversionsTest::Binomial, Some(p_value))
        }
        _ => (ConversionsTest::ChiSquare, chi_square(&served).map(|test| test.p_value)),
    };
    Some(ConversionsOnly { test, p_value, sequential_p_value })
}
