//! How a process stands with its fleet.

use std::time::{Duration, Instant};

use crate::error::FleetError;

/// How a process stands with the database of its fleet, as of its last flush or try.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FleetStatus {
    /// How long ago the database last answered; `None` if it never has.
    pub last_contact: Option<Duration>,
    /// Why the last flush failed; `None` if it did not.
    pub last_error: Option<FleetError>,
    /// How many events were not in the database at that time: exposures, conversions and events of
    /// goals.
    pub unshipped: u64,
    /// How many events may never have arrived, since the database had given this process up before
    /// they came: after a week without a word.
    pub dropped: u64,
    /// The time between flushes, which grows while they are slow.
    pub interval: Duration,
}

/// What the thread of the fleet writes.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) last_contact: Option<Instant>,
    pub(crate) last_error: Option<FleetError>,
    pub(crate) unshipped: u64,
    pub(crate) dropped: u64,
    pub(crate) interval: Duration,
}

impl Shared {
    pub(crate) fn status(&self) -> FleetStatus {
        FleetStatus {
            last_contact: self.last_contact.map(|at| at.elapsed()),
            last_error: self.last_error.clone(),
            unshipped: self.unshipped,
            dropped: self.dropped,
            interval: self.interval,
        }
    }
}
