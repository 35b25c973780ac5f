//! What one request, and all at once, may cost.

use std::time::Duration;

/// Limits of the router, each with a default that a service behind a proxy can keep.
///
/// Headers and connections are limited where connections are accepted; `fairsplit-server` does.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Limits {
    pub(crate) body: usize,
    pub(crate) requests: usize,
    pub(crate) time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body: 1024 * 1024, requests: 1024, time: Duration::from_secs(10) }
    }
}

impl Limits {
    /// The most bytes of a body; 1 MiB unless changed. A longer one is refused with 413.
    pub fn body(self, bytes: usize) -> Limits {
        Limits { body: bytes, ..self }
    }

    /// The most requests at once; 1024 unless changed. One more is refused with 503. Only requests
    /// with a good token count, so that clients without one cannot use them up.
    pub fn requests(self, requests: usize) -> Limits {
        Limits { requests, ..self }
    }

    /// How long a body may take to arrive; 10 seconds unless changed. A slower one is refused with
    /// 408. The work itself takes microseconds and waits for nothing but other changes.
    pub fn time(self, time: Duration) -> Limits {
        Limits { time, ..self }
    }
}
