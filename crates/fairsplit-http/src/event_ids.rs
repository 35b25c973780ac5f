//! Events that have been counted, by the ids that callers gave them, so that a retry is not counted
//! again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// How many ids are kept. Each takes some 40 bytes, whatever its length.
pub(crate) const MAX_EVENTS: usize = 100_000;

/// The newest ids of this process. Another process, and this one after a restart, knows none of
/// them.
#[derive(Debug, Default)]
pub(crate) struct EventIds(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: HashSet<u128>,
    /// In the order in which they came.
    order: VecDeque<u128>,
}

impl EventIds {
    /// Adds an event of a goal in an environment; returns whether it is new. Of two calls at once
    /// with one id, one returns that it is new.
    pub(crate) fn add(&self, environment: &str, goal: &str, event_id: &str) -> bool {
        let id = hash(&[environment, goal, event_id]);
        // A set is whole between its calls, so a poisoned lock is usable.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.ids.insert(id) {
            return false;
        }
        known.order.push_back(id);
        if known.order.len() > MAX_EVENTS
            && let Some(oldest) = known.order.pop_front()
        {
            known.ids.remove(&oldest);
        }
        true
    }

    /// Takes an event back that was not counted.
    pub(crate) fn remove(&self, environment: &str, goal: &str, event_id: &str) {
        let id = hash(&[environment, goal, event_id]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.ids.remove(&id)
            && let Some(at) = known.order.iter().rposition(|known| *known == id)
        {
            known.order.remove(at);
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
    use super::*;

    #[test]
    fn an_event_is_new_once_in_its_environment_and_for_its_goal() {
        let events = EventIds::default();
        for _ in 0..2 {
            assert!(events.add("production", "purchase", "1"));
            for others in
                [["production", "purchase", "1"], ["staging", "purchase", "1"], ["a", "b", "c"]]
            {
                let [environment, goal, id] = others;
                let is_first = events.add(environment, goal, id);
                assert_eq!(is_first, environment != "production");
                assert!(!events.add(environment, goal, id));
                events.remove(environment, goal, id);
            }
        }
        // Texts do not run into each other.
        assert!(events.add("a", "bc", "d") && events.add("ab", "c", "d"));
    }

    #[test]
    fn the_newest_ids_are_kept() {
        let events = EventIds::default();
        for number in 0..=MAX_EVENTS {
            assert!(events.add("production", "purchase", &number.to_string()));
        }
        assert!(!events.add("production", "purchase", &MAX_EVENTS.to_string()));
        assert!(!events.add("production", "purchase", "1"));
        assert!(events.add("production", "purchase", "0"), "the oldest");
        assert!(events.add("production", "purchase", "1"), "the oldest by now");
    }
}
