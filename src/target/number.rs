//! Numbers, compared exactly, and the text of each.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A number, exactly as it was given. Equal numbers are the same variant: 5.0 is the integer 5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Any integer of 64 bits, and any that a text writes in up to 38 digits.
    Integer(i128),
    /// Not an integer, or one beyond those: no zero, and never `NaN`.
    Float(f64),
}

/// 2^127, from which on an `i128` does not hold an integer.
const BEYOND_INTEGERS: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// From here on a number is written with an exponent, as ECMAScript and RFC 8785 do.
const FIRST_WITH_EXPONENT: f64 = 1e21;

impl Number {
    /// `None` for `NaN`.
    #[inline]
    pub(crate) fn from_f64(float: f64) -> Option<Number> {
        let is_integer =
            float.fract() == 0.0 && (-BEYOND_INTEGERS..BEYOND_INTEGERS).contains(&float);
        if is_integer {
            return Some(Number::Integer(truncated(float)));
        }
        (!float.is_nan()).then_some(Number::Float(float))
    }

    /// The same, whatever features of `serde_json` the build has; `None` for a number beyond the
    /// finite floats, which only the feature `arbitrary_precision` reads.
    #[inline]
    pub(crate) fn from_json(number: &serde_json::Number) -> Option<Number> {
        if let Some(integer) = number.as_i64() {
            Some(Number::from(integer))
        } else if let Some(integer) = number.as_u64() {
            Some(Number::from(integer))
        } else {
            number.as_f64().and_then(Number::from_f64)
        }
    }

    /// A text that is a number in JSON. An integer of up to 38 digits is exact; any other number is
    /// the nearest float, and there must be a finite one.
    pub(crate) fn from_text(text: &str) -> Option<Number> {
        let is_integer = shape(text.as_bytes())?;
        let exact = if is_integer { text.parse().ok() } else { None };
        match exact {
            Some(integer) => Some(Number::Integer(integer)),
            None => {
                text.parse().ok().filter(|float: &f64| float.is_finite()).and_then(Number::from_f64)
            }
        }
    }

    /// The number of which this is *the* text: `5`, and neither `5.0` nor `05`.
    pub(crate) fn from_canonical_text(text: &str) -> Option<Number> {
        Number::from_text(text).filter(|number| number.text() == text)
    }

    /// The text of the number, as `equals` compares it: an integer in decimal, any other number in
    /// the fewest digits that give it back, with an exponent below 0.000001 and from 10^21 on.
    pub(crate) fn text(self) -> String {
        let float = match self {
            Number::Integer(integer) => {
                let float = nearest(integer);
                if float.abs() < FIRST_WITH_EXPONENT {
                    return integer.to_string();
                }
                float
            }
            Number::Float(float) => float,
        };
        if (1e-6..FIRST_WITH_EXPONENT).contains(&float.abs()) || float.is_infinite() {
            return float.to_string();
        }
        let text = format!("{float:e}");
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    }

    /// The exact order.
    #[inline]
    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(one), Number::Integer(other)) => one.cmp(&other),
            // There is no NaN and no zero among them, so this is the order of numbers.
            (Number::Float(one), Number::Float(other)) => one.total_cmp(&other),
            (Number::Integer(integer), Number::Float(float)) => compare_with_float(integer, float),
            (Number::Float(float), Number::Integer(integer)) => {
                compare_with_float(integer, float).reverse()
            }
        }
    }
}

impl From<i64> for Number {
    #[inline]
    fn from(integer: i64) -> Number {
        Number::Integer(integer.into())
    }
}

impl From<u64> for Number {
    #[inline]
    fn from(integer: u64) -> Number {
        Number::Integer(integer.into())
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // The low half is enough: the values of a list differ in it.
            Number::Integer(integer) => state.write_u64(low_half(*integer)),
            Number::Float(float) => state.write_u64(float.to_bits()),
        }
    }
}

