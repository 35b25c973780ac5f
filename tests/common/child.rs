//! Children of this process, as `fork` makes them.
#![allow(unsafe_code, reason = "the standard library does not fork")]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
}

/// All that was asked of the child was so.
pub(crate) const AS_EXPECTED: Ended = Ended::Exit(0);

/// Runs this in a child, which then ends without running what this process runs at its end.
pub(crate) fn in_child(work: impl FnOnce() -> bool) -> Ended {
    // SAFETY: other threads may hold locks at this moment, and the child has none of them. What the
    // tests do in it takes no lock that is not its own, but for the allocator's, which the C
    // library makes usable. A child that hangs is ended by the alarm.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child");
    if child == 0 {
        // SAFETY: neither call has anything to uphold.
        unsafe { libc::alarm(30) };
        let is_right = catch_unwind(AssertUnwindSafe(work));
        let code = is_right.map_or(101, |is_right| i32::from(!is_right));
        // SAFETY: as above.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: the status outlives the call.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(ended, child);
    if libc::WIFSIGNALED(status) {
        Ended::Signal(libc::WTERMSIG(status))
    } else {
        Ended::Exit(libc::WEXITSTATUS(status))
    }
}

/// Memory of zeros straight from the system, as allocators and the stacks of threads get it. It is
/// never given back.
pub(crate) fn new_memory(bytes: usize) -> &'static [u8] {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: the system chooses a place where nothing is.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: this many zeros begin there, and nothing else knows of them.
    unsafe { std::slice::from_raw_parts(start.cast(), bytes) }
}
