//! A change of the definitions: who asked for it, what it was, and every field before and after.

use serde::Serialize;
use serde_json::Value;

use crate::model::actor::Actor;
use crate::model::id::{ExperimentId, FlagId, GoalId, HoldoutId, LayerId, RuleId, SegmentId};
use crate::model::timestamp::Timestamp;

/// A change of the definitions, as it was committed.
///
/// Changes have consecutive versions: applying the edits of all of them, from the first, gives the
/// definitions.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The version that it made, one more than the version that it was made from.
    pub version: u64,
    /// When it was made, by the engine's clock.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// What was asked for.
    pub action: Action,
    /// Every field that changed: segments, layers, holdouts and goals first, and flags before their
    /// experiments and their rules. Counting changes no field.
    pub edits: Vec<Edit>,
}

impl Change {
    /// Whether it changed this flag, or an experiment or a rule of it.
    #[must_use]
    pub fn concerns(&self, flag: FlagId) -> bool {
        self.edits.iter().any(|edit| edit.unit.flag() == Some(flag))
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// A flag was created.
    CreateFlag,
    /// Fields of a flag were changed.
    ChangeFlag,
    /// An experiment was created.
    CreateExperiment,
    /// Fields of an experiment were changed.
    ChangeExperiment,
    /// An experiment was started.
    Start,
    /// An experiment was stopped.
    Stop,
    /// The value of a variant became its flag's default, and the experiment stopped.
    Ship,
    /// A flag was archived.
    ArchiveFlag,
    /// A flag was taken out of the archive.
    UnarchiveFlag,
    /// An experiment was archived.
    ArchiveExperiment,
    /// An experiment was taken out of the archive.
    UnarchiveExperiment,
    /// An experiment was deleted.
    DeleteExperiment,
    /// A flag was deleted, with its experiments.
    DeleteFlag,
    /// A user was forced into a variant.
    Force,
    /// A user is no longer forced.
    Unforce,
    /// A rule of a flag was created.
    CreateRule,
    /// A rule of a flag was changed.
    ChangeRule,
    /// A rule of a flag was deleted.
    DeleteRule,
    /// A segment was created.
    CreateSegment,
    /// A segment was changed.
    ChangeSegment,
    /// A segment was deleted.
    DeleteSegment,
    /// A layer was created.
    CreateLayer,
    /// A layer was changed.
    ChangeLayer,
    /// A layer was deleted.
    DeleteLayer,
    /// A holdout was created.
    CreateHoldout,
    /// A holdout was changed.
    ChangeHoldout,
    /// A holdout was deleted.
    DeleteHoldout,
    /// The targeting of an experiment was set.
    SetTargeting,
    /// The coverage of an experiment was raised.
    RaiseCoverage,
    /// A goal was created.
    CreateGoal,
    /// A goal was changed.
    ChangeGoal,
    /// A goal was deleted.
    DeleteGoal,
    /// The goals of an experiment were set.
    SetGoals,
    /// A document replaced all definitions.
    Replace,
    /// A document was applied.
    Apply,
    /// Definitions that were edited by hand were accepted. What they were before is not known, so
    /// the edits give every field, as if it were new.
    AcceptEdits,
}

impl Action {
    /// Every action.
    pub(crate) const ALL: [Action; 36] = [
        Action::CreateFlag,
        Action::ChangeFlag,
        Action::CreateExperiment,
        Action::ChangeExperiment,
        Action::Start,
        Action::Stop,
        Action::Ship,
        Action::ArchiveFlag,
        Action::UnarchiveFlag,
        Action::ArchiveExperiment,
        Action::UnarchiveExperiment,
        Action::DeleteExperiment,
        Action::DeleteFlag,
        Action::Force,
        Action::Unforce,
        Action::CreateRule,
        Action::ChangeRule,
        Action::DeleteRule,
        Action::CreateSegment,
        Action::ChangeSegment,
        Action::DeleteSegment,
        Action::CreateLayer,
        Action::ChangeLayer,
        Action::DeleteLayer,
        Action::CreateHoldout,
        Action::ChangeHoldout,
        Action::DeleteHoldout,
        Action::SetTargeting,
        Action::RaiseCoverage,
        Action::CreateGoal,
        Action::ChangeGoal,
        Action::DeleteGoal,
        Action::SetGoals,
        Action::Replace,
        Action::Apply,
        Action::AcceptEdits,
    ];

