//! The OpenFeature provider: every reason, error, type, and what is counted.

mod common;

use std::collections::HashMap;

use common::{client, production, provider, running, user};
use fairsplit::goals::{NewGoal, NewGoals, Refusal};
use fairsplit::targeting::{
    Condition, LayerId, NewHoldout, NewLayer, NewRule, NewTargeting, Operator,
};
use fairsplit::{
    Counts, Engine, ExperimentId, FlagChange, NewExperiment, NewFlag, Outcome, Status, User,
};
use fairsplit_openfeature::Provider;
use open_feature::provider::{FeatureProvider, ProviderStatus, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationContextFieldValue, EvaluationError, EvaluationErrorCode,
    EvaluationReason, EvaluationResult, FlagMetadata, FlagMetadataValue, StructValue, Value,
};
use pollster::block_on;
use serde_json::json;
use time::OffsetDateTime;

/// Exposures and conversions of each variant, ever.
fn ever(counts: &Counts) -> Vec<(u64, u64)> {
    let counts = counts.variants().iter().map(|variant| variant.ever);
    counts.map(|count| (count.exposures, count.conversions)).collect()
}

/// A provider of one flag, "flag", with this default.
fn of(value: serde_json::Value) -> Provider {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag", value)).unwrap();
    provider(&engine)
}

fn string(
    provider: &Provider,
    flag: &str,
    context: &EvaluationContext,
) -> EvaluationResult<ResolutionDetails<String>> {
    block_on(provider.resolve_string_value(flag, context))
}

fn int(value: serde_json::Value) -> EvaluationResult<i64> {
    block_on(of(value).resolve_int_value("flag", &user("anna"))).map(|details| details.value)
}

fn float(value: serde_json::Value) -> EvaluationResult<f64> {
    block_on(of(value).resolve_float_value("flag", &user("anna"))).map(|details| details.value)
}

fn structure(value: serde_json::Value) -> EvaluationResult<StructValue> {
    block_on(of(value).resolve_struct_value("flag", &user("anna"))).map(|details| details.value)
}

#[track_caller]
fn assert_error<T>(result: EvaluationResult<T>, code: EvaluationErrorCode, message: &str) {
    let expected = EvaluationError { code, message: Some(message.to_owned()) };
    assert_eq!(result.err(), Some(expected));
}

fn parts<T>(
    details: ResolutionDetails<T>,
) -> (T, Option<String>, Option<EvaluationReason>, HashMap<String, FlagMetadataValue>) {
    let metadata = details.flag_metadata.map(|metadata| metadata.values);
    (details.value, details.variant, details.reason, metadata.unwrap_or_default())
}

#[test]
fn a_new_provider_is_named_fairsplit_and_ready() {
    let provider = provider(&Engine::new());
    assert_eq!(provider.metadata().name, "fairsplit");
    assert_eq!(provider.status(), ProviderStatus::Ready);
    assert!(provider.hooks().is_empty());
}

#[test]
fn a_user_in_a_split_gets_its_variant_and_the_metadata_of_its_experiment() {
    let (engine, id) = running();
    let answer = string(&provider(&engine), "hero-banner", &user("anna")).unwrap();
    let why = production(&engine).explain("hero-banner", "anna");
    let bucket = why.assignment.unwrap().bucket;
    let expected = FlagMetadata::default()
        .with_value("experimentId", id.to_string())
        .with_value("experimentName", "Hero Banner A/B Test")
        .with_value("version", why.version.to_string())
        .with_value("bucket", bucket);
    let (value, variant, reason, metadata) = parts(answer);
    assert_eq!(why.value, Some(value.into()));
    assert_eq!((variant, reason), (why.variant, Some(EvaluationReason::Split)));
    assert_eq!(metadata, expected.values);
    assert_eq!(metadata["version"], FlagMetadataValue::String("2".to_owned()));
}

