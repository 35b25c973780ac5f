//! What is said of an experiment, and what is refused.

use fairsplit::results::{
    Analysis, AnalysisError, Confidence, ConversionsTest, Finding, Observations, Period, Plan,
    Proportion, ProportionError, Results, SampleRatioStatus, Unit, Verdict,
};
use fairsplit::{Engine, ExperimentId, NewExperiment, NewFlag, Status};

fn two(control: (u64, u64), treatment: (u64, u64)) -> Results {
    let observed = Observations::new(Unit::Users)
        .variant("control", 50, control.0, control.1)
        .variant("treatment", 50, treatment.0, treatment.1);
    Analysis::new().results_of(&observed).unwrap()
}

#[test]
fn too_few_users_get_no_verdict() {
    for (control, treatment) in [
        ((0, 0), (0, 0)),
        ((99, 50), (101, 30)),
        ((5000, 19), (5000, 200)),
        ((5000, 200), (5000, 19)),
        ((5000, 4981), (5000, 4000)),
        ((100, 100), (100, 100)),
    ] {
        let results = two(control, treatment);
        assert!(matches!(results.verdict, Verdict::NotEnoughData { .. }), "{}", results.verdict);
        assert_eq!(results.comparisons[0].finding, Finding::NotEnoughData);
        assert_eq!(results.comparisons[0].always_valid, None);
    }
    // The variant to wait for is named: the one that lacks more.
    assert_eq!(
        two((99, 50), (101, 10)).verdict.to_string(),
        "Not enough data: treatment has 101 exposed users, of which 10 converted. Each variant compared \
         needs 100, of which 20 converted and 20 did not."
    );
    assert!(two((5000, 20), (5000, 20)).comparisons[0].always_valid.is_some());
    assert!(two((5000, 4980), (5000, 4980)).comparisons[0].always_valid.is_some());
}

#[test]
fn a_verdict_names_only_differences_that_hold_at_every_look() {
    // The fixed test alone finds one.
    let results = two((1000, 142), (1000, 187));
    assert!(results.comparisons[0].at_planned_end.test.unwrap().p_value < 0.01);
    assert_eq!(
        results.verdict.to_string(),
        "No difference shown yet (always-valid p 0.1228). That is no proof that there is none."
    );

    let results = two((10_000, 1420), (10_000, 1870));
    assert_eq!(
        results.verdict.to_string(),
        "treatment is better than control, by 4.50 points (always-valid p <0.0001)."
    );
    let results = two((10_000, 1870), (10_000, 1420));
    assert_eq!(
        results.verdict.to_string(),
        "treatment is worse than control, by 4.50 points (always-valid p <0.0001)."
    );
    assert_eq!(results.comparisons[0].finding, Finding::Worse);
}

/// Everything else would be good enough for a verdict.
#[test]
fn a_broken_split_withholds_the_verdict() {
    let results = two((10_000, 1420), (9_000, 1870));
    assert_eq!(results.sample_ratio.status, SampleRatioStatus::Mismatch);
    assert_eq!(results.comparisons[0].finding, Finding::Withheld);
    assert_eq!(
        results.verdict.to_string(),
        "No verdict, the split is broken: the variants were not served in the shares of their \
         percentages (p <0.0001). Find out why before you trust any figure here."
    );
    let text = results.to_string();
    assert!(!text.contains("lift") && !text.contains("every look"), "{text}");

    // A warning, and no more.
    let results = two((44_700, 8502), (45_900, 8279));
    assert_eq!(results.sample_ratio.status, SampleRatioStatus::Warning);
    assert!(!matches!(results.verdict, Verdict::SampleRatioMismatch { .. }), "{results}");
}

#[test]
fn a_user_in_a_variant_of_0_percent_is_a_broken_split() {
    for (exposed, converted) in [(1, 0), (0, 1), (1, 1)] {
        let observed = Observations::new(Unit::Users)
            .variant("control", 50, 10_000, 1420)
            .variant("treatment", 50, 10_000, 1870)
            .variant("gone", 0, exposed, converted);
        let results = Analysis::new().results_of(&observed).unwrap();
        assert_eq!(results.sample_ratio.unserved, ["gone"]);
        assert_eq!(
            results.verdict.to_string(),
            "No verdict, the split is broken: gone, a variant of 0 %, has exposures or conversions. \
             Find out why before you trust any figure here."
        );
    }
    let observed = Observations::new(Unit::Users)
        .variant("control", 50, 10_000, 1420)
        .variant("treatment", 50, 10_000, 1870)
        .variant("gone", 0, 0, 0);
    let results = Analysis::new().results_of(&observed).unwrap();
    assert_eq!(results.comparisons.len(), 1);
    assert!(results.verdict.is_decided());
}

