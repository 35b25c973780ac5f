//! Goals compared by what users amount to: in the verdict, by role, and as text.

mod texts;

use fairsplit::goals::GoalUse;
use fairsplit::results::means::{
    Cap, Capped, GuardrailStatus, Lacking, Sample, Values, confidence_sequence,
};
use fairsplit::results::{
    AlwaysValid, Analysis, AnalysisError, Finding, GoalComparison, Measure, Note, Observations,
    Results, Unit, Verdict,
};

use super::goals::goal;
use super::numbers::Numbers;

/// A value in cents, and how many users have it.
type Users<'a> = &'a [(i64, u64)];

/// 10,000 users: 23,405 EUR.
const SHOP: Users<'static> = &[(0, 9_500), (1_990, 300), (4_990, 150), (19_900, 50)];
/// 10,000 users: 39,839 EUR.
const BETTER: Users<'static> = &[(0, 9_200), (1_990, 450), (4_990, 260), (19_900, 90)];

fn sample(users: Users<'_>) -> Sample {
    Sample::of(users.iter().copied()).unwrap()
}

fn euros(variants: &[Users<'_>]) -> Values {
    let new = Values::new("EUR", 2);
    variants.iter().fold(new, |values, users| values.variant(sample(users)))
}

fn number(users: Users<'_>) -> u64 {
    users.iter().map(|(_, users)| users).sum()
}

/// Two variants of these users, of whom a twentieth converted.
fn two(percentage: u8, control: Users<'_>, treatment: Users<'_>) -> Observations {
    Observations::new(Unit::Users)
        .variant("control", 100 - percentage, number(control), number(control) / 20)
        .variant("treatment", percentage, number(treatment), number(treatment) / 20)
}

fn even() -> Observations {
    two(50, SHOP, BETTER)
}

fn results(observed: &Observations) -> Results {
    Analysis::new().results_of(observed).unwrap()
}

#[track_caller]
fn only<'r>(results: &'r Results, key: &str) -> &'r GoalComparison {
    let [only] = goal(results, key).comparisons.as_slice() else { panic!("{results:?}") };
    only
}

/// What the means of these users show at this part of the level.
fn watched(control: Users<'_>, treatment: Users<'_>, part: f64) -> AlwaysValid {
    let [control, treatment] = [control, treatment].map(|users| sample(users).moments());
    let mut found = confidence_sequence(treatment, control, 0.05 * part, 5000.0).unwrap();
    found.p_value = (found.p_value / part).min(1.0);
    found
}

#[track_caller]
fn assert_found(found: Option<AlwaysValid>, expected: AlwaysValid) {
    let found = found.expect("nothing is lacking");
    let three = |of: AlwaysValid| [of.interval.low, of.interval.high, of.p_value];
    for (ours, theirs) in three(found).into_iter().zip(three(expected)) {
        assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{ours:e} is not {theirs:e}");
    }
}

#[test]
fn a_primary_goal_with_values_decides_by_the_mean_and_says_so_in_its_unit() {
    let found = results(&even().primary_means("purchase", euros(&[SHOP, BETTER])));
    let one = &found.comparisons[0];
    assert_found(one.always_valid, watched(SHOP, BETTER, 1.0));
    assert_eq!((one.finding, one.exact_p_value, one.chance_to_beat), (Finding::Better, None, None));
    let measure = found.measure();
    assert!(
        matches!(&measure, Measure::Mean { unit, decimals: 2, .. } if unit == "EUR"),
        "{measure:?}"
    );
    let Verdict::Better { measure: of, difference, means: Some(means), .. } = &found.verdict else {
        panic!("{found:?}");
    };
    assert_eq!((of, Some(*difference)), (&measure, one.difference));
    assert!((means.control - 234.05).abs() < 1e-9 && (means.variant - 398.39).abs() < 1e-9);
    assert_eq!(
        found.verdict.to_string(),
        "treatment is better than control, by 1.64 EUR for each user, 2.34 -> 3.98 (always-valid p \
         <0.0001)."
    );
    let purchase = goal(&found, "purchase");
    assert_eq!((&purchase.measure, purchase.comparisons.len()), (&measure, 0));
    assert_eq!((purchase.unit.as_deref(), purchase.decimals), (Some("EUR"), 2));
    // The users who reached it stay the conversions.
    assert_eq!(purchase.variants.iter().map(|one| one.reached).sum::<Option<u64>>(), Some(1_000));
    let values = purchase.variants[1].values.unwrap();
    assert_eq!((values.users, values.sum), (10_000, 3_983_900));
    assert!((values.mean.unwrap() - 398.39).abs() < 1e-9);
    assert_eq!(values.interval, sample(BETTER).moments().interval(found.confidence));
    assert_eq!(values.deviation, sample(BETTER).moments().variance().map(f64::sqrt));
    assert!((values.effective_needed - 50.0).abs() < 1e-12 && values.effective_users > 300.0);

    let json = serde_json::to_value(&found).unwrap();
    let measure = serde_json::json!({ "kind": "mean", "unit": "EUR", "decimals": 2 });
    assert_eq!((&json["verdict"]["measure"], &json["goals"][0]["measure"]), (&measure, &measure));
    assert_eq!(json["goals"][0]["variants"][1]["values"]["sum"], 3_983_900);
}

