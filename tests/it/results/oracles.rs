//! The figures of statsmodels, scipy, gbstats, ssrm-test and mpmath:
//! `tests/data/results-vectors.py` made them, and says with which versions.

use fairsplit::results::{
    Confidence, ExactTest, Plan, Proportion, chance_to_beat, chi_square, confidence_sequence,
    conversions_only, difference, holm, lift, lift_interval, newcombe, sequential_multinomial,
    sequential_sample_ratio, z_test,
};
use serde::Deserialize;

const VECTORS: &str = include_str!("../../data/results-v1.json");

#[derive(Deserialize)]
struct Vectors {
    wilson: Vec<Wilson>,
    pairs: Vec<Pair>,
    chances: Vec<Bet>,
    splits: Vec<Counted>,
    binomials: Vec<Binomial>,
    mixtures: Vec<Mixture>,
    holm: Vec<Holm>,
    plans: Vec<Planned>,
}

#[derive(Deserialize)]
struct Wilson {
    exposed: u64,
    converted: u64,
    confidence: f64,
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct Pair {
    control: [u64; 2],
    treatment: [u64; 2],
    confidence: f64,
    tuning: f64,
    newcombe: [f64; 2],
    z: f64,
    p_value: f64,
    lift: Option<f64>,
    lift_interval: Option<[f64; 2]>,
    sequence: [f64; 2],
    sequential_p_value: f64,
}

#[derive(Deserialize)]
struct Bet {
    control: [u64; 2],
    treatment: [u64; 2],
    chance: f64,
}

#[derive(Deserialize)]
struct Counted {
    counts: Vec<u64>,
    percentages: Vec<u8>,
    statistic: Option<f64>,
    p_value: Option<f64>,
    sequential: Vec<Sequential>,
    sequential_mean: f64,
}

#[derive(Deserialize)]
struct Sequential {
    concentration: f64,
    p_value: f64,
}

#[derive(Deserialize)]
struct Binomial {
    counts: [u64; 2],
    percentage: u8,
    p_value: f64,
}

#[derive(Deserialize)]
struct Mixture {
    control: [u64; 2],
    treatment: [u64; 2],
    percentages: [u8; 2],
    p_value: f64,
}

#[derive(Deserialize)]
struct Holm {
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Planned {
    base: f64,
    effect: f64,
    power: f64,
    confidence: f64,
    per_variant: f64,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

/// Within 1e-9 of the figure, and of p-values that are small within 1e-9 of themselves. `rounding`
/// is what the other side has lost before its figure came to be.
#[track_caller]
fn assert_near(ours: f64, theirs: f64, rounding: f64) {
    let off = (ours - theirs).abs();
    assert!(off <= 1e-9 * theirs.abs() + rounding, "{ours:e} is not {theirs:e}, but {off:e} off");
}

#[track_caller]
fn assert_interval(ours: fairsplit::results::Interval, theirs: [f64; 2]) {
    assert_near(ours.low, theirs[0], 1e-14);
    assert_near(ours.high, theirs[1], 1e-14);
}

fn proportion([exposed, converted]: [u64; 2]) -> Proportion {
    Proportion::new(converted, exposed).unwrap()
}

#[test]
fn wilson_is_that_of_statsmodels() {
    for case in vectors().wilson {
        let confidence = Confidence::new(case.confidence).unwrap();
        let ours = proportion([case.exposed, case.converted]).wilson(confidence);
        assert_interval(ours, case.interval);
    }
}

#[test]
fn newcombe_and_the_z_test_are_those_of_statsmodels() {
    for case in vectors().pairs {
        let (control, treatment) = (proportion(case.control), proportion(case.treatment));
        let confidence = Confidence::new(case.confidence).unwrap();
        assert_interval(newcombe(treatment, control, confidence), case.newcombe);
        let test = z_test(treatment, control).unwrap();
        assert_near(test.z, case.z, 1e-12);
        // The p-value has z's rounding many times over where it is small.
        assert_near(test.p_value, case.p_value, 1e-14);
    }
}

#[test]
fn the_lift_has_the_variance_of_gbstats() {
    for case in vectors().pairs {
        let (control, treatment) = (proportion(case.control), proportion(case.treatment));
        let confidence = Confidence::new(case.confidence).unwrap();
        let ours = lift(treatment, control);
        assert_eq!(ours.is_some(), case.lift.is_some());
        if let (Some(ours), Some(theirs)) = (ours, case.lift) {
            assert_near(ours, theirs, 1e-15);
        }
        let ours = lift_interval(treatment, control, confidence);
        assert_eq!(ours.is_some(), case.lift_interval.is_some());
        if let (Some(ours), Some(theirs)) = (ours, case.lift_interval) {
            assert_interval(ours, theirs);
        }
    }
}

#[test]
fn the_confidence_sequence_is_that_of_gbstats() {
    for case in vectors().pairs {
        let (control, treatment) = (proportion(case.control), proportion(case.treatment));
        let alpha = Confidence::new(case.confidence).unwrap().alpha();
        let ours = confidence_sequence(treatment, control, alpha, case.tuning).unwrap();
        assert_interval(ours.interval, case.sequence);
        assert_near(ours.p_value, case.sequential_p_value, 1e-14);
    }
}

#[test]
fn the_chance_to_beat_is_that_of_mpmath() {
    for case in vectors().chances {
        let (control, treatment) = (proportion(case.control), proportion(case.treatment));
        let ours = chance_to_beat(treatment, control);
        assert!((ours - case.chance).abs() < 1e-9, "{ours} is not {}", case.chance);
        let other_way = chance_to_beat(control, treatment);
        assert!((ours + other_way - 1.0).abs() < 1e-12, "{ours} and {other_way}");
    }
}

#[test]
fn the_tests_of_the_split_are_those_of_scipy_and_ssrm_test() {
    for case in vectors().splits {
        let counts: Vec<(u64, u8)> =
            case.counts.iter().copied().zip(case.percentages.iter().copied()).collect();
        let ours = chi_square(&counts);
        assert_eq!(ours.is_some(), case.p_value.is_some(), "{counts:?}");
        if let (Some(ours), Some(statistic), Some(p_value)) = (ours, case.statistic, case.p_value) {
            assert_near(ours.statistic, statistic, 1e-12);
            assert_near(ours.p_value, p_value, 1e-14);
        }
        let mean = sequential_sample_ratio(&counts).unwrap();
        assert_near(mean, case.sequential_mean, 1e-9 * case.sequential_mean);
        for sequential in case.sequential {
            let ours = sequential_multinomial(&counts, sequential.concentration).unwrap();
            // Their gamma functions are of the size of the counts, and lose as many digits.
            let total: u64 = case.counts.iter().sum();
            let rounding = if total > 1_000_000 { 1e-6 } else { 1e-9 };
            assert_near(ours, sequential.p_value, rounding * sequential.p_value);
        }
    }
}

#[test]
fn the_exact_binomial_test_is_that_of_scipy() {
    for case in vectors().binomials {
        let rest = 100 - case.percentage;
        let ours =
            conversions_only(&[(case.counts[0], case.percentage), (case.counts[1], rest)]).unwrap();
        assert_near(ours.p_value.unwrap(), case.p_value, 1e-14);
    }
}

#[test]
fn the_exact_test_is_that_of_mpmath() {
    for case in vectors().mixtures {
        let [control, treatment] = case.percentages;
        let test = ExactTest::new(treatment, control).unwrap();
        let ours = test.p_value(proportion(case.treatment), proportion(case.control));
        // Of 10^8 users each term is a difference of numbers as large as that.
        let users = case.control[0].max(case.treatment[0]);
        let rounding = if users > 1_000_000 { 1e-7 } else { 1e-9 };
        assert_near(ours, case.p_value, rounding * case.p_value);
    }
    assert!(ExactTest::new(0, 50).is_none() && ExactTest::new(50, 101).is_none());
}

#[test]
fn holm_is_that_of_statsmodels() {
    for case in vectors().holm {
        for (ours, theirs) in holm(&case.p_values).into_iter().zip(case.adjusted) {
            assert_near(ours, theirs, 1e-15);
        }
    }
}

#[test]
fn sample_sizes_are_those_of_statsmodels() {
    for case in vectors().plans {
        let confidence = Confidence::new(case.confidence).unwrap();
        let plan = Plan::new(case.base, case.effect).unwrap().power(case.power).unwrap();
        let ours = plan.confidence(confidence).per_variant();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let (ours, exact) = (ours as f64, case.per_variant);
        assert!((ours - exact.ceil()).abs() < 0.5, "{ours} for {exact}");
    }
}

/// Figures that people know, word for word.
#[test]
fn well_known_figures_are_hit_to_nine_decimals() {
    let (control, treatment) = (proportion([1000, 142]), proportion([1000, 187]));
    let confidence = Confidence::default();
    let near = |ours: f64, theirs: f64| {
        assert!((ours - theirs).abs() < 1e-9, "{ours} is not {theirs}");
    };
    let both = |ours: fairsplit::results::Interval, theirs: (f64, f64)| {
        near(ours.low, theirs.0);
        near(ours.high, theirs.1);
    };
    both(control.wilson(confidence), (0.121_734_042, 0.165_005_917));
    both(treatment.wilson(confidence), (0.164_047_815, 0.212_347_736));
    near(difference(treatment, control), 0.045);
    both(newcombe(treatment, control, confidence), (0.012_502_692, 0.077_453_301));
    near(z_test(treatment, control).unwrap().z, 2.714_196_822);
    near(z_test(treatment, control).unwrap().p_value, 0.006_643_668);
    near(lift(treatment, control).unwrap(), 0.316_901_408);
    both(lift_interval(treatment, control, confidence).unwrap(), (0.053_810_445, 0.579_992_372));
    let watched = confidence_sequence(treatment, control, confidence.alpha(), 5000.0).unwrap();
    both(watched.interval, (-0.006_695_194, 0.096_695_194));
    near(chance_to_beat(treatment, control), 0.996_673_159);
    near(conversions_only(&[(142, 50), (187, 50)]).unwrap().p_value.unwrap(), 0.015_148_141);

    // Cookie Cats, 7-day retention: the gate at level 30, and at level 40.
    let (thirty, forty) = (proportion([44_700, 8502]), proportion([45_489, 8279]));
    near(z_test(forty, thirty).unwrap().p_value, 0.001_554_250);
    near(chi_square(&[(44_700, 50), (45_489, 50)]).unwrap().p_value, 0.008_607_988);
    let watched = confidence_sequence(forty, thirty, 0.05, 5000.0).unwrap();
    assert!((watched.p_value - 0.083).abs() < 0.001, "{}", watched.p_value);

    near(sequential_multinomial(&[(44_000, 50), (45_000, 50)], 10_000.0).unwrap(), 0.020_154_008);
}

/// Of 600 : 400 chi-square at one look says 2.5e-10, and the one concentration of 10,000 only 0.17.
#[test]
fn a_sample_ratio_of_few_users_is_found() {
    let p_value = |counts: &[(u64, u8)]| sequential_sample_ratio(counts).unwrap();
    for (counts, expected) in [
        ([(600, 50), (400, 50)], 7e-8),
        ([(1200, 50), (800, 50)], 2e-16),
        ([(450, 80), (50, 20)], 4e-7),
    ] {
        let found = p_value(&counts);
        assert!((0.5..2.0).contains(&(found / expected)), "{found:e} is not {expected:e}");
    }
    let alone = sequential_multinomial(&[(600, 50), (400, 50)], 10_000.0).unwrap();
    assert!((alone - 0.17).abs() < 0.01, "{alone}");
}
