//! For every value that there can be: figures are finite or absent, depend on no order, and agree
//! with each other.

use fairsplit::results::means::{
    Better, Cap, Capped, Comparison, Guardrail, GuardrailStatus, Moments, Plan, Sample,
    confidence_sequence, difference, z_test,
};
use fairsplit::results::{Analysis, Confidence, Finding, Interval};
use proptest::prelude::*;

const LARGEST: i64 = 1 << 53;

/// Values of every size, and the ends by themselves.
fn value() -> impl Strategy<Value = i64> {
    let any_size = (0_u32..54, -LARGEST..=LARGEST).prop_map(|(shift, value)| value >> shift);
    prop_oneof![4 => any_size, 1 => Just(0), 1 => Just(LARGEST), 1 => Just(-LARGEST)]
}

/// Values, and how many users have each: up to 2^19 in all, and any number of users with 0.
fn extremes() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let zeros = prop_oneof![Just(0), 0_u64..2000, Just(u64::MAX - (1 << 22)), Just(1 << 40)];
    let some = proptest::collection::vec((value(), (0_u32..16).prop_map(|bit| 1 << bit)), 0..8);
    (some, zeros).prop_map(|(mut values, zeros)| {
        values.push((0, zeros));
        values
    })
}

/// Values of a size, so that comparisons come to findings.
fn ordinary() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let value = prop_oneof![0_i64..10, 0_i64..2000, -100_i64..100];
    proptest::collection::vec((value, 1_u64..400), 2..12)
}

fn users() -> impl Strategy<Value = Vec<(i64, u64)>> {
    prop_oneof![extremes(), ordinary()]
}

fn sample(values: &[(i64, u64)]) -> Sample {
    Sample::of(values.iter().copied()).unwrap()
}

/// Every figure of a comparison, in an order of its own.
fn figures(found: &Comparison) -> Vec<f64> {
    let interval = |of: Option<Interval>| of.map_or([None; 2], |of| [Some(of.low), Some(of.high)]);
    let planned = &found.at_planned_end;
    let all = [
        found.difference,
        found.lift,
        found.always_valid.map(|found| found.p_value),
        planned.test.map(|test| test.z),
        planned.test.map(|test| test.p_value),
        found.treatment.mean,
        found.treatment.deviation,
        Some(found.treatment.effective_users),
        Some(found.treatment.effective_needed),
        found.control.mean,
        found.control.deviation,
        Some(found.control.effective_users),
        Some(found.control.effective_needed),
    ];
    let intervals = [
        found.always_valid.map(|found| found.interval),
        planned.interval,
        planned.lift_interval,
        found.treatment.interval,
        found.control.interval,
    ];
    all.into_iter().chain(intervals.into_iter().flat_map(interval)).flatten().collect()
}

