//! The OpenFeature provider: every reason, error, type, and what is counted.

mod common;

use std::collections::HashMap;

use common::{client, production, provider, running, user};
use fairsplit::{Counts, Engine, NewExperiment, NewFlag, Outcome, Status};
use fairsplit_openfeature::Provider;
use open_feature::provider::{FeatureProvider, ProviderStatus, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason, EvaluationResult,
    FlagMetadata, FlagMetadataValue, StructValue, Value,
};
use pollster::block_on;
use serde_json::json;

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