#[test]
fn a_mean_that_falls_is_worse_unless_less_is_better() {
    let fell =
        |goal: GoalUse| results(&two(50, BETTER, SHOP).primary_means(goal, euros(&[BETTER, SHOP])));
    assert_eq!(
        fell(GoalUse::new("purchase")).verdict.to_string(),
        "treatment is worse than control, by 1.64 EUR for each user, 3.98 -> 2.34 (always-valid p \
         <0.0001)."
    );
    assert_eq!(
        fell(GoalUse::new("refund").lower()).verdict.to_string(),
        "treatment is better than control, lower by 1.64 EUR for each user, 3.98 -> 2.34 (always-valid \
         p <0.0001)."
    );
    let rose = even().primary_means(GoalUse::new("refund").lower(), euros(&[SHOP, BETTER]));
    assert_eq!(
        results(&rose).verdict.to_string(),
        "treatment is worse than control, higher by 1.64 EUR for each user, 2.34 -> 3.98 (always-valid \
         p <0.0001)."
    );
    let same = two(50, SHOP, SHOP).primary_means("purchase", euros(&[SHOP, SHOP]));
    assert!(matches!(results(&same).verdict, Verdict::NoDifferenceYet { p_value: Some(_), .. }));
}

/// Forty buyers of a thousand: an always-valid p-value of 1.5e-8 without the minimum.
#[test]
fn a_verdict_waits_until_enough_users_carry_the_sum() {
    let (shop, few): (Users<'_>, Users<'_>) =
        (&[(0, 8_550), (1_990, 300), (4_990, 120), (19_900, 30)], &[(0, 960), (1_990, 40)]);
    let observed = two(10, shop, few)
        .primary_means("purchase", euros(&[shop, few]))
        .guardrail_means("kept", 0.0, euros(&[shop, few]));
    let found = results(&observed);
    let one = &found.comparisons[0];
    assert_eq!((one.always_valid, one.finding), (None, Finding::NotEnoughData));
    assert!(matches!(one.lacking, Some(Lacking::EffectiveUsers { .. })), "{one:?}");
    let Verdict::NotEnoughData { variant, effective_users, effective_needed, .. } = &found.verdict
    else {
        panic!("{}", found.verdict);
    };
    assert_eq!((&**variant, *effective_needed), ("treatment", Some(100.0)));
    assert!((effective_users.unwrap() - 38.4).abs() < 1e-9);
    assert_eq!(
        found.verdict.to_string(),
        "Not enough data: treatment has 1000 exposed users, of which 38.4 are effective. It needs 100, \
         of which 100.0 are effective."
    );
    assert_eq!(only(&found, "kept").status, Some(GuardrailStatus::Open));
    // A variant of a tenth of the users needs 100, and of half of them 50.
    let needed = |results: &Results, at: usize| {
        goal(results, "purchase").variants[at].values.unwrap().effective_needed
    };
    assert!((needed(&found, 0) - 50.0).abs() < 1e-9 && (needed(&found, 1) - 100.0).abs() < 1e-9);

    let loose = Analysis::new().minimum_effective(0).results_of(&observed).unwrap();
    assert!(matches!(loose.verdict, Verdict::Worse { .. }), "{}", loose.verdict);
    assert_eq!(only(&loose, "kept").status, Some(GuardrailStatus::Harmed));

    // Too few users at all, in the control.
    let (small, shop): (Users<'_>, Users<'_>) = (&[(0, 45), (1_990, 45)], &[(0, 45), (1_990, 65)]);
    let found = results(&two(50, small, shop).primary_means("purchase", euros(&[small, shop])));
    let Verdict::NotEnoughData { variant, exposed_needed, .. } = &found.verdict else {
        panic!("{}", found.verdict);
    };
    assert_eq!((&**variant, exposed_needed), ("control", &100));
}