#[test]
fn more_converted_than_exposed_gets_no_rate_and_no_verdict() {
    let results = two((1000, 100), (1000, 1200));
    assert_eq!(results.variants[1].rate, None);
    assert_eq!(results.variants[1].interval, None);
    assert_eq!(results.comparisons[0].difference, None);
    assert_eq!(results.comparisons[0].finding, Finding::Withheld);
    assert_eq!(
        results.verdict.to_string(),
        "No verdict, there is no rate: treatment has 1200 converted of 1000 exposed users. Count each \
         user once, or see what the conversions alone say."
    );
    // What needs no exposures is there.
    assert!(results.conversions_only.is_some());
    let error = Proportion::new(1200, 1000).unwrap_err();
    assert!(matches!(error, ProportionError::MoreConverted { converted: 1200, exposed: 1000, .. }));
    assert_eq!(Proportion::new(0, 0).unwrap_err().to_string(), "no unit was exposed");
}

#[test]
fn conversions_without_any_exposure_have_their_own_test() {
    let results = two((0, 142), (0, 187));
    assert!(matches!(results.verdict, Verdict::NoRate { .. }));
    let test = results.conversions_only.unwrap();
    assert_eq!(test.test, ConversionsTest::Binomial);
    assert!((test.p_value.unwrap() - 0.015_148_141).abs() < 1e-9);
}

#[test]
fn of_three_treatments_the_best_is_named_and_intervals_are_adjusted() {
    let observed = Observations::new(Unit::Users)
        .variant("old", 40, 20_000, 2000)
        .variant("a", 20, 10_000, 1300)
        .variant("b", 20, 10_000, 1500)
        .variant("c", 20, 10_000, 700);
    let results = Analysis::new().results_of(&observed).unwrap();
    assert!(matches!(&results.verdict, Verdict::Better { variant, .. } if variant == "b"));
    let findings: Vec<Finding> = results.comparisons.iter().map(|one| one.finding).collect();
    assert_eq!(findings, [Finding::Better, Finding::Better, Finding::Worse]);

    // One of three intervals is wider than one alone, and its p-value larger.
    let alone = Observations::new(Unit::Users)
        .variant("old", 50, 20_000, 2000)
        .variant("a", 50, 20_000, 2250);
    let alone = Analysis::new().results_of(&alone).unwrap().comparisons[0].always_valid.unwrap();
    let three = Observations::new(Unit::Users)
        .variant("old", 25, 20_000, 2000)
        .variant("a", 25, 20_000, 2250)
        .variant("b", 25, 20_000, 2000)
        .variant("c", 25, 20_000, 2000);
    let three = Analysis::new().results_of(&three).unwrap().comparisons[0].always_valid.unwrap();
    assert!(three.interval.low < alone.interval.low && three.interval.high > alone.interval.high);
    assert!(three.p_value > alone.p_value);
}

/// The p-value that is shown is the one that the interval goes by, of several too.
#[test]
fn with_three_treatments_p_is_small_exactly_where_the_interval_leaves_out_0() {
    let (mut small, mut all) = (0, 0);
    for converted in (2000..2600).step_by(5) {
        let observed = Observations::new(Unit::Users)
            .variant("old", 25, 20_000, 2000)
            .variant("a", 25, 20_000, converted)
            .variant("b", 25, 20_000, 2000)
            .variant("c", 25, 20_000, 2000);
        let results = Analysis::new().results_of(&observed).unwrap();
        let found = results.comparisons[0].always_valid.unwrap();
        assert_eq!(found.p_value < 0.05, !found.interval.contains(0.0), "{converted}: {found:?}");
        small += u32::from(found.p_value < 0.05);
        all += 1;
    }
    assert!(0 < small && small < all, "{small} of {all}");
}

