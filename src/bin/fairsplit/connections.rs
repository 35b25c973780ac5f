//! Which connections there are, and which of them has to go when there are too many.
//!
//! A limit alone would let slow clients keep everybody out: they need only hold as many connections
//! as are allowed. So one more connection closes the one that has been idle for longest, where idle
//! is everything but a request under way: nothing sent yet, half a head, or between two requests.
//! Whoever opens thousands and lets them lie closes his own; a client that sends its request at once
//! is idle for too short a time to be the oldest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// All connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    /// Counts up with whatever happens: what happened last has the highest number.
    moment: AtomicU64,
}

/// What one connection is doing.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    underway: AtomicUsize,
    since: AtomicU64,
    /// Whether there has been a request, and who waits for the first.
    has_asked: AtomicBool,
    first: Notify,
    /// Told when the connection has to close.
    evicted: Notify,
}

/// A place among the connections, until it is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    pub(crate) activity: Arc<Activity>,
}

impl Connections {
    /// Lets a connection in; at the limit, closes another one for it.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Place {
        let number = self.now();
        let activity = Arc::new(Activity { since: AtomicU64::new(number), ..Activity::default() });
        let mut open = self.lock();
        if open.len() >= limit {
            evict_oldest(&mut open);
        }
        open.insert(number, Arc::clone(&activity));
        Place { connections: Arc::clone(self), number, activity }
    }

    /// Closes the connection that has been idle for longest; says whether there was one.
    pub(crate) fn evict(&self) -> bool {
        evict_oldest(&mut self.lock())
    }

    fn now(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at all of them, which takes microseconds at the limit, and only there.
fn evict_oldest(open: &mut HashMap<u64, Arc<Activity>>) -> bool {
    let idle = open.iter().filter(|(_, activity)| activity.underway.load(Ordering::Relaxed) == 0);
    let oldest = idle.min_by_key(|(_, activity)| activity.since.load(Ordering::Relaxed));
    let oldest = oldest.map(|(number, _)| *number);
    match oldest.and_then(|number| open.remove(&number)) {
        Some(activity) => {
            activity.evicted.notify_one();
            true
        }
        None => false,
    }
}

impl Activity {
    /// Waits until the connection has to close.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Waits for the first request, but no longer than this; not at all if there has been one.
    pub(crate) async fn asked(&self, patience: Duration) {
        if !self.has_asked.load(Ordering::Relaxed) {
            // One that comes between the two lines has left a permit.
            let _ = tokio::time::timeout(patience, self.first.notified()).await;
        }
    }
}

impl Place {
    /// A request has begun; it is under way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Underway {
        self.activity.underway.fetch_add(1, Ordering::Relaxed);
        if !self.activity.has_asked.swap(true, Ordering::Relaxed) {
            self.activity.first.notify_one();
        }
        Underway(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
    }
}

/// A request that has not been answered yet.
pub(crate) struct Underway(Arc<Place>);

impl Drop for Underway {
    fn drop(&mut self) {
        let Underway(place) = self;
        place.activity.since.store(place.connections.now(), Ordering::Relaxed);
        place.activity.underway.fetch_sub(1, Ordering::Relaxed);
    }
}
