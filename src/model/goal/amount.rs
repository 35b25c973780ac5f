//! Values in minor units: cents, not euros. Whole numbers, so that a sum depends on no order.

/// The largest value, and the largest sum of a user, in minor units, up or down: 2^53. Up to it
/// every whole number is a 64-bit float.
pub const MAX_UNITS: i64 = 1 << 53;

/// A value in minor units: 49.90 with two decimals is 4990. Rounded to the nearest unit, a half
/// away from zero. `None` unless it is finite, and within [`MAX_UNITS`].
pub(crate) fn units(value: f64, decimals: u8) -> Option<i64> {
    let units = (value * 10_f64.powi(decimals.into())).round();
    #[expect(clippy::cast_precision_loss, reason = "2^53 is a 64-bit float")]
    let is_within = units.abs() <= MAX_UNITS as f64;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range")]
    is_within.then_some(units as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cutting off in place of rounding makes 573 of them a cent short.
    #[test]
    fn every_price_up_to_100_is_its_cents() {
        for cents in 0..10_000_i64 {
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            let price: f64 = text.parse().unwrap();
            assert_eq!(units(price, 2), Some(cents), "{text}");
            assert_eq!(units(-price, 2), Some(-cents), "-{text}");
        }
    }

    #[test]
    fn a_value_is_rounded_to_the_nearest_unit_a_half_away_from_zero() {
        let cases = [(0.005, 1), (0.0049, 0), (-0.005, -1), (2.5, 250), (-0.0, 0)];
        for (value, expected) in cases {
            assert_eq!(units(value, 2), Some(expected), "{value}");
        }
        assert_eq!((units(2.5, 0), units(-2.5, 0), units(0.49, 0)), (Some(3), Some(-3), Some(0)));
    }

    #[test]
    fn what_is_not_a_number_within_the_range_is_no_value() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 9_007_199_254_740_994.0]
        {
            assert_eq!((units(value, 0), units(value, 9)), (None, None), "{value}");
        }
        assert_eq!(units(9_007_199_254_740_992.0, 0), Some(MAX_UNITS));
        assert_eq!(units(-9_007_199_254_740_992.0, 0), Some(-MAX_UNITS));
    }
}
