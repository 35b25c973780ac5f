//! How the level is divided where the users are a sample that is halved when it is full.

use super::special::float;

/// The share of the level that is spent at one halving of the sample, above 0.
///
/// After a halving, the figures are another sequence: half of the users are gone, and every figure
/// changes at once. A test that holds at every look at one sequence does not hold over several:
/// over nine halvings, intervals of 95 % err in more than 5 % of experiments
/// (`tests/it/results/watched.rs`). So each sequence has a part of the level, and the parts sum to
/// the whole: 0.8 before the first halving, `0.2 / 2^b` after `b` halvings. Users that are not a
/// sample, and never will be one, have all of the level.
pub(super) fn share_of_level(one_in: Option<u64>) -> f64 {
    match one_in {
        None => 1.0,
        Some(0 | 1) => 0.8,
        // The number of halvings is the base-2 logarithm, rounded up.
        Some(one_in) => 0.2 / one_in.checked_next_power_of_two().map_or(f64::powi(2.0, 64), float),
    }
}

/// Scales a p-value so that comparing it with the whole level is a test at this share of it.
pub(super) fn at_share(p_value: f64, share: f64) -> f64 {
    (p_value / share).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_over_all_halvings_is_the_level() {
        let first = share_of_level(Some(1));
        let halved: f64 = (1..64).map(|bits| share_of_level(Some(1 << bits))).sum();
        assert!((first + halved + share_of_level(Some(u64::MAX)) - 1.0).abs() < 1e-12);
        assert!((share_of_level(Some(5)) - share_of_level(Some(8))).abs() < 1e-15);
        assert!((share_of_level(None) - 1.0).abs() < 1e-15);
    }
}