#[test]
fn a_sentence_does_not_round_what_is_lacking_up_to_what_is_needed() {
    // 49.975 effective users of 50.
    let users: Users<'_> = &[(0, 99_950), (100, 50)];
    let found = results(&two(50, users, users).primary_means("purchase", euros(&[users, users])));
    let text = found.verdict.to_string();
    assert!(text.contains("which 49.9 are effective. It needs 100, of which 50.0 are"), "{text}");
}

/// Bonferroni over treatments for the headline, and over goals and treatments for the others; Holm
/// at the planned end.
#[test]
fn several_treatments_and_goals_share_the_level_of_means() {
    let three = Observations::new(Unit::Users)
        .variant("control", 34, 10_000, 500)
        .variant("one", 33, 10_000, 800)
        .variant("two", 33, 10_000, 500)
        .variant("gone", 0, 0, 0);
    let values = || euros(&[SHOP, BETTER, SHOP, &[]]);
    let found = results(
        &three
            .primary_means("purchase", values())
            .secondary_means("more", values())
            .secondary("signup", [500, 700, 500, 0])
            .guardrail_means(GoalUse::new("refund").lower(), 0.0, values()),
    );
    let [one, other] = &found.comparisons[..] else { panic!("{found:?}") };
    assert_found(one.always_valid, watched(SHOP, BETTER, 0.5));
    assert_found(other.always_valid, watched(SHOP, SHOP, 0.5));
    let p_value = |one: &fairsplit::results::Comparison| one.at_planned_end.test.unwrap().p_value;
    assert_eq!(one.at_planned_end.adjusted_p_value, Some(2.0 * p_value(one)));
    assert_eq!(other.at_planned_end.adjusted_p_value, Some(p_value(other)));
    assert!(matches!(&found.verdict, Verdict::Better { variant, .. } if variant == "one"));

    let more = &goal(&found, "more").comparisons[0];
    assert_found(more.always_valid, watched(SHOP, BETTER, 0.25));
    // The share of a goal stands beside the mean of another one.
    assert_eq!(goal(&found, "signup").measure, Measure::Share);
    assert!(goal(&found, "signup").comparisons[0].difference.unwrap() < 1.0);
    assert!(goal(&found, "signup").variants[0].values.is_none());
    let refund = &goal(&found, "refund").comparisons[0];
    assert_found(refund.always_valid, watched(SHOP, BETTER, 0.5));
    assert_eq!(refund.status, Some(GuardrailStatus::Harmed));
    assert!(found.verdict.to_string().ends_with("; guardrails harmed: refund."));
}

#[test]
fn where_users_are_a_sample_means_have_its_part_of_the_level() {
    let values = || euros(&[SHOP, BETTER]);
    let observed = even()
        .primary_means("purchase", values())
        .secondary_means("more", values())
        .guardrail_means("kept", 0.1, values());
    let found = results(&observed.one_in(4));
    for of in [found.comparisons[0].always_valid, only(&found, "more").always_valid] {
        assert_found(of, watched(SHOP, BETTER, 0.05));
    }
    let all = results(&even().guardrail_means("kept", 0.1, values()));
    let left = |results: &Results| only(results, "kept").margin_left.unwrap().interval.low;
    assert!(left(&found) < left(&all));
}

/// The contrasts of mpmath, in cents.
#[test]
fn guardrails_on_means_are_kept_harmed_or_open() {
    let treatment: Users<'_> = &[(0, 9_420), (1_990, 340), (4_990, 180), (19_900, 60)];
    let status = |control: Users<'_>, treatment: Users<'_>, margin| {
        let observed = two(50, control, treatment);
        let found =
            results(&observed.guardrail_means("revenue", margin, euros(&[control, treatment])));
        only(&found, "revenue").clone()
    };
    let open = status(SHOP, treatment, 0.1);
    assert_eq!(open.status, Some(GuardrailStatus::Open));
    let interval = open.margin_left.unwrap().interval;
    assert!((interval.low / 100.0 + 0.025_683_520_287_75).abs() < 1e-9);
    assert!((interval.high / 100.0 - 1.350_383_520_288).abs() < 1e-9);
    assert_eq!(status(SHOP, treatment, 0.2).status, Some(GuardrailStatus::Kept));
    assert_eq!(status(BETTER, SHOP, 0.1).status, Some(GuardrailStatus::Harmed));
    // Differences of means are not cut to those of shares.
    assert!(status(BETTER, SHOP, 0.1).always_valid.unwrap().interval.low < -100.0);
}

