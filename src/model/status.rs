//! The lifecycle: the four statuses, and the table of what start, stop and ship may do.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::ValidationError;
use crate::model::path::{Path, quote};

/// The status of an experiment in its lifecycle.
///
/// ```text
/// create -> draft --start--> running --stop--> stopped --start--> running ...
/// ```
///
/// There are exactly these four: the Experiments API defines them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the API that the model comes from has these four")]
pub enum Status {
    /// Created, not yet started; no traffic is split.
    #[default]
    Draft,
    /// Active: traffic is split between the variants, and counted.
    Running,
    /// Stopped; it can be started again.
    Stopped,
    /// Reserved: it can be read and written, but no engine sets it, and an experiment in it cannot
    /// start.
    Completed,
}

impl Status {
    /// The status in JSON: `draft`, `running`, `stopped` or `completed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Completed => "completed",
        }
    }

    /// The status after `transition`, if this status allows it.
    pub(crate) fn after(self, transition: Transition) -> Result<Status, TransitionError> {
        match (transition, self) {
            (Transition::Start, Status::Draft | Status::Stopped) => Ok(Status::Running),
            (Transition::Stop, Status::Running)
            | (Transition::Ship, Status::Running | Status::Stopped) => Ok(Status::Stopped),
            (transition, status) => Err(TransitionError { status, transition }),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Status, ValidationError> {
        let all = [Status::Draft, Status::Running, Status::Stopped, Status::Completed];
        let found = all.into_iter().find(|status| status.as_str() == text);
        found
            .ok_or_else(|| Fault::new(&Path::Root, FaultKind::Status { found: quote(text) }).into())
    }
}

/// A change of an experiment's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transition {
    /// Draft or stopped becomes running.
    Start,
    /// Running becomes stopped.
    Stop,
    /// Running becomes stopped, and stopped stays so: a variant is decided on.
    Ship,
}

/// A transition that the status does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {} the experiment: it is {status}, and {}", .transition.verb(), .transition.condition())]
pub struct TransitionError {
    status: Status,
    transition: Transition,
}

impl TransitionError {
    /// The status that the experiment has, and keeps.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The transition that was attempted.
    #[must_use]
    pub fn transition(&self) -> Transition {
        self.transition
    }
}

impl Transition {
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Transition::Start => "start",
            Transition::Stop => "stop",
            Transition::Ship => "ship",
        }
    }

    pub(crate) fn condition(self) -> &'static str {
        match self {
            Transition::Start => "only a draft or a stopped one can be started",
            Transition::Stop => "only a running one can be stopped",
            Transition::Ship => "only a running or a stopped one can be shipped",
        }
    }
}
