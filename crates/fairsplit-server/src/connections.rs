//! The open connections, and which of them closes when there are too many.
//!
//! A limit alone would let slow clients keep others out, by holding all allowed connections. So one
//! more connection closes the one that has been idle for longest. Idle is every connection without
//! a request under way: nothing sent yet, half a head, or between two requests. A client that opens
//! thousands of idle connections closes its own; one that sends its request at once is idle too
//! briefly to be the oldest. hyper and tower have no such limit: theirs make the new connection
//! wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All connections that are open.
pub(crate) struct Connections {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    /// A counter of events: the latest event has the highest number.
    moment: u64,
    /// Idle connections, by the moment since which they are idle.
    idle: BTreeMap<u64, Arc<Notify>>,
}

impl State {
    fn now_idle(&mut self, evicted: &Arc<Notify>) -> u64 {
        self.moment = self.moment.saturating_add(1);
        self.idle.insert(self.moment, Arc::clone(evicted));
        self.moment
    }

    fn evict(&mut self) {
        if let Some((_, evicted)) = self.idle.pop_first() {
            evicted.notify_one();
        }
    }
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Connections> {
        Arc::new(Connections { limit, state: Mutex::default() })
    }

    /// Admits a connection, as idle; at the limit, closes another one for it.
    pub(crate) fn enter(self: &Arc<Self>) -> Arc<Connection> {
        let evicted = Arc::new(Notify::new());
        let mut state = self.lock();
        if state.open >= self.limit {
            state.evict();
        }
        state.open = state.open.saturating_add(1);
        let idle_since = Mutex::new(state.now_idle(&evicted));
        Arc::new(Connection { connections: Arc::clone(self), evicted, idle_since })
    }

    /// Closes the connection that has been idle for longest.
    pub(crate) fn evict(&self) {
        self.lock().evict();
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection. It is gone when this is dropped.
pub(crate) struct Connection {
    connections: Arc<Connections>,
    evicted: Arc<Notify>,
    idle_since: Mutex<u64>,
}

impl Connection {
    /// Waits until the connection has to close.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// A request has begun; it is under way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Underway {
        self.connections.lock().idle.remove(&self.idle_since());
        Underway(Arc::clone(self))
    }

    fn idle_since(&self) -> MutexGuard<'_, u64> {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.idle.remove(&self.idle_since());
        state.open = state.open.saturating_sub(1);
    }
}

/// A request that has not been answered yet. HTTP/1 has one at a time on a connection.
pub(crate) struct Underway(Arc<Connection>);

impl Drop for Underway {
    fn drop(&mut self) {
        let Underway(connection) = self;
        let now = connection.connections.lock().now_idle(&connection.evicted);
        *connection.idle_since() = now;
    }
}
