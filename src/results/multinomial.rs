//! Do counts come in the shares that the percentages promise? Chi-square for one look, and the
//! sequential multinomial test for those who watch.

use serde::Serialize;

use crate::assign::allocation::MAX_VARIANTS;

use super::special::{chi_square_tail, entropy, stirling_rest, wide_float};

/// How tightly the sequential test's alternative is drawn around the percentages: what its authors'
/// implementation takes, and so the evidence that is enough at tens of thousands of users.
pub const CONCENTRATION: f64 = 10_000.0;

/// The least that the percentages have to expect of a variant for chi-square to be good (Cochran, 1954).
const LEAST_EXPECTED: i128 = 5;

/// Pearson's chi-square test of counts against percentages. **Valid once**, like every test of one look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChiSquare {
    /// The sum over the variants of the squared distance from what is expected, by what is expected.
    pub statistic: f64,
    /// One less than there are variants with a percentage.
    pub degrees: u32,
    /// The chance of a statistic at least so large, if the counts come in the percentages' shares.
    pub p_value: f64,
}

/// Pearson's chi-square test of counts, each beside its percentage. Variants of 0 % are left out.
///
/// Absent with fewer than two variants, and where one of them can expect less than 5: the
/// approximation is not good there.
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

/// The p-value of the sequential multinomial test (Lindon and Malek, arXiv 2011.03567): 1 by the Bayes
/// factor of shares drawn from a Dirichlet distribution around the percentages, of this concentration,
/// against the percentages; at most 1.
///
/// It may be looked at as often as one likes, and one may stop when one likes: if the percentages hold,
/// it is ever below a level with at most that chance. It is exact at any number. Variants of 0 % are left
/// out. Absent with fewer than two variants, without any count, and for a concentration that is not
/// from 1 to 1e15.
///
/// # Examples
///
/// ```
/// use fairsplit::results::{CONCENTRATION, sequential_multinomial};
///
/// let p_value = sequential_multinomial(&[(44_000, 50), (45_000, 50)], CONCENTRATION);
/// assert_eq!(format!("{:.4}", p_value.expect("both are served")), "0.0202");
/// ```
#[must_use]
pub fn sequential_multinomial(counts: &[(u64, u8)], concentration: f64) -> Option<f64> {
    if !(1.0..=1e15).contains(&concentration) {
        return None;
    }
    let cells = Cells::new(counts)?;
    if cells.total == 0 {
        return None;
    }
    // The Bayes factor is a ratio of gamma functions. Written out by Stirling's formula, its large
    // terms become the relative entropy of the shares, which is a sum of terms of at least 0.
    let total = wide_float(cells.total);
    let all = concentration + total;
    let mut log =
        (all / concentration).ln() / 2.0 + stirling_rest(concentration) - stirling_rest(all);
    for (expected, off, share) in cells.each() {
        let before = concentration * share;
        let after = before + expected + off;
        let mean = all * share;
        log += mean * entropy(off / mean) - (after / before).ln() / 2.0 + stirling_rest(after)
            - stirling_rest(before);
    }
    Some((-log).exp().min(1.0))
}

/// Counts of the variants with a percentage. Sums of at most 100 counts, so products with a hundred stay
/// far from the ends of the type.
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
    /// `None` if fewer than two have a percentage, or more than an experiment can have.
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

    /// What is expected, how far off the count is, and the share. The distance is taken in whole numbers,
    /// where nothing is lost.
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
