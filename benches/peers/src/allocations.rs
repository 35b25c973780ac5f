//! An allocator that counts, for each thread by itself.

#![allow(unsafe_code, reason = "a global allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Sub;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // Constant and without a destructor, so that the allocator may touch it at any time in the life
    // of a thread, and so that touching it never allocates.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { calls: 0, bytes: 0, held: 0 }) };
}

/// What a thread has allocated since it started.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Allocations, and growths of one.
    pub(crate) calls: u64,
    /// Bytes that were asked for.
    pub(crate) bytes: u64,
    /// Bytes asked for less bytes given back. What another thread frees is missing here.
    pub(crate) held: i64,
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            calls: self.calls - earlier.calls,
            bytes: self.bytes - earlier.bytes,
            held: self.held - earlier.held,
        }
    }
}

/// What `work` allocates on this thread.
pub(crate) fn during<T>(work: impl FnOnce() -> T) -> (T, Counts) {
    let before = COUNTS.get();
    let result = work();
    (result, COUNTS.get() - before)
}

struct Counting;

impl Counting {
    fn took(old: usize, new: usize) {
        let mut counts = COUNTS.get();
        counts.calls += 1;
        counts.bytes += new.saturating_sub(old) as u64;
        counts.held += new as i64 - old as i64;
        COUNTS.set(counts);
    }

    fn gave(size: usize) {
        let mut counts = COUNTS.get();
        counts.held -= size as i64;
        COUNTS.set(counts);
    }
}

// SAFETY: every method hands its arguments to the system's allocator as they are and returns what
// that returns. The counting in between does not allocate and does not unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::took(0, layout.size());
        // SAFETY: the caller promises what `System` asks for, since the contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counting::took(0, layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Counting::took(layout.size(), new_size);
        // SAFETY: `block` came from `System` through this allocator; the rest as in `alloc`.
        unsafe { System.realloc(block, layout, new_size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Counting::gave(layout.size());
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}
