//! The mappings of this process, for the child of a `fork`, which must not count in them: its
//! threads use the same cells as its parent's, and counts would be lost.
//!
//! The child looks at this before it does anything else, while locks may be held by threads that it
//! does not have. So there is no lock, and nothing is ever freed: places are used again.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A place for a mapping.
#[derive(Debug)]
struct Place {
    /// Where the mapping begins; null for none.
    start: AtomicPtr<u8>,
    next: OnceLock<&'static Place>,
}

impl Place {
    const fn new() -> Place {
        Place { start: AtomicPtr::new(ptr::null_mut()), next: OnceLock::new() }
    }
}

static FIRST: Place = Place::new();

/// A mapping that children find until this is dropped.
#[derive(Debug)]
pub(super) struct Listed(&'static Place);

/// Lists a mapping that begins here.
pub(super) fn list(start: *mut u8) -> Listed {
    let mut place = &FIRST;
    loop {
        let order = (Ordering::Release, Ordering::Relaxed);
        if place.start.compare_exchange(ptr::null_mut(), start, order.0, order.1).is_ok() {
            return Listed(place);
        }
        place = place.next.get_or_init(|| Box::leak(Box::new(Place::new())));
    }
}

/// Where each mapping begins.
pub(super) fn all() -> impl Iterator<Item = *mut u8> {
    let next = |place: &&'static Place| place.next.get().copied();
    let starts = std::iter::successors(Some(&FIRST), next);
    starts.map(|place| place.start.load(Ordering::Acquire)).filter(|start| !start.is_null())
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.start.store(ptr::null_mut(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_found_until_it_is_gone_and_its_place_is_used_again() {
        let mut bytes = [0_u8; 3];
        let starts: Vec<*mut u8> = bytes.iter_mut().map(ptr::from_mut).collect();
        let is_found = |start| all().any(|found| found == start);
        let listed: Vec<Listed> = starts.iter().map(|start| list(*start)).collect();
        assert!(starts.iter().all(|start| is_found(*start)));
        drop(listed);
        assert!(!starts.iter().any(|start| is_found(*start)));
    }
}