#[test]
fn a_forced_user_is_a_targeting_match_without_a_bucket_and_is_not_counted() {
    let (engine, id) = running();
    engine.force(id, "qa", "treatment").unwrap();
    let answer = string(&provider(&engine), "hero-banner", &user("qa")).unwrap();
    let (value, variant, reason, metadata) = parts(answer);
    assert_eq!(value, "new");
    assert_eq!(variant.as_deref(), Some("treatment"));
    assert_eq!(reason, Some(EvaluationReason::TargetingMatch));
    assert_eq!(metadata["experimentId"], FlagMetadataValue::String(id.to_string()));
    assert_eq!(metadata.len(), 3, "{metadata:?}");
    assert!(!metadata.contains_key("bucket"));
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn a_flag_whose_experiment_was_stopped_answers_its_default_as_static() {
    let (engine, id) = running();
    engine.stop(id).unwrap();
    let answer = string(&provider(&engine), "hero-banner", &user("anna")).unwrap();
    let (value, variant, reason, metadata) = parts(answer);
    assert_eq!((value.as_str(), variant, reason), ("old", None, Some(EvaluationReason::Static)));
    assert!(metadata.is_empty());
}

#[test]
fn an_archived_flag_answers_its_default_as_disabled_and_still_asks_for_a_targeting_key() {
    let (engine, id) = running();
    engine.stop(id).unwrap();
    engine.archive_flag("hero-banner").unwrap();
    for user in [user("anna"), user("")] {
        let answer = string(&provider(&engine), "hero-banner", &user).unwrap();
        let (value, variant, reason, metadata) = parts(answer);
        let expected = Some(EvaluationReason::Disabled);
        assert_eq!((value.as_str(), variant, reason), ("old", None, expected));
        assert!(metadata.is_empty());
        assert_eq!(provider(&engine).convert("hero-banner", &user).outcome(), Outcome::Archived);
    }
    let keyless = string(&provider(&engine), "hero-banner", &EvaluationContext::default());
    assert_eq!(keyless.unwrap_err().code, EvaluationErrorCode::TargetingKeyMissing);
}

#[test]
fn a_user_with_an_empty_targeting_key_gets_the_default_and_is_not_counted() {
    let (engine, id) = running();
    let answer = string(&provider(&engine), "hero-banner", &user("")).unwrap();
    let (value, variant, reason, metadata) = parts(answer);
    assert_eq!((value.as_str(), variant, reason), ("old", None, Some(EvaluationReason::Default)));
    assert!(metadata.is_empty());
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn a_user_in_another_environment_is_not_in_the_experiment() {
    let (engine, id) = running();
    let staging = Provider::new(engine.environment("staging").unwrap());
    let answer = string(&staging, "hero-banner", &user("anna")).unwrap();
    assert_eq!(answer.reason, Some(EvaluationReason::Static));
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn an_unknown_flag_is_not_found_with_and_without_a_targeting_key() {
    let provider = provider(&running().0);
    for context in [user("anna"), user(""), EvaluationContext::default()] {
        assert_error(
            string(&provider, "hero-baner", &context),
            EvaluationErrorCode::FlagNotFound,
            "there is no flag \"hero-baner\"",
        );
    }
}

#[test]
fn a_long_name_is_cut_in_an_error() {
    let long = "ä".repeat(65);
    let cut = "ä".repeat(64);
    assert_error(
        string(&provider(&Engine::new()), &long, &user("anna")),
        EvaluationErrorCode::FlagNotFound,
        &format!("there is no flag \"{cut}...\""),
    );
    assert_error(
        structure(json!({ "a": { long: null } })),
        EvaluationErrorCode::ParseError,
        &format!(
            "the value of flag \"flag\" has null at a.{cut}..., which no OpenFeature structure can hold"
        ),
    );
}

#[test]
fn a_missing_targeting_key_is_an_error_with_and_without_an_experiment() {
    let (engine, id) = running();
    let keyless = EvaluationContext::default().with_custom_field("targetingKey", "anna");
    for _ in 0..2 {
        assert_error(
            string(&provider(&engine), "hero-banner", &keyless),
            EvaluationErrorCode::TargetingKeyMissing,
            "flag \"hero-banner\" is answered for a user, and the evaluation context has no targeting \
             key",
        );
        assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
        let _ = engine.stop(id);
    }
}

#[test]
fn a_call_for_another_type_than_the_value_has_names_both() {
    let values = [
        (json!(true), "a boolean"),
        (json!(1), "the number 1"),
        (json!(1.5), "the number 1.5"),
        (json!("text"), "a string"),
        (json!([1]), "an array"),
        (json!({"a": 1}), "an object"),
        (json!(null), "null"),
    ];
    for (at, (value, found)) in values.into_iter().enumerate() {
        let provider = of(value);
        let context = user("anna");
        let refused = [
            block_on(provider.resolve_bool_value("flag", &context)).err(),
            block_on(provider.resolve_int_value("flag", &context)).err(),
            block_on(provider.resolve_float_value("flag", &context)).err(),
            block_on(provider.resolve_string_value("flag", &context)).err(),
            block_on(provider.resolve_struct_value("flag", &context)).err(),
        ];
        let expected = [
            ("a boolean", &[0][..]),
            ("an integer of 64 bits", &[1]),
            ("a float of 64 bits", &[1, 2]),
            ("a string", &[3]),
            ("a structure", &[5]),
        ];
        for (refused, (expected, accepted)) in refused.into_iter().zip(expected) {
            let message = (!accepted.contains(&at)).then(|| {
                format!("flag \"flag\" was asked for {expected}, and its value is {found}")
            });
            let code = EvaluationErrorCode::TypeMismatch;
            assert_eq!(refused, message.map(|text| EvaluationError { code, message: Some(text) }));
        }
    }
}

#[test]
fn a_call_for_an_integer_refuses_wider_ones_and_floats() {
    assert_eq!(int(json!(i64::MAX)), Ok(i64::MAX));
    assert_eq!(int(json!(i64::MIN)), Ok(i64::MIN));
    for (value, text) in [
        (json!(9_223_372_036_854_775_808_u64), "9223372036854775808"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(1.0), "1.0"),
    ] {
        assert_error(
            int(value),
            EvaluationErrorCode::TypeMismatch,
            &format!(
                "flag \"flag\" was asked for an integer of 64 bits, and its value is the number {text}"
            ),
        );
    }
}

#[test]
fn a_call_for_a_float_gets_an_integer_that_loses_no_digit_by_it() {
    assert_eq!(float(json!(1)), Ok(1.0));
    assert_eq!(float(json!(-0.5)), Ok(-0.5));
    assert_eq!(float(json!(9_007_199_254_740_992_u64)), Ok(9_007_199_254_740_992.0));
    assert_eq!(float(json!(1_u64 << 63)), Ok(9_223_372_036_854_775_808.0));
    for value in [9_007_199_254_740_993_u64, u64::MAX] {
        assert_error(
            float(json!(value)),
            EvaluationErrorCode::TypeMismatch,
            &format!(
                "flag \"flag\" was asked for a float of 64 bits, and its value is the number {value}"
            ),
        );
    }
}

#[test]
fn a_structure_keeps_every_part_and_its_kind() {
    let value = json!({
        "name": "dusk", "dark": true, "size": 25, "scale": 1.0, "low": i64::MIN,
        "sizes": [1, 2.5, "three", [false], {"four": 4}], "empty": {}, "none": [],
    });
    let four = StructValue::default().with_field("four", 4);
    let sizes = vec![
        Value::Int(1),
        Value::Float(2.5),
        Value::String("three".to_owned()),
        Value::Array(vec![Value::Bool(false)]),
        Value::Struct(four),
    ];
    let expected = StructValue::default()
        .with_field("name", "dusk")
        .with_field("dark", true)
        .with_field("size", 25)
        .with_field("scale", 1.0)
        .with_field("low", i64::MIN)
        .with_field("sizes", Value::Array(sizes))
        .with_field("empty", StructValue::default())
        .with_field("none", Value::Array(Vec::new()));
    assert_eq!(structure(value), Ok(expected));
}

#[test]
fn a_structure_with_a_null_or_a_wide_integer_is_an_error_that_names_the_place() {
    let cases = [
        (json!({"a": null}), "null at a"),
        (json!({"a": {"b": [1, null]}}), "null at a.b[1]"),
        (json!({"a": u64::MAX}), "the number 18446744073709551615 at a"),
    ];
    for (value, what) in cases {
        assert_error(
            structure(value),
            EvaluationErrorCode::ParseError,
            &format!(
                "the value of flag \"flag\" has {what}, which no OpenFeature structure can hold"
            ),
        );
    }
}

#[test]
fn users_get_and_count_the_same_through_a_client_as_in_process() {
    let ((ours, id), (theirs, _)) = (running(), running());
    let (client, production) = (client(&ours), production(&theirs));
    ours.force(id, "user-3", "treatment").unwrap();
    theirs.force(id, "user-3", "treatment").unwrap();
    let users: Vec<_> = (0..1000).map(|at| format!("user-{at}")).collect();
    for key in users.iter().map(String::as_str).chain([""]) {
        let details =
            block_on(client.get_string_details("hero-banner", Some(&user(key)), None)).unwrap();
        let evaluation = production.evaluate("hero-banner", key);
        assert_eq!(details.value, evaluation.str_or("fallback"), "{key}");
        assert_eq!(details.variant.as_deref(), evaluation.variant(), "{key}");
        let is_split = details.reason == Some(EvaluationReason::Split);
        assert_eq!(is_split, evaluation.is_counted(), "{key}");
    }
    let counted = ever(&ours.counts(id).unwrap());
    assert_eq!(counted, ever(&theirs.counts(id).unwrap()));
    assert_eq!(counted.iter().map(|(exposures, _)| exposures).sum::<u64>(), 999);
}

#[test]
fn a_call_for_the_wrong_type_counts_its_exposure() {
    let (engine, id) = running();
    let asked = provider(&engine);
    assert!(block_on(asked.resolve_int_value("hero-banner", &user("anna"))).is_err());
    assert!(production(&engine).evaluate("hero-banner", "anna").is_counted());
    let counts = ever(&engine.counts(id).unwrap());
    assert_eq!(counts.iter().map(|(exposures, _)| exposures).max(), Some(&2));
}

#[test]
fn a_conversion_through_the_provider_counts_as_the_engines_for_the_targeting_key() {
    let (engine, id) = running();
    engine.force(id, "qa", "treatment").unwrap();
    let provider = provider(&engine);
    let variant = production(&engine).peek("hero-banner", "anna").variant().unwrap().to_owned();
    let conversion = provider.convert("hero-banner", &user("anna"));
    assert_eq!((conversion.outcome(), conversion.variant()), (Outcome::Counted, Some(&*variant)));
    let counts = engine.counts(id).unwrap();
    assert_eq!(counts.variant(&variant).unwrap().ever.conversions, 1);

    let outcome = |flag, context: &EvaluationContext| provider.convert(flag, context).outcome();
    assert_eq!(outcome("hero-banner", &EvaluationContext::default()), Outcome::NoUserKey);
    assert_eq!(outcome("hero-banner", &user("")), Outcome::NoUserKey);
    assert_eq!(outcome("hero-banner", &user("qa")), Outcome::Forced);
    assert_eq!(outcome("hero-baner", &user("anna")), Outcome::FlagNotFound);
    engine.stop(id).unwrap();
    assert_eq!(outcome("hero-banner", &user("anna")), Outcome::NotRunning);
}

#[test]
fn tracking_through_the_provider_counts_as_the_engines_goals_for_the_targeting_key() {
    let (engine, id) = running();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.set_goals(id, NewGoals::new().secondary("purchase")).unwrap();
    let provider = provider(&engine);
    let tracked = provider.track("purchase", &user("anna"), Some(49.90)).unwrap();
    let [one] = tracked.as_slice() else { panic!("{tracked:?}") };
    assert_eq!((one.experiment, one.outcome), (id, Outcome::Counted));
    let counts = &engine.goal_counts(id).unwrap()[0];
    assert_eq!(counts.variants.iter().map(|variant| variant.ever.gained).sum::<u64>(), 4990);

    let tracked = provider.track("purchase", &EvaluationContext::default(), Some(1.0)).unwrap();
    assert_eq!(tracked[0].outcome, Outcome::NoUserKey);
    let refused = |goal, value| provider.track(goal, &user("anna"), value).unwrap_err();
    assert_eq!(refused("purchase", None), Refusal::ValueNeeded);
    assert_eq!(refused("purchas", Some(1.0)), Refusal::GoalNotFound);
}

fn when(attribute: &str, operator: Operator, value: impl Into<serde_json::Value>) -> Condition {
    Condition::new(attribute, operator, value)
}

/// An engine whose flag "flag" has this rule, which answers "rule".
fn ruled(condition: Condition) -> Engine {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag", "default")).unwrap();
    engine.create_rule("flag", NewRule::new("production", "rule").condition(condition)).unwrap();
    engine
}

/// An engine whose flag "flag" runs an experiment for a part of the users.
fn targeted(targeting: NewTargeting) -> (Engine, ExperimentId) {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag", "default")).unwrap();
    let new = NewExperiment::new("Targeted", "production")
        .id(ExperimentId::from_bytes([1; 16]))
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .targeting(targeting)
        .status(Status::Running);
    let id = engine.create_experiment("flag", new).unwrap().id();
    (engine, id)
}

#[test]
fn a_condition_sees_a_field_of_every_type_but_a_structure() {
    let noon = 1_764_244_800_123_i64;
    let after_noon = OffsetDateTime::from_unix_timestamp_nanos(i128::from(noon + 1) * 1_000_000);
    let context = user("anna")
        .with_custom_field("beta", true)
        .with_custom_field("age", 42)
        .with_custom_field("score", 2.5)
        .with_custom_field("plan", "pro")
        .with_custom_field("since", after_noon.unwrap())
        .with_custom_field("company", EvaluationContextFieldValue::new_struct(7_u8));
    for (condition, expected) in [
        (when("beta", Operator::Equals, true), "rule"),
        (when("beta", Operator::Equals, false), "default"),
        (when("age", Operator::GreaterThan, 41), "rule"),
        (when("age", Operator::LessThan, 42), "default"),
        (when("score", Operator::Equals, 2.5), "rule"),
        (when("plan", Operator::In, json!(["pro", "team"])), "rule"),
        (when("plan", Operator::Equals, "PRO"), "default"),
        (when("since", Operator::After, noon), "rule"),
        (when("since", Operator::After, noon + 1), "default"),
        (Condition::is_set("company"), "default"),
        (Condition::is_set("plan"), "rule"),
        (Condition::is_set("missing"), "default"),
        (when("user_key", Operator::Equals, "anna"), "rule"),
        (when("targetingKey", Operator::Equals, "anna"), "rule"),
    ] {
        let provider = provider(&ruled(condition.clone()));
        assert_eq!(string(&provider, "flag", &context).unwrap().value, expected, "{condition:?}");
    }
}

#[test]
fn a_time_before_1970_is_cut_towards_the_past() {
    let time = OffsetDateTime::from_unix_timestamp_nanos(-1).unwrap();
    let context = user("anna").with_custom_field("born", time);
    let provider = provider(&ruled(when("born", Operator::Before, 0)));
    assert_eq!(string(&provider, "flag", &context).unwrap().value, "rule");
}

#[test]
fn a_user_with_an_empty_targeting_key_has_no_attribute_of_that_name() {
    let provider = provider(&ruled(Condition::is_set("targetingKey")));
    assert_eq!(string(&provider, "flag", &user("")).unwrap().value, "default");
    assert_eq!(string(&provider, "flag", &user("anna")).unwrap().value, "rule");
}

#[test]
fn a_user_whom_a_rule_answers_is_a_targeting_match_and_the_others_have_the_default() {
    let provider = provider(&ruled(when("plan", Operator::Equals, "pro")));
    for (plan, expected, why) in [
        ("pro", "rule", EvaluationReason::TargetingMatch),
        ("free", "default", EvaluationReason::Default),
    ] {
        let context = user("anna").with_custom_field("plan", plan);
        let (value, variant, reason, metadata) =
            parts(string(&provider, "flag", &context).unwrap());
        assert_eq!((value.as_str(), variant, reason), (expected, None, Some(why)));
        assert!(metadata.is_empty(), "{metadata:?}");
    }
}

#[test]
fn a_rule_that_is_disabled_or_of_another_environment_leaves_a_flag_static() {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag", "default")).unwrap();
    engine.create_rule("flag", NewRule::new("staging", "rule")).unwrap();
    engine.create_rule("flag", NewRule::new("production", "rule").enabled(false)).unwrap();
    let answer = string(&provider(&engine), "flag", &user("anna")).unwrap();
    assert_eq!((answer.value.as_str(), answer.reason), ("default", Some(EvaluationReason::Static)));
}

#[test]
fn a_visitor_without_a_targeting_key_gets_the_value_of_a_rule_and_else_an_error() {
    let provider = provider(&ruled(when("plan", Operator::Equals, "pro")));
    let visitor = |plan: &str| EvaluationContext::default().with_custom_field("plan", plan);
    let answer = string(&provider, "flag", &visitor("pro")).unwrap();
    assert_eq!(answer.reason, Some(EvaluationReason::TargetingMatch));
    let refused = string(&provider, "flag", &visitor("free")).unwrap_err();
    assert_eq!(refused.code, EvaluationErrorCode::TargetingKeyMissing);
}

#[test]
fn a_user_whom_the_running_experiment_does_not_have_gets_the_default_and_the_detail_why() {
    let everybody = NewTargeting::new;
    let layer = LayerId::from_bytes([2; 16]);
    let held = || {
        let engine = Engine::new();
        engine.create_holdout(NewHoldout::new("all", 100)).unwrap();
        engine
    };
    let layered = || {
        let engine = Engine::new();
        engine.create_layer(NewLayer::new("layer").id(layer)).unwrap();
        engine
    };
    let pro = when("plan", Operator::Equals, "pro");
    let cases = [
        (Engine::new(), everybody().bucket_by("company"), "no_unit"),
        (held(), everybody(), "held_out"),
        (layered(), everybody().layer(layer, [(0.0, 0.001)]), "other_layer_range"),
        (Engine::new(), everybody().condition(pro), "not_in_audience"),
        (Engine::new(), everybody().coverage(0), "not_covered"),
    ];
    for (engine, targeting, detail) in cases {
        engine.create_flag(NewFlag::new("flag", "default")).unwrap();
        let new = NewExperiment::new("All", "production").variant("all", "new", 100);
        let new = new.targeting(targeting).status(Status::Running);
        let id = engine.create_experiment("flag", new).unwrap().id();
        let answer = string(&provider(&engine), "flag", &user("anna")).unwrap();
        let (value, variant, reason, metadata) = parts(answer);
        let expected = ("default", None, Some(EvaluationReason::Default));
        assert_eq!((value.as_str(), variant, reason), expected, "{detail}");
        let expected = FlagMetadata::default().with_value("detail", detail);
        assert_eq!(metadata, expected.values);
        assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0)]);
    }
}

