//! The source of time.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::timestamp::Timestamp;

/// The time, for an engine. Each control-plane call reads it once; an evaluation reads it only if it
/// queues an [exposure](crate::Engine::exposures).
///
/// The engine reads it while other writers wait, so that timestamps have the order of the changes.
/// An implementation must not call a writing method of the engine: the call would wait for itself.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now. It may jump, even backwards: only timestamps depend on it.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
///
/// Not on `wasm32-unknown-unknown`, which has none: pass a clock to
/// [`Engine::with_clock`](crate::Engine::with_clock).
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let now = std::time::SystemTime::now();
        let seconds = match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_secs()).map_or(i64::MIN, i64::wrapping_neg)
            }
        };
        Timestamp::from_unix_seconds(seconds)
    }
}

/// A clock that stands still until it is set, for tests.
///
/// # Examples
///
/// ```
/// use fairsplit::Timestamp;
/// use fairsplit::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::new(Timestamp::from_unix_seconds(1_741_780_800));
/// clock.advance(60);
/// assert_eq!(clock.now().to_string(), "2025-03-12T12:01:00Z");
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn new(now: Timestamp) -> ManualClock {
        ManualClock(AtomicI64::new(now.unix_seconds()))
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_seconds(), Ordering::Relaxed);
    }

    /// Moves the time by this number of seconds, backwards if negative.
    pub fn advance(&self, seconds: i64) {
        self.set(Timestamp::from_unix_seconds(self.now().unix_seconds().saturating_add(seconds)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::Relaxed))
    }
}

/// A clock that is shared with the code that sets it.
impl super::Engine {
    /// The time of the engine's clock.
    #[cfg(feature = "results")]
    pub(crate) fn now(&self) -> Timestamp {
        self.control.clock.now()
    }
}

impl<C: Clock> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        C::now(self)
    }
}
