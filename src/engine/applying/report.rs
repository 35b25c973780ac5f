//! What applying a document did.

use std::fmt;

use serde::Serialize;

use crate::engine::load_report::SkippedFlag;
use crate::model::change::Unit;
use crate::model::fault::Fault;
use crate::model::id::{ExperimentId, FlagId, RuleId};
use crate::read::state::ExperimentState;

/// What [applying](crate::Engine::apply) a document did, by the keys of flags, the names of
/// experiments, and what flags share.
///
/// Displays one line for each thing that was done or left, and `nothing to do` if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "this is the only report of what was skipped, and of what was kept"]
#[non_exhaustive]
pub struct ApplyReport {
    /// The name of the source.
    pub source: String,
    /// The revision that was applied, if the document has one.
    pub revision: Option<i64>,
    /// The revision that was applied last, if this document is older: then nothing was done.
    pub outdated_by: Option<i64>,
    /// What is new.
    pub added: Vec<Named>,
    /// What changed, with the fields that did.
    pub changed: Vec<(Named, Vec<String>)>,
    /// What is gone, since the source no longer names it.
    pub removed: Vec<Named>,
    /// Experiments that were started.
    pub started: Vec<Named>,
    /// Experiments that were stopped.
    pub stopped: Vec<Named>,
    /// Fields that differ from the document because somebody else changed them, and the document
    /// did not.
    pub kept: Vec<(Named, Vec<String>)>,
    /// What the source no longer names and is still there, and why.
    pub left: Vec<(Named, Left)>,
    /// Running experiments that a changed segment decides about, each with the name of the segment:
    /// in its audience, or in a rule above it.
    pub reaches: Vec<(String, Named)>,
    /// Flags, segments, layers and holdouts of the document that were skipped, and why.
    pub skipped: Vec<SkippedFlag>,
    /// Fields that this release does not know, by path.
    pub unknown_fields: Vec<Fault>,
}

/// A flag, an experiment or a rule of it, or what flags share. Displays as `"hero-banner"`,
/// `"hero-banner", experiment "Hero Banner A/B Test"`, `"hero-banner", rule` and its id, or
/// `segment "Beta testers"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Named {
    /// What it is, with its ids.
    #[serde(flatten)]
    pub unit: Unit,
    /// The flag's key; `None`, and absent in JSON, for what belongs to no flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag_key: Option<String>,
    /// The name of an experiment, a segment, a layer or a holdout; `None`, and absent in JSON, for
    /// flags and rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Named {
    pub(super) fn flag(flag: FlagId, key: &str) -> Named {
        Named { unit: Unit::Flag { flag }, flag_key: Some(key.to_owned()), name: None }
    }

    pub(super) fn experiment(
        flag: FlagId,
        key: &str,
        experiment: ExperimentId,
        name: &str,
    ) -> Named {
        let unit = Unit::Experiment { flag, experiment };
        Named { unit, flag_key: Some(key.to_owned()), name: Some(name.to_owned()) }
    }

    pub(super) fn of_state(flag: FlagId, key: &str, state: &ExperimentState) -> Named {
        Named::experiment(flag, key, state.definition.id, &state.definition.terms.name)
    }

    pub(super) fn rule(flag: FlagId, key: &str, rule: RuleId) -> Named {
        Named { unit: Unit::Rule { flag, rule }, flag_key: Some(key.to_owned()), name: None }
    }

    /// A segment, a layer or a holdout.
    pub(super) fn shared(unit: Unit, name: &str) -> Named {
        Named { unit, flag_key: None, name: Some(name.to_owned()) }
    }
}

/// Why something that a source no longer names is still there, or something that it names is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Left {
    /// The flag has experiments that were made elsewhere.
    HasOtherExperiments,
    /// Something of its kind in the document could not be read, and may be this.
    MayBeUnread,
    /// The flag has rules that were made elsewhere.
    HasOtherRules,
    /// A flag names the segment, the layer or the goal, a started experiment has counted the goal,
    /// or the holdout binds an experiment. It is removed as soon as nothing uses it.
    InUse,
    /// It was removed by somebody else, and the document has not changed it since.
    RemovedElsewhere,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Left::HasOtherExperiments => "it has experiments that were made elsewhere",
            Left::MayBeUnread => "a flag that could not be read may be this one",
            Left::HasOtherRules => "it has rules that were made elsewhere",
            Left::InUse => "it is in use",
            Left::RemovedElsewhere => "it was removed elsewhere",
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or_default();
        if let Some(key) = &self.flag_key {
            write!(f, "{key:?}")?;
        }
        match self.unit {
            Unit::Flag { .. } => Ok(()),
            Unit::Experiment { .. } => write!(f, ", experiment {name:?}"),
            Unit::Rule { rule, .. } => write!(f, ", rule {rule}"),
            Unit::Segment { .. } => write!(f, "segment {name:?}"),
            Unit::Layer { .. } => write!(f, "layer {name:?}"),
            Unit::Holdout { .. } => write!(f, "holdout {name:?}"),
            Unit::Goal { .. } => write!(f, "goal {name:?}"),
        }
    }
}

impl ApplyReport {
    /// Whether the definitions are as they were.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        [&self.added, &self.removed, &self.started, &self.stopped]
            .iter()
            .all(|some| some.is_empty())
            && self.changed.is_empty()
    }
}

impl fmt::Display for ApplyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<String> = Vec::new();
        if let (Some(newer), Some(revision)) = (self.outdated_by, self.revision) {
            lines.push(format!("skipped: revision {revision} is older than {newer}"));
        }
        for (what, all) in [
            ("added", &self.added),
            ("removed", &self.removed),
            ("started", &self.started),
            ("stopped", &self.stopped),
        ] {
            lines.extend(all.iter().map(|named| format!("{what} {named}")));
        }
        for (what, all) in [("changed", &self.changed), ("kept", &self.kept)] {
            let why = if what == "kept" { ", as changed elsewhere" } else { "" };
            lines.extend(
                all.iter()
                    .map(|(named, fields)| format!("{what} {named}: {}{why}", fields.join(", "))),
            );
        }
        lines.extend(
            self.reaches
                .iter()
                .map(|(segment, named)| format!("segment {segment:?} reaches {named}")),
        );
        lines.extend(self.left.iter().map(|(named, why)| format!("left {named}: {why}")));
        for flag in &self.skipped {
            let faults: Vec<String> = flag.faults.iter().map(ToString::to_string).collect();
            let key = flag.key.as_ref().map(|key| format!(" {key:?}")).unwrap_or_default();
            lines.push(format!("skipped {}{key}: {}", flag.path, faults.join("; ")));
        }
        lines.extend(self.unknown_fields.iter().map(ToString::to_string));
        if lines.is_empty() {
            return f.write_str("nothing to do");
        }
        f.write_str(&lines.join("\n"))
    }
}
