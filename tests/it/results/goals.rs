//! Goals in results of any numbers: by hand from other formulas, and by role.

use fairsplit::goals::{Better, GoalUse, Role};
use fairsplit::results::means::{GuardrailStatus, Lacking, Moments, confidence_sequence};
use fairsplit::results::{
    AlwaysValid, Analysis, AnalysisError, Confidence, Finding, GoalComparison, GoalResult,
    Observations, Proportion, Results, Unit, Verdict,
};
use unicode_width::UnicodeWidthStr;

use super::numbers::Numbers;

/// 10,000 users in each of two variants, with a treatment that is better.
fn two() -> Observations {
    Observations::new(Unit::Users).variant("control", 50, 10_000, 1_420).variant(
        "treatment",
        50,
        10_000,
        1_870,
    )
}

fn results(observed: &Observations) -> Results {
    Analysis::new().results_of(observed).unwrap()
}

#[track_caller]
pub(super) fn goal<'r>(results: &'r Results, key: &str) -> &'r GoalResult {
    results.goals.iter().find(|goal| goal.key == key).expect("it has the goal")
}

/// The only comparison of a goal.
#[track_caller]
fn only<'r>(results: &'r Results, key: &str) -> &'r GoalComparison {
    let [only] = goal(results, key).comparisons.as_slice() else { panic!("{results:?}") };
    only
}

#[track_caller]
fn assert_found(found: Option<AlwaysValid>, low: f64, high: f64, p_value: f64) {
    let AlwaysValid { interval, p_value: ours, .. } = found.expect("nothing is lacking");
    for (ours, theirs) in [(interval.low, low), (interval.high, high), (ours, p_value)] {
        assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{ours:e} is not {theirs:e}");
    }
}

/// Figures of the formulas in Python.
#[test]
fn secondary_goals_are_compared_by_the_share_of_users_at_their_part_of_the_level() {
    let found = results(&two().secondary("signup", [500, 700]).secondary("browse", [300, 310]));
    let signup = goal(&found, "signup");
    assert_eq!(
        (signup.role, signup.better, signup.margin),
        (Role::Secondary, Better::Higher, None)
    );
    let treatment = &signup.variants[1];
    assert_eq!((&*treatment.key, treatment.exposed), ("treatment", 10_000));
    assert_eq!((treatment.reached, treatment.reached_unexposed), (Some(700), Some(0)));
    assert_eq!(treatment.share, Some(0.07));
    let wilson = Proportion::new(700, 10_000).unwrap().wilson(Confidence::default());
    assert_eq!((treatment.interval, treatment.counted), (Some(wilson), None));

    let one = only(&found, "signup");
    assert_eq!(one.variant, "treatment");
    assert!((one.difference.unwrap() - 0.02).abs() < 1e-12, "{one:?}");
    assert!((one.lift.unwrap() - 0.4).abs() < 1e-12, "{one:?}");
    let p_value = 3.812_236_002_172_049e-7;
    assert_found(one.always_valid, 0.008_703_427_246_562_307, 0.031_296_572_753_437_7, p_value);
    assert_eq!((one.finding, one.status, one.margin_left), (Finding::Better, None, None));

    let one = only(&found, "browse");
    assert_found(one.always_valid, -0.007_186_805_953_515_009, 0.009_186_805_953_515_011, 1.0);
    assert_eq!(one.finding, Finding::NoDifferenceYet);
}

