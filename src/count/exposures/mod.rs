//! The first exposures of users, for the service to take: a queue of bounded length, which requests
//! fill and a thread of the service empties.
//!
//! * `exposure`: one of them; `unit_key`: its user key, in place.

mod exposure;
mod unit_key;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;

pub use self::exposure::Exposure;
use crate::model::timestamp::Timestamp;

/// The longest queue.
const MAX_CAPACITY: usize = 1 << 20;
/// Places that stay free in a full queue. A thread that is stopped while it takes an exposure out,
/// or puts one in, holds one place up; another that came around to that very place would wait.
const SPARE: usize = 64;

/// The queue of an engine's exposures, as [`Engine::exposures`](crate::Engine::exposures) returns
/// it: what requests put in, and a thread of the service takes out. [`docs::exposures`] has the
/// guarantee.
///
/// Cheap to clone; clones are the same queue, and an exposure that one of them takes is gone for
/// the others. The queue lasts as long as the engine, also if all clones are dropped.
///
/// [`docs::exposures`]: crate::docs::exposures
#[derive(Clone)]
pub struct Exposures(Arc<Queue>);

struct Queue {
    waiting: ArrayQueue<Exposure>,
    capacity: usize,
    missed: AtomicU64,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Exposures {
    /// An empty queue for as many exposures, or the nearest number that is allowed.
    pub(crate) fn new(
        capacity: usize,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Exposures {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let waiting = ArrayQueue::new(capacity.saturating_add(SPARE));
        Exposures(Arc::new(Queue {
            waiting,
            capacity,
            missed: AtomicU64::new(0),
            now: Box::new(now),
        }))
    }

    /// Moves the exposures that are waiting to the end of `batch`, in the order in which they were
    /// queued, and returns how many they were: at most the [capacity](Exposures::capacity), so that
    /// it returns also while requests go on. 0 if none is waiting: it does not wait for one.
    ///
    /// Cost: grows `batch` if need be, beside a hundred bytes to copy for each. Takes no lock; no
    /// request waits.
    pub fn take(&self, batch: &mut Vec<Exposure>) -> usize {
        let waiting = &self.0.waiting;
        let most = waiting.len().min(self.0.capacity);
        let before = batch.len();
        batch.reserve(most);
        batch.extend((0..most).map_while(|_| waiting.pop()));
        batch.len().saturating_sub(before)
    }

    /// How many exposures are waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.waiting.len()
    }

    /// Whether no exposure is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.waiting.is_empty()
    }

    /// The most exposures that wait.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// How often an exposure was not queued since the queue was full. The user's next exposure in
    /// the run tries again: so a user can be missed more than once and be queued after all. A
    /// number that grows says that the queue is too short, or emptied too seldom.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }

    /// Queues what `exposure` makes, with the time, and returns whether it did. Never waits: if the
    /// queue is full, the exposure is missed, and `exposure` not called.
    pub(crate) fn push(&self, exposure: impl FnOnce(Timestamp) -> Option<Exposure>) -> bool {
        let Queue { waiting, capacity, missed, now } = &*self.0;
        let is_queued = waiting.len() < *capacity
            && exposure(now()).is_some_and(|exposure| waiting.push(exposure).is_ok());
        if !is_queued {
            missed.fetch_add(1, Ordering::Relaxed);
        }
        is_queued
    }
}

impl fmt::Debug for Exposures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposures")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("missed", &self.missed())
            .finish()
    }
}