/// An integer is never equal to a `Number::Float`.
fn compare_with_float(integer: i128, float: f64) -> Ordering {
    if float >= -BEYOND_INTEGERS && integer <= truncated(float.floor()) {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates beyond the integers, as wanted")]
fn truncated(float: f64) -> i128 {
    float as i128
}

#[expect(clippy::cast_precision_loss, reason = "the nearest float is wanted")]
fn nearest(integer: i128) -> f64 {
    integer as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "half of the bits are wanted"
)]
fn low_half(integer: i128) -> u64 {
    integer as u64
}

/// Whether the text, a number in JSON, is an integer; `None` if it is not a number in JSON.
fn shape(text: &[u8]) -> Option<bool> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = text.split_at_checked(digits(text))?;
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return None;
    }
    let is_integer = rest.is_empty();
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let length = digits(fraction);
            (length > 0).then(|| fraction.get(length..))??
        }
    };
    let rest = match rest {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            let length = digits(exponent);
            (length > 0).then(|| exponent.get(length..))??
        }
        rest => rest,
    };
    rest.is_empty().then_some(is_integer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_text(text: &str) -> Number {
        Number::from_text(text).unwrap()
    }

    fn of_f64(float: f64) -> Number {
        Number::from_f64(float).unwrap()
    }

    #[test]
    fn only_what_json_calls_a_number_is_one() {
        for text in ["0", "-0", "10", "5.0", "1e5", "1E+5", "-1.5e-5", "18446744073709551616"] {
            assert!(Number::from_text(text).is_some(), "{text}");
        }
        let long = "9".repeat(1 << 20);
        for text in [
            "", "-", "+1", "05", "00", ".5", "5.", "1e", "1e+", "1.e5", " 1", "1 ", "1_000",
            "0x10", "NaN", "inf", "Infinity", "1e400", "-1e400", "--1", "1.5.5", "١", "1e5e5",
            &long,
        ] {
            assert_eq!(Number::from_text(text), None, "{text:.20}");
        }
    }

    #[test]
    fn the_text_of_a_number_is_that_of_ecmascript_and_exact_for_integers() {
        for (float, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (1e20, "100000000000000000000"),
            (18_446_744_073_709_551_616.0, "18446744073709551616"),
            (1e21, "1e+21"),
            (-1.5e21, "-1.5e+21"),
            (1e300, "1e+300"),
            (5e-324, "5e-324"),
            (123_456.789, "123456.789"),
        ] {
            assert_eq!(of_f64(float).text(), text);
            assert_eq!(Number::from_canonical_text(text), Some(of_f64(float)), "{text}");
        }
        assert_eq!(Number::from(u64::MAX).text(), "18446744073709551615");
        for text in ["05", "5.0", "-0", "1e21", "1E+21", "1000000000000000000000", "0.10", "1e-6"] {
            assert_eq!(Number::from_canonical_text(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_is_exact_where_floats_are_not() {
        let ascending = [
            of_f64(f64::NEG_INFINITY),
            of_f64(-1e300),
            of_f64(-BEYOND_INTEGERS),
            Number::from(i64::MIN),
            of_f64(-0.5),
            of_f64(-0.0),
            of_f64(5e-324),
            of_text("0.5"),
            of_text("1"),
            of_f64(1.5),
            of_text("9007199254740992.0"),
            of_text("9007199254740993"),
            Number::from(i64::MAX),
            of_f64(9_223_372_036_854_775_808.0),
            Number::from(u64::MAX),
            of_f64(18_446_744_073_709_551_616.0),
            of_text("18446744073709551617"),
            of_text("170141183460469231731687303715884105727"),
            of_f64(BEYOND_INTEGERS),
            of_f64(1e300),
            of_f64(f64::INFINITY),
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(one.compare(*other), at.cmp(&other_at), "{one:?} {other:?}");
                assert_eq!(one == other, at == other_at);
            }
        }
        assert_eq!(of_f64(-BEYOND_INTEGERS), of_text("-170141183460469231731687303715884105728"));
    }

    proptest! {
        #[test]
        fn a_number_is_read_back_from_its_text(bits: u64, integer: u64) {
            for number in [Number::from_f64(f64::from_bits(bits)), Some(Number::from(integer))] {
                let Some(number) = number.filter(|number| *number != of_f64(f64::INFINITY)) else {
                    continue;
                };
                if number != of_f64(f64::NEG_INFINITY) {
                    prop_assert_eq!(Number::from_canonical_text(&number.text()), Some(number));
                }
            }
        }

        #[test]
        fn integers_and_floats_are_ordered_as_their_difference_says(integer: i64, float: f64) {
            // Halves and whole numbers near the integer, where rounding would show.
            for float in [float, nearest(integer.into()), nearest(integer.into()) + 0.5] {
                let ordering = Number::from(integer).compare(of_f64(float));
                let difference = i128::from(integer).saturating_sub(truncated(float));
                let fraction = float - float.trunc();
                let expected = match difference {
                    0 => 0.0_f64.partial_cmp(&fraction).unwrap(),
                    difference => difference.cmp(&0),
                };
                prop_assert_eq!(ordering, expected);
            }
        }
    }
}
