//! The types of rules, segments, layers, holdouts and targeting, for the description of the API:
//! see `schema`.
#![expect(dead_code, reason = "described, and never made")]

use std::borrow::Cow;

use fairsplit::fault::MAX_CONDITIONS;
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, SchemaType};
use utoipa::openapi::{Ref, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::schema::{any, envelopes, name};

envelopes! {
    OneRule, Rules: Rule;
    OneSegment, Segments: Segment;
    OneLayer, Layers: Layer;
    OneHoldout, Holdouts: Holdout;
    OneTargeting, Targetings: Targeting;
}

/// What a condition asks of an attribute.
pub(crate) struct Operator;

impl PartialSchema for Operator {
    fn schema() -> RefOr<Schema> {
        let all = fairsplit::targeting::Operator::ALL;
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(all.map(fairsplit::targeting::Operator::as_str)))
            .description(Some("What a condition asks of an attribute."))
            .into()
    }
}

impl ToSchema for Operator {
    fn name() -> Cow<'static, str> {
        "Operator".into()
    }
}

/// A condition of a rule or an audience.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    #[schema(schema_with = name)]
    attribute: String,
    #[schema(value_type = Operator)]
    operator: (),
    #[schema(schema_with = any, required = false)]
    value: (),
    /// Absent if it is not: an answer has only `true`.
    negate: Option<bool>,
    /// Of ASCII letters. Absent if it does not: an answer has only `true`.
    ignore_case: Option<bool>,
}

/// A condition of a segment: as in a rule, but that the name of the attribute is its `key`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentCondition {
    #[schema(schema_with = name)]
    key: String,
    #[schema(value_type = Operator)]
    operator: (),
    #[schema(schema_with = any, required = false)]
    value: (),
    /// Absent if it is not: an answer has only `true`.
    negate: Option<bool>,
    /// Of ASCII letters. Absent if it does not: an answer has only `true`.
    ignore_case: Option<bool>,
}

/// A value for those users of whom its conditions hold, in one environment. Nothing is counted.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    environment: String,
    /// The lowest is asked first.
    #[schema(value_type = u64, maximum = 4_294_967_295_u64)]
    position: u32,
    enabled: bool,
    #[schema(required, format = "uuid")]
    segment_id: Option<String>,
    /// Of those of whom the conditions hold; the others go on to the next rule.
    #[schema(schema_with = some_percent)]
    percentage: (),
    #[schema(schema_with = any)]
    value: (),
    conditions: Vec<Condition>,
}

/// A rule to create, or to change one into. The id of a new one may be given; that of a rule that
/// is there stays.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRule {
    #[schema(format = "uuid")]
    id: Option<String>,
    /// `production` for a new rule, if it is absent; a changed one stays in its own.
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    environment: Option<String>,
    /// After the others of its environment, if it is absent; a changed rule keeps its own.
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    position: Option<u32>,
    #[schema(default = true)]
    enabled: Option<bool>,
    #[schema(format = "uuid")]
    segment_id: Option<String>,
    #[schema(schema_with = some_percent, required = false)]
    percentage: (),
    #[schema(schema_with = any)]
    value: (),
    /// All of them have to hold.
    #[schema(schema_with = some_conditions, required = false)]
    conditions: (),
}

/// How the conditions of a segment are joined.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MatchType {
    All,
    Any,
}

/// Conditions with a name, which rules and audiences share.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Segment {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    name: String,
    description: String,
    match_type: MatchType,
    /// All of them have to hold, or any, as `match_type` says.
    #[schema(min_items = 1, max_items = 32)]
    rules: Vec<SegmentCondition>,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// A segment to create, or to change one into. The id of a new one may be given; that of a segment
/// that is there stays.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSegment {
    #[schema(format = "uuid")]
    id: Option<String>,
    #[schema(schema_with = name)]
    name: String,
    #[schema(max_length = 4096)]
    description: Option<String>,
    /// `all`, if it is absent.
    match_type: Option<MatchType>,
    /// All of them have to hold, or any, as `match_type` says.
    #[schema(min_items = 1, max_items = 32)]
    rules: Vec<SegmentCondition>,
    /// Not used, so that an answer can be sent back.
    #[schema(format = "date-time")]
    updated_at: Option<String>,
}

