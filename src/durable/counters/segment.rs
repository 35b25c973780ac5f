//! A part of the counters' file in memory. The only module of this crate with `unsafe`: it hands
//! out atomics, and upholds what makes them valid.
#![allow(unsafe_code, reason = "a mapping is memory that the compiler knows nothing of")]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use super::forks::{self, Listed};
use crate::count::cells::{Line, Lines, Owner};

/// How many lines a segment has; a block of the largest experiment fits in.
pub(in crate::durable) const LINES: usize = 8192;
pub(in crate::durable) const BYTES: u64 = (LINES * size_of::<Line>()) as u64;

// What the format says of a line, and what makes the casts below right.
const _: () = assert!(size_of::<Line>() == 128 && align_of::<Line>() <= 4096);

/// Lines of the file, shared with it: the kernel has what is stored here, even if the process is
/// killed.
#[derive(Debug)]
pub(in crate::durable) struct Segment {
    /// First: a mapping that is gone is not listed. `None` for a copy, which is each process's own.
    _listed: Option<Listed>,
    map: MmapRaw,
}

impl Segment {
    /// Maps the segment in this position; the file must contain all of it.
    pub(in crate::durable) fn map(file: &File, position: u64) -> io::Result<Segment> {
        let start = position.saturating_mul(BYTES);
        if file.metadata()?.len() < start.saturating_add(BYTES) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = LINES.saturating_mul(size_of::<Line>());
        follow_forks()?;
        let map = MmapOptions::new().offset(start).len(bytes).map_raw(file)?;
        Ok(Segment { _listed: Some(forks::list(map.as_mut_ptr())), map })
    }

    /// Copies the segment in this position into memory. What the file lacks of it is zeros.
    pub(in crate::durable) fn copy(mut file: &File, position: u64) -> io::Result<Segment> {
        let bytes = LINES.saturating_mul(size_of::<Line>());
        let mut map = MmapOptions::new().len(bytes).map_anon()?;
        file.seek(SeekFrom::Start(position.saturating_mul(BYTES)))?;
        let mut content = Vec::new();
        file.take(BYTES).read_to_end(&mut content)?;
        map.as_mut().write_all(&content)?;
        Ok(Segment { _listed: None, map: map.into() })
    }

    #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
    pub(in crate::durable) fn lines(&self) -> &[Line] {
        let start = self.map.as_ptr().cast::<Line>();
        // SAFETY: the mapping is as long as this many lines, and is so until `self` is dropped; it
        // begins at a page, and so is aligned for a line. Every pattern of bits is an atomic
        // integer. All other writes go through shared references to these atomics: the lock on the
        // file keeps out other processes, and so also keeps its length, as far as they respect it.
        unsafe { std::slice::from_raw_parts(start, LINES) }
    }

    /// Some of the lines. `owner` must own this segment.
    pub(in crate::durable) fn mapped_lines(
        &self,
        range: Range<usize>,
        owner: Arc<Owner>,
    ) -> Option<Lines> {
        let lines = self.lines().get(range)?;
        // SAFETY: the lines are valid for as long as the segment is, `owner` owns the segment,
        // and `Lines` lends them out for no longer than it holds the owner.
        let lines = unsafe { std::slice::from_raw_parts(lines.as_ptr(), lines.len()) };
        Some(Lines::mapped(lines, owner))
    }

    /// Waits until the disk has all that is stored here now.
    pub(in crate::durable) fn flush(&self) -> io::Result<()> {
        self.map.flush()
    }

    /// The same for the first page.
    pub(in crate::durable) fn flush_head(&self) -> io::Result<()> {
        self.map.flush_range(0, 4096)
    }
}

/// Makes every later `fork` take the mappings away from the child.
#[cfg(unix)]
fn follow_forks() -> io::Result<()> {
    use std::sync::OnceLock;

    static FAILURE: OnceLock<i32> = OnceLock::new();
    // SAFETY: the function that is registered lives as long as the program, and does only what is
    // allowed between a fork of a program with threads and what the child does next.
    let register = || unsafe { libc::pthread_atfork(None, None, Some(forbid)) };
    match FAILURE.get_or_init(register) {
        0 => Ok(()),
        failure => Err(io::Error::from_raw_os_error(*failure)),
    }
}

/// There is no `fork`.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
fn follow_forks() -> io::Result<()> {
    Ok(())
}

/// In the child of a `fork`: any use of a mapping is an error of memory from now on. The addresses
/// stay taken. If they were free, the next allocation of the child could be there, and be counted
/// in.
#[cfg(unix)]
extern "C" fn forbid() {
    for start in forks::all() {
        let bytes = LINES.saturating_mul(size_of::<Line>());
        // SAFETY: a mapping of this length begins here, since it is listed. No code of the child
        // relies on reading it: all use is through atomics, and ends the process.
        if unsafe { libc::mprotect(start.cast(), bytes, libc::PROT_NONE) } != 0 {
            // Losing counts without a sign is worse.
            std::process::abort();
        }
    }
}