/// The level of one comparison is divided among those of the same role, over goals and treatments.
#[test]
fn the_more_goals_and_treatments_the_less_is_found() {
    let ones = |users, reached: u64| Moments::of_sums(users, reached.into(), reached.into());
    let [theirs, ours] = [500, 605].map(|reached| ones(10_000, reached).unwrap());
    // The level is 1 less the confidence, which rounds.
    let is_at = |found: Option<AlwaysValid>, part: f64| {
        let expected = confidence_sequence(ours, theirs, 0.05 / part, 5000.0).unwrap().interval;
        let found = found.unwrap().interval;
        (found.low - expected.low).abs() < 1e-14 && (found.high - expected.high).abs() < 1e-14
    };
    let lower = || GoalUse::new("a").lower();

    let alone = results(&two().secondary("a", [500, 605]).guardrail("b", 0.1, [500, 500]));
    assert!(is_at(only(&alone, "a").always_valid, 1.0));
    assert_eq!(only(&alone, "a").finding, Finding::Better);
    let both = results(&two().secondary("a", [500, 605]).secondary("b", [500, 500]));
    assert!(is_at(only(&both, "a").always_valid, 2.0));
    assert_eq!(only(&both, "a").finding, Finding::NoDifferenceYet);

    let alone = results(&two().guardrail(lower(), 0.0, [500, 605]).secondary("b", [500, 500]));
    assert_eq!(only(&alone, "a").status, Some(GuardrailStatus::Harmed));
    let both = results(&two().guardrail(lower(), 0.0, [500, 605]).guardrail("b", 0.1, [500, 500]));
    assert_eq!(only(&both, "a").status, Some(GuardrailStatus::Open));
    // What is kept is not divided: all have to be.
    let left = |results: &Results| only(results, "a").margin_left;
    assert!(left(&alone).is_some());
    assert_eq!(left(&alone), left(&both));

    let three = Observations::new(Unit::Users)
        .variant("control", 40, 10_000, 1_420)
        .variant("one", 40, 10_000, 1_420)
        .variant("two", 20, 5_000, 710)
        .variant("gone", 0, 0, 0);
    let three =
        results(&three.secondary("a", [500, 605, 250, 0]).secondary("b", [500, 500, 250, 0]));
    let compared = &goal(&three, "a").comparisons;
    assert_eq!(compared.iter().map(|one| &*one.variant).collect::<Vec<_>>(), ["one", "two"]);
    assert!(is_at(compared[0].always_valid, 4.0));
}

fn guarded() -> Observations {
    two()
        .guardrail(GoalUse::new("refund").lower(), 0.1, [400, 620])
        .guardrail("search", 0.1, [3000, 3010])
        .guardrail(GoalUse::new("error").lower(), 0.1, [200, 205])
}

/// Figures of the formulas in Python.
#[test]
fn guardrails_are_kept_harmed_or_open_and_the_verdict_names_those_that_are_not_kept() {
    let found = results(&guarded());
    let refund = only(&found, "refund");
    assert_eq!(refund.status, Some(GuardrailStatus::Harmed));
    assert_eq!(refund.finding, Finding::Worse);
    let p_value = 4.608_693_549_746_284e-10;
    assert_found(refund.always_valid, 0.011_133_501_165_538_991, 0.032_866_498_834_461_01, p_value);
    let p_value = 1.732_664_375_662_459_8e-6;
    let (low, high) = (-0.028_115_161_181_610_678, -0.007_884_838_818_389_313);
    assert_found(refund.margin_left, low, high, p_value);

    let search = only(&found, "search");
    assert_eq!(search.status, Some(GuardrailStatus::Kept));
    let p_value = 2.762_181_618_088_323e-5;
    assert_found(search.margin_left, 0.011_709_556_631_573_654, 0.050_290_443_368_426_294, p_value);
    assert_eq!(search.finding, Finding::NoDifferenceYet);

    let error = only(&found, "error");
    assert_eq!(error.status, Some(GuardrailStatus::Open));
    assert_found(error.margin_left, -0.005_044_574_768_309_493, 0.008_044_574_768_309_495, 1.0);

    let Verdict::Better { harmed, open, .. } = &found.verdict else { panic!("{found:?}") };
    assert_eq!((&harmed[..], &open[..]), (&["refund".to_owned()][..], &["error".to_owned()][..]));
    assert_eq!(
        found.verdict.to_string(),
        "treatment is better than control, by 4.50 points (always-valid p <0.0001); guardrails harmed: \
         refund; guardrails open: error."
    );
    // A guardrail decides nothing.
    let worse = Observations::new(Unit::Users)
        .variant("control", 50, 10_000, 1_870)
        .variant("treatment", 50, 10_000, 1_420)
        .guardrail("search", 0.1, [3000, 2000]);
    let worse = results(&worse);
    assert_eq!(only(&worse, "search").status, Some(GuardrailStatus::Harmed));
    assert!(matches!(worse.verdict, Verdict::Worse { .. }), "{worse}");
}

