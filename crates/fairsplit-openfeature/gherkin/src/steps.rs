//! The steps of the scenarios.
//!
//! Two assertions of the suite cannot hold at once here, since a variant is an experiment's: that a
//! flag has a variant, and that the reason is `STATIC` or `TARGETING_MATCH`. So each scenario is
//! run twice. Where the flag answers its default or a rule's value, the reason is as the suite has
//! it, and there is no variant; where an experiment decides, the variant is as the suite has it,
//! and the reason is `SPLIT`. For users outside of its audience the reason is `DEFAULT`, as the
//! suite has it.

use cucumber::{given, then, when};
use open_feature::{
    EvaluationContext, EvaluationContextFieldValue, EvaluationErrorCode, StructValue, Value,
};

use crate::world::{Setup, World};

fn value(kind: &str, text: &str) -> Value {
    match kind.to_lowercase().as_str() {
        "boolean" => Value::Bool(text.parse().expect("a boolean")),
        "integer" => Value::Int(text.parse().expect("an integer")),
        "float" => Value::Float(text.parse().expect("a float")),
        "string" => Value::String(text.to_owned()),
        "object" => {
            let json = serde_json::from_str(text).expect("JSON");
            from_json(&json)
        }
        other => panic!("no such type: {other}"),
    }
}

/// Written apart from the provider's own translation, and so a judge of it.
fn from_json(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::String(value) => Value::String(value.clone()),
        Json::Number(number) => Value::Int(number.as_i64().expect("the suite has integers only")),
        Json::Object(object) => {
            let empty = StructValue::default();
            Value::Struct(
                object
                    .iter()
                    .fold(empty, |all, (key, value)| all.with_field(key, from_json(value))),
            )
        }
        Json::Null | Json::Array(_) => panic!("the suite has none: {json}"),
    }
}

#[given("a stable provider")]
async fn a_stable_provider(world: &mut World) {
    world.connect().await;
}

// evaluation.feature

#[when(
    regex = r#"^an? (boolean|string|integer|float) flag with key "([^"]*)" is evaluated with (?:details and )?default value "?([^"]*)"?$"#
)]
fn evaluated(world: &mut World, kind: String, key: String, fallback: String) {
    world.flag = Some((kind.clone(), key, value(&kind, &fallback)));
    world.ask();
}

#[when(
    regex = r#"^an object flag with key "([^"]*)" is evaluated with (?:details and )?a null default value$"#
)]
fn object_evaluated(world: &mut World, key: String) {
    world.flag = Some(("object".to_owned(), key, Value::Struct(StructValue::default())));
    world.ask();
}

#[when(
    regex = r#"^a non-existent string flag with key "([^"]*)" is evaluated with details and a fallback value "([^"]*)"$"#
)]
fn missing_evaluated(world: &mut World, key: String, fallback: String) {
    evaluated(world, "string".to_owned(), key, fallback);
}

#[when(
    regex = r#"^a string flag with key "([^"]*)" is evaluated as an integer, with details and a fallback value (\d+)$"#
)]
fn string_evaluated_as_integer(world: &mut World, key: String, fallback: String) {
    evaluated(world, "integer".to_owned(), key, fallback);
}

#[then(regex = r#"^the resolved (boolean|string|integer|float) value should be "?([^"]*)"?$"#)]
fn resolved_value(world: &mut World, kind: String, expected: String) {
    assert_eq!(world.details().value, value(&kind, &expected));
}

#[then(
    regex = r#"^the resolved (\w+) details value should be "?([^",]*)"?, the variant should be "([^"]*)", and the reason should be "([^"]*)"$"#
)]
fn resolved_details(
    world: &mut World,
    kind: String,
    expected: String,
    variant: String,
    reason: String,
) {
    resolved_value(world, kind, expected);
    variant_and_reason(world, variant, reason);
}

#[then(
    regex = r#"^the resolved object (?:details )?value should be contain fields "([^"]*)", "([^"]*)", and "([^"]*)", with values "([^"]*)", "([^"]*)" and (\d+), respectively$"#
)]
fn resolved_object(
    world: &mut World,
    a: String,
    b: String,
    c: String,
    first: String,
    second: String,
    third: String,
) {
    let expected = StructValue::default()
        .with_field(a, value("boolean", &first))
        .with_field(b, value("string", &second))
        .with_field(c, value("integer", &third));
    assert_eq!(world.details().value, Value::Struct(expected));
}

#[then(regex = r#"^the variant should be "([^"]*)", and the reason should be "([^"]*)"$"#)]
fn variant_and_reason(world: &mut World, variant: String, reason: String) {
    variant_is(world, variant);
    reason_is(world, reason);
}

