//! How the level is spent where the users are a sample that is halved when it is full.

use super::special::float;

/// The share of the level that is spent at one halving of the sample, above 0.
///
/// What is watched after a halving is another sequence: users who were in it are gone, and every figure
/// changes at once. A test that holds at every look of one sequence does not hold over several: over nine
/// halvings, intervals of 95 % err in more than 5 % of experiments (`tests/it/results/watched.rs`). So each
/// sequence has a level of its own, and these sum to the whole: 0.8 before the first halving, `0.2 / 2^b` after
/// `b` of them. Users that are no sample, and never will be, have all of it.
pub(super) fn share_of_level(one_in: Option<u64>) -> f64 {
    match one_in {
        None => 1.0,
        Some(0 | 1) => 0.8,
        // The number of halvings is that of twos, or the next one up.
        Some(one_in) => 0.2 / one_in.checked_next_power_of_two().map_or(f64::powi(2.0, 64), float),
    }
}

/// A p-value at this share of the level: small exactly as often as one at the whole level.
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
