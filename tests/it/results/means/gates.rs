//! What a comparison of means needs before it says anything, and what it says then.

use fairsplit::results::means::{
    Arm, Better, Cap, Capped, Lacking, MeansError, Moments, Plan, Sample,
};
use fairsplit::results::{Analysis, Finding, PlanError};

fn sample(values: &[(i64, u64)]) -> Sample {
    Sample::of(values.iter().copied()).unwrap()
}

fn compared(
    treatment: &[(i64, u64)],
    control: &[(i64, u64)],
) -> fairsplit::results::means::Comparison {
    Analysis::new().compare_means(&sample(treatment), &sample(control), Better::Higher)
}

const SHOP: [(i64, u64); 4] = [(0, 8550), (1990, 300), (4990, 120), (19900, 30)];

/// The difference is the largest of the whole table, with a p-value of 1.5e-8.
#[test]
fn a_small_variant_of_forty_buyers_has_no_verdict() {
    let found = compared(&[(0, 960), (1990, 40)], &SHOP);
    assert_eq!((found.finding, found.always_valid), (Finding::NotEnoughData, None));
    let Some(Lacking::EffectiveUsers { of, effective, needed, .. }) = found.lacking else {
        panic!("{:?}", found.lacking);
    };
    assert_eq!(of, Arm::Treatment);
    assert!((effective - 38.4).abs() < 1e-9 && (needed - 100.0).abs() < 1e-9);
    assert!(found.at_planned_end.test.is_some() && found.difference.is_some());

    let loose = Analysis::new().minimum_effective(0);
    let loose =
        loose.compare_means(&sample(&[(0, 960), (1990, 40)]), &sample(&SHOP), Better::Higher);
    assert_eq!(loose.finding, Finding::Worse);
}

#[test]
fn one_user_who_bought_most_has_no_verdict_and_a_cap_takes_it_away() {
    let control = [(0, 950), (2000, 50)];
    let treatment = [(0, 950), (2000, 49), (2_500_000, 1)];
    let found = compared(&treatment, &control);
    assert!(found.treatment.effective_users < 1.0);
    assert!(matches!(found.lacking, Some(Lacking::EffectiveUsers { of: Arm::Treatment, .. })));

    let cap = Cap::new(50_000).unwrap();
    let capped = sample(&treatment.map(|(value, users)| (cap.clamp(value), users)));
    assert_eq!(capped.moments(), sample(&[(0, 950), (2000, 49), (50_000, 1)]).moments());
}

/// In a variant that no user pays in, every user is equally far from any other mean.
#[test]
fn a_variant_in_which_nothing_varies_has_no_verdict() {
    let found = compared(&[(0, 1000)], &[(0, 19_980), (1000, 20)]);
    assert_eq!(found.finding, Finding::NotEnoughData);
    let loose = Analysis::new().minimum_effective(0);
    let (nothing, same) = (sample(&[(0, 1000)]), sample(&[(5, 1000)]));
    let found = loose.compare_means(&nothing, &same, Better::Higher);
    assert_eq!((found.finding, found.lacking), (Finding::NotEnoughData, Some(Lacking::Variation)));
}

#[test]
fn a_variant_of_few_users_or_of_one_has_no_verdict() {
    let control = [(0, 500), (10, 500)];
    let found = compared(&[(0, 45), (10, 54)], &control);
    let Some(Lacking::Users { of, users, needed, .. }) = found.lacking else {
        panic!("{:?}", found.lacking);
    };
    assert_eq!((of, users, needed), (Arm::Treatment, 99, 100));
    let nothing_needed = Analysis::new().minimum(0, 0).minimum_effective(0);
    let one = nothing_needed.compare_means(&sample(&[(7, 1)]), &sample(&control), Better::Higher);
    assert!(matches!(one.lacking, Some(Lacking::Users { users: 1, needed: 2, .. })));
    let none = nothing_needed.compare_means(&sample(&control), &sample(&[]), Better::Higher);
    assert!(matches!(none.lacking, Some(Lacking::Users { of: Arm::Control, users: 0, .. })));
    assert_eq!((none.difference, none.lift, none.control.mean), (None, None, None));
}

/// 50 at a fifth of the users of the two, 100 at a tenth, and no step between.
#[test]
fn a_small_variant_needs_twice_the_effective_users() {
    let needed =
        |ours: u64, theirs: u64| compared(&[(0, ours)], &[(0, theirs)]).treatment.effective_needed;
    for (ours, theirs, expected) in [
        (500, 500, 50.0),
        (999, 1, 50.0),
        (200, 800, 50.0),
        (150, 850, 66.666_666_666_666_67),
        (100, 900, 100.0),
        (1, 999, 100.0),
        (0, 1000, 100.0),
        (0, 0, 100.0),
    ] {
        let found = needed(ours, theirs);
        assert!((found - expected).abs() < 1e-9, "{ours} of {theirs}: {found}");
    }
}

