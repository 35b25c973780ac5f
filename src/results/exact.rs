//! The test that is exact at every look and for any number of users: the mixture martingale of two
//! rates.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::proportion::Proportion;
use super::special::float;

/// An exact test of no difference between two rates that holds at every look, from the first user
/// on.
///
/// The configured split is known. So, without a difference, a user's variant given the outcome is a
/// coin with that split, whatever the base rate is. The ratio of the likelihood of the variants
/// under a difference to that under the coin is then a martingale that begins at 1, and so is a
/// mixture of such ratios. By Ville's inequality it ever exceeds 1 / alpha with a chance of at most
/// alpha.
///
/// With `w` the treatment's share among the two, an odds ratio exp(`d`) and a base `l`,
/// `p1 = expit(l + (1 - w) d)`, `p0 = expit(l - w d)` and `p = w p1 + (1 - w) p0`; with `x`
/// converted of `n` users,
///
/// ```text
/// E = sum over d, l of prior(d, l) (p1/p)^x1 ((1-p1)/(1-p))^(n1-x1) (p0/p)^x0 ((1-p0)/(1-p))^(n0-x0)
/// ```
///
/// and the p-value is 1 / E, at most 1. The prior of `d` is normal with a deviation of 0.2, at 81
/// points from -2 to 2 that are dense around 0 (`2 sinh(k / 8) / sinh 5`), so that a lift of one
/// percent of millions of users is seen (below half of the smallest, 0.0034, no lift ever is); that
/// of `l` is even over 65 points from -8 to 8. Any prior gives an exact test.
///
/// # Cost
///
/// Making a test takes a few hundred microseconds and 200 KiB. A p-value takes about ten
/// microseconds, whatever the counts.
///
/// # What it assumes
///
/// It assumes that users are split **exactly** as configured: a broken split counts as evidence
/// too, often before the [sample ratio](super::SampleRatio) raises its alarm, which is why no
/// verdict rests on this test. It assumes that the outcome is known when the user is exposed: with
/// later conversions it is no longer exact, though it stayed below its level in every simulation.
/// And it assumes that each user is counted once.
///
/// # Examples
///
/// ```
/// use fairsplit::results::{ExactTest, Proportion};
///
/// let test = ExactTest::new(50, 50).expect("both are served");
/// let (control, treatment) = (Proportion::new(1420, 10_000)?, Proportion::new(1610, 10_000)?);
/// assert!(test.p_value(treatment, control) < 0.05);
/// // Of a variant that hardly varies yet, too.
/// let uneven = ExactTest::new(1, 99).expect("both are served");
/// let (control, treatment) = (Proportion::new(28, 12_366)?, Proportion::new(0, 134)?);
/// assert_eq!(uneven.p_value(treatment, control), 1.0);
/// # Ok::<(), fairsplit::results::ProportionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExactTest {
    percentages: [u8; 2],
    terms: Box<[Term]>,
}

/// The term of one odds ratio and one base, in logarithms.
#[derive(Clone, Copy, Debug)]
struct Term {
    prior: f64,
    /// What each user adds: converted and not in the treatment; converted and not in the control.
    ratios: [f64; 4],
}

/// The number of odds ratios to either side of 1.
const ODDS_RATIOS: i32 = 40;
/// The number of bases to either side of a rate of one half.
const BASES: i32 = 32;
/// The deviation of the logarithm of the odds ratio.
const DEVIATION: f64 = 0.2;
/// Terms below the largest by more than this exponent do not change a sum of floats.
const NEGLIGIBLE: f64 = 45.0;