#[test]
fn a_broken_split_withholds_what_means_have_shown() {
    let fewer: Users<'_> = &[(0, 8_200), (1_990, 450), (4_990, 260), (19_900, 90)];
    let values = || euros(&[SHOP, fewer]);
    let observed = two(50, SHOP, fewer)
        .primary_means("purchase", values())
        .secondary_means("more", values())
        .guardrail_means(GoalUse::new("refund").lower(), 0.1, values());
    let found = results(&observed);
    assert!(matches!(found.verdict, Verdict::SampleRatioMismatch { .. }));
    assert_eq!(found.comparisons[0].finding, Finding::Withheld);
    assert_eq!(only(&found, "more").finding, Finding::Withheld);
    assert_eq!(only(&found, "refund").status, Some(GuardrailStatus::Open));
}

/// Revenue of 1000 users of whom one bought nearly everything, and a cap of 500 EUR.
fn capped() -> Observations {
    let (control, treatment): (Users<'_>, Users<'_>) =
        (&[(0, 800), (2_000, 199), (60_000, 1)], &[(0, 800), (2_000, 199), (2_500_000, 1)]);
    let cap = Cap::new(50_000).unwrap();
    let mut values = Values::new("EUR", 2);
    for users in [control, treatment] {
        let mut capped = Capped::by(cap);
        for (value, users) in users {
            capped.add(*value, *users);
        }
        let all = users.iter().map(|(value, users)| (cap.clamp(*value), *users));
        values = values.capped_variant(Sample::of(all).unwrap(), capped);
    }
    two(50, control, treatment).primary_means(GoalUse::new("purchase").cap(500), values)
}

#[test]
fn results_say_what_a_cap_took() {
    let found = results(&capped());
    let purchase = goal(&found, "purchase");
    assert_eq!(purchase.cap, Some(50_000));
    let all = purchase.capped.unwrap();
    assert_eq!(all.users, 2);
    let expected = 2_460_000.0 / (2.0 * 398_000.0 + 2_560_000.0);
    assert!((all.share.unwrap() - expected).abs() < 1e-12);
    let of = |at: usize| purchase.variants[at].capped.unwrap();
    assert_eq!([of(0).users, of(1).users], [1, 1]);
    assert!((of(0).share.unwrap() - 10_000.0 / 458_000.0).abs() < 1e-12);
    assert_eq!(purchase.variants[1].values.unwrap().sum, 448_000);
    let table = found.to_string();
    let line = "\n2 users counted as 500.00 EUR (the cap): 73.30 % of the sum.\n";
    assert!(table.contains(line), "{table}");
    // Of the capped means nothing is left of the difference.
    assert_eq!(found.comparisons[0].difference, Some(0.0));
    // Without a cap there is nothing to say of one.
    let found = results(&even().primary_means("purchase", euros(&[SHOP, BETTER])));
    let purchase = goal(&found, "purchase");
    assert_eq!((purchase.cap, purchase.capped, purchase.variants[0].capped), (None, None, None));
    assert!(!found.to_string().contains("cap"), "{found}");
}

#[test]
fn a_small_variant_without_a_cap_has_a_note() {
    let notes_of = |percentage: u8, goal: GoalUse| {
        let values = euros(&[SHOP, SHOP]);
        results(&two(percentage, SHOP, SHOP).primary_means(goal, values)).notes
    };
    assert_eq!(notes_of(20, GoalUse::new("purchase")), []);
    assert_eq!(notes_of(15, GoalUse::new("purchase").cap(500)), []);
    let notes = notes_of(15, GoalUse::new("purchase"));
    let [note @ Note::NoCap { goal, variant, share, .. }] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!((&**goal, &**variant), ("purchase", "treatment"));
    assert!((share - 0.15).abs() < 1e-12);
    assert_eq!(
        note.to_string(),
        "purchase has no cap, and treatment has 15.0 % of the users of its comparison: below a fifth, a \
         few large sums can decide."
    );
    // The control can be the small one; shares need no cap.
    let notes = notes_of(85, GoalUse::new("purchase"));
    assert!(matches!(&notes[..], [Note::NoCap { variant, .. }] if variant == "control"));
    assert_eq!(results(&two(15, SHOP, SHOP).primary("purchase")).notes, []);
    // Ten variants of a tenth each are alike.
    let ten = (0..10).fold(Observations::new(Unit::Users), |observed, at| {
        observed.variant(at.to_string(), 10, 10_000, 500)
    });
    assert_eq!(results(&ten.primary_means("purchase", euros(&[SHOP; 10]))).notes, []);
}