/// The verdict names the guardrails of the variant that it names, and no others.
#[test]
fn a_better_variant_answers_for_its_own_guardrails() {
    let three = Observations::new(Unit::Users)
        .variant("control", 40, 10_000, 1_420)
        .variant("one", 40, 10_000, 1_870)
        .variant("two", 20, 5_000, 710)
        .guardrail(GoalUse::new("refund").lower(), 0.5, [400, 400, 400]);
    let found = results(&three);
    let status: Vec<_> = goal(&found, "refund").comparisons.iter().map(|one| one.status).collect();
    assert_eq!(status, [Some(GuardrailStatus::Kept), Some(GuardrailStatus::Harmed)]);
    let text = found.verdict.to_string();
    assert!(matches!(found.verdict, Verdict::Better { ref variant, .. } if variant == "one"));
    assert!(!text.contains("guardrail"), "{text}");
}

#[test]
fn where_users_are_a_sample_goals_have_its_part_of_the_level() {
    let found = results(&guarded().one_in(4));
    let refund = only(&found, "refund");
    let p_value = 9.359_615_507_422_676e-9;
    assert_found(refund.always_valid, 0.008_568_989_257_903_807, 0.035_431_010_742_096_19, p_value);
    let (low, high) = (-0.031_075_279_805_988_155, -0.004_924_720_194_011_835);
    assert_found(refund.margin_left, low, high, 3.771_749_158_275_327_5e-5);
}

#[test]
fn a_primary_goal_of_which_less_is_better_is_better_where_it_falls() {
    let of = |control, one, two| {
        let observed = Observations::new(Unit::Users)
            .variant("control", 34, 10_000, control)
            .variant("one", 33, 9_706, one)
            .variant("two", 33, 9_706, two);
        (results(&observed), results(&observed.primary(GoalUse::new("refund").lower())))
    };
    let (higher, lower) = of(1_870, 1_600, 1_420);
    assert!(matches!(higher.verdict, Verdict::Worse { ref variant, .. } if variant == "two"));
    assert_eq!(
        lower.verdict.to_string(),
        "two is better than control, lower by 4.07 points (always-valid p <0.0001)."
    );
    let findings: Vec<_> = lower.comparisons.iter().map(|one| one.finding).collect();
    assert_eq!(findings, [Finding::Better, Finding::Better]);
    // The figures are the same, but for the chance to be the better one.
    let chance = |results: &Results| results.comparisons[1].chance_to_beat.unwrap();
    assert!(chance(&lower) > 0.999 && chance(&higher) < 0.001);
    assert_eq!(lower.comparisons[1].always_valid, higher.comparisons[1].always_valid);
    assert_eq!(
        (goal(&lower, "refund").role, &*goal(&lower, "refund").comparisons),
        (Role::Primary, &[][..])
    );

    let (higher, lower) = of(1_420, 1_600, 1_870);
    assert!(matches!(higher.verdict, Verdict::Better { ref variant, .. } if variant == "two"));
    assert_eq!(
        lower.verdict.to_string(),
        "two is worse than control, higher by 5.07 points (always-valid p <0.0001)."
    );
}

