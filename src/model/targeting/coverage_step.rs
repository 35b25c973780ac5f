//! From when on an experiment had which coverage.

use serde::Serialize;

use crate::model::targeting::share::Share;
use crate::model::timestamp::Timestamp;

/// From when on an experiment had which coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CoverageStep {
    pub(crate) at: Timestamp,
    pub(crate) coverage: Share,
}

/// The name of the field beside `coverage`.
pub(crate) const AT: &str = "at";

impl CoverageStep {
    /// From when on.
    #[must_use]
    pub fn at(self) -> Timestamp {
        self.at
    }

    /// Which part of the audience was in the experiment.
    #[must_use]
    pub fn coverage(self) -> Share {
        self.coverage
    }
}