/// A segment after a change, and whom else the change concerns.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangedSegment {
    data: Segment,
    /// The running experiments whose users can be others from now on: the segment is part of their
    /// audience, or of a rule above them.
    reaches: Vec<ReachedExperiment>,
}

/// A running experiment that a change of a segment reaches.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReachedExperiment {
    #[schema(format = "uuid")]
    experiment: String,
    #[schema(schema_with = name)]
    name: String,
    #[schema(format = "uuid")]
    flag: String,
    #[schema(schema_with = name)]
    flag_key: String,
}

/// Experiments that have ranges of a layer share no user, where the ranges do not overlap.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    name: String,
    /// The attribute that is its unit; `null` for the user key.
    #[schema(required)]
    bucket_by: Option<String>,
}

/// A layer to create, or to change one into. The id of a new one may be given; that of a layer that
/// is there stays.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLayer {
    #[schema(format = "uuid")]
    id: Option<String>,
    #[schema(schema_with = name)]
    name: String,
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    bucket_by: Option<String>,
}

/// A part of all users that is in none of the experiments that are first started after it was made.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Holdout {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    name: String,
    #[schema(schema_with = percent)]
    percentage: (),
    /// The attribute that is its unit; `null` for the user key.
    #[schema(required)]
    bucket_by: Option<String>,
}

/// A holdout to create, or to change one into. The id of a new one may be given; that of a holdout
/// that is there stays.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHoldout {
    #[schema(format = "uuid")]
    id: Option<String>,
    #[schema(schema_with = name)]
    name: String,
    #[schema(schema_with = percent)]
    percentage: (),
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    bucket_by: Option<String>,
}

/// Who is in an experiment. What is absent is as in an experiment without targeting: everybody is.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targeting {
    audience: Option<Audience>,
    /// Which part of the audience; all of it, if it is absent.
    #[schema(schema_with = some_percent, required = false)]
    coverage: (),
    /// The attribute that is split by; the user key, if it is absent.
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    bucket_by: Option<String>,
    layer: Option<LayerPart>,
    /// Whether users that are held out stay out; an answer has only `false`.
    #[schema(default = true)]
    holdouts: Option<bool>,
    /// The holdouts that bind the experiment since its first start. Not used in a request, so that
    /// an answer can be sent back.
    #[schema(schema_with = some_ids, required = false)]
    held_out_by: (),
    /// The coverages that the last run has had, with when each began. Not used in a request either.
    coverages: Option<Vec<CoverageStep>>,
}

/// A coverage, from this moment on.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoverageStep {
    #[schema(format = "date-time")]
    at: String,
    #[schema(schema_with = percent)]
    coverage: (),
}

/// Those of whom all conditions hold, and who are in all of these segments, and in none of those.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audience {
    #[schema(schema_with = some_conditions, required = false)]
    conditions: (),
    #[schema(schema_with = some_ids, required = false)]
    segments: (),
    #[schema(schema_with = some_ids, required = false)]
    not_segments: (),
}

/// The part of a layer that an experiment has.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerPart {
    #[schema(format = "uuid")]
    id: String,
    /// They do not overlap.
    #[schema(min_items = 1, max_items = 100)]
    ranges: Vec<LayerRange>,
}

/// From this share of a layer's users on, up to and without that one.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerRange {
    #[schema(schema_with = percent)]
    from: (),
    #[schema(schema_with = percent)]
    to: (),
}

/// The coverage to raise to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coverage {
    /// Once the experiment has been started, not below the present one.
    #[schema(schema_with = percent)]
    coverage: (),
}

fn percent() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0))
        .maximum(Some(100))
        .description(Some("Per cent, with at most three decimals."))
}

fn some_percent() -> ObjectBuilder {
    percent().schema_type(SchemaType::from_iter([Type::Number, Type::Null]))
}

fn some_conditions() -> ArrayBuilder {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(Ref::from_schema_name("Condition"))
        .max_items(Some(MAX_CONDITIONS))
        .description(Some("All of them have to hold."))
}

fn some_ids() -> ArrayBuilder {
    let id = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::Custom("uuid".to_owned())));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(id)
        .description(Some("Ids."))
}