#[test]
fn the_control_can_be_named() {
    let observed = Observations::new(Unit::Users)
        .variant("new", 50, 10_000, 1870)
        .variant("old", 50, 10_000, 1420);
    let results = Analysis::new().control("old").results_of(&observed).unwrap();
    assert!(matches!(&results.verdict, Verdict::Better { variant, .. } if variant == "new"));
    let error = Analysis::new().control("odl").results_of(&observed).unwrap_err();
    assert_eq!(error.to_string(), "the control \"odl\" is not a variant");
}

#[test]
fn percentages_not_summing_to_100_and_repeated_variants_are_refused() {
    let of =
        |observed: Observations| Analysis::new().results_of(&observed).unwrap_err().to_string();
    let none = Observations::new(Unit::Users);
    assert_eq!(of(none.clone()), "the percentages sum to 0, not to 100");
    assert_eq!(of(none.clone().variant("a", 200, 0, 0)), "the percentages sum to 200, not to 100");
    let twice = none.variant("a", 50, 0, 0).variant("a", 50, 0, 0);
    assert_eq!(of(twice), "there are two variants \"a\"");
}

#[test]
fn a_single_variant_gets_nothing_to_compare() {
    let observed = Observations::new(Unit::Users).variant("all", 100, 10_000, 1870);
    let results = Analysis::new().results_of(&observed).unwrap();
    assert_eq!(results.verdict, Verdict::NothingToCompare);
    assert_eq!(results.sample_ratio.status, SampleRatioStatus::Unknown);
}

#[test]
fn confidence_plan_and_power_outside_their_ranges_are_refused() {
    for level in [0.0, 0.499, 1.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Confidence::new(level).is_err(), "{level}");
    }
    assert_eq!(
        Confidence::new(1.5).unwrap_err().to_string(),
        "the confidence level 1.5 is not from 0.5 to 0.999999"
    );
    assert_eq!(Confidence::new(0.999_999).unwrap().to_string(), "99.9999 %");
    assert_eq!(
        Plan::new(0.0, 0.1).unwrap_err().to_string(),
        "the base rate 0 is not between 0 and 1"
    );
    assert_eq!(
        Plan::new(0.5, 0.5).unwrap_err().to_string(),
        "the effect 0.5 is 0, or moves the base rate 0.5 out of the range 0 to 1"
    );
    let plan = Plan::new(0.1, 0.02).unwrap();
    assert_eq!(plan.power(1.0).unwrap_err().to_string(), "the power 1 is not from 0.5 to 0.999999");
    assert!(plan.per_variant_watched() > plan.per_variant());
}

fn engine() -> (Engine, ExperimentId) {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let experiment = NewExperiment::new("Hero Banner", "production")
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", experiment).unwrap().id();
    (engine, id)
}

#[test]
fn an_engine_has_results_of_events_since_the_last_start_and_ever() {
    let (engine, id) = engine();
    for _ in 0..3 {
        engine.convert_variant(id, "control");
    }
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    engine.convert_variant(id, "control");

    let results = engine.results(id).unwrap();
    assert_eq!((results.unit, results.period), (Unit::Events, Period::SinceStart));
    assert_eq!(results.since, engine.experiment(id).unwrap().started_at());
    assert_eq!(results.variants[0].converted, 1);
    let ever = engine.analyse(id, &Analysis::new().period(Period::Ever)).unwrap().unwrap();
    assert_eq!((ever.period, ever.variants[0].converted), (Period::Ever, 4));
    assert_eq!(ever.since, Some(engine.experiment(id).unwrap().created_at()));

    assert!(engine.results(ExperimentId::from_bytes([7; 16])).is_none());
}