#[test]
fn a_comparison_of_a_goal_says_what_it_lacks() {
    let found = results(&two().secondary("rare", [10, 40]).guardrail("none", 0.1, [0, 0]));
    let rare = only(&found, "rare");
    assert_eq!((rare.always_valid, rare.finding), (None, Finding::NotEnoughData));
    assert!(matches!(rare.lacking, Some(Lacking::EffectiveUsers { .. })), "{rare:?}");
    assert!((rare.difference.unwrap() - 0.003).abs() < 1e-12);
    let none = only(&found, "none");
    assert_eq!((none.status, none.lift), (Some(GuardrailStatus::Open), None));
    assert!(none.lacking.is_some());
}

#[test]
fn a_broken_split_withholds_what_goals_have_shown() {
    let broken = Observations::new(Unit::Users)
        .variant("control", 50, 10_000, 1_420)
        .variant("treatment", 50, 9_000, 1_870)
        .secondary("signup", [500, 900])
        .guardrail("search", 0.1, [3000, 2000]);
    let found = results(&broken);
    assert_eq!(only(&found, "signup").finding, Finding::Withheld);
    assert_eq!(only(&found, "search").status, Some(GuardrailStatus::Open));
    let table = found.to_string();
    assert!(table.contains("signup, secondary") && !table.contains("exploratory"), "{table}");
}

#[test]
fn more_users_who_reached_a_goal_than_exposed_ones_are_not_compared() {
    let found = results(&two().secondary("signup", [500, 10_001]));
    let signup = only(&found, "signup");
    assert_eq!((signup.difference, signup.finding), (None, Finding::Withheld));
    assert_eq!(goal(&found, "signup").variants[1].share, None);
}

#[test]
fn a_goal_with_a_number_too_few_or_a_margin_out_of_range_is_refused() {
    let refused = |observed: Observations| Analysis::new().results_of(&observed).unwrap_err();
    let error = refused(two().secondary("signup", [500]));
    assert!(matches!(error, AnalysisError::Reached { found: 1, expected: 2, .. }), "{error}");
    for margin in [-0.1, 1.1, f64::NAN] {
        let error = refused(two().guardrail("search", margin, [500, 500]));
        assert!(matches!(error, AnalysisError::Margin { .. }), "{error}");
    }
}

#[test]
fn events_have_no_comparison_of_goals() {
    let observed = Observations::new(Unit::Events)
        .variant("control", 50, 10_000, 1_420)
        .variant("treatment", 50, 10_000, 1_870)
        .secondary("signup", [500, 700]);
    let found = results(&observed);
    assert_eq!(goal(&found, "signup").comparisons, []);
    assert_eq!(goal(&found, "signup").variants[0].reached, None);
}

#[test]
fn results_without_goals_are_what_they_were() {
    let found = results(&two());
    assert_eq!(found.goals, []);
    let json = serde_json::to_value(&found).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "name",
        "unit",
        "period",
        "run",
        "since",
        "one_in",
        "confidence",
        "control",
        "sample_ratio",
        "variants",
        "events",
        "comparisons",
        "conversions_only",
        "verdict",
    ];
    expected.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    let verdict: Vec<_> = json["verdict"].as_object().unwrap().keys().collect();
    assert_eq!(verdict.len(), 5, "{verdict:?}");
    // A primary goal of which more is better has a name, and changes no figure.
    let mut named = results(&two().primary("signup"));
    assert_eq!(goal(&named, "signup").variants[1].reached, Some(1_870));
    named.goals.clear();
    assert_eq!(named, found);
}

