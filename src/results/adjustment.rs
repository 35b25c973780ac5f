//! P-values adjusted for several comparisons: the more treatments, the stricter each test.

use super::special::float;

/// P-values adjusted after Holm (Scandinavian Journal of Statistics 1979): the chance that any
/// treatment without an effect is found to have one stays below the level. Never less powerful than
/// Bonferroni's.
///
/// The result has the order of `p_values`.
///
/// # Examples
///
/// ```
/// use fairsplit::results::holm;
///
/// assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    order.sort_by(|(_, left), (_, right)| left.total_cmp(right));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (left, (at, p_value)) in (1..=p_values.len()).rev().zip(order) {
        least = least.max(bonferroni(p_value, u64::try_from(left).unwrap_or(u64::MAX)));
        if let Some(slot) = adjusted.get_mut(at) {
            *slot = least;
        }
    }
    adjusted
}

/// A p-value adjusted after Bonferroni: times the number of comparisons, and at most 1.
#[must_use]
pub fn bonferroni(p_value: f64, comparisons: u64) -> f64 {
    (p_value * float(comparisons.max(1))).min(1.0)
}