    /// The action in JSON, as in `create_flag`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::CreateFlag => "create_flag",
            Action::ChangeFlag => "change_flag",
            Action::CreateExperiment => "create_experiment",
            Action::ChangeExperiment => "change_experiment",
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Ship => "ship",
            Action::ArchiveFlag => "archive_flag",
            Action::UnarchiveFlag => "unarchive_flag",
            Action::ArchiveExperiment => "archive_experiment",
            Action::UnarchiveExperiment => "unarchive_experiment",
            Action::DeleteExperiment => "delete_experiment",
            Action::DeleteFlag => "delete_flag",
            Action::Force => "force",
            Action::Unforce => "unforce",
            Action::CreateRule => "create_rule",
            Action::ChangeRule => "change_rule",
            Action::DeleteRule => "delete_rule",
            Action::CreateSegment => "create_segment",
            Action::ChangeSegment => "change_segment",
            Action::DeleteSegment => "delete_segment",
            Action::CreateLayer => "create_layer",
            Action::ChangeLayer => "change_layer",
            Action::DeleteLayer => "delete_layer",
            Action::CreateHoldout => "create_holdout",
            Action::ChangeHoldout => "change_holdout",
            Action::DeleteHoldout => "delete_holdout",
            Action::SetTargeting => "set_targeting",
            Action::RaiseCoverage => "raise_coverage",
            Action::CreateGoal => "create_goal",
            Action::ChangeGoal => "change_goal",
            Action::DeleteGoal => "delete_goal",
            Action::SetGoals => "set_goals",
            Action::Replace => "replace",
            Action::Apply => "apply",
            Action::AcceptEdits => "accept_edits",
        }
    }
}

/// One field before and after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Edit {
    /// The flag's key, after the change if it is still there; `None`, and absent in JSON, for what
    /// belongs to no flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag_key: Option<String>,
    /// The name of a segment, a layer or a holdout, or the key of a goal, after the change if it is
    /// still there; `None`, and absent in JSON, for what belongs to a flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the field belongs to.
    #[serde(flatten)]
    pub unit: Unit,
    /// The field, as documents name it; a forced user is a field of its own, `forced.` and the
    /// user key.
    pub field: String,
    /// The value before; `None`, and absent in JSON, if the field, or all of its unit, was not
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after; `None`, and absent in JSON, if the field, or all of its unit, is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What the definitions consist of: each has fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "unit", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// A flag.
    Flag {
        /// Its id.
        flag: FlagId,
    },
    /// An experiment.
    Experiment {
        /// The id of its flag.
        flag: FlagId,
        /// Its id.
        experiment: ExperimentId,
    },
    /// A rule.
    Rule {
        /// The id of its flag.
        flag: FlagId,
        /// Its id.
        rule: RuleId,
    },
    /// A segment.
    Segment {
        /// Its id.
        segment: SegmentId,
    },
    /// A layer.
    Layer {
        /// Its id.
        layer: LayerId,
    },
    /// A holdout.
    Holdout {
        /// Its id.
        holdout: HoldoutId,
    },
    /// A goal.
    Goal {
        /// Its id, which is made of its key.
        goal: GoalId,
    },
}

impl Unit {
    /// The id of the flag, or of the flag that it belongs to; `None` for what flags share.
    #[must_use]
    pub fn flag(self) -> Option<FlagId> {
        match self {
            Unit::Flag { flag } | Unit::Experiment { flag, .. } | Unit::Rule { flag, .. } => {
                Some(flag)
            }
            Unit::Segment { .. }
            | Unit::Layer { .. }
            | Unit::Holdout { .. }
            | Unit::Goal { .. } => None,
        }
    }

    /// The id of the experiment, if it is one.
    #[must_use]
    pub fn experiment(self) -> Option<ExperimentId> {
        match self {
            Unit::Experiment { experiment, .. } => Some(experiment),
            _ => None,
        }
    }

    /// Whether flags share it: a segment, a layer, a holdout or a goal.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.flag().is_none()
    }
}
