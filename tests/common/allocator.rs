//! The system's allocator, which counts for each thread what it is asked for.
#![expect(unsafe_code, reason = "an allocator that counts is an unsafe impl")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Calls of the allocator by this thread: tests of other threads do not disturb it.
    static CALLS: Cell<u64> = const { Cell::new(0) };
    /// The bytes that this thread has asked for, and those that it has given back.
    static BYTES: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
    /// How many more pieces of each size this thread has asked for than it has given back. The
    /// first is for larger pieces.
    static PIECES: [Cell<isize>; SIZES] = const { [const { Cell::new(0) }; SIZES] };
}

/// Larger pieces than this are few in the tests.
const SIZES: usize = 513;

fn count(asked: usize, given_back: usize) {
    // A thread that is being torn down has no counter any more; nothing is measured then.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    let _ = BYTES.try_with(|bytes| {
        let [all_asked, all_given_back] = bytes.get();
        bytes.set([all_asked.wrapping_add(asked), all_given_back.wrapping_add(given_back)]);
    });
    let _ = PIECES.try_with(|pieces| {
        for (size, change) in [(asked, 1), (given_back, -1)] {
            let size = if size < SIZES { size } else { 0 };
            pieces[size].set(pieces[size].get() + change);
        }
    });
}

// SAFETY: every call is passed on to the system's allocator as it is; counting touches no memory
// but thread-local numbers without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above; the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above; the pointer came from `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread calls the allocator in some work.
pub(crate) fn calls<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = CALLS.get();
    let result = work();
    (CALLS.get() - before, result)
}

/// How many bytes more this thread has after some work than before it.
pub(crate) fn bytes<R>(work: impl FnOnce() -> R) -> (isize, R) {
    let ([asked, given_back], result) = bytes_each_way(work);
    (asked.wrapping_sub(given_back).cast_signed(), result)
}

/// How many bytes this thread asks for in some work, and how many it gives back.
pub(crate) fn bytes_each_way<R>(work: impl FnOnce() -> R) -> ([usize; 2], R) {
    let [asked, given_back] = BYTES.get();
    let result = work();
    let after = BYTES.get();
    ([after[0].wrapping_sub(asked), after[1].wrapping_sub(given_back)], result)
}

/// How many pieces of each size, in bytes, this thread has more after some work than before it.
/// Larger pieces are left out.
pub(crate) fn pieces<R>(work: impl FnOnce() -> R) -> (Vec<(isize, isize)>, R) {
    let now = || PIECES.with(|pieces| pieces.each_ref().map(Cell::get));
    let before = now();
    let result = work();
    let sizes = (0..).zip(before).zip(now()).skip(1);
    let pieces = sizes.map(|((size, before), after)| (size, after - before));
    (pieces.filter(|(_, pieces)| *pieces != 0).collect(), result)
}
