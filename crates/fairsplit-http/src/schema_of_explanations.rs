//! The types of explanations, for the description of the API: see `schema`. They are those of
//! `fairsplit::explain`.
#![expect(dead_code, reason = "described, and never made")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{Status, any, envelopes};
use crate::schema_of_evaluations::Reason;
use crate::schema_of_targeting::{MatchType, Operator};

envelopes! {
    OneExplanation, Explanations: Explanation;
}

/// How an answer came about. Nothing was counted.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explanation {
    flag: String,
    environment: String,
    user_key: String,
    /// Of the configuration that answered.
    version: u64,
    reason: Reason,
    #[schema(schema_with = any)]
    value: (),
    #[schema(required)]
    variant: Option<String>,
    #[schema(required, format = "uuid")]
    experiment: Option<String>,
    /// Those that are enabled, in the order in which they are asked. The first that answers
    /// decides.
    rules: Vec<ExplainedRule>,
    /// What is asked before the running experiment splits, in this order; each that refuses the
    /// user is enough. Also where something before it has decided.
    gates: Vec<ExplainedGate>,
    /// In the experiment that decided.
    #[schema(required)]
    assignment: Option<ExplainedAssignment>,
    /// All of the flag in this environment.
    experiments: Vec<ExplainedExperiment>,
}

/// From a user key to a variant.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedAssignment {
    seed: String,
    hash: String,
    #[schema(maximum = 99)]
    bucket: u8,
    variant: String,
    /// All buckets that the variant owns.
    buckets: SlotRange,
}

/// An experiment that could have decided.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedExperiment {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    status: Status,
    /// Absent if it is not.
    #[schema(required = false)]
    archived: bool,
}

/// A rule, and what it says of the user.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedRule {
    #[schema(format = "uuid")]
    id: String,
    #[schema(value_type = u64, maximum = 4_294_967_295_u64)]
    position: u32,
    /// Its conditions hold, and its percentage picks the user.
    answers: bool,
    /// What its conditions and its segment say together.
    answer: Truth,
    conditions: Vec<ExplainedCondition>,
    segments: Vec<ExplainedSegment>,
    /// Where the user falls, if it has a percentage and there is a user key.
    #[schema(required)]
    slot: Option<ExplainedSlot>,
}

/// What a condition says of a user: only `true` lets a user in, and what is undecided stays so
/// under a negation.
#[derive(Serialize, ToSchema)]
pub(crate) enum Truth {
    #[serde(rename = "true")]
    True,
    #[serde(rename = "false")]
    False,
    #[serde(rename = "undecided (no attribute)")]
    NoAttribute,
    #[serde(rename = "undecided (not a text)")]
    NotText,
    #[serde(rename = "undecided (not a number)")]
    NotANumber,
    #[serde(rename = "undecided (not a version)")]
    NotAVersion,
    #[serde(rename = "undecided (not a time)")]
    NotATime,
    #[serde(rename = "undecided (neither a text, a number nor a boolean)")]
    NotAScalar,
}

/// A condition, and what it says of the user.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedCondition {
    attribute: String,
    #[schema(value_type = Operator)]
    operator: (),
    #[schema(schema_with = any, required = false)]
    value: (),
    negate: bool,
    /// After the negation.
    answer: Truth,
}

/// A segment, and what it says of the user.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedSegment {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// Whether the user must not be in it.
    negate: bool,
    match_type: MatchType,
    /// After the negation.
    answer: Truth,
    conditions: Vec<ExplainedCondition>,
}

/// Where a unit falls, and what that decides.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainedSlot {
    seed: String,
    #[schema(maximum = 99_999)]
    slot: u32,
    /// The slots that count.
    ranges: Vec<SlotRange>,
    /// Whether the slot is one of them.
    is_in: bool,
}

/// From the start on, up to and without the end.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlotRange {
    start: u32,
    end: u32,
}

/// A gate before the running experiment, and what it says of the user.
#[derive(Serialize, ToSchema)]
#[serde(tag = "gate", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ExplainedGate {
    Unit {
        /// The attribute, or `user_key`.
        attribute: String,
        /// `null` if the user has none, and so is not in the experiment.
        #[schema(required)]
        unit: Option<String>,
    },
    Holdout {
        #[schema(format = "uuid")]
        id: String,
        /// In the slots that count, the unit is held out.
        slot: ExplainedSlot,
        passes: bool,
    },
    Layer {
        #[schema(format = "uuid")]
        id: String,
        slot: ExplainedSlot,
        passes: bool,
    },
    Audience {
        answer: Truth,
        conditions: Vec<ExplainedCondition>,
        segments: Vec<ExplainedSegment>,
        passes: bool,
    },
    Coverage {
        slot: ExplainedSlot,
        passes: bool,
    },
}