#[test]
fn a_disabled_flag_answers_its_default_as_disabled() {
    let (engine, id) = running();
    engine.change_flag("hero-banner", FlagChange::new().enabled(false)).unwrap();
    let answer = string(&provider(&engine), "hero-banner", &user("anna")).unwrap();
    let (value, variant, reason, metadata) = parts(answer);
    assert_eq!((value.as_str(), variant, reason), ("old", None, Some(EvaluationReason::Disabled)));
    assert!(metadata.is_empty());
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0), (0, 0)]);
}

#[test]
fn a_user_of_an_experiment_by_company_has_the_bucket_of_the_company() {
    let (engine, id) = targeted(NewTargeting::new().bucket_by("company_id"));
    let provider = provider(&engine);
    for number in 0..20 {
        let context = user("anna").with_custom_field("company_id", number);
        let (.., metadata) = parts(string(&provider, "flag", &context).unwrap());
        let attributes = [("company_id", number.into())];
        let anna = User::new("anna").with(&attributes);
        let why = production(&engine).explain("flag", anna).assignment.unwrap();
        assert_eq!(metadata["bucket"], FlagMetadataValue::from(why.bucket));
        let text = number.to_string();
        let assignment = engine.experiment(id).unwrap().assignment();
        assert_eq!(assignment.bucket(&text).index(), why.bucket);
    }
}

