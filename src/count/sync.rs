//! The atomics of the counters: the standard library's, or under `--cfg loom` the model checker's.
//! The code under test is the code that ships, except for what `arc-swap` does.

use std::sync::Arc;

#[cfg(loom)]
pub(crate) use loom::sync::Mutex;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::Mutex;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// A value that is replaced whole.
#[cfg(not(loom))]
pub(crate) type Swap<T> = arc_swap::ArcSwap<T>;

/// Lets other threads go on, in a loop that waits for one of them.
pub(crate) fn wait() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}

/// Stores a value in place of `current`; returns whether that was still there.
#[cfg(not(loom))]
pub(crate) fn replace<T>(swap: &Swap<T>, current: &Arc<T>, next: Arc<T>) -> bool {
    Arc::ptr_eq(&swap.compare_and_swap(current, next), current)
}

#[cfg(loom)]
pub(crate) use self::modelled::{Swap, replace};

#[cfg(loom)]
mod modelled {
    use loom::sync::RwLock;

    use super::Arc;

    /// In place of `arc-swap`, whose atomics the model checker does not see.
    #[derive(Debug)]
    pub(crate) struct Swap<T>(RwLock<Arc<T>>);

    impl<T> Swap<T> {
        pub(crate) fn from_pointee(value: T) -> Swap<T> {
            Swap(RwLock::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            Arc::clone(&self.0.read().unwrap())
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            self.load()
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            *self.0.write().unwrap() = value;
        }

        pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
            std::mem::replace(&mut self.0.write().unwrap(), value)
        }
    }

    pub(crate) fn replace<T>(swap: &Swap<T>, current: &Arc<T>, next: Arc<T>) -> bool {
        let mut found = swap.0.write().unwrap();
        let is_current = Arc::ptr_eq(&found, current);
        if is_current {
            *found = next;
        }
        is_current
    }
}
