//! What the protocol needs of a database.

use std::time::Duration;

use fairsplit::ExperimentId;
use uuid::Uuid;

use crate::cells::Cells;

/// A database that keeps what each life has counted.
///
/// A call that fails may have been executed, or may be executed later: all of them may be repeated.
pub(crate) trait Ledger {
    type Error;

    /// Raises the cells of a life to those of the flush, unless the life was folded.
    fn flush(&mut self, flush: &Flush) -> Result<Answer, Self::Error>;

    /// Adds the cells of up to 50 lives that are over to the base, each life once. Of lives that
    /// nothing ended, those that have not been heard of for `grace`. Returns their number.
    fn fold(&mut self, grace: Duration) -> Result<u64, Self::Error>;

    /// What all lives have counted for an experiment.
    fn read(&mut self, experiment: ExperimentId) -> Result<Cells, Self::Error>;
}

/// What a process says of a life.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    pub(crate) life: Uuid,
    pub(crate) is_durable: bool,
    pub(crate) state: Said,
    /// Larger than that of every flush of the life before it.
    pub(crate) number: i64,
    /// The number of the newest flush of the life that was acknowledged, or 0.
    pub(crate) acknowledged: i64,
    /// Whether the cells are all of the life, or only those that have moved.
    pub(crate) is_whole: bool,
    /// What the life has counted since it began.
    pub(crate) cells: Cells,
}

impl Flush {
    /// The place of the flush among those of the life's own process; 0 if it is another one's, which
    /// says nothing of what the own one has shipped.
    pub(crate) fn place(&self) -> i64 {
        if self.state == Said::Superseded { 0 } else { self.number }
    }
}

/// The state of a life as its process gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It counts.
    Open,
    /// Another life follows it in its directory. A copy of the directory may still count in it.
    Superseded,
    /// Its process has ended it, and counts nothing more in it. What comes late is a part of it.
    Closed,
}

/// What the database says of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The cells are in the database.
    Accepted {
        /// Whether cells that were acknowledged are missing: the database went back to an earlier
        /// state. Holds until a whole flush.
        is_behind: bool,
    },
    /// Nothing was changed, since the life was added to the base.
    Refused,
}