#[test]
fn values_that_do_not_fit_the_variants_are_refused() {
    let refused = |observed: Observations| Analysis::new().results_of(&observed).unwrap_err();
    let error = refused(even().primary_means("purchase", euros(&[SHOP])));
    assert!(matches!(error, AnalysisError::Reached { found: 1, expected: 2, .. }), "{error}");
    // Those who have nothing were left out.
    let buyers: Users<'_> = &[(1_990, 450), (4_990, 260), (19_900, 90)];
    let error = refused(even().secondary_means("purchase", euros(&[SHOP, buyers])));
    let AnalysisError::Values { variant, found: 800, expected: 10_000, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(variant, "treatment");
    let many = Values::new("EUR", 10).variant(sample(SHOP)).variant(sample(BETTER));
    let error = refused(even().guardrail_means("purchase", 0.1, many));
    assert!(matches!(error, AnalysisError::Decimals { found: 10, .. }), "{error}");
}

#[test]
fn events_have_no_means() {
    let observed = Observations::new(Unit::Events)
        .variant("control", 50, 10_000, 500)
        .variant("treatment", 50, 10_000, 800)
        .primary_means("purchase", euros(&[SHOP, BETTER]));
    let found = results(&observed);
    assert_eq!((&found.verdict, found.measure()), (&Verdict::UsersNotCounted, Measure::Share));
    assert!(goal(&found, "purchase").variants[0].values.is_none());
    assert_eq!(found.notes, []);
    assert!((found.comparisons[0].difference.unwrap() - 0.03).abs() < 1e-12);
}

/// Nothing changes, and a tenth of the users have the treatment. Of 200 experiments that are looked
/// at 30 times, the control errs far more often: the same without the minimum of effective users.
#[test]
fn watching_a_primary_goal_with_values_at_90_to_10_is_rarely_wrong() {
    const RUNS: u32 = 200;
    // Values of a log-normal distribution in ten steps, with a cap at the last.
    const STEPS: [i64; 10] = [85, 212, 361, 561, 829, 1_206, 1_772, 2_773, 4_715, 11_787];
    let mut numbers = Numbers(17);
    let (mut compared, mut wrong, mut loose) = (0, 0, 0);
    for _ in 0..RUNS {
        let mut users = [[0_u64; 11]; 2];
        let (mut is_compared, mut is_wrong, mut is_loose) = (false, false, false);
        // Few users at first, where the minimum matters, and enough at last.
        for look in 1..=30 {
            for (users, come) in users.iter_mut().zip([9 * look * 30, look * 30]) {
                let buyers = numbers.binomial(come, 0.05);
                users[10] += come - buyers;
                for _ in 0..buyers {
                    let step = usize::try_from(numbers.next() % 10).unwrap();
                    users[step] += 1;
                }
            }
            let [control, treatment] = users.map(|users| {
                let values = STEPS.into_iter().chain([0]).zip(users);
                Sample::of(values).unwrap()
            });
            let exposed = |sample: Sample| sample.moments().users();
            let observed = Observations::new(Unit::Users)
                .variant("control", 90, exposed(control), 0)
                .variant("treatment", 10, exposed(treatment), 0)
                .primary_means(
                    GoalUse::new("purchase").cap(117.87),
                    Values::new("EUR", 2).variant(control).variant(treatment),
                );
            let found = results(&observed);
            is_wrong |= found.verdict.is_decided();
            is_compared |= found.comparisons[0].always_valid.is_some();
            let without = Analysis::new().minimum_effective(0).results_of(&observed).unwrap();
            is_loose |= without.verdict.is_decided();
        }
        compared += u32::from(is_compared);
        wrong += u32::from(is_wrong);
        loose += u32::from(is_loose);
    }
    assert!(compared > RUNS * 9 / 10, "{compared} of {RUNS}");
    assert!(wrong <= RUNS / 20, "{wrong} of {RUNS}");
    assert!(loose > RUNS / 10, "without the minimum {loose} of {RUNS}");
}
