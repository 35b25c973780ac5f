//! Do the error rates hold? Experiments by the thousand, with a fixed seed: red is a fault, not bad
//! luck. Each limit is the level itself, or four standard errors beside it where both sides are
//! asked for.

use fairsplit::results::{
    Analysis, Observations, Plan, Proportion, SampleRatioStatus, Unit, Verdict, chi_square,
    conversions_only, sequential_multinomial, sequential_sample_ratio, z_test,
};

use super::numbers::Numbers;

/// A quarter of them where nothing is optimised.
const RUNS: u32 = if cfg!(debug_assertions) { 500 } else { 2000 };
const LOOKS: u32 = 30;
const USERS_A_LOOK: u64 = 200;

/// How many of the runs with these two rates came to a p-value below 0.05 at any of 30 looks, and
/// to a verdict for the treatment or against it.
fn watched(seed: u64, rates: [f64; 2]) -> (u32, u32) {
    let mut numbers = Numbers(seed);
    let (mut fixed, mut headline) = (0, 0);
    for _ in 0..RUNS {
        let (mut exposed, mut converted) = ([0_u64; 2], [0_u64; 2]);
        let (mut by_fixed, mut by_headline) = (false, false);
        for _ in 0..LOOKS {
            for at in 0..2 {
                exposed[at] += USERS_A_LOOK;
                converted[at] += numbers.binomial(USERS_A_LOOK, rates[at]);
            }
            let [control, treatment] =
                [0, 1].map(|at| Proportion::new(converted[at], exposed[at]).unwrap());
            by_fixed |= z_test(treatment, control).is_some_and(|test| test.p_value < 0.05);
            let observed = Observations::new(Unit::Users)
                .variant("control", 50, exposed[0], converted[0])
                .variant("treatment", 50, exposed[1], converted[1]);
            by_headline |= Analysis::new().results_of(&observed).unwrap().verdict.is_decided();
            if by_fixed && by_headline {
                break;
            }
        }
        fixed += u32::from(by_fixed);
        headline += u32::from(by_headline);
    }
    (fixed, headline)
}

/// The first number shows that the check can fail: what is watched with a test for one look is
/// wrong far too often. The second is the promise.
#[test]
fn watching_errs_often_with_the_fixed_test_and_rarely_with_the_verdict() {
    for (seed, rate) in [(1, 0.10), (2, 0.02)] {
        let (fixed, headline) = watched(seed, [rate, rate]);
        assert!(fixed > RUNS / 5, "at {rate}, the fixed test erred {fixed} times of {RUNS}");
        assert!(headline < RUNS / 20, "at {rate}, the headline erred {headline} times of {RUNS}");
    }
}

#[test]
fn a_planned_effect_is_found_while_watching() {
    // 10 % against 14 %, 6,000 users in each at the end: what a plan asks for, with a power of
    // 0.95.
    let (_, headline) = watched(4, [0.10, 0.14]);
    let planned = Plan::new(0.10, 0.04).unwrap().power(0.95).unwrap().per_variant_watched();
    assert!(planned <= USERS_A_LOOK * u64::from(LOOKS), "{planned}");
    assert!(headline > RUNS * 95 / 100, "found {headline} times of {RUNS}");
}

#[test]
fn at_a_planned_end_the_test_has_its_level_and_the_plan_its_power() {
    let plan = Plan::new(0.10, 0.03).unwrap();
    let users = plan.per_variant();
    for (seed, effect, expected) in [(5, 0.0, 0.05), (6, 0.03, 0.8)] {
        let mut numbers = Numbers(seed);
        let found = (0..RUNS).filter(|_| {
            let control = Proportion::new(numbers.binomial(users, 0.10), users).unwrap();
            let treatment = Proportion::new(numbers.binomial(users, 0.10 + effect), users).unwrap();
            z_test(treatment, control).unwrap().p_value < 0.05
        });
        assert_share(found.count(), expected);
    }
}

#[test]
fn three_treatments_without_an_effect_are_found_as_rarely_as_one() {
    let mut numbers = Numbers(7);
    let (mut holm, mut plain, mut headline) = (0, 0, 0);
    for _ in 0..RUNS {
        let mut observed = Observations::new(Unit::Users);
        for key in ["control", "one", "two", "three"] {
            observed = observed.variant(key, 25, 1000, numbers.binomial(1000, 0.2));
        }
        let results = Analysis::new().results_of(&observed).unwrap();
        let planned = || results.comparisons.iter().map(|one| &one.at_planned_end);
        let small = |p_value: Option<f64>| p_value.is_some_and(|p_value| p_value < 0.05);
        holm += u32::from(planned().any(|one| small(one.adjusted_p_value)));
        plain += u32::from(planned().any(|one| small(one.test.map(|test| test.p_value))));
        headline += u32::from(results.verdict.is_decided());
    }
    assert!(plain > RUNS / 10, "without an adjustment, {plain} times of {RUNS}");
    assert!(holm < RUNS * 55 / 1000, "with Holm's, {holm} times of {RUNS}");
    assert!(headline < RUNS / 20, "the headline, {headline} times of {RUNS}");
}