/// Of a live engine: without counting users there are rates, and the text says how to get a
/// verdict.
#[test]
fn events_have_rates_and_no_verdict_until_users_are_counted() {
    let (engine, id) = engine();
    let production = engine.environment("production").unwrap();
    let visit_all = || {
        for user in 0..4000 {
            let user = format!("user-{user}");
            let variant = production.evaluate("hero-banner", &user);
            // Nine of ten in the treatment, and one of ten in the control.
            if (variant.variant() == Some("treatment")) != user.ends_with('0') {
                production.convert("hero-banner", &user);
            }
        }
    };
    visit_all();
    let results = engine.results(id).unwrap();
    assert_eq!((results.unit, &results.verdict), (Unit::Events, &Verdict::UsersNotCounted));
    assert_eq!(
        results.verdict.to_string(),
        "No verdict from events: a user who comes back is counted each time. Engine::count_users counts \
         each user once; Analysis::one_event_per_unit states that each event is of another user."
    );
    let one = &results.comparisons[0];
    assert_eq!(one.finding, Finding::Withheld);
    assert!(one.difference.unwrap() > 0.7 && one.lift.is_some());
    assert!(results.variants[1].interval.is_some());
    assert_eq!(
        (one.always_valid, one.chance_to_beat, results.conversions_only),
        (None, None, None)
    );
    assert_eq!((one.at_planned_end.test, one.at_planned_end.interval), (None, None));
    assert_eq!(
        (results.sample_ratio.chi_square, results.sample_ratio.sequential_p_value),
        (None, None)
    );
    let text = results.to_string();
    assert!(
        !text.contains(" p ") && text.contains("not tested, since events are not users"),
        "{text}"
    );

    let single = engine.analyse(id, &Analysis::new().one_event_per_unit()).unwrap().unwrap();
    assert_eq!(single.unit, Unit::SingleEvents);
    assert!(matches!(single.verdict, Verdict::Better { .. }), "{single}");

    // In the middle of the run: the events of all of it stand beside the users.
    engine.count_users(id, 10_000).unwrap();
    visit_all();
    let results = engine.results(id).unwrap();
    assert_eq!(results.unit, Unit::Users);
    assert!(matches!(results.verdict, Verdict::Better { .. }), "{results}");
    let users = engine.users(id).unwrap();
    let experiment = engine.experiment(id).unwrap();
    assert_eq!(results.since, Some(users.since()));
    let events = results.events.as_ref().unwrap();
    assert_eq!(events.since, experiment.started_at());
    let counts = engine.counts(id).unwrap();
    for ((event, users), counts) in
        events.variants.iter().zip(&results.variants).zip(counts.variants())
    {
        assert_eq!(event.key, users.key);
        let of_run = (counts.since_start.exposures, counts.since_start.conversions);
        assert_eq!((event.exposures, event.conversions), of_run);
        assert!(event.exposures > users.exposed && event.conversions > users.converted);
    }
    let text = results.to_string();
    assert!(text.contains("Users are counted since later than the start"), "{text}");
    let since = experiment.started_at().unwrap();
    assert!(text.contains(&format!("events since {since}")), "{text}");

    // Over all runs there are only events, and no verdict.
    let ever = engine.analyse(id, &Analysis::new().period(Period::Ever)).unwrap().unwrap();
    assert_eq!(
        (ever.unit, &ever.verdict, ever.run),
        (Unit::Events, &Verdict::UsersNotCounted, None)
    );
    assert_eq!(ever.variants[0].exposed, counts.variants()[0].ever.exposures);

    // From the next start on, all of them are users of the run.
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    visit_all();
    let results = engine.results(id).unwrap();
    assert_eq!((results.unit, results.events, results.run), (Unit::Users, None, Some(2)));
    assert_eq!(results.since, engine.experiment(id).unwrap().started_at());
}

#[test]
fn an_event_in_a_variant_of_0_percent_is_a_broken_split() {
    let observed = Observations::new(Unit::Events)
        .variant("control", 100, 10_000, 1420)
        .variant("gone", 0, 1, 0);
    let results = Analysis::new().results_of(&observed).unwrap();
    assert!(matches!(results.verdict, Verdict::SampleRatioMismatch { .. }));
}

#[test]
fn counts_of_another_experiment_are_refused() {
    let ((one, id), (other, other_id)) = (engine(), engine());
    let (experiment, counts) = (one.experiment(id).unwrap(), other.counts(other_id).unwrap());
    let error = Analysis::new().results(&experiment, &counts, None).unwrap_err();
    assert!(matches!(error, AnalysisError::OtherExperiment { .. }));
    // Of users too: variants of two experiments mostly have the same keys.
    other.count_users(other_id, 100).unwrap();
    let (own, users) = (one.counts(id).unwrap(), other.users(other_id).unwrap());
    let refused = Analysis::new().results(&experiment, &own, Some(&users)).unwrap_err();
    assert!(matches!(refused, AnalysisError::OtherExperiment { found, .. } if found == other_id));
    assert_eq!(
        error.to_string(),
        format!("the counts are of the experiment {other_id}, not of {id}")
    );
}
