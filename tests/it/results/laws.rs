//! For every count that there can be: figures are finite, in their ranges, and agree with each
//! other.

use fairsplit::results::{
    Analysis, Confidence, ExactTest, Finding, Interval, Observations, Plan, Proportion, Results,
    SampleRatioStatus, Unit, Verdict, bonferroni, chance_to_beat, chi_square, confidence_sequence,
    conversions_only, holm, lift_interval, newcombe, sequential_multinomial, z_test,
};
use proptest::prelude::*;
use serde_json::Value;

/// Every size as likely, and the ends by themselves.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0_u32..64, any::<u64>()).prop_map(|(shift, number)| number >> shift),
        (0_u32..64).prop_map(|bit| 1 << bit),
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
    ]
}

fn proportion() -> impl Strategy<Value = Proportion> {
    (count(), count())
        .prop_map(|(one, other)| Proportion::new(one.min(other), one.max(other).max(1)).unwrap())
}

fn confidence() -> impl Strategy<Value = Confidence> {
    prop_oneof![Just(0.5), Just(0.95), Just(0.999_999), 0.5..0.999_999]
        .prop_map(|level| Confidence::new(level).unwrap())
}

/// Percentages that sum to 100, of 1 to 100 variants.
fn percentages() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![50, 50]),
        Just(vec![100]),
        Just(vec![0, 100]),
        Just(vec![1; 100]),
        proptest::collection::vec(0_u8..=100, 1..8).prop_map(|cuts| {
            let mut cuts: Vec<u8> = cuts.into_iter().chain([0, 100]).collect();
            cuts.sort_unstable();
            cuts.windows(2).map(|pair| pair[1] - pair[0]).collect()
        }),
    ]
}

fn observations() -> impl Strategy<Value = Observations> {
    let variants = percentages().prop_flat_map(|percentages| {
        let length = percentages.len();
        let counts = proptest::collection::vec((count(), count(), any::<bool>()), length);
        (Just(percentages), counts)
    });
    (variants, prop_oneof![Just(1_u64), Just(64), count()]).prop_map(
        |((percentages, counts), one_in)| {
            let mut observed = Observations::new(Unit::Users).one_in(one_in);
            for (at, (percentage, (one, other, is_odd))) in
                percentages.into_iter().zip(counts).enumerate()
            {
                // Some have more converted than exposed.
                let (exposed, converted) =
                    if is_odd { (one, other) } else { (one.max(other), one.min(other)) };
                observed =
                    observed.variant(format!("variant-{at}"), percentage, exposed, converted);
            }
            observed
        },
    )
}

fn is_within(interval: Interval, least: f64, most: f64) -> bool {
    least <= interval.low && interval.low <= interval.high && interval.high <= most
}

/// The name of every figure under which JSON has no number but should: `serde_json` writes NaN and
/// infinities as null, so a figure may be null only where it is an `Option`.
fn nulls(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if field.is_null() {
                    found.push(name.clone());
                }
                nulls(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| nulls(item, found)),
        _ => {}
    }
}

/// Figures that may be absent. None of them is a number that is always there.
const MAY_BE_ABSENT: [&str; 19] = [
    "events",
    "name",
    "run",
    "since",
    "chi_square",
    "sequential_p_value",
    "rate",
    "interval",
    "total",
    "difference",
    "lift",
    "always_valid",
    "exact_p_value",
    "lift_interval",
    "test",
    "adjusted_p_value",
    "chance_to_beat",
    "conversions_only",
    "unserved",
];

