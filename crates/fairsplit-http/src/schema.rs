//! The types of bodies and responses for the description of the API. The engine's crate does not
//! describe its types, and bodies are read field by field to name every fault; so these types stand
//! beside them, and tests compare the two.
#![expect(dead_code, reason = "described, and never made")]

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{Ref, Type};
use utoipa::{IntoResponses, ToSchema};

use crate::schema_of_changes::Change;
use crate::schema_of_goals::GoalCounts;

/// Envelopes of answers: `{"data": ...}`. Not generic: a derived generic repeats its whole argument
/// instead of referring to it.
macro_rules! envelopes {
    ($($one:ident, $many:ident: $data:ident;)*) => {
        $(
            #[derive(Serialize, ToSchema)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $one {
                data: $data,
            }

            #[derive(Serialize, ToSchema)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $many {
                data: Vec<$data>,
            }
        )*
    };
}
pub(crate) use envelopes;

envelopes! {
    OneFlag, Flags: Flag;
    OneExperiment, Experiments: Experiment;
    OneResults, AllResults: ExperimentResults;
    OneChange, ChangeList: Change;
}

/// A named decision point.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "as the API has it")]
pub(crate) struct Flag {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    key: String,
    #[schema(schema_with = name)]
    name: String,
    #[schema(schema_with = any)]
    default_value: (),
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
    /// Absent if it is empty.
    #[schema(required = false)]
    description: String,
    /// Absent if it is empty.
    #[schema(required = false)]
    owner: String,
    /// Absent if there are none.
    #[schema(required = false)]
    tags: Vec<String>,
    /// Absent if it is not.
    #[schema(required = false)]
    archived: bool,
    /// Absent if it is: only `false` is written. A flag that is not enabled answers its default.
    #[schema(required = false)]
    enabled: bool,
    /// Absent if it was not given: then it has values of any type.
    #[schema(required = false)]
    flag_type: FlagType,
}

/// Which values a flag has. A default value of `null` fits every type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FlagType {
    Boolean,
    String,
    Number,
    /// Any JSON.
    Json,
}

/// A flag to create. Without an id it gets one, and without a name its key is its name.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFlag {
    #[schema(format = "uuid")]
    id: Option<String>,
    #[schema(schema_with = name)]
    key: String,
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    name: Option<String>,
    #[schema(schema_with = any)]
    default_value: (),
    /// Values of any type, if it is absent.
    flag_type: Option<FlagType>,
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// A change of a flag: at least one field. Empty texts, and no tags, clear them.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlagChange {
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    name: Option<String>,
    #[schema(schema_with = any, required = false)]
    default_value: (),
    /// A flag that is not enabled answers its default in every environment.
    enabled: Option<bool>,
    /// `null` takes the type away.
    flag_type: Option<FlagType>,
    #[schema(max_length = 4096)]
    description: Option<String>,
    #[schema(max_length = 255)]
    owner: Option<String>,
    #[schema(schema_with = tags, required = false)]
    tags: Option<Vec<String>>,
}

/// A change of an experiment: at least one field. Empty texts, and no tags, clear them.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExperimentChange {
    #[schema(min_length = 1, max_length = 255, pattern = "\\S")]
    name: Option<String>,
    #[schema(max_length = 4096)]
    description: Option<String>,
    #[schema(max_length = 255)]
    owner: Option<String>,
    #[schema(schema_with = tags, required = false)]
    tags: Option<Vec<String>>,
    /// How many users are kept at most, each counted once; 0 counts no users. Another number than 0
    /// for users that are counted applies from the next start on.
    #[schema(maximum = 1_000_000_000)]
    count_users: Option<u32>,
}

/// A variant of an experiment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    #[schema(schema_with = name)]
    key: String,
    #[schema(schema_with = any)]
    value: (),
    #[schema(maximum = 100)]
    percentage: u8,
}

/// The status of an experiment in its lifecycle.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Draft,
    Running,
    Stopped,
    Completed,
}

/// An A/B test on a flag in an environment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Experiment {
    #[schema(format = "uuid")]
    id: String,
    #[schema(schema_with = name)]
    name: String,
    #[schema(schema_with = name)]
    environment: String,
    status: Status,
    #[schema(min_items = 1)]
    variants: Vec<Variant>,
    /// By variant, ever. Events, not users.
    conversions: BTreeMap<String, u64>,
    #[schema(required, format = "date-time")]
    started_at: Option<String>,
    #[schema(required, format = "date-time")]
    stopped_at: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
    /// Absent if it is empty.
    #[schema(required = false)]
    description: String,
    /// Absent if it is empty.
    #[schema(required = false)]
    owner: String,
    /// Absent if there are none.
    #[schema(required = false)]
    tags: Vec<String>,
    /// Absent if it is not.
    #[schema(required = false)]
    archived: bool,
    /// How many users are kept at most, each counted once; 0 if users are not counted. Absent if it
    /// was not set: then the server's default applies.
    #[schema(required = false, maximum = 1_000_000_000)]
    count_users: u32,
}