#[test]
fn a_clear_difference_is_better_or_worse_by_which_way_is_better() {
    let slow = sample(&[(900, 300), (1000, 400), (1100, 300)]);
    let fast = sample(&[(600, 300), (700, 400), (800, 300)]);
    let finding = |treatment, control, better| {
        Analysis::new().compare_means(treatment, control, better).finding
    };
    assert_eq!(finding(&fast, &slow, Better::Lower), Finding::Better);
    assert_eq!(finding(&slow, &fast, Better::Lower), Finding::Worse);
    assert_eq!(finding(&fast, &slow, Better::Higher), Finding::Worse);
    assert_eq!(finding(&slow, &fast, Better::Higher), Finding::Better);
    assert_eq!(finding(&slow, &slow, Better::Lower), Finding::NoDifferenceYet);
}

#[test]
fn a_cap_bounds_both_sides_and_says_what_it_took() {
    let cap = Cap::new(100).unwrap();
    assert_eq!(
        [-500, -100, 0, 99, 101, i64::MIN, i64::MAX].map(|value| cap.clamp(value)),
        [-100, -100, 0, 99, 100, -100, 100]
    );
    let mut capped = Capped::by(cap);
    assert_eq!((capped.users(), capped.share()), (0, None));
    for (value, users) in [(0, 900), (100, 90), (400, 8), (-300, 2)] {
        capped.add(value, users);
    }
    // 2,400 and 400 of 9,000 + 3,200 + 600.
    assert_eq!((capped.users(), capped.cap().limit()), (10, 100));
    assert!((capped.share().unwrap() - 2800.0 / 12_800.0).abs() < 1e-15);
}

#[test]
fn values_sums_caps_and_plans_out_of_range_are_refused() {
    let largest = 1_i64 << 53;
    let mut moments = Moments::new();
    assert!(matches!(moments.add(largest + 1, 1), Err(MeansError::Value { .. })));
    assert!(matches!(moments.add(i64::MIN, 1), Err(MeansError::Value { .. })));
    assert_eq!(moments, Moments::new());
    moments.add(-largest, (1 << 22) - 1).unwrap();
    let before = moments;
    assert_eq!(moments.add(largest, 1), Err(MeansError::TooLarge));
    assert_eq!(moments, before);
    assert_eq!(moments.add(0, u64::MAX), Err(MeansError::TooLarge));
    assert_eq!(moments.merge(before), Err(MeansError::TooLarge));
    assert_eq!(moments, before);

    // Of no users, of squares that are too small or too large, and of a mean out of range.
    for (users, sum, squares) in [
        (0, 1, 1),
        (0, 0, 1),
        (10, 50, 249),
        (10, -51, 260),
        (1, 1 << 54, u128::MAX),
        (4, 0, (1 << 108) + 1),
    ] {
        let found = Moments::of_sums(users, sum, squares);
        assert!(matches!(found, Err(MeansError::Sums { .. })), "{users} {sum} {squares}");
    }
    assert!(Moments::of_sums(10, 50, 250).is_ok() && Moments::of_sums(10, -51, 261).is_ok());

    assert!(matches!(fairsplit::Error::from(MeansError::TooLarge), fairsplit::Error::Means(_)));
    for limit in [0, -1, largest + 1] {
        assert!(matches!(Cap::new(limit), Err(MeansError::Cap { .. })), "{limit}");
    }
    for deviation in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Plan::new(deviation, 1.0), Err(PlanError::Deviation { .. })));
    }
    for difference in [0.0, 1e-10, f64::NAN, f64::INFINITY] {
        assert!(matches!(Plan::new(1.0, difference), Err(PlanError::Difference { .. })));
    }
    assert!(matches!(Plan::new(1.0, 1.0).unwrap().power(0.4), Err(PlanError::Power { .. })));
}

#[test]
fn a_value_that_changes_between_two_walks_counts_as_in_the_second() {
    let mut first = Moments::new();
    first.add(0, 900).unwrap();
    first.add(1000, 99).unwrap();
    let mut second = Sample::around(first);
    second.add(0, 900).unwrap();
    second.add(1000, 100).unwrap();
    let exact = sample(&[(0, 900), (1000, 100)]);
    assert_eq!(second.moments(), exact.moments());
    assert!((second.effective_users() - exact.effective_users()).abs() < 1.0);
    assert!(second.effective_users() > 85.0);

    // However far off, they are at most a quarter of the users.
    let mut far = Sample::around(Moments::new());
    far.add(900, 500).unwrap();
    far.add(1100, 500).unwrap();
    assert!((far.effective_users() - 1000.0 * 1000.0 / (4.0 * 1010.0)).abs() < 1e-9);
}