fn is_near(ours: Option<f64>, theirs: Option<f64>, factor: f64) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            (ours * factor - theirs).abs() <= 1e-11 * theirs.abs() + 1e-200
        }
        (None, None) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_figure_is_finite_or_absent_and_intervals_hold_the_estimate(
        treatment in users(),
        control in users(),
        minimum in prop_oneof![Just(0_u64), Just(50)],
        tuning in prop_oneof![Just(1), Just(5000), Just(u64::MAX)],
        margin in 0.0..=1.0_f64,
    ) {
        let (ours, theirs) = (sample(&treatment), sample(&control));
        let analysis = Analysis::new().minimum(minimum, 0).minimum_effective(minimum).tuning(tuning);
        let found = analysis.compare_means(&ours, &theirs, Better::Higher);
        for figure in figures(&found) {
            prop_assert!(figure.is_finite(), "{found:#?}");
        }
        prop_assert_eq!(found.always_valid.is_none(), found.lacking.is_some());
        for interval in [found.always_valid.map(|found| found.interval), found.at_planned_end.interval] {
            prop_assert!(interval.is_none_or(|of| of.contains(found.difference.unwrap())), "{found:#?}");
        }
        if let Some(interval) = found.at_planned_end.lift_interval {
            prop_assert!(interval.contains(found.lift.unwrap()), "{found:#?}");
        }
        let p_values = [
            found.always_valid.map(|found| found.p_value),
            found.at_planned_end.test.map(|test| test.p_value),
        ];
        prop_assert!(p_values.into_iter().flatten().all(|p_value| (0.0..=1.0).contains(&p_value)));
        for of in [found.treatment, found.control] {
            #[expect(clippy::cast_precision_loss, reason = "a bound")]
            let quarter = of.users as f64 / 4.0;
            prop_assert!((0.0..=quarter * (1.0 + 1e-12)).contains(&of.effective_users), "{of:?}");
        }
        for better in [Better::Higher, Better::Lower] {
            let guardrail = Guardrail::new(better, margin).unwrap();
            let found = analysis.guard_mean(&ours, &theirs, guardrail);
            let all = [found.always_valid, found.difference];
            let p_values = all.iter().flatten().map(|found| found.p_value);
            let ends = all.iter().flatten().flat_map(|of| [of.interval.low, of.interval.high]);
            for figure in ends.chain(p_values).chain(found.contrast) {
                prop_assert!(figure.is_finite(), "{found:#?}");
            }
            prop_assert!(found.lacking.is_none() || found.status == GuardrailStatus::Open);
        }
    }

    #[test]
    fn no_order_split_or_merge_changes_a_bit(
        values in users(),
        seed in any::<u64>(),
        cut in 0_usize..8,
    ) {
        let whole = sample(&values);
        let mut shuffled = values.clone();
        shuffled.rotate_left(usize::try_from(seed % 7).unwrap() % values.len());
        if seed % 2 == 0 {
            shuffled.reverse();
        }
        // A user at a time where they are few, and each number of users in two parts.
        let parts: Vec<(i64, u64)> = shuffled.iter().flat_map(|(value, users)| {
            let part = users / (seed % 5 + 2);
            [(*value, part), (*value, users - part)]
        }).collect();
        prop_assert_eq!(sample(&parts), whole);
        prop_assert_eq!(sample(&parts).effective_users().to_bits(), whole.effective_users().to_bits());

        let (left, right) = parts.split_at(cut.min(parts.len()));
        let mut merged = Moments::new();
        for part in [right, left] {
            merged.merge(sample(part).moments()).unwrap();
        }
        prop_assert_eq!(merged, whole.moments());
        let again = Moments::of_sums(merged.users(), merged.sum(), merged.squares());
        prop_assert_eq!(again, Ok(merged));
    }

    /// Against sums of exact differences.
    #[test]
    fn the_variance_and_the_effective_users_are_those_of_the_definition(
        values in ordinary(),
        offset in prop_oneof![Just(0), Just(1_000_000_000_i64), Just(-LARGEST / 2)],
    ) {
        let moved: Vec<(i64, u64)> =
            values.iter().map(|(value, users)| (value + offset, *users)).collect();
        let ours = sample(&moved);
        // Times the number of users, the distances from the mean are integers.
        let users: i128 = values.iter().map(|(_, users)| i128::from(*users)).sum();
        let sum: i128 = values.iter().map(|(value, users)| i128::from(*value) * i128::from(*users)).sum();
        let distances = values.iter().map(|(value, times)| {
            ((i128::from(*value) * users - sum).abs(), i128::from(*times))
        });
        let first: i128 = distances.clone().map(|(distance, times)| distance * times).sum();
        let second: i128 = distances.map(|(distance, times)| distance * distance * times).sum();
        #[expect(clippy::cast_precision_loss, reason = "a comparison to 1e-12")]
        let (users, first, second) = (users as f64, first as f64, second as f64);
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-12 * theirs;
        let variance = second / users / users / (users - 1.0);
        prop_assert!(near(ours.moments().variance().unwrap(), variance), "{ours:?} {variance}");
        let effective = if second > 0.0 { first * first / second / 4.0 } else { 0.0 };
        prop_assert!(near(ours.effective_users(), effective), "{ours:?} {effective}");
    }

    #[test]
    fn values_in_a_hundredth_of_the_unit_change_nothing_but_the_unit(
        treatment in ordinary(),
        control in ordinary(),
    ) {
        let hundredfold = |values: &[(i64, u64)]| -> Vec<(i64, u64)> {
            values.iter().map(|(value, users)| (value * 100, *users)).collect()
        };
        let of = |treatment: &[(i64, u64)], control: &[(i64, u64)]| {
            Analysis::new().compare_means(&sample(treatment), &sample(control), Better::Higher)
        };
        let (one, hundred) =
            (of(&treatment, &control), of(&hundredfold(&treatment), &hundredfold(&control)));
        // A difference of means that are equal but for rounding has no digits of its own.
        prop_assume!(one.difference.unwrap().abs() > 1e-3);
        prop_assert_eq!(one.finding, hundred.finding);
        prop_assert!(is_near(one.difference, hundred.difference, 100.0));
        prop_assert!(is_near(one.treatment.mean, hundred.treatment.mean, 100.0));
        prop_assert!(is_near(one.treatment.deviation, hundred.treatment.deviation, 100.0));
        prop_assert!(is_near(one.lift, hundred.lift, 1.0));
        let effective = |of: &Comparison| Some(of.treatment.effective_users);
        prop_assert!(is_near(effective(&one), effective(&hundred), 1.0));
        let z = |of: &Comparison| of.at_planned_end.test.map(|test| test.z);
        prop_assert!(is_near(z(&one), z(&hundred), 1.0));
        let width = |of: &Comparison| of.always_valid.map(|of| of.interval.high - of.interval.low);
        prop_assert!(is_near(width(&one), width(&hundred), 100.0));
    }

    #[test]
    fn swapping_the_variants_mirrors_the_comparison(treatment in users(), control in users()) {
        let (ours, theirs) = (sample(&treatment), sample(&control));
        let of = |treatment, control, better| {
            Analysis::new().minimum_effective(1).compare_means(treatment, control, better)
        };
        let (one, other) = (of(&ours, &theirs, Better::Higher), of(&theirs, &ours, Better::Lower));
        prop_assert_eq!(one.finding, other.finding);
        prop_assert_eq!(one.difference, other.difference.map(|difference| -difference));
        let mirrored = |of: Interval| (-of.high, -of.low);
        let interval = |of: &Comparison| of.always_valid.map(|of| of.interval);
        prop_assert_eq!(interval(&one).map(|of| (of.low, of.high)), interval(&other).map(mirrored));
        let p_value = |of: &Comparison| of.always_valid.map(|of| of.p_value.to_bits());
        prop_assert_eq!(p_value(&one), p_value(&other));
    }

    #[test]
    fn the_always_valid_p_value_is_below_alpha_exactly_when_its_interval_leaves_out_0(
        treatment in users(),
        control in users(),
        level in 0.5..=0.999_999_f64,
    ) {
        let (ours, theirs) = (sample(&treatment).moments(), sample(&control).moments());
        let alpha = Confidence::new(level).unwrap().alpha();
        let watched = confidence_sequence(ours, theirs, alpha, 5000.0);
        prop_assert_eq!(watched.is_some(), z_test(ours, theirs).is_some());
        if let Some(found) = watched {
            prop_assert!((0.0..=1.0).contains(&found.p_value), "{found:?}");
            let rounding = (found.p_value - alpha).abs() < 1e-9;
            prop_assert!(rounding || found.interval.contains(0.0) != (found.p_value < alpha));
        }
    }

    #[test]
    fn a_cap_never_adds_and_takes_what_it_says(values in users(), limit in 1_i64..=LARGEST) {
        let cap = Cap::new(limit).unwrap();
        let mut capped = Capped::by(cap);
        for (value, users) in &values {
            capped.add(*value, *users);
        }
        let after = sample(&values.iter().map(|(value, users)| (cap.clamp(*value), *users)).collect::<Vec<_>>());
        prop_assert!(after.moments().squares() <= sample(&values).moments().squares());
        let beyond = values.iter().filter(|(value, _)| value.abs() > limit).map(|(_, users)| users);
        prop_assert_eq!(capped.users(), beyond.sum::<u64>());
        prop_assert!(capped.share().is_none_or(|share| (0.0..=1.0).contains(&share)));
        prop_assert_eq!(capped.users() > 0, capped.share().is_some_and(|share| share > 0.0));
    }

    #[test]
    fn plans_are_finite_and_watching_takes_more(
        deviation in prop_oneof![1e-300..1e300_f64, 0.1..100.0_f64],
        difference in prop_oneof![any::<f64>(), -10.0..10.0_f64],
        power in 0.5..=0.999_999_f64,
    ) {
        if let Ok(plan) = Plan::new(deviation, difference) {
            let plan = plan.power(power).unwrap();
            prop_assert!(plan.per_variant_watched() >= plan.per_variant());
        }
    }
}

