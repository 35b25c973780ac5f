//! The types of evaluations and conversions, for the description of the API: see `schema`.
#![expect(dead_code, reason = "described, and never made")]

use serde::Serialize;
use utoipa::openapi::Type;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::{PartialSchema, ToSchema};

use crate::schema::{any, envelopes, name};

envelopes! {
    OneEvaluation, Evaluations: Evaluation;
    OneConversion, Conversions: Conversion;
}

/// A user in an environment, and the flags to answer.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateAll {
    #[schema(schema_with = name)]
    environment: String,
    /// With an empty one, no experiment decides.
    user_key: String,
    #[schema(schema_with = context, required = false)]
    context: (),
    /// Whether to count exposures.
    #[schema(default = true)]
    count: Option<bool>,
    /// Keys of flags, each once. All flags, if it is absent.
    #[schema(schema_with = flag_keys, required = false)]
    flags: Option<Vec<String>>,
}

/// A user in an environment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluate {
    #[schema(schema_with = name)]
    environment: String,
    /// With an empty one, no experiment decides.
    user_key: String,
    #[schema(schema_with = context, required = false)]
    context: (),
    /// Whether to count an exposure.
    #[schema(default = true)]
    count: Option<bool>,
}

/// A user in an environment, to explain what a flag answers.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explain {
    #[schema(schema_with = name)]
    environment: String,
    user_key: String,
    #[schema(schema_with = context, required = false)]
    context: (),
}

/// Why a flag answered what it did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    Split,
    Forced,
    /// The value of a rule.
    Rule,
    NotRunning,
    NoUserKey,
    /// The context has no attribute that the experiment is split by.
    NoUnit,
    HeldOut,
    /// In a part of the layer that the experiment does not have.
    OtherLayerRange,
    NotInAudience,
    NotCovered,
    Disabled,
    Archived,
    FlagNotFound,
}

/// What a flag answered, and why.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluation {
    flag: String,
    #[schema(schema_with = any)]
    value: (),
    reason: Reason,
    #[schema(required)]
    variant: Option<String>,
    #[schema(required, format = "uuid")]
    experiment: Option<String>,
    counted: bool,
}

/// A user in an environment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Track {
    #[schema(schema_with = name)]
    environment: String,
    /// With an empty one, nothing is counted.
    user_key: String,
    #[schema(schema_with = context, required = false)]
    context: (),
}

/// Whether a conversion was counted, and why not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Counted,
    /// The goal that decides has values, and a conversion has none.
    ValueNeeded,
    Forced,
    NotRunning,
    /// Users are counted, and this one has not been exposed since the start.
    NotExposed,
    /// A rule answers to the user, and no experiment.
    Rule,
    NoUserKey,
    NoUnit,
    HeldOut,
    OtherLayerRange,
    /// With the context of this request.
    NotInAudience,
    NotCovered,
    Disabled,
    Archived,
}

/// What a conversion counted for.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conversion {
    flag: String,
    counted: bool,
    outcome: Outcome,
    #[schema(required)]
    variant: Option<String>,
    #[schema(required, format = "uuid")]
    experiment: Option<String>,
}

fn flag_keys() -> ArrayBuilder {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(String::schema())
        .unique_items(true)
        .description(Some("Keys of flags, each once. All flags, if it is absent."))
}

pub(crate) fn context() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some(
            "What is known of the user, by the names that conditions use. A field of an object in \
             it has a dotted name, as in `company.id`.",
        ))
}
