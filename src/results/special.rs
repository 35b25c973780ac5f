//! The special functions behind the tests: each accurate to about 13 digits wherever it is called,
//! in a time that does not depend on the argument.
//!
//! statrs 0.19 was tried against scipy: its regularised incomplete beta returns 1.88 at (5e9, 5e9,
//! 0.4999999), and its error function is accurate to 11 digits. Little is needed here, and mostly
//! differences of large and nearly equal terms, which have to be written out in any case.

use std::f64::consts::{PI, SQRT_2};

/// The nearest float.
#[expect(clippy::cast_precision_loss, reason = "a relative error of 1e-16 is below every other")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// The nearest float to a count or a sum of counts.
#[expect(clippy::cast_precision_loss, reason = "a relative error of 1e-16 is below every other")]
pub(super) fn wide_float(number: i128) -> f64 {
    number as f64
}

/// The nearest float to a sum of squares.
#[expect(clippy::cast_precision_loss, reason = "a relative error of 1e-16 is below every other")]
pub(super) fn wide_unsigned_float(number: u128) -> f64 {
    number as f64
}

/// The logarithm of the mean of the exponentials of at least one number, computed without overflow.
pub(super) fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
    most + sum.ln() - float(u64::try_from(logs.len()).unwrap_or(u64::MAX)).ln()
}

/// The chance that a standard normal variable is above `z`.
pub(super) fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// The `z` that a standard normal variable exceeds with the chance `tail`, from 1e-300 to 0.5.
///
/// A first guess by Abramowitz and Stegun 26.2.23, accurate to 4.5e-4, and then Halley's steps,
/// each of which triples the digits.
pub(super) fn normal_quantile(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let guess = t
        - ((0.010_328 * t + 0.802_853) * t + 2.515_517)
            / (((0.001_308 * t + 0.189_269) * t + 1.432_788) * t + 1.0);
    (0..3).fold(guess, |z, _| {
        let off = (normal_tail(z) - tail) * (2.0 * PI).sqrt() * (z * z / 2.0).exp();
        z + off / (1.0 - z * off / 2.0)
    })
}

/// The chance that a chi-square variable of `degrees` degrees of freedom is above `statistic`.
///
/// The degrees are integers of at most a hundred, so the regularised upper incomplete gamma
/// function is a finite sum: DLMF 8.4.
pub(super) fn chi_square_tail(statistic: f64, degrees: u32) -> f64 {
    let half = statistic / 2.0;
    if half <= 0.0 {
        return 1.0;
    }
    if half > 1e6 {
        return 0.0;
    }
    let is_odd = degrees % 2 == 1;
    // The first term of the sum without exp(-half): 1, or sqrt(half) / gamma(3/2).
    let (mut term, mut order) = if is_odd { ((half / PI).sqrt() * 2.0, 1.5) } else { (1.0, 1.0) };
    let mut sum = 0.0;
    for _ in 0..degrees / 2 {
        sum += term;
        term *= half / order;
        order += 1.0;
    }
    let sum = if sum > 0.0 { (f64::ln(sum) - half).exp() } else { 0.0 };
    let rest = if is_odd { libm::erfc(half.sqrt()) } else { 0.0 };
    (sum + rest).min(1.0)
}

/// The remainder of Stirling's formula: ln gamma(z) - ((z - 1/2) ln z - z + ln(2 pi) / 2), for z
/// above 0.
pub(super) fn stirling_rest(z: f64) -> f64 {
    let (mut z, mut rest) = (z, 0.0);
    for _ in 0..10 {
        if z >= 10.0 {
            break;
        }
        rest += (z + 0.5) * (1.0 / z).ln_1p() - 1.0;
        z += 1.0;
    }
    let square = z * z;
    let series = STIRLING.iter().rev().fold(0.0, |sum, coefficient| sum / square + coefficient);
    rest + series / z
}

/// ln(1 + x) - x, without the digits that the subtraction would lose where x is small.
pub(super) fn ln_1p_minus(x: f64) -> f64 {
    if x.abs() > 0.3 {
        return x.ln_1p() - x;
    }
    // ln(1 + x) is 2 artanh(r), whose first term cancels x.
    let r = x / (2.0 + x);
    let square = r * r;
    let series = (1..=12).rev().fold(0.0, |sum, k| sum * square + 1.0 / (2.0 * f64::from(k) + 1.0));
    r * (2.0 * square * series - x)
}

/// (1 + x) ln(1 + x) - x: what a cell that is off by the ratio x adds to a relative entropy. At
/// least 0, for every x from -1.
pub(super) fn entropy(x: f64) -> f64 {
    if x <= -1.0 {
        return 1.0;
    }
    ((1.0 + x) * ln_1p_minus(x) + x * x).max(0.0)
}