impl ExactTest {
    /// A test for two variants that are served to these percentages of all users; nothing is
    /// assumed about other variants. `None` unless both are from 1 to 100.
    #[must_use]
    pub fn new(treatment: u8, control: u8) -> Option<ExactTest> {
        let served = 1..=100;
        if !served.contains(&treatment) || !served.contains(&control) {
            return None;
        }
        let share = f64::from(treatment) / (f64::from(treatment) + f64::from(control));
        let odds_ratios = (-ODDS_RATIOS..=ODDS_RATIOS).map(|at| {
            // Points whose step grows with the distance from 0, each weighted by its step.
            let at = f64::from(at) / 8.0;
            let log_ratio = 2.0 * at.sinh() / 5_f64.sinh();
            let scaled = log_ratio / DEVIATION;
            (log_ratio, (-scaled * scaled / 2.0).exp() * at.cosh())
        });
        let all: f64 = odds_ratios.clone().map(|(_, weight)| weight).sum();
        let bases = || (-BASES..=BASES).map(|at| f64::from(at) / 4.0);
        let number = f64::from(2 * BASES + 1);
        let terms = odds_ratios.flat_map(|(log_ratio, weight)| {
            let prior = (weight / all / number).ln();
            bases().map(move |base| Term { prior, ratios: ratios(log_ratio, base, share) })
        });
        Some(ExactTest { percentages: [treatment, control], terms: terms.collect() })
    }

    /// The test for these percentages: one of the last few that were made, if it is among them.
    /// Making a test takes ten times as long as a p-value (`cargo bench --bench results`), and
    /// there are few splits.
    pub(super) fn shared(treatment: u8, control: u8) -> Option<Arc<ExactTest>> {
        /// As many as an experiment of ten uneven variants needs; 3 MB of them.
        const KEPT: usize = 16;
        static LAST: ArcSwapOption<Vec<Arc<ExactTest>>> = ArcSwapOption::const_empty();
        let last = LAST.load();
        let mut known = last.iter().flat_map(|last| last.iter());
        if let Some(known) = known.find(|known| known.percentages == [treatment, control]) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(ExactTest::new(treatment, control)?);
        let others = last.iter().flat_map(|last| last.iter());
        let all = [&made].into_iter().chain(others).take(KEPT).cloned();
        LAST.store(Some(Arc::new(all.collect())));
        Some(made)
    }

    /// The p-value of no difference, from 0 to 1. Valid at every look, and exact for every number
    /// of users.
    #[must_use]
    pub fn p_value(&self, treatment: Proportion, control: Proportion) -> f64 {
        let counts = [
            treatment.converted(),
            treatment.not_converted(),
            control.converted(),
            control.not_converted(),
        ];
        (-self.log_evidence(counts.map(float))).exp().min(1.0)
    }

    /// The logarithm of the mixture, summed in one pass.
    fn log_evidence(&self, counts: [f64; 4]) -> f64 {
        let (mut most, mut sum) = (f64::NEG_INFINITY, 0.0);
        for term in &self.terms {
            let of_users = term.ratios.iter().zip(&counts).map(|(ratio, count)| ratio * count);
            let log = term.prior + of_users.sum::<f64>();
            if log > most {
                sum = sum * (most - log).exp() + 1.0;
                most = log;
            } else if log > most - NEGLIGIBLE {
                sum += (log - most).exp();
            }
        }
        most + sum.ln()
    }
}

/// The logarithms of `p1 / p`, `(1 - p1) / (1 - p)`, `p0 / p` and `(1 - p0) / (1 - p)`.
///
/// All four are near 1 where the odds ratio is near 1. So they are computed from the distance to 1,
/// which keeps its digits: `p1 - p = (1 - w)(p1 - p0)`, and
/// `p1 - p0 = sinh(d / 2) / (2 cosh(.) cosh(.))`.
fn ratios(log_ratio: f64, base: f64, share: f64) -> [f64; 4] {
    let rest = 1.0 - share;
    let (ours, theirs) = (base + rest * log_ratio, base - share * log_ratio);
    let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
    let pooled = share * expit(ours) + rest * expit(theirs);
    let others = share * expit(-ours) + rest * expit(-theirs);
    let difference = (log_ratio / 2.0).sinh() / (2.0 * (ours / 2.0).cosh() * (theirs / 2.0).cosh());
    [
        (rest * difference / pooled).ln_1p(),
        (-rest * difference / others).ln_1p(),
        (-share * difference / pooled).ln_1p(),
        (share * difference / others).ln_1p(),
    ]
}
