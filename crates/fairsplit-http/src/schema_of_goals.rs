//! The types of goals, and of recording them, for the description of the API: see `schema`.
#![expect(dead_code, reason = "described, and never made")]

use fairsplit::goals::MAX_DECIMALS;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Type;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType};

use crate::schema::{envelopes, name};
use crate::schema_of_evaluations::{Outcome, context};

envelopes! {
    OneGoal, GoalList: Goal;
    GoalsOfOne, GoalsOfMany: Goals;
    OneTracked, ManyTracked: Tracked;
}

/// What users of an experiment are to do.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goal {
    #[schema(schema_with = name)]
    key: String,
    kind: GoalKind,
    /// That of its values; absent if its events have none.
    #[schema(required = false)]
    unit: String,
    /// How many decimals its values have.
    #[schema(required = false, value_type = u64, maximum = 9)]
    decimals: u8,
    /// Whether its values can be below 0.
    #[schema(required = false)]
    signed: bool,
}

/// `event`: users did it or did not. `value`: each event has a value, and users have sums.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GoalKind {
    Event,
    Value,
}

/// A goal to create, or to change one into.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum NewGoal {
    /// A goal whose events have no values.
    Event(NewEventGoal),
    /// A goal whose events have values.
    Value(NewValueGoal),
}

/// A goal whose events have no values.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEventGoal {
    #[schema(schema_with = name)]
    key: String,
    #[schema(schema_with = event)]
    kind: (),
}

/// A goal whose events have values.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewValueGoal {
    #[schema(schema_with = name)]
    key: String,
    #[schema(schema_with = value)]
    kind: (),
    /// That of its values: `EUR`.
    #[schema(schema_with = name)]
    unit: String,
    /// How many decimals its values have: 2, if it is absent.
    #[schema(schema_with = decimals, required = false)]
    decimals: (),
    /// Whether its values can be below 0.
    #[schema(default = false)]
    signed: Option<bool>,
}

/// What an experiment is for. What is absent is not there: without a primary goal, conversions
/// decide.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goals {
    primary: Option<GoalUse>,
    /// Goals that are shown, and decide nothing.
    secondary: Option<Vec<GoalUse>>,
    /// Goals that are to be left unharmed.
    guardrails: Option<Vec<Guardrail>>,
    /// Every goal that the experiment has, or has had since its first start. Not used in a request,
    /// so that an answer can be sent back.
    attached: Option<Vec<AttachedGoal>>,
}

/// A goal of an experiment, and how it is meant there.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalUse {
    #[schema(schema_with = name)]
    goal: String,
    /// The most that one user counts for, in the goal's unit; only of a goal with values.
    #[schema(schema_with = cap, required = false)]
    cap: (),
    #[schema(required = false)]
    better: Option<Better>,
}

/// A goal that is to be left unharmed.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guardrail {
    #[schema(schema_with = name)]
    goal: String,
    /// The most that one user counts for, in the goal's unit; only of a goal with values.
    #[schema(schema_with = cap, required = false)]
    cap: (),
    #[schema(required = false)]
    better: Option<Better>,
    /// How much worse it may be, as a part of the control's mean.
    #[schema(minimum = 0, maximum = 1)]
    margin: f64,
}

/// In which direction a goal is meant: `higher`, if it is absent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// From when on an experiment has had a goal, and how the goal is meant if it comes back.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachedGoal {
    #[schema(schema_with = name)]
    goal: String,
    #[schema(format = "date-time")]
    since: String,
    /// The most that one user counts for, in the goal's unit.
    #[schema(schema_with = cap, required = false)]
    cap: (),
    /// Absent if it is not known how the goal was meant.
    #[schema(required = false)]
    better: Option<Better>,
    /// How much worse it may be as a guardrail, if it is one or was one.
    #[schema(minimum = 0, maximum = 1, required = false)]
    margin: Option<f64>,
}

/// An event: a user in an environment reached a goal.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrackGoal {
    #[schema(schema_with = name)]
    environment: String,
    /// With an empty one, nothing is counted.
    user_key: String,
    #[schema(schema_with = context, required = false)]
    context: (),
    /// Its key.
    goal: String,
    /// In the goal's unit: `49.90`. To be given for a goal with values, and only there.
    value: Option<f64>,
    /// An id of the event, so that a retry is not counted again.
    #[schema(min_length = 1, max_length = 255)]
    event_id: Option<String>,
}

/// What an event came to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tracked {
    goal: String,
    /// For how many experiments it was counted.
    #[schema(value_type = u64)]
    counted: usize,
    /// Whether an event with this id has been counted before: then it was not counted again.
    repeated: bool,
    /// Each running experiment in the environment that has the goal.
    experiments: Vec<RecordedFor>,
}

/// What an event came to for one experiment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedFor {
    flag: String,
    #[schema(format = "uuid")]
    experiment: String,
    #[schema(required)]
    variant: Option<String>,
    outcome: Outcome,
}

/// What was counted for one goal of an experiment: events, not users.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalCounts {
    #[schema(format = "uuid")]
    experiment: String,
    goal: String,
    variants: Vec<GoalVariant>,
}

/// What was counted for one goal in one variant.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalVariant {
    key: String,
    ever: GoalCount,
    since_start: GoalCount,
}

/// Events, and the sums of their values in minor units: cents, for two decimals.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalCount {
    events: u64,
    /// The sum of the values above 0.
    gained: u64,
    /// The sum of the values below 0, without its sign.
    lost: u64,
}

fn event() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["event"]))
}

fn value() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["value"]))
}

fn decimals() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .minimum(Some(0))
        .maximum(Some(MAX_DECIMALS))
}

fn cap() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Number, Type::Null]))
        .exclusive_minimum(Some(0))
}
