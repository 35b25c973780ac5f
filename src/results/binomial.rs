//! The exact binomial test, for every number of trials in bounded time.

use std::f64::consts::PI;

use super::special::{entropy, ln_1p_minus, stirling_rest, wide_float};

/// Below this number of trials, or of outcomes on the side that is summed, a tail is the sum of its
/// terms: a few thousand at most, since terms far from the mean are negligible. Above it, a tail is
/// an integral over a nearly normal density.
const SUMMED_TRIALS: i128 = 1 << 17;
const SUMMED_OUTCOMES: i128 = 1 << 12;

/// Trials that each succeed with a chance of `percent` percent. At most 2^65 trials, so that
/// products with 100 stay far from the ends of the type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binomial {
    trials: i128,
    percent: i128,
}

impl Binomial {
    /// `percent` of 1 to 99.
    pub(super) fn new(trials: u128, percent: u8) -> Binomial {
        let trials = i128::try_from(trials).unwrap_or(i128::MAX >> 16);
        Binomial { trials, percent: i128::from(percent.clamp(1, 99)) }
    }

    /// The chance of an outcome that is at most as likely as `count`: the two-sided exact test, as
    /// in R and scipy, with their margin of 1e-7 for outcomes whose chances differ by rounding
    /// alone.
    pub(super) fn two_sided(self, count: u128) -> f64 {
        let count = i128::try_from(count).unwrap_or(i128::MAX).min(self.trials);
        let off = self.off(count);
        if off == 0 {
            return 1.0;
        }
        if off > 0 {
            let mirrored = self.mirrored();
            return mirrored.two_sided_below(self.trials.saturating_sub(count));
        }
        self.two_sided_below(count)
    }

    /// The same, of a count below the mean.
    fn two_sided_below(self, count: i128) -> f64 {
        let limit = self.ln_chance(count) + 1e-7_f64.ln_1p();
        // The first outcome above the mean that is no likelier: chances fall from there on.
        let product = self.trials.saturating_mul(self.percent);
        let (mut low, mut high) =
            (product.saturating_add(99).div_euclid(100), self.trials.saturating_add(1));
        while low < high {
            let middle = i128::midpoint(low, high);
            if self.ln_chance(middle) <= limit {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        let above = self.mirrored().at_most(self.trials.saturating_sub(low));
        (self.at_most(count) + above).min(1.0)
    }

    /// Failures instead of successes.
    fn mirrored(self) -> Binomial {
        Binomial { percent: 100_i128.saturating_sub(self.percent), ..self }
    }

    /// A hundred times the distance from the mean, exactly.
    fn off(self, count: i128) -> i128 {
        count.saturating_mul(100).saturating_sub(self.trials.saturating_mul(self.percent))
    }

    fn share(self) -> f64 {
        wide_float(self.percent) / 100.0
    }

    /// The logarithm of the chance of exactly this count, by Loader's saddle-point form (2000):
    /// every term of it is small where the chance is not, whatever the number of trials.
    fn ln_chance(self, count: i128) -> f64 {
        let others = self.trials.saturating_sub(count);
        let trials = wide_float(self.trials);
        if count <= 0 {
            return trials * (-self.share()).ln_1p();
        }
        if others <= 0 {
            return trials * self.share().ln();
        }
        let off = wide_float(self.off(count)) / 100.0;
        let (mean, rest) = (trials * self.share(), trials * self.mirrored().share());
        let (count, others) = (wide_float(count), wide_float(others));
        let distance = mean * entropy(off / mean) + rest * entropy(-off / rest);
        let spread = 0.5 * (trials / (2.0 * PI * count * others)).ln();
        spread + stirling_rest(trials) - stirling_rest(count) - stirling_rest(others) - distance
    }

    /// The chance of at most this count.
    fn at_most(self, count: i128) -> f64 {
        if count < 0 {
            return 0.0;
        }
        if count >= self.trials {
            return 1.0;
        }
        if self.off(count) > 0 {
            let above = self.trials.saturating_sub(count).saturating_sub(1);
            return 1.0 - self.mirrored().at_most(above);
        }
        let ln_chance = self.ln_chance(count);
        if self.trials <= SUMMED_TRIALS || count <= SUMMED_OUTCOMES {
            return (ln_chance.exp() * self.terms_down_from(count)).min(1.0);
        }
        if ln_chance < -690.0 {
            // Below 1e-299, the terms are a geometric series to the last digit.
            let ratio = self.ratio_below(wide_float(count));
            return (ln_chance - (-ratio).ln_1p()).exp();
        }
        self.integral(count).clamp(0.0, 1.0)
    }

    /// The chance of one less than this count, by that of this count.
    fn ratio_below(self, count: f64) -> f64 {
        let odds = self.mirrored().share() / self.share();
        count / (wide_float(self.trials) - count + 1.0) * odds
    }

    /// The chances of this count and all below it, by that of this count.
    fn terms_down_from(self, count: i128) -> f64 {
        let (mut count, mut term, mut sum) = (wide_float(count), 1.0, 1.0);
        while count >= 1.0 && term > 1e-18 * sum {
            term *= self.ratio_below(count);
            sum += term;
            count -= 1.0;
        }
        sum
    }

    /// The chance of at most this count, as that of a beta variable above the share (DLMF 8.17.5).
    /// The distance from the variable's mean is known exactly, and its density there is nearly
    /// normal.
    fn integral(self, count: i128) -> f64 {
        let (a, b) = (count.saturating_add(1), self.trials.saturating_sub(count));
        let all = self.trials.saturating_add(1);
        let start = {
            let exact = all.saturating_mul(self.percent).saturating_sub(a.saturating_mul(100));
            wide_float(exact) / (100.0 * wide_float(all))
        };
        let (a, b, all) = (wide_float(a), wide_float(b), wide_float(all));
        let (mean, rest) = (a / all, b / all);
        let deviation = (mean * rest / all).sqrt();
        let first = start / deviation;
        // exp(-42) is below 1e-18 of where it starts.
        let last = (first * first + 84.0).sqrt();
        let density = |z: f64| {
            let off = z * deviation;
            let log = a * ln_1p_minus(off / mean) + b * ln_1p_minus(-off / rest);
            log.exp() / ((1.0 + off / mean) * (1.0 - off / rest))
        };
        let rests = stirling_rest(all) - stirling_rest(a) - stirling_rest(b);
        // The density's factor a b / all / (mean rest) equals `all`, and `deviation` holds its
        // root.
        panels(first, last, density) * rests.exp() / (2.0 * PI).sqrt()
    }
}

/// The integral of a smooth function, by 8 panels of Gauss and Legendre's rule with 10 points.
fn panels(low: f64, high: f64, function: impl Fn(f64) -> f64) -> f64 {
    const PANELS: u32 = 8;
    const HALF_RULE: [(f64, f64); 5] = [
        (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
        (0.433_395_394_129_247_2, 0.269_266_719_309_996_35),
        (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
        (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
        (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
    ];
    let half = (high - low) / f64::from(PANELS) / 2.0;
    let sum: f64 = (0..PANELS)
        .map(|panel| {
            let centre = low + half * (2.0 * f64::from(panel) + 1.0);
            let points = HALF_RULE.iter().map(|(at, weight)| {
                weight * (function(centre + half * at) + function(centre - half * at))
            });
            points.sum::<f64>()
        })
        .sum();
    sum * half
}
