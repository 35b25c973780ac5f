//! The types of the list of changes, for the description of the API: see `schema`.
#![expect(dead_code, reason = "described, and never made")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::any;

/// A change of the definitions, as it was committed.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// Consecutive.
    version: u64,
    #[schema(format = "date-time")]
    at: String,
    actor: Actor,
    action: Action,
    /// Every field that changed.
    edits: Vec<Edit>,
}

/// Who asked for a change.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Actor {
    kind: ActorKind,
    /// The name of the token, or the name of the document's source.
    #[schema(required = false)]
    name: String,
}

/// Who asks: a token over HTTP, a document, or the service itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActorKind {
    Service,
    Token,
    Document,
}

/// What was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    CreateFlag,
    ChangeFlag,
    CreateExperiment,
    ChangeExperiment,
    Start,
    Stop,
    Ship,
    ArchiveFlag,
    UnarchiveFlag,
    ArchiveExperiment,
    UnarchiveExperiment,
    DeleteExperiment,
    DeleteFlag,
    Force,
    Unforce,
    CreateRule,
    ChangeRule,
    DeleteRule,
    CreateSegment,
    ChangeSegment,
    DeleteSegment,
    CreateLayer,
    ChangeLayer,
    DeleteLayer,
    CreateHoldout,
    ChangeHoldout,
    DeleteHoldout,
    SetTargeting,
    RaiseCoverage,
    CreateGoal,
    ChangeGoal,
    DeleteGoal,
    SetGoals,
    Replace,
    Apply,
    AcceptEdits,
}

/// A field before and after a change.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Where the field is one of a flag, or of something that belongs to a flag.
    #[schema(required = false)]
    flag_key: String,
    /// The name, where the field is one of a segment, a layer or a holdout; the key of a goal.
    #[schema(required = false)]
    name: String,
    unit: Unit,
    /// The flag's id, where there is a `flag_key`.
    #[schema(format = "uuid", required = false)]
    flag: String,
    /// The experiment's id, where the field is one of an experiment.
    #[schema(format = "uuid", required = false)]
    experiment: String,
    /// The rule's id, where the field is one of a rule.
    #[schema(format = "uuid", required = false)]
    rule: String,
    /// The segment's id, where the field is one of a segment.
    #[schema(format = "uuid", required = false)]
    segment: String,
    /// The layer's id, where the field is one of a layer.
    #[schema(format = "uuid", required = false)]
    layer: String,
    /// The holdout's id, where the field is one of a holdout.
    #[schema(format = "uuid", required = false)]
    holdout: String,
    /// The goal's id, which is made of its key, where the field is one of a goal.
    #[schema(format = "uuid", required = false)]
    goal: String,
    /// As documents name it.
    field: String,
    /// Absent if the field was not there.
    #[schema(schema_with = any, required = false)]
    before: (),
    /// Absent if the field is gone.
    #[schema(schema_with = any, required = false)]
    after: (),
}

/// What a field belongs to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Flag,
    Experiment,
    Rule,
    Segment,
    Layer,
    Holdout,
    Goal,
}
