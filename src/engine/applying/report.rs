//! What applying a document did.

use std::fmt;

use serde::Serialize;

use crate::engine::load_report::SkippedFlag;
use crate::model::fault::Fault;
use crate::model::id::ExperimentId;

/// What [applying](crate::Engine::apply) a document did, by the keys of flags and the names of
/// experiments.
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
    /// Flags and experiments that are new.
    pub added: Vec<Named>,
    /// Flags and experiments with the fields that changed.
    pub changed: Vec<(Named, Vec<String>)>,
    /// Flags and experiments that are gone, since the source no longer names them.
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
    /// Flags of the document that were skipped, and why.
    pub skipped: Vec<SkippedFlag>,
    /// Fields that this release does not know, by path.
    pub unknown_fields: Vec<Fault>,
}

/// A flag, or an experiment of it. Displays as `"hero-banner"` or
/// `"hero-banner", experiment "Hero Banner A/B Test"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Named {
    /// The flag's key.
    pub flag_key: String,
    /// The id and the name of the experiment, if it is one.
    pub experiment: Option<(ExperimentId, String)>,
}

/// Why something that a source no longer names is still there, or something that it names is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Left {
    /// The flag has experiments that were made elsewhere.
    HasOtherExperiments,
    /// A flag of the document could not be read, and may be this one.
    MayBeUnread,
    /// It was removed by somebody else, and the document has not changed it since.
    RemovedElsewhere,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Left::HasOtherExperiments => "it has experiments that were made elsewhere",
            Left::MayBeUnread => "a flag that could not be read may be this one",
            Left::RemovedElsewhere => "it was removed elsewhere",
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.flag_key)?;
        match &self.experiment {
            Some((_, name)) => write!(f, ", experiment {name:?}"),
            None => Ok(()),
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
