//! Limits on one request, and on all requests at once.

use std::time::Duration;

/// Limits of the router. The defaults suit a service behind a proxy.
///
/// Headers and connections are limited where connections are accepted, as `fairsplit-server` does.
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
    /// The most bytes of a body; the default is 1 MiB. A longer one is refused with 413.
    pub fn body(self, bytes: usize) -> Limits {
        Limits { body: bytes, ..self }
    }

    /// The most requests at once; the default is 1024. One more is refused with 503. Only requests
    /// with a valid token count, so that clients without one cannot use up the limit.
    pub fn requests(self, requests: usize) -> Limits {
        Limits { requests, ..self }
    }

    /// How long a body may take to arrive; the default is 10 seconds. A slower one is refused with
    /// 408. The work itself takes microseconds and waits for nothing but other changes.
    pub fn time(self, time: Duration) -> Limits {
        Limits { time, ..self }
    }
}
