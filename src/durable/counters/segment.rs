//! A part of a file in memory: of the counters' file, or a table of users whole. The only module of
//! this crate with `unsafe`: it hands out atomics, and upholds what makes them valid.
#![allow(unsafe_code, reason = "a mapping is memory that the compiler knows nothing of")]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use super::forks::{self, Listed};
use crate::count::cells::{Line, Lines, Owner};
use crate::count::distinct_users::slots::{self, Slot, Slots};

/// How many lines a segment of the counters' file has; a block of the largest experiment fits in.
pub(in crate::durable) const LINES: usize = 8192;
pub(in crate::durable) const BYTES: u64 = SEGMENT as u64;
const SEGMENT: usize = LINES * size_of::<Line>();
/// The bytes before the slots of a table.
pub(in crate::durable) const HEAD: usize = size_of::<Line>();

// What the format says of a line, and what makes the casts below right.
const _: () = assert!(size_of::<Line>() == 128 && align_of::<Line>() <= 4096);
const _: () = assert!(size_of::<Slot>() == 16 && align_of::<Slot>() <= HEAD);

/// A part of a file, shared with it: the kernel has what is stored here, even if the process is
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
        Segment::map_part(file, position.saturating_mul(BYTES), SEGMENT)
    }

    /// Copies the segment in this position into memory. What the file lacks of it is zeros.
    pub(in crate::durable) fn copy(file: &File, position: u64) -> io::Result<Segment> {
        Segment::copy_part(file, position.saturating_mul(BYTES), SEGMENT)
    }

    /// Maps the first bytes of a file, which must have them.
    pub(in crate::durable) fn map_first(file: &File, bytes: usize) -> io::Result<Segment> {
        Segment::map_part(file, 0, bytes)
    }

    /// Copies the first bytes of a file into memory. What the file lacks of them is zeros.
    pub(in crate::durable) fn copy_first(file: &File, bytes: usize) -> io::Result<Segment> {
        Segment::copy_part(file, 0, bytes)
    }

    fn map_part(file: &File, start: u64, bytes: usize) -> io::Result<Segment> {
        if file.metadata()?.len() < start.saturating_add(bytes as u64) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        follow_forks()?;
        let map = MmapOptions::new().offset(start).len(bytes).map_raw(file)?;
        Ok(Segment { _listed: Some(forks::list(map.as_mut_ptr(), bytes)), map })
    }

    fn copy_part(mut file: &File, start: u64, bytes: usize) -> io::Result<Segment> {
        let mut map = MmapOptions::new().len(bytes).map_anon()?;
        file.seek(SeekFrom::Start(start))?;
        let mut content = Vec::new();
        file.take(bytes as u64).read_to_end(&mut content)?;
        map.as_mut().write_all(&content)?;
        Ok(Segment { _listed: None, map: map.into() })
    }

    #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
    pub(in crate::durable) fn lines(&self) -> &[Line] {
        let start = self.map.as_ptr().cast::<Line>();
        let lines = self.map.len().checked_div(size_of::<Line>()).unwrap_or_default();
        // SAFETY: the mapping is at least as long as this many lines, and is so until `self` is
        // dropped; it begins at a page, and so is aligned for a line. Every pattern of bits is an
        // atomic integer. All other writes go through shared references to these atomics: the lock
        // on the counters' file keeps out other processes, and so also keeps the file's length, as
        // far as they respect it.
        unsafe { std::slice::from_raw_parts(start, lines) }
    }

    /// The slots of a table of users, which follow the first line. `owner` must own this segment.
    #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
    pub(in crate::durable) fn mapped_slots(&self, owner: Arc<dyn slots::File>) -> Slots {
        let bytes = self.map.len().saturating_sub(HEAD);
        let start = self.map.as_ptr().wrapping_add(HEAD).cast::<Slot>();
        let slots = bytes.checked_div(size_of::<Slot>()).unwrap_or_default();
        // SAFETY: as for the lines, of which a slot's alignment and length are a divisor; where the
        // mapping is no longer than a head, there are no slots. The slots are valid for as long as
        // the segment is, `owner` owns the segment, and `Slots` lends them out for no longer than
        // it holds the owner.
        let slots = unsafe { std::slice::from_raw_parts(start, slots) };
        Slots::mapped(slots, owner)
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

/// Gives a file that is empty this length, so that a full disk fails here and not when the file is
/// used: no part of it is a hole.
pub(in crate::durable) fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    {
        use std::os::fd::AsRawFd;

        let length = libc::off_t::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        loop {
            // SAFETY: the descriptor is that of an open file, for as long as `file` is borrowed.
            match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
                0 => return Ok(()),
                libc::EINTR => {}
                // The file system cannot, and the C library does not help.
                libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL => break,
                failure => return Err(io::Error::from_raw_os_error(failure)),
            }
        }
    }
    let mut writer = file;
    io::copy(&mut io::repeat(0).take(bytes), &mut writer).map(drop)
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
    for (start, bytes) in forks::all() {
        // SAFETY: a mapping of this length begins here, since it is listed. No code of the child
        // relies on reading it: all use is through atomics, and ends the process.
        if unsafe { libc::mprotect(start.cast(), bytes, libc::PROT_NONE) } != 0 {
            // Losing counts without a sign is worse.
            std::process::abort();
        }
    }
}