/// Two users of the whole range each, and all users of one value at its end.
#[test]
fn the_ends_of_the_range_have_their_variance() {
    let ends = sample(&[(LARGEST, 1 << 20), (-LARGEST, 1 << 20)]).moments();
    assert_eq!((ends.mean(), ends.sum()), (Some(0.0), 0));
    let (deviation, users) = (ends.variance().unwrap().sqrt(), f64::from(1 << 21));
    let expected = 2_f64.powi(53) * (users / (users - 1.0)).sqrt();
    assert!((deviation / expected - 1.0).abs() < 1e-15);
    let one = sample(&[(-LARGEST, (1 << 22) - 1)]);
    assert_eq!((one.moments().variance(), one.effective_users()), (Some(0.0), 0.0));

    // 2^64 - 1 users, of whom half a million amount to the most that one can.
    let zeros = u64::MAX - (1 << 19);
    let most = sample(&[(0, zeros), (LARGEST, 1 << 19)]);
    assert!((most.effective_users() / f64::from(1 << 19) - 1.0).abs() < 1e-12);
    let found =
        Analysis::new().compare_means(&most, &sample(&[(0, zeros), (1, 1 << 19)]), Better::Higher);
    assert_eq!(found.finding, Finding::Better);
    assert!(difference(most.moments(), most.moments()) == Some(0.0));
}