/// arctan(x) - x, for x of at least 0.
fn atan_minus(x: f64) -> f64 {
    if x > 0.1 {
        return x.atan() - x;
    }
    let square = x * x;
    let series = (1..=8).rev().fold(0.0, |sum, k| 1.0 / (2.0 * f64::from(k) + 1.0) - sum * square);
    -x * square * series
}

/// ln gamma(a + it) - ln gamma(a), real and imaginary, without the part `t ln a` of the latter; `a`
/// of at least 10, `t` of at least 0.
pub(super) fn gamma_along(a: f64, t: f64) -> (f64, f64) {
    let x = t / a;
    let modulus = 0.5 * (x * x).ln_1p();
    let angle = x.atan();
    let (rest_real, rest_imaginary) = complex_stirling_rest(a, t);
    let real = (a - 0.5) * modulus - t * angle + rest_real - stirling_rest(a);
    let imaginary = a * atan_minus(x) - 0.5 * angle + t * modulus + rest_imaginary;
    (real, imaginary)
}

/// [`stirling_rest`] of a + it.
fn complex_stirling_rest(a: f64, t: f64) -> (f64, f64) {
    // 1 / (a + it), and its square.
    let norm = a * a + t * t;
    let (x, y) = (a / norm, -t / norm);
    let (square_x, square_y) = (x * x - y * y, 2.0 * x * y);
    let series = STIRLING.iter().rev().fold((0.0, 0.0), |(re, im), coefficient| {
        (re * square_x - im * square_y + coefficient, re * square_y + im * square_x)
    });
    (series.0 * x - series.1 * y, series.0 * y + series.1 * x)
}

/// The coefficients of 1/z, 1/z^3, ...: DLMF 5.11.1.
const STIRLING: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy and mpmath.
    fn vectors(of: &str) -> Vec<Vec<f64>> {
        let vectors = include_str!("../../tests/data/results-v1.json");
        let all: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let rows = all["special"][of].as_array().unwrap().iter();
        rows.map(|row| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect())
            .collect()
    }

    #[track_caller]
    fn assert_near(ours: f64, theirs: f64, tolerance: f64) {
        let off = (ours - theirs).abs();
        assert!(off <= tolerance * theirs.abs().max(1e-300), "{ours:e} is not {theirs:e}");
    }

    #[test]
    fn the_normal_tail_and_its_quantile_are_those_of_scipy() {
        for row in vectors("normal_tail") {
            assert_near(normal_tail(row[0]), row[1], 1e-12);
        }
        for row in vectors("normal_quantile") {
            let off = (normal_quantile(row[0]) - row[1]).abs();
            assert!(off < 1e-13 * row[1].max(1.0), "{row:?}: {off:e} off");
        }
    }

    #[test]
    fn the_chi_square_tail_is_that_of_scipy() {
        for row in vectors("chi_square_tail") {
            let degrees = (1..100).find(|degrees| f64::from(*degrees) >= row[1]).unwrap();
            assert_near(chi_square_tail(row[0], degrees), row[2], 1e-11);
        }
    }

    #[test]
    fn gamma_functions_are_those_of_mpmath() {
        for row in vectors("stirling_rest") {
            let off = (stirling_rest(row[0]) - row[1]).abs();
            assert!(off < 1e-14, "{row:?}: {off:e} off");
        }
        for row in vectors("log_gamma_along") {
            let (real, imaginary) = gamma_along(row[0], row[1]);
            assert!((real - row[2]).abs() < 1e-12, "{row:?}: {real}");
            assert!((imaginary - row[3]).abs() < 1e-12, "{row:?}: {imaginary}");
        }
    }

    #[test]
    fn small_arguments_keep_their_digits() {
        // Against the series, whose further terms are below the last digit.
        for x in [1e-9_f64, -1e-9, 1e-5, -1e-5] {
            let series = -x * x / 2.0 + x * x * x / 3.0 - x.powi(4) / 4.0;
            assert_near(ln_1p_minus(x), series, 1e-14);
            assert_near(entropy(x), x * x / 2.0 - x * x * x / 6.0 + x.powi(4) / 12.0, 1e-10);
        }
        for x in [-0.299_f64, 0.299, -0.301, 0.301, -0.999, 5.0] {
            assert_near(ln_1p_minus(x), x.ln_1p() - x, 1e-13);
        }
        assert!((entropy(-1.0) - 1.0).abs() < 1e-15);
    }
}
