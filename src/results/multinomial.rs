//! Tests of counts against the shares of their percentages: chi-square for one look, and the
//! sequential multinomial test for every look.

use serde::Serialize;

use crate::assign::allocation::MAX_VARIANTS;

use super::special::{chi_square_tail, entropy, log_mean_exp, stirling_rest, wide_float};

/// The concentrations that [`sequential_sample_ratio`] averages over: how tightly each alternative
/// is drawn around the percentages. A loose one finds a large deviation among tens of users, a
/// tight one a small deviation among hundreds of thousands.
pub const CONCENTRATIONS: [f64; 5] = [1e1, 1e2, 1e3, 1e4, 1e5];

/// The smallest expected count of a variant for which chi-square is accurate (Cochran, 1954).
const LEAST_EXPECTED: i128 = 5;

/// Pearson's chi-square test of counts against percentages. **Valid once**, at a planned look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChiSquare {
    /// The sum over the variants of the squared distance from the expected count, divided by that
    /// count.
    pub statistic: f64,
    /// Degrees of freedom: the number of variants above 0 %, less 1.
    pub degrees: u32,
    /// The chance of a statistic at least as large, if the counts have the percentages' shares.
    pub p_value: f64,
}

/// Pearson's chi-square test of counts, each given with its percentage. Variants of 0 % are left
/// out.
///
/// Absent with fewer than two variants, and where one of them can expect less than 5: the
/// approximation is not accurate there.
///
/// # Examples
///
/// ```
/// use fairsplit::results::chi_square;
///
/// let test = chi_square(&[(44_700, 50), (45_489, 50)]).expect("there are enough of both");
/// assert_eq!(format!("{:.4}", test.p_value), "0.0086");
/// ```
#[must_use]
pub fn chi_square(counts: &[(u64, u8)]) -> Option<ChiSquare> {
    let cells = Cells::new(counts)?;
    let least = cells.of.iter().map(|cell| cell.percent).min()?;
    let needed = LEAST_EXPECTED.saturating_mul(cells.percents);
    if cells.total.saturating_mul(least) < needed {
        return None;
    }
    let statistic = cells.each().map(|(expected, off, _)| off * off / expected).sum();
    let degrees = u32::try_from(cells.of.len()).unwrap_or(u32::MAX).saturating_sub(1);
    Some(ChiSquare { statistic, degrees, p_value: chi_square_tail(statistic, degrees) })
}

/// The p-value of the sequential multinomial test (Lindon and Malek, arXiv 2011.03567): 1 divided
/// by the Bayes factor, at most 1. The factor compares shares that are drawn from a Dirichlet
/// distribution of this concentration around the percentages with the percentages themselves.
///
/// Look as often as you like, and stop when you like: if the percentages hold, the chance that it
/// ever falls below a level is at most that level. It is exact for any number of users. Variants of
/// 0 % are left out. Absent with fewer than two variants, without any count, and for a
/// concentration that is not from 1 to 1e15.
///
/// # Examples
///
/// ```
/// use fairsplit::results::sequential_multinomial;
///
/// let p_value = sequential_multinomial(&[(44_000, 50), (45_000, 50)], 10_000.0);
/// assert_eq!(format!("{:.4}", p_value.expect("both are served")), "0.0202");
/// ```
#[must_use]
pub fn sequential_multinomial(counts: &[(u64, u8)], concentration: f64) -> Option<f64> {
    if !(1.0..=1e15).contains(&concentration) {
        return None;
    }
    let cells = Cells::counted(counts)?;
    Some((-cells.log_bayes_factor(concentration)).exp().min(1.0))
}

/// The p-value of the sequential multinomial test over all [`CONCENTRATIONS`]: 1 divided by the
/// mean of the Bayes factors, at most 1.
///
/// A mean of Bayes factors is itself a Bayes factor, so this p-value may be watched as
/// [`sequential_multinomial`] may. At 50 : 50, 600 against 400 users give 0.17 with the one
/// concentration 10,000, and 7e-8 with the mean. Variants of 0 % are left out. Absent with fewer
/// than two variants, and without any count.
///
/// # Examples
///
/// ```
/// use fairsplit::results::sequential_sample_ratio;
///
/// let p_value = sequential_sample_ratio(&[(600, 50), (400, 50)]).expect("both are served");
/// assert_eq!(format!("{p_value:.1e}"), "7.0e-8");
/// ```
#[must_use]
pub fn sequential_sample_ratio(counts: &[(u64, u8)]) -> Option<f64> {
    let cells = Cells::counted(counts)?;
    let logs = CONCENTRATIONS.map(|concentration| cells.log_bayes_factor(concentration));
    Some((-log_mean_exp(&logs)).exp().min(1.0))
}

/// Counts of the variants above 0 %. They are at most 100, so that products with their sum stay far
/// from the ends of the type.
struct Cells {
    of: Vec<Cell>,
    total: i128,
    percents: i128,
}

struct Cell {
    count: i128,
    percent: i128,
}

impl Cells {
    /// `None` if fewer than two variants are above 0 %, or more than an experiment can have.
    fn new(counts: &[(u64, u8)]) -> Option<Cells> {
        let of: Vec<Cell> = counts
            .iter()
            .filter(|(_, percent)| *percent > 0)
            .map(|(count, percent)| Cell {
                count: i128::from(*count),
                percent: i128::from(*percent),
            })
            .collect();
        let total = of.iter().map(|cell| cell.count).sum();
        let percents = of.iter().map(|cell| cell.percent).sum();
        (2..=MAX_VARIANTS).contains(&of.len()).then_some(Cells { of, total, percents })
    }

    /// As [`Cells::new`], and `None` if nothing was counted.
    fn counted(counts: &[(u64, u8)]) -> Option<Cells> {
        Cells::new(counts).filter(|cells| cells.total > 0)
    }

    /// The logarithm of the Bayes factor of shares from a Dirichlet distribution around the
    /// percentages against the percentages.
    ///
    /// The factor is a ratio of gamma functions. Written out by Stirling's formula, its large terms
    /// become the relative entropy of the shares, a sum of terms of at least 0.
    fn log_bayes_factor(&self, concentration: f64) -> f64 {
        let all = concentration + wide_float(self.total);
        let mut log =
            (all / concentration).ln() / 2.0 + stirling_rest(concentration) - stirling_rest(all);
        for (expected, off, share) in self.each() {
            let before = concentration * share;
            let after = before + expected + off;
            let mean = all * share;
            log += mean * entropy(off / mean) - (after / before).ln() / 2.0 + stirling_rest(after)
                - stirling_rest(before);
        }
        log
    }

    /// Of each variant: the expected count, how far off the count is, and the share. The distance
    /// is computed in integers, without rounding.
    fn each(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let percents = wide_float(self.percents);
        self.of.iter().map(move |cell| {
            let expected = self.total.saturating_mul(cell.percent);
            let off = cell.count.saturating_mul(self.percents).saturating_sub(expected);
            let share = wide_float(cell.percent) / percents;
            (wide_float(expected) / percents, wide_float(off) / percents, share)
        })
    }
}