/// An experiment to create. Without an id it gets one, and without a status it is a draft.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExperiment {
    #[schema(format = "uuid")]
    id: Option<String>,
    #[schema(schema_with = name)]
    name: String,
    #[schema(schema_with = name)]
    environment: String,
    status: Option<Status>,
    /// Keys are unique, and the percentages sum to 100.
    #[schema(schema_with = new_variants)]
    variants: Vec<Variant>,
    /// How many users are kept at most, each counted once; 0 counts no users. Without it, the
    /// server's default applies.
    #[schema(maximum = 1_000_000_000)]
    count_users: Option<u32>,
}

/// Events, not users.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    exposures: u64,
    conversions: u64,
}

/// An experiment's numbers: as counted, and what they show.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExperimentResults {
    #[schema(format = "uuid")]
    experiment: String,
    status: Status,
    counts: EventCounts,
    /// What was counted for each of its goals; absent if it has none.
    #[schema(required = false)]
    goals: Vec<GoalCounts>,
    results: Results,
}

/// What was counted since the last start, and ever.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventCounts {
    /// "events": never users.
    unit: String,
    /// How often the experiment was started.
    run: u32,
    /// The last start.
    #[schema(required, format = "date-time")]
    since: Option<String>,
    variants: Vec<VariantCounts>,
}

/// What was counted for a variant since the last start, and ever.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantCounts {
    #[schema(schema_with = name)]
    key: String,
    #[schema(maximum = 100)]
    percentage: u8,
    exposures: u64,
    conversions: u64,
    ever: Count,
}

/// What the counts show since the last start, against the first variant: as
/// `fairsplit::results::Results` serialises. A figure that is absent is `null`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Results {
    /// What the figures are of: users where the engine counts them, else events.
    unit: String,
    /// The variant that the others are compared with.
    control: String,
    /// Rates, with their intervals.
    #[schema(value_type = Vec<Object>)]
    variants: (),
    /// Every other variant compared with the control: difference, lift, intervals and tests.
    #[schema(value_type = Vec<Object>)]
    comparisons: (),
    /// The experiment's goals: users who reached them, events and sums, and comparisons; absent if
    /// it has none.
    #[schema(value_type = Vec<Object>, required = false)]
    goals: (),
    /// What the experiment has shown, valid at every look.
    #[schema(value_type = Object)]
    verdict: (),
}

/// The variant to ship, by its key.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ship {
    #[schema(schema_with = name)]
    variant: String,
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Error {
    error: String,
    /// Seconds.
    #[schema(required = false)]
    retry_after: u16,
}

/// Why a body was refused: all of its faults.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invalid {
    /// "Validation failed".
    error: String,
    /// Messages by path, as in `variants[1].percentage`.
    details: BTreeMap<String, Vec<String>>,
    /// The number of further faults.
    #[schema(required = false)]
    omitted: u64,
}

/// Refusals of every operation that needs a token.
#[derive(IntoResponses)]
pub(crate) enum Guarded {
    /// No token, or an unknown one.
    #[response(status = 401)]
    Unauthorized(Error),
    /// The token lacks the scope.
    #[response(status = 403)]
    Forbidden(Error),
    /// Too many requests at once; `retry_after` says when to try again.
    #[response(status = 503)]
    Overloaded(Error),
}

/// Refusals of an operation whose path names something.
#[derive(IntoResponses)]
pub(crate) enum Named {
    /// There is no such thing, or it belongs to another flag.
    #[response(status = 404)]
    NotFound(Error),
}

/// Refusals of an operation with a body.
#[derive(IntoResponses)]
pub(crate) enum WithBody {
    /// The body is not JSON, or not an object.
    #[response(status = 400)]
    Malformed(Error),
    /// The body did not arrive in time.
    #[response(status = 408)]
    TimedOut(Error),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(Error),
    /// The body is not `application/json`.
    #[response(status = 415)]
    NotJson(Error),
    /// The body breaks rules; every fault is named, by path.
    #[response(status = 422)]
    Invalid(Invalid),
}

/// Refusals of an operation that changes something.
#[derive(IntoResponses)]
pub(crate) enum Changes {
    /// The state forbids the operation; the error names the state.
    #[response(status = 409)]
    Conflict(Error),
    /// The change could not be stored, and was not made.
    #[response(status = 500)]
    NotStored(Error),
}

/// Refusals of an operation without a body that may no longer fit what else there is.
#[derive(IntoResponses)]
pub(crate) enum Fits {
    /// It does not fit; every fault is named, by path.
    #[response(status = 422)]
    Invalid(Invalid),
}

/// Refusals of an operation that answers a page of changes.
#[derive(IntoResponses)]
pub(crate) enum Listed {
    /// The query breaks rules; every fault is named, by parameter.
    #[response(status = 422)]
    Invalid(Invalid),
    /// The list of changes could not be read.
    #[response(status = 500)]
    NotRead(Error),
}

pub(crate) fn name() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(fairsplit::fault::MAX_NAME_LENGTH))
        .pattern(Some("\\S"))
}

pub(crate) fn any() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some("Any JSON, at most 100 levels deep, with integers that 64 bits hold."))
}

fn new_variants() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Ref::from_schema_name("Variant"))
        .min_items(Some(1))
        .max_items(Some(fairsplit::assign::MAX_VARIANTS))
        .description(Some("Keys are unique, and the percentages sum to 100."))
}

fn tags() -> ArrayBuilder {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(name())
        .max_items(Some(fairsplit::fault::MAX_TAGS))
        .unique_items(true)
        .description(Some("Words to find it by, each once."))
}
