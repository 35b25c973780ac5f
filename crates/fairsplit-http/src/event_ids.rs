//! Events that have been counted, by the ids that callers gave them, so that a retry is not counted
//! again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// How many ids are kept. Each takes some 40 bytes, whatever its length.
pub(crate) const MAX_EVENTS: usize = 100_000;

/// How many locks events share while they are counted.
const LOCKS: usize = 32;

/// The newest ids of this process. Another process, and this one after a restart, knows none of
/// them.
#[derive(Debug, Default)]
pub(crate) struct EventIds {
    /// Held while an event is counted, so that another one with its id waits for what comes of it.
    /// Events of other ids rarely wait: counting may have to make space for a user.
    counting: [Mutex<()>; LOCKS],
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashSet<u128>,
    /// In the order in which they came.
    order: VecDeque<u128>,
}

impl EventIds {
    /// Counts an event of a goal in an environment; `None` if one with this id has been counted.
    ///
    /// `count` returns whether it has counted: if not, the event can come again. Of several calls
    /// at once with one id, one counts.
    pub(crate) fn count_once<T>(
        &self,
        environment: &str,
        goal: &str,
        event_id: &str,
        count: impl FnOnce() -> (T, bool),
    ) -> Option<T> {
        let id = hash(&[environment, goal, event_id]);
        let lock = self.counting.get(id as usize % LOCKS);
        // It guards nothing that a panic could leave half done.
        let _counting = lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        if self.known().ids.contains(&id) {
            return None;
        }
        let (counted, has_counted) = count();
        if has_counted {
            self.known().add(id);
        }
        Some(counted)
    }

    /// A set is whole between its calls, so a poisoned lock is usable.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, id: u128) {
        self.ids.insert(id);
        self.order.push_back(id);
        if self.order.len() > MAX_EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// A hash of some texts, of which two lists share one with a chance of 1 in 2^128.
fn hash(texts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut first = [0; 16];
    first.iter_mut().zip(hasher.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    impl EventIds {
        /// Counts an event, if it is new.
        fn is_new(&self, environment: &str, goal: &str, event_id: &str) -> bool {
            self.count_once(environment, goal, event_id, || ((), true)).is_some()
        }
    }

    #[test]
    fn an_event_is_counted_once_in_its_environment_and_for_its_goal() {
        let events = EventIds::default();
        for others in [
            ["production", "purchase", "1"],
            ["staging", "purchase", "1"],
            ["production", "signup", "1"],
            ["production", "purchase", "2"],
        ] {
            let [environment, goal, id] = others;
            // One that is not counted may come again.
            let refused = events.count_once(environment, goal, id, || ("refused", false));
            assert_eq!(refused, Some("refused"));
            assert!(events.is_new(environment, goal, id));
            assert!(!events.is_new(environment, goal, id));
        }
        // Texts do not run into each other.
        assert!(events.is_new("a", "bc", "d") && events.is_new("ab", "c", "d"));
    }

    #[test]
    fn the_newest_ids_are_kept() {
        let events = EventIds::default();
        for number in 0..=MAX_EVENTS {
            assert!(events.is_new("production", "purchase", &number.to_string()));
        }
        assert!(!events.is_new("production", "purchase", &MAX_EVENTS.to_string()));
        assert!(!events.is_new("production", "purchase", "1"));
        assert!(events.is_new("production", "purchase", "0"), "the oldest");
        assert!(events.is_new("production", "purchase", "1"), "the oldest by now");
    }

    /// The second request comes while the first one counts.
    #[test]
    fn of_two_events_at_once_with_one_id_the_second_waits_for_what_comes_of_the_first() {
        for has_counted in [true, false] {
            let events = EventIds::default();
            let (counts, is_counting) = mpsc::channel();
            let count = |count: &dyn Fn() -> ((), bool)| {
                events.count_once("production", "purchase", "1", count).is_some()
            };
            let (second, first) = thread::scope(|scope| {
                let first = scope.spawn(|| {
                    count(&|| {
                        counts.send(()).unwrap();
                        // Time for the second one to come.
                        thread::sleep(Duration::from_millis(50));
                        ((), has_counted)
                    })
                });
                is_counting.recv().unwrap();
                (count(&|| ((), true)), first.join().unwrap())
            });
            assert_eq!([first, second], [true, !has_counted]);
        }
    }
}
