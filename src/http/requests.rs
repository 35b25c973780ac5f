//! How many requests each route has answered, and with what.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// The statuses that are told apart. Everything else is in the last cell.
const STATUSES: [u16; 16] =
    [200, 201, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, ABANDONED, 500, 503, 0];

/// The client went away before it was answered; the number is a custom of proxies.
const ABANDONED: u16 = 499;

/// The counters of one route.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    by_status: [AtomicU64; STATUSES.len()],
}

impl Requests {
    pub(super) fn new(method: &'static str, route: &'static str) -> Requests {
        Requests { method, route, by_status: [const { AtomicU64::new(0) }; STATUSES.len()] }
    }

    /// Begins a request: it is counted when the guard is told its status, or dropped.
    pub(super) fn begin(&self) -> Underway<'_> {
        Underway { requests: self, status: None }
    }

    /// The statuses that there were, with their counts.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = self.by_status.iter().map(|cell| cell.load(Ordering::Relaxed));
        STATUSES.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }

    fn count(&self, status: u16) {
        let found = STATUSES.iter().position(|known| *known == status);
        // Relaxed: a plain count, which orders nothing.
        if let Some(cell) = found.and_then(|at| self.by_status.get(at)).or(self.by_status.last()) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A request that has not been answered yet.
#[must_use]
pub(super) struct Underway<'a> {
    requests: &'a Requests,
    status: Option<u16>,
}

impl Underway<'_> {
    pub(super) fn end(mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let abandoned = if std::thread::panicking() { 500 } else { ABANDONED };
        self.requests.count(self.status.unwrap_or(abandoned));
    }
}
