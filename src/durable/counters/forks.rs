//! The mappings of this process, for the child of a `fork`, which must not count in them: its
//! threads use the same cells as its parent's, and counts would be lost.
//!
//! The child looks at this before it does anything else, while locks may be held by threads that it
//! does not have. So there is no lock, and nothing is ever freed: places are used again.

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A place for a mapping.
#[derive(Debug)]
struct Place {
    /// Where the mapping begins; null for none.
    start: AtomicPtr<u8>,
    /// The mapping's length, never 0; 0 where the place is free. Set before the start, and cleared
    /// after it: whenever a fork comes, a start that is there has its length.
    bytes: AtomicUsize,
    next: OnceLock<&'static Place>,
}

impl Place {
    const fn new() -> Place {
        Place {
            start: AtomicPtr::new(ptr::null_mut()),
            bytes: AtomicUsize::new(0),
            next: OnceLock::new(),
        }
    }
}

static FIRST: Place = Place::new();

/// A mapping that children find until this is dropped.
#[derive(Debug)]
pub(super) struct Listed(&'static Place);

/// Lists a mapping of this length that begins here.
pub(super) fn list(start: *mut u8, bytes: usize) -> Listed {
    let mut place = &FIRST;
    loop {
        let order = (Ordering::Acquire, Ordering::Relaxed);
        if place.bytes.compare_exchange(0, bytes.max(1), order.0, order.1).is_ok() {
            place.start.store(start, Ordering::Release);
            return Listed(place);
        }
        place = place.next.get_or_init(|| Box::leak(Box::new(Place::new())));
    }
}

/// Where each mapping begins, and its length.
pub(super) fn all() -> impl Iterator<Item = (*mut u8, usize)> {
    let next = |place: &&'static Place| place.next.get().copied();
    std::iter::successors(Some(&FIRST), next).filter_map(|place| {
        let start = place.start.load(Ordering::Acquire);
        (!start.is_null()).then(|| (start, place.bytes.load(Ordering::Relaxed)))
    })
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.start.store(ptr::null_mut(), Ordering::Release);
        self.0.bytes.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_found_until_it_is_gone_and_its_place_is_used_again() {
        let mut bytes = [0_u8; 3];
        let starts: Vec<*mut u8> = bytes.iter_mut().map(ptr::from_mut).collect();
        let lengths: Vec<(*mut u8, usize)> = starts.iter().copied().zip(11..).collect();
        let is_found = |mapping| all().any(|found| found == mapping);
        let listed: Vec<Listed> =
            lengths.iter().map(|(start, bytes)| list(*start, *bytes)).collect();
        assert!(lengths.iter().all(|mapping| is_found(*mapping)));
        drop(listed);
        let is_start_found = |start| all().any(|found| found.0 == start);
        assert!(!starts.iter().any(|start| is_start_found(*start)));
    }
}