fn figures(results: &Results) -> Vec<f64> {
    let mut figures = Vec::new();
    let mut interval = |interval: Option<Interval>| {
        figures.extend(interval.into_iter().flat_map(|interval| [interval.low, interval.high]));
    };
    for variant in &results.variants {
        interval(variant.interval);
    }
    for one in &results.comparisons {
        interval(one.always_valid.map(|found| found.interval));
        interval(one.at_planned_end.interval);
        interval(one.at_planned_end.lift_interval);
    }
    for variant in &results.variants {
        figures.extend(variant.rate);
        figures.extend(variant.total.into_iter().flat_map(|total| {
            [total.exposed, total.exposed_error, total.converted, total.converted_error]
        }));
    }
    for one in &results.comparisons {
        figures.extend(one.difference.into_iter().chain(one.lift).chain(one.chance_to_beat));
        figures.extend(one.always_valid.map(|found| found.p_value));
        figures.extend(one.exact_p_value);
        figures.extend(one.at_planned_end.test.into_iter().flat_map(|test| [test.z, test.p_value]));
        figures.extend(one.at_planned_end.adjusted_p_value);
    }
    let sample_ratio = &results.sample_ratio;
    figures.extend(
        sample_ratio.chi_square.into_iter().flat_map(|test| [test.statistic, test.p_value]),
    );
    figures.extend(sample_ratio.sequential_p_value);
    if let Some(test) = results.conversions_only {
        figures.extend(test.p_value);
        figures.push(test.sequential_p_value);
    }
    figures
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn intervals_are_in_their_ranges_and_hold_the_estimate(
        control in proportion(),
        treatment in proportion(),
        confidence in confidence(),
    ) {
        let wilson = treatment.wilson(confidence);
        prop_assert!(is_within(wilson, 0.0, 1.0), "{wilson:?}");
        // The rate rounds, and so may be a last digit outside.
        let (rate, margin) = (treatment.rate(), 1e-12 * treatment.rate());
        prop_assert!(wilson.low <= rate + margin && rate - margin <= wilson.high, "{wilson:?} {rate}");

        let difference = treatment.rate() - control.rate();
        let newcombe = newcombe(treatment, control, confidence);
        prop_assert!(is_within(newcombe, -1.0, 1.0) && newcombe.contains(difference), "{newcombe:?}");

        if let Some(interval) = lift_interval(treatment, control, confidence) {
            prop_assert!(interval.low.is_finite() && interval.high.is_finite());
            prop_assert!(interval.contains(difference / control.rate()), "{interval:?}");
        }
    }

    #[test]
    fn p_values_and_chances_are_of_0_to_1(control in proportion(), treatment in proportion()) {
        let unit = |p_value: f64| (0.0..=1.0).contains(&p_value);
        if let Some(test) = z_test(treatment, control) {
            prop_assert!(unit(test.p_value) && test.z.is_finite(), "{test:?}");
            let other_way = z_test(control, treatment).unwrap();
            prop_assert!((test.z + other_way.z).abs() <= 1e-9 * test.z.abs());
        }
        let exact = ExactTest::new(30, 70).unwrap().p_value(treatment, control);
        prop_assert!(unit(exact), "{exact}");
        let (ours, theirs) = (chance_to_beat(treatment, control), chance_to_beat(control, treatment));
        prop_assert!(unit(ours) && (ours + theirs - 1.0).abs() < 1e-9, "{ours} {theirs}");
    }

    /// Chances follow the sign of the difference where there is enough to know it.
    #[test]
    fn a_large_difference_of_a_million_users_is_found_by_every_test(exposed in 1_000_000..=u64::MAX, tenths in 1_u64..9) {
        let worse = Proportion::new(exposed / 10 * tenths, exposed).unwrap();
        let better = Proportion::new(exposed / 10 * (tenths + 1), exposed).unwrap();
        prop_assert!(chance_to_beat(better, worse) > 0.999_999);
        prop_assert!(z_test(better, worse).unwrap().p_value < 1e-9);
        let watched = confidence_sequence(better, worse, 0.05, 5000.0).unwrap();
        prop_assert!(watched.interval.low > 0.0 && watched.p_value < 1e-9);
    }

    #[test]
    fn the_always_valid_p_value_is_below_alpha_exactly_when_its_interval_leaves_out_0(
        control in proportion(),
        treatment in proportion(),
        confidence in confidence(),
        tuning in prop_oneof![Just(1.0), Just(5000.0), Just(1.8e19), 1.0..1e6],
    ) {
        let alpha = confidence.alpha();
        if let Some(found) = confidence_sequence(treatment, control, alpha, tuning) {
            prop_assert!(is_within(found.interval, -1.0, 1.0), "{found:?}");
            prop_assert!((0.0..=1.0).contains(&found.p_value));
            let rounding = (found.p_value - alpha).abs() < 1e-9;
            let leaves_out = !found.interval.contains(0.0);
            prop_assert!(rounding || leaves_out == (found.p_value < alpha), "{found:?} {alpha}");
        }
    }

    /// A fixed test may not be weaker than one that has to hold at every look.
    #[test]
    fn a_difference_found_by_the_always_valid_test_is_found_by_the_fixed_one(control in proportion(), treatment in proportion()) {
        let watched = confidence_sequence(treatment, control, 0.05, 5000.0);
        if let (Some(watched), Some(test)) = (watched, z_test(treatment, control))
            && treatment.exposed().min(control.exposed()) >= 1000
            && treatment.converted().min(treatment.not_converted()) >= 100
            && control.converted().min(control.not_converted()) >= 100
            && watched.p_value < 0.05
        {
            prop_assert!(test.p_value < 0.05, "{watched:?} {test:?}");
        }
    }

    #[test]
    fn tests_of_shares_are_finite(
        counts in proptest::collection::vec((count(), 0_u8..=100), 0..100),
        concentration in prop_oneof![Just(1.0), Just(10_000.0), Just(1e15), Just(f64::NAN), Just(0.0)],
    ) {
        if let Some(test) = chi_square(&counts) {
            prop_assert!(test.statistic >= 0.0 && test.statistic.is_finite(), "{test:?}");
            prop_assert!((0.0..=1.0).contains(&test.p_value), "{test:?}");
        }
        if let Some(p_value) = sequential_multinomial(&counts, concentration) {
            prop_assert!((0.0..=1.0).contains(&p_value), "{p_value}");
        }
        if let Some(test) = conversions_only(&counts) {
            prop_assert!(test.p_value.is_none_or(|p_value| (0.0..=1.0).contains(&p_value)), "{test:?}");
        }
    }

    /// Sums of two counts have more bits than either.
    #[test]
    fn equal_counts_of_all_variants_show_no_effect(each in count(), others in 2_usize..=100) {
        prop_assume!(each > 0);
        let test = conversions_only(&[(each, 50), (each, 50)]).unwrap();
        prop_assert_eq!((test.p_value, test.sequential_p_value), (Some(1.0), 1.0));
        let test = conversions_only(&vec![(each, 1); others]).unwrap();
        prop_assert!(test.p_value.is_none_or(|p_value| p_value > 0.999_999), "{test:?}");
    }

    /// The exact test, of every number: symmetric, and close to chi-square where that is good.
    #[test]
    fn the_exact_test_is_symmetric_and_near_chi_square(
        trials in count(),
        deviations in -6.0..6.0_f64,
        percent in 1_u8..=99,
    ) {
        #[expect(clippy::cast_precision_loss, reason = "a count near the mean will do")]
        let mean = trials as f64 * f64::from(percent) / 100.0;
        let spread = (mean * f64::from(100 - percent) / 100.0).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates"
        )]
        let one = ((mean + deviations * spread) as u64).min(trials);
        let counts = [(one, percent), (trials - one, 100 - percent)];
        if let Some(test) = conversions_only(&counts) {
            let p_value = test.p_value.unwrap();
            prop_assert!((0.0..=1.0).contains(&p_value), "{p_value}");
            let mirrored = conversions_only(&[counts[1], counts[0]]).unwrap().p_value.unwrap();
            prop_assert!((p_value - mirrored).abs() < 1e-9, "{p_value} {mirrored}");
            if spread > 1e4 {
                let near = chi_square(&counts).unwrap().p_value;
                // Discrete against continuous: some counts, and some skewness. And at the very
                // mean, what is as likely but for 1e-7.
                let tolerance = 3.0 / spread + 5e-4;
                prop_assert!((p_value - near).abs() < tolerance, "{p_value} {near}");
            }
        }
    }

    #[test]
    fn holm_is_between_the_p_values_and_bonferroni(
        p_values in proptest::collection::vec(0.0..=1.0_f64, 0..20),
    ) {
        let count = u64::try_from(p_values.len()).unwrap();
        let adjusted = holm(&p_values);
        prop_assert_eq!(adjusted.len(), p_values.len());
        for (plain, adjusted) in p_values.iter().zip(adjusted) {
            prop_assert!(*plain <= adjusted && adjusted <= bonferroni(*plain, count));
        }
    }

    #[test]
    fn plans_are_finite_and_watching_takes_more(
        base in 0.0..=1.0_f64,
        effect in prop_oneof![-1.0..=1.0_f64, -1e-8..1e-8, Just(f64::NAN), Just(f64::INFINITY)],
        power in 0.5..=0.999_999_f64,
        confidence in confidence(),
    ) {
        if let Ok(plan) = Plan::new(base, effect) {
            let plan = plan.power(power).unwrap().confidence(confidence);
            prop_assert!(plan.per_variant() >= 1 && plan.per_variant_watched() >= 1);
            // Of large effects the two take different variances.
            if effect.abs() < base.min(1.0 - base) / 4.0 {
                prop_assert!(plan.per_variant_watched() >= plan.per_variant());
            }
        }
    }

    #[test]
    fn results_of_every_count_are_finite_fit_and_agree(observed in observations()) {
        let results = Analysis::new().results_of(&observed).unwrap();
        for figure in figures(&results) {
            prop_assert!(figure.is_finite(), "{results:#?}");
        }
        let mut found = Vec::new();
        nulls(&serde_json::to_value(&results).unwrap(), &mut found);
        for name in found {
            prop_assert!(MAY_BE_ABSENT.contains(&name.as_str()) || name == "p_value", "{name}");
        }

        let is_mismatched = results.sample_ratio.status == SampleRatioStatus::Mismatch;
        prop_assert_eq!(is_mismatched, matches!(results.verdict, Verdict::SampleRatioMismatch { .. }));
        for one in &results.comparisons {
            let decided = matches!(one.finding, Finding::Better | Finding::Worse);
            if decided {
                let found = one.always_valid.unwrap();
                prop_assert!(!found.interval.contains(0.0) && found.p_value < 0.05 + 1e-9);
            }
            prop_assert!(!(is_mismatched && decided));
        }

        for line in results.to_string().lines().chain(results.plot().to_string().lines()) {
            prop_assert!(line.chars().count() <= 80, "{line}");
            prop_assert!(!line.contains("NaN") && !line.contains("inf"), "{line}");
        }
    }
}