#[test]
fn a_conversion_through_the_provider_is_decided_with_the_fields_of_its_context() {
    let (engine, id) = targeted(NewTargeting::new().condition(Condition::is_set("plan")));
    let provider = provider(&engine);
    let known = user("anna").with_custom_field("plan", "pro");
    assert_eq!(provider.convert("flag", &known).outcome(), Outcome::Counted);
    assert_eq!(provider.convert("flag", &user("anna")).outcome(), Outcome::NotInAudience);
    let counts = ever(&engine.counts(id).unwrap());
    assert_eq!(counts.iter().map(|(_, conversions)| conversions).sum::<u64>(), 1);
}

#[test]
fn a_client_answers_from_the_newest_configuration() {
    let engine = Engine::new();
    let client = client(&engine);
    let anna = user("anna");
    let ask = || block_on(client.get_string_value("hero-banner", Some(&anna), None));
    assert_eq!(ask().unwrap_err().code, EvaluationErrorCode::FlagNotFound);
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    assert_eq!(ask().unwrap(), "old");
    let new = NewExperiment::new("All", "production").variant("all", "new", 100);
    engine.create_experiment("hero-banner", new.status(Status::Running)).unwrap();
    assert_eq!(ask().unwrap(), "new");
    engine.create_flag(NewFlag::new("other", "old")).unwrap();
    let draft = NewExperiment::new("Draft", "production").variant("all", "new", 100);
    engine.create_experiment("other", draft).unwrap();
    assert_eq!(ask().unwrap(), "new");
}