/// Users come one batch after another, and each batch is looked at. The control is chi-square,
/// which may not be watched: it shows what an alarm by it would do.
#[test]
fn watching_a_sound_split_rarely_alarms() {
    for (seed, looks, batch) in [(80, 30, 200), (81, 300, 20), (82, 3000, 20)] {
        let mut numbers = Numbers(seed);
        let runs = if looks == 3000 { RUNS / 5 } else { RUNS };
        let (mut warnings, mut alarms, mut by_fixed) = (0, 0, 0);
        for _ in 0..runs {
            let mut counts = [(0_u64, 34_u8), (0, 33), (0, 33)];
            let (mut least, mut least_fixed) = (1.0_f64, 1.0_f64);
            for _ in 0..looks {
                let first = numbers.binomial(batch, 0.34);
                let second = numbers.binomial(batch - first, 0.5);
                for (count, more) in counts.iter_mut().zip([first, second, batch - first - second])
                {
                    count.0 += more;
                }
                least = least.min(sequential_sample_ratio(&counts).unwrap());
                let fixed = chi_square(&counts).map_or(1.0, |test| test.p_value);
                least_fixed = least_fixed.min(fixed);
            }
            warnings += u32::from(least < 0.01);
            alarms += u32::from(least < 0.001);
            by_fixed += u32::from(least_fixed < 0.001);
        }
        // At most the level, and three more than that of a thousand, since runs are few.
        assert!(warnings <= runs / 100 + 3, "{warnings} of {runs} at {looks} looks");
        assert!(alarms <= runs / 1000 + 1, "{alarms} of {runs} at {looks} looks");
        assert!(by_fixed > alarms, "{by_fixed} of {runs} at {looks} looks");
        assert!(looks != 300 || by_fixed > runs / 100, "{by_fixed} of {runs} at {looks} looks");
    }
}

/// The status goes by the p-value that may be watched, and by no other.
#[test]
fn a_sample_ratio_that_only_the_fixed_test_rejects_holds() {
    let status = |first, second| {
        let observed =
            Observations::new(Unit::Users).variant("a", 50, first, 0).variant("b", 50, second, 0);
        let sample_ratio = Analysis::new().results_of(&observed).unwrap().sample_ratio;
        (sample_ratio.status, sample_ratio.chi_square.unwrap().p_value < 0.001)
    };
    assert_eq!(status(50_550, 49_450), (SampleRatioStatus::Holds, true));
    assert_eq!(status(600, 400), (SampleRatioStatus::Mismatch, true));
    assert_eq!(status(500, 500), (SampleRatioStatus::Holds, false));
}

#[test]
fn a_split_that_lost_a_twentieth_of_a_variant_is_found() {
    let mut numbers = Numbers(9);
    let found = (0..200).filter(|_| {
        let control = numbers.binomial(80_000, 0.5);
        let treatment = numbers.binomial(80_000 - control, 0.95);
        let observed = Observations::new(Unit::Users)
            .variant("control", 50, control, control / 10)
            .variant("treatment", 50, treatment, treatment / 5);
        let results = Analysis::new().results_of(&observed).unwrap();
        matches!(results.verdict, Verdict::SampleRatioMismatch { .. })
    });
    assert!(found.count() > 190);
}

/// The sequential tests hold at every look, of the split and of conversions.
#[test]
fn the_sequential_multinomial_test_holds_while_it_is_watched() {
    let mut numbers = Numbers(10);
    let (mut sequential, mut fixed) = (0, 0);
    for _ in 0..RUNS {
        let mut counts = [(0, 50), (0, 50)];
        let (mut by_sequential, mut by_fixed) = (false, false);
        for _ in 0..LOOKS {
            let first = numbers.binomial(100, 0.5);
            counts[0].0 += first;
            counts[1].0 += 100 - first;
            // A concentration as low as the number of users: the sharpest that it gets.
            by_sequential |= sequential_multinomial(&counts, 1000.0).unwrap() < 0.05;
            by_fixed |= conversions_only(&counts).unwrap().p_value.unwrap() < 0.05;
        }
        sequential += u32::from(by_sequential);
        fixed += u32::from(by_fixed);
    }
    assert!(fixed > RUNS / 5, "the exact test at every look, {fixed} times of {RUNS}");
    assert!(sequential < RUNS / 20, "the sequential test, {sequential} times of {RUNS}");
}

/// A sample of one user in eight says how many there are, and errs as much as it says.
#[test]
fn totals_of_a_sample_cover_the_truth_at_their_level() {
    let mut numbers = Numbers(11);
    let covered = (0..RUNS).filter(|_| {
        let kept = numbers.binomial(40_000, 1.0 / 8.0);
        let observed = Observations::new(Unit::Users)
            .variant("control", 50, kept, kept / 10)
            .variant("treatment", 50, kept, kept / 10)
            .one_in(8);
        let results = Analysis::new().results_of(&observed).unwrap();
        let total = results.variants[0].total.unwrap();
        (total.exposed - 40_000.0).abs() <= 1.959_964 * total.exposed_error
    });
    assert_share(covered.count(), 0.95);
}

/// And the rates of such a sample, of users that are many more.
#[test]
fn intervals_of_a_sample_cover_the_rate_of_all_at_their_level() {
    let mut numbers = Numbers(12);
    let covered = (0..RUNS).filter(|_| {
        let kept = numbers.binomial(20_000, 0.1);
        let converted = numbers.binomial(kept, 0.07);
        let rate = Proportion::new(converted, kept).unwrap();
        rate.wilson(fairsplit::results::Confidence::default()).contains(0.07)
    });
    assert_share(covered.count(), 0.95);
}

/// Within four standard errors of what is expected of the runs.
#[track_caller]
fn assert_share(found: usize, expected: f64) {
    assert_share_of(u32::try_from(found).unwrap(), RUNS, expected);
}

#[track_caller]
fn assert_share_of(found: u32, runs: u32, expected: f64) {
    let (found, runs) = (f64::from(found), f64::from(runs));
    let error = (expected * (1.0 - expected) / runs).sqrt();
    assert!((found / runs - expected).abs() < 4.0 * error, "{found} of {runs}, not {expected}");
}