#[test]
fn the_table_has_goals_below_the_comparisons() {
    let found =
        results(&guarded().primary("purchase").secondary("signup", [500, 700]).name("Hero Banner"));
    let table = found.to_string();
    let expected = "\
<0.0001 at every look.

goals        reached  share, %        interval
purchase, primary
  control      1,420     14.20  13.53 to 14.90
  treatment    1,870     18.70  17.95 to 19.48
refund, guardrail, lower is better, margin 10.00 %
  control        400      4.00    3.63 to 4.40
  treatment      620      6.20    5.74 to 6.69
search, guardrail, margin 10.00 %
  control      3,000     30.00  29.11 to 30.91
  treatment    3,010     30.10  29.21 to 31.01
error, guardrail, lower is better, margin 10.00 %
  control        200      2.00    1.74 to 2.29
  treatment      205      2.05    1.79 to 2.35
signup, secondary
  control        500      5.00    4.59 to 5.44
  treatment      700      7.00    6.52 to 7.52

guardrails          points        interval     margin left  status
refund: treatment    +2.20  +1.11 to +3.29  -2.81 to -0.79  harmed
search: treatment    +0.10  -2.17 to +2.37  +1.17 to +5.03    kept
error: treatment   +0.0500  -0.65 to +0.75  -0.50 to +0.80    open

secondary, exploratory  points        interval        p  finding
signup: treatment        +2.00  +0.95 to +3.05  <0.0001   better

treatment is better than control, by 4.50 points (always-valid p <0.0001);
guardrails harmed: refund; guardrails open: error.
";
    assert!(table.ends_with(expected), "{table}");
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
}

#[test]
fn no_name_of_a_goal_makes_the_table_wider_than_a_terminal() {
    let long = "long ".repeat(50);
    for key in [
        "a\u{1b}[2J",
        "\u{202e}left",
        "日本語の名前はとても幅が広い日本語の名前はとても幅が広い",
        &*long,
    ] {
        let most = u64::MAX / 4;
        let observed = Observations::new(Unit::Users)
            .variant(key, 50, u64::MAX, most)
            .variant("other", 50, u64::MAX, most)
            .primary(key)
            .secondary(GoalUse::new(key).lower(), [most, most / 3])
            .guardrail(GoalUse::new(key).lower(), 0.123_456, [most, most / 3]);
        let table = results(&observed).to_string();
        for line in table.lines() {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
    }
}

/// Three guardrails on which nothing changes, looked at 30 times. The control is the same without
/// the always-valid interval: a test for one look at each.
#[test]
fn guardrails_are_rarely_called_harmed_where_nothing_is_and_harm_is_found() {
    const RUNS: u32 = 200;
    let mut numbers = Numbers(90);
    let (mut alarms, mut naive, mut found) = (0, 0, 0);
    for (shares, harmed) in [([0.1; 2], &mut alarms), ([0.1, 0.14], &mut found)] {
        for _ in 0..RUNS {
            let (mut exposed, mut reached) = (0, [[0_u64; 2]; 3]);
            let (mut is_harmed, mut is_naive) = (false, false);
            for _ in 0..30 {
                exposed += 200;
                let mut observed = Observations::new(Unit::Users)
                    .variant("control", 50, exposed, 0)
                    .variant("treatment", 50, exposed, 0);
                for (at, reached) in reached.iter_mut().enumerate() {
                    for (reached, share) in reached.iter_mut().zip(shares) {
                        *reached += numbers.binomial(200, share);
                    }
                    let rail = GoalUse::new(format!("rail {at}")).lower();
                    observed = observed.guardrail(rail, 0.1, *reached);
                    let [theirs, ours] = reached.map(|of| Proportion::new(of, exposed).unwrap());
                    let test = fairsplit::results::z_test(ours, theirs);
                    is_naive |= test.is_some_and(|test| test.z > 0.0 && test.p_value < 0.05);
                }
                let results = results(&observed);
                let status = |goal: &GoalResult| goal.comparisons[0].status;
                is_harmed |=
                    results.goals.iter().any(|goal| status(goal) == Some(GuardrailStatus::Harmed));
            }
            *harmed += u32::from(is_harmed);
            naive += u32::from(is_naive && shares[0].to_bits() == shares[1].to_bits());
        }
    }
    assert!(naive > RUNS / 5, "a test for one look alarmed {naive} times of {RUNS}");
    assert!(alarms <= RUNS / 40, "harmed {alarms} times of {RUNS}");
    assert!(found > RUNS * 95 / 100, "found {found} times of {RUNS}");
}