#[when(
    regex = r#"^context contains keys "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)" with values "([^"]*)", "([^"]*)", (\d+), "([^"]*)"$"#
)]
#[expect(clippy::too_many_arguments, reason = "as the step has it")]
fn context_contains(
    world: &mut World,
    a: String,
    b: String,
    c: String,
    d: String,
    first: String,
    second: String,
    third: i64,
    fourth: String,
) {
    world.context = EvaluationContext::default()
        .with_custom_field(a, first)
        .with_custom_field(b, second)
        .with_custom_field(c, third)
        .with_custom_field(d, fourth);
}

#[when(regex = r#"^a flag with key "([^"]*)" is evaluated with default value "([^"]*)"$"#)]
fn string_evaluated(world: &mut World, key: String, fallback: String) {
    evaluated(world, "string".to_owned(), key, fallback);
}

#[then(regex = r#"^the resolved string response should be "([^"]*)"$"#)]
fn resolved_string(world: &mut World, expected: String) {
    resolved_value(world, "string".to_owned(), expected);
}

#[then(regex = r#"^the resolved flag value is "([^"]*)" when the context is empty$"#)]
fn resolved_without_context(world: &mut World, expected: String) {
    world.context = EvaluationContext::default();
    world.ask();
    resolved_string(world, expected);
}

#[then(regex = r"^the default (?:string|integer) value should be returned$")]
fn fallback_returned(world: &mut World) {
    let (_, _, fallback) = world.flag.as_ref().expect("a flag was named");
    assert_eq!(world.value_or_fallback(), fallback);
}

#[then(
    regex = r#"^the reason should indicate an error and the error code should indicate a (?:missing flag|type mismatch) with "([^"]*)"$"#
)]
fn error_indicated(world: &mut World, code: String) {
    error_code(world, code);
}

// evaluation_v2.feature and metadata.feature

#[given(
    regex = r#"^a (Boolean|String|Integer|Float|Object)-flag with key "([^"]*)" and a fallback value "(.*)"$"#
)]
fn flag(world: &mut World, kind: String, key: String, fallback: String) {
    world.flag = Some((kind.clone(), key, value(&kind, &fallback)));
}

#[given(
    regex = r#"^a context containing a key "([^"]*)", with type "(Boolean|String|Integer)" and with value "([^"]*)"$"#
)]
fn context_field(world: &mut World, name: String, kind: String, text: String) {
    let field = match value(&kind, &text) {
        Value::Bool(value) => EvaluationContextFieldValue::Bool(value),
        Value::Int(value) => EvaluationContextFieldValue::Int(value),
        Value::String(value) => EvaluationContextFieldValue::String(value),
        other => panic!("no field of a context: {other:?}"),
    };
    world.context.add_custom_field(name, field);
}

#[given(regex = r#"^a context containing a key "([^"]*)" with null value$"#)]
fn null_context_field(world: &mut World, name: String) {
    // The crate has no null: a field without a value is not there.
    world.context.custom_fields.remove(&name);
}

#[when(regex = "^the flag was evaluated with details(?: asynchronously)?$")]
fn evaluated_with_details(world: &mut World) {
    world.ask();
}

#[then("the evaluation should complete without blocking")]
fn completed(world: &mut World) {
    // `World::ask` panics where a call is not ready at once.
    assert!(world.result.is_some());
}

#[then(regex = r#"^the resolved details value should be "(.*)"$"#)]
fn details_value(world: &mut World, expected: String) {
    let (kind, ..) = world.flag.as_ref().expect("a flag was named");
    assert_eq!(*world.value_or_fallback(), value(kind, &expected));
}

#[then(regex = r#"^the flag key should be "([^"]*)"$"#)]
fn flag_key(world: &mut World, expected: String) {
    assert_eq!(world.details().flag_key, expected);
}

#[then(regex = r#"^the variant should be "([^"]*)"$"#)]
fn variant_is(world: &mut World, expected: String) {
    let expected = match world.setup {
        Setup::Default => None,
        Setup::Experiment => Some(expected),
    };
    assert_eq!(world.details().variant, expected);
}

#[then(regex = r#"^the reason should be "([^"]*)"$"#)]
fn reason_is(world: &mut World, expected: String) {
    if expected == "ERROR" {
        // The crate has an error in the place of details with this reason.
        world.error();
        return;
    }
    let expected = match (world.setup, expected.as_str()) {
        (Setup::Experiment, "STATIC" | "TARGETING_MATCH") => "SPLIT",
        (_, expected) => expected,
    };
    let reason = world.details().reason.as_ref().expect("there is a reason");
    assert_eq!(reason.to_string(), expected);
}

#[then(regex = r#"^the error-code should be "([^"]*)"$"#)]
fn error_code(world: &mut World, expected: String) {
    let code: &EvaluationErrorCode = &world.error().code;
    assert_eq!(code.to_string(), expected);
}

#[then("the resolved metadata is empty")]
fn no_metadata(world: &mut World) {
    assert!(world.details().flag_metadata.values.is_empty(), "{:?}", world.details().flag_metadata);
}
