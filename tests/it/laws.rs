//! Laws of evaluation and counting, one each.

use crate::common::{
    banner, engine_at_noon, ever, experiment_id, production, running, since_start, staging,
};
use fairsplit::{Engine, NewExperiment, NewFlag, Outcome, Reason, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

fn users(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user-{number}"))
}

/// The variant of each user, without counting.
fn assigned(engine: &Engine) -> Vec<Option<String>> {
    let view = production(engine).view();
    let variant = |user: String| view.peek("hero-banner", &user).variant().map(str::to_owned);
    users(500).map(variant).collect()
}

#[test]
fn a_view_from_before_a_stop_answers_the_variant_and_counts_nothing() {
    let (engine, id) = running();
    let view = production(&engine).view();
    engine.stop(id).unwrap();
    let answer = view.evaluate("hero-banner", "anna");
    assert_eq!(answer.reason(), Reason::Split);
    assert!(!answer.is_counted());
    let conversion = view.convert("hero-banner", "anna");
    assert_eq!(conversion.outcome(), Outcome::NotRunning);
    assert_eq!(view.convert_variant(id, "control").outcome(), Outcome::NotRunning);
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn a_view_from_before_a_removal_counts_nothing() {
    let (engine, id) = running();
    let view = production(&engine).view();
    engine.replace(r#"{"flags": []}"#).unwrap();
    assert!(!view.evaluate("hero-banner", "anna").is_counted());
    assert_eq!(view.convert_variant(id, "control").outcome(), Outcome::NotRunning);
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn a_view_from_before_a_start_counts_nothing_for_its_draft() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let id = engine.create_experiment("hero-banner", banner("production")).unwrap().id();
    let view = production(&engine).view();
    engine.start(id).unwrap();
    assert_eq!(view.evaluate("hero-banner", "a").reason(), Reason::NotRunning);
    assert_eq!(view.convert_variant(id, "control").outcome(), Outcome::NotRunning);
}

#[test]
fn a_restart_keeps_every_users_variant_and_the_counts() {
    let (engine, id) = running();
    let before = assigned(&engine);
    assert!(before.iter().all(Option::is_some));
    assert!(production(&engine).convert("hero-banner", "anna").is_counted());
    let counted = ever(&engine.counts(id).unwrap());
    engine.stop(id).unwrap();
    assert!(assigned(&engine).iter().all(Option::is_none));
    engine.start(id).unwrap();
    assert_eq!(assigned(&engine), before);
    assert_eq!(ever(&engine.counts(id).unwrap()), counted);
    assert_eq!(since_start(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn another_experiment_on_the_flag_splits_anew() {
    let (engine, id) = running();
    let first = assigned(&engine);
    engine.stop(id).unwrap();
    let second = banner("production").id(experiment_id(2)).status(Status::Running);
    engine.create_experiment("hero-banner", second).unwrap();
    let moved = first.iter().zip(assigned(&engine)).filter(|(one, other)| **one != *other).count();
    // Half of 500 would move between independent halves; 6 standard deviations are 67.
    assert!((183..=317).contains(&moved), "{moved}");
}

#[test]
fn engines_with_the_same_experiment_id_assign_alike() {
    let split = |id: u128| {
        let (engine, _) = engine_at_noon();
        // Other flags and experiments, another order, another time: nothing of it matters.
        for flag in 0..id {
            engine.create_flag(NewFlag::new(format!("flag-{flag}"), 0)).unwrap();
        }
        engine.create_flag(NewFlag::new("hero-banner", "other default")).unwrap();
        let new = NewExperiment::new("another name", "production")
            .id(experiment_id(1))
            .variant("control", 1, 50)
            .variant("treatment", 2, 50)
            .status(Status::Running);
        engine.create_experiment("hero-banner", new).unwrap();
        assigned(&engine)
    };
    let (engine, _) = running();
    assert_eq!(split(0), assigned(&engine));
    assert_eq!(split(7), assigned(&engine));
}

#[test]
fn environments_do_not_touch_each_other() {
    let (engine, id) = running();
    let elsewhere = banner("staging").id(experiment_id(2)).status(Status::Running);
    let other = engine.create_experiment("hero-banner", elsewhere).unwrap().id();
    assert!(staging(&engine).convert("hero-banner", "anna").is_counted());
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
    assert_eq!(ever(&engine.counts(other).unwrap()).iter().map(|count| count.1).sum::<u64>(), 1);
    engine.stop(other).unwrap();
    assert_eq!(production(&engine).peek("hero-banner", "anna").reason(), Reason::Split);
    assert_eq!(staging(&engine).peek("hero-banner", "anna").reason(), Reason::NotRunning);
}

#[test]
fn a_variant_of_0_percent_is_never_assigned_and_can_be_forced() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let new = NewExperiment::new("n", "production")
        .id(experiment_id(1))
        .variant("none", 0, 0)
        .variant("all", 1, 100)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", new).unwrap().id();
    assert!(assigned(&engine).iter().all(|variant| variant.as_deref() == Some("all")));
    engine.force(id, "qa", "none").unwrap();
    assert_eq!(production(&engine).peek("hero-banner", "qa").variant(), Some("none"));
}

#[test]
fn any_user_key_but_the_empty_one_is_assigned() {
    let (engine, _) = running();
    for user in [" ", "\0", "\n", "日本", &"x".repeat(100_000)] {
        assert_eq!(production(&engine).peek("hero-banner", user).reason(), Reason::Split);
    }
    assert_eq!(production(&engine).peek("hero-banner", "").reason(), Reason::NoUserKey);
    assert_eq!(production(&engine).peek("hero-banner", "").str_or("none"), "old");
}

/// An answer of the value that a test gives.
fn with_value<R>(value: &Value, test: impl FnOnce(fairsplit::Evaluation) -> R) -> R {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("flag", value.clone())).unwrap();
    test(production(&engine).evaluate("flag", "anna"))
}

#[test]
fn typed_accessors_never_coerce() {
    let integers = |value: Value| with_value(&value, |answer| answer.i64_or(-7));
    assert_eq!(integers(json!(3)), 3);
    assert_eq!(integers(json!(i64::MIN)), i64::MIN);
    for no_i64 in [json!(1.5), json!(1.0), json!("1"), json!(true), json!(null), json!(u64::MAX)] {
        assert_eq!(integers(no_i64), -7);
    }
    let bits = |value: Value| with_value(&value, |answer| answer.f64_or(-7.0).to_bits());
    assert_eq!(bits(json!(1.5)), 1.5_f64.to_bits());
    assert_eq!(bits(json!(3)), 3.0_f64.to_bits());
    assert_eq!(bits(json!(1_u64 << 63)), 9_223_372_036_854_775_808.0_f64.to_bits());
    for no_f64 in [json!("1.5"), json!((1_u64 << 53) + 1), json!(u64::MAX), json!(false)] {
        assert_eq!(bits(no_f64.clone()), (-7.0_f64).to_bits());
        assert_eq!(with_value(&no_f64, |answer| answer.as_f64().ok()), None, "{no_f64}");
    }
    assert_eq!(with_value(&json!(3), |answer| answer.as_f64()), Ok(3.0));
    let bools = |value: Value| with_value(&value, |answer| answer.bool_or(true));
    assert!(!bools(json!(false)));
    for no_bool in [json!(0), json!("false"), json!(null), json!([])] {
        assert!(bools(no_bool));
    }
    let texts = |value: Value| with_value(&value, |answer| answer.str_or("none").to_owned());
    assert_eq!(texts(json!("")), "");
    for no_text in [json!(1), json!(true), json!(["x"])] {
        assert_eq!(texts(no_text), "none");
    }
    let pairs = |value: Value| with_value(&value, |answer| answer.deserialize_or((0_u8, true)));
    assert_eq!(pairs(json!([5, false])), (5, false));
    assert_eq!(pairs(json!([256, false])), (0, true));
}

#[test]
fn a_missing_flag_answers_the_fallback() {
    let (engine, _) = engine_at_noon();
    let answer = production(&engine).evaluate("no such flag", "anna");
    assert_eq!((answer.value(), answer.reason()), (None, Reason::FlagNotFound));
    assert!(answer.bool_or(true) && !answer.bool_or(false));
    assert_eq!((answer.i64_or(5), answer.str_or("x")), (5, "x"));
    assert_eq!(answer.deserialize_or(vec![1]), [1]);
}

proptest! {
    #[test]
    fn every_way_of_evaluating_returns_and_counts_the_same(user: String, flag in "[ab]") {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("a", "default")).unwrap();
        let new = banner("production").id(experiment_id(1)).status(Status::Running);
        let id = engine.create_experiment("a", new).unwrap().id();
        let place = production(&engine);
        let mut reader = place.reader();
        let (handle, view) = (place.flag(&flag), place.view());

        macro_rules! answer {
            ($answer:expr) => {{
                let answer = $answer;
                let (value, variant) = (answer.value().cloned(), answer.variant().map(str::to_owned));
                (value, variant, answer.reason(), answer.experiment())
            }};
        }
        let first = answer!(place.evaluate(&flag, &user));
        prop_assert_eq!(&answer!(place.peek(&flag, &user)), &first);
        prop_assert_eq!(&answer!(handle.evaluate(&user)), &first);
        prop_assert_eq!(&answer!(handle.peek(&user)), &first);
        prop_assert_eq!(&answer!(view.evaluate(&flag, &user)), &first);
        let by_name = view.in_environment(place.name());
        prop_assert_eq!(&answer!(by_name.evaluate(&flag, &user)), &first);
        let cached = reader.view();
        prop_assert_eq!(&answer!(cached.evaluate(&flag, &user)), &first);
        prop_assert_eq!(&answer!(handle.evaluate_on(&view, &user)), &first);
        prop_assert_eq!(&answer!(handle.evaluate_on(reader.snapshot(), &user)), &first);
        let explained = place.explain(&flag, &user);
        prop_assert_eq!((explained.value, explained.variant, explained.reason, explained.experiment), first.clone());

        let exposures: u64 = ever(&engine.counts(id).unwrap()).iter().map(|count| count.0).sum();
        prop_assert_eq!(exposures, if first.2 == Reason::Split { 7 } else { 0 });
    }
}

#[test]
fn a_forced_user_has_no_assignment() {
    let (engine, id) = running();
    engine.force(id, "qa", "treatment").unwrap();
    let forced = production(&engine).evaluate("hero-banner", "qa");
    assert_eq!((forced.experiment(), forced.variant()), (Some(id), Some("treatment")));
    assert_eq!(forced.assignment(), None);
    let split = production(&engine).evaluate("hero-banner", "anna");
    let (experiment, variant) = split.assignment().unwrap();
    assert_eq!((Some(experiment), Some(variant)), (split.experiment(), split.variant()));
    assert!(engine.convert_variant(experiment, variant).is_counted());
    let default = staging(&engine).evaluate("hero-banner", "anna");
    assert_eq!(default.assignment(), None);
}

#[test]
fn an_experiment_is_named_where_its_variant_is_served_split_or_forced() {
    let (engine, id) = running();
    engine.force(id, "qa", "treatment").unwrap();
    let name = |environment: &fairsplit::Environment, flag, user| {
        environment.evaluate(flag, user).experiment_name().map(str::to_owned)
    };
    let (production, staging) = (production(&engine), staging(&engine));
    let named = Some("Hero Banner A/B Test".to_owned());
    assert_eq!(name(&production, "hero-banner", "anna"), named);
    assert_eq!(name(&production, "hero-banner", "qa"), named);
    assert_eq!(name(&production, "hero-banner", ""), None);
    assert_eq!(name(&staging, "hero-banner", "anna"), None);
    assert_eq!(name(&production, "hero-baner", "anna"), None);
}

#[test]
fn a_flag_can_run_in_many_environments() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let places: Vec<_> = (0..100).map(|number| format!("tenant-{number}")).collect();
    for (number, place) in (1..).zip(&places) {
        let new = banner(place).id(experiment_id(number)).status(Status::Running);
        engine.create_experiment("hero-banner", new).unwrap();
    }
    for (number, place) in (1..).zip(&places) {
        let answer = engine.environment(place).unwrap().peek("hero-banner", "anna");
        assert_eq!(answer.experiment(), Some(experiment_id(number)));
    }
    assert_eq!(production(&engine).peek("hero-banner", "anna").reason(), Reason::NotRunning);
}

#[test]
fn a_snapshot_lists_its_flags() {
    let (engine, _) = running();
    let view = production(&engine).view();
    engine.create_flag(NewFlag::new("later", 1)).unwrap();
    assert_eq!(view.flags().map(fairsplit::Flag::key).collect::<Vec<_>>(), ["hero-banner"]);
    assert_eq!(engine.flags().len(), 2);
}
