//! The counters' file: cells in a shared mapping. `docs/durable.md` has the format to the byte.
//!
//! * `open`: creating the file, or reading it with every check; `head`: its first line;
//! * `segment`: a part of it in memory; `forks`: all of those, for a child of `fork`;
//! * `block`: its part for one experiment, or for a goal of one; `key`: for which; `identity`: for
//!   which variants; `sums`: the counts in it, as words;
//! * `layout`: the position of each block in it;
//! * `handing`: the cells of a block, for those who count;
//! * `marks`: how much of its counts has been handed over.

pub(super) mod block;
mod forks;
mod handing;
pub(super) mod head;
mod identity;
mod key;
mod layout;
mod marks;
mod open;
pub(super) mod segment;
mod sums;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use self::block::{Block, put, sum_of, word};
use self::layout::{Layout, lines};
use self::segment::BYTES;
use super::directory::DEFINITIONS as DEFINITIONS_FILE;
use super::disk;
use super::failures::Failures;
use super::lock::is_at;
use crate::count::cells::Line;
use crate::engine::process::Process;
use crate::model::error::FileError;

/// The file is in use, or its process was killed.
pub(super) const OPEN: u64 = 0x6f70_656e_5f5f_5f5f;
/// The file was left in order: the checksum of the cells holds.
pub(super) const CLEAN: u64 = 0x636c_6561_6e5f_5f5f;
/// The lines that every file has, before the first block.
pub(super) const HEAD_LINES: usize = 2;
/// The first byte after them.
pub(super) const BLOCKS_START: u64 = (HEAD_LINES * size_of::<Line>()) as u64;

/// Words of the second line of the file.
pub(super) const STATE: usize = 0;
pub(super) const BLOCKS: usize = 1;
pub(super) const CELLS_SUM: usize = 2;
const DEFINITIONS: usize = 3;
const NEXT_DEFINITIONS: usize = 4;
/// Says that all words behind the blocks are zero; a version that did not look left what it found.
const FREE_IS_ZERO: usize = 5;
/// Says that the definitions may not be those that belong to the blocks.
const UNVERIFIED: usize = 6;

/// The counters of an engine, on disk. Everything that counts in the file owns it too: dropping the
/// last owner marks the file as clean.
#[derive(Debug)]
pub(super) struct Counters {
    path: PathBuf,
    /// Locked, for this process.
    file: File,
    owner: Process,
    layout: Mutex<Layout>,
    /// Whether the definitions that are being read are those that belong to the blocks.
    is_trusting: AtomicBool,
    failures: Failures,
}

impl Counters {
    fn layout(&mut self) -> &mut Layout {
        self.layout.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_layout<R>(&self, work: impl FnOnce(&mut Layout) -> R) -> R {
        work(&mut self.layout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says whether the definitions that are read from now on were saved with the blocks.
    pub(super) fn set_trusting(&self, is_trusting: bool) {
        self.is_trusting.store(is_trusting, Ordering::Relaxed);
    }

    /// Copies all blocks of another file, with their counts, and records these definitions as
    /// saved.
    pub(super) fn copy_from(
        &self,
        other: &Counters,
        definitions: Option<&str>,
    ) -> Result<(), FileError> {
        let (segments, mut blocks) = other.with_layout(|layout| {
            let blocks = layout.blocks.values().cloned();
            (layout.segments.clone(), blocks.collect::<Vec<_>>())
        });
        blocks.sort_by_key(|block| (block.segment, block.head));
        self.with_layout(|layout| {
            for block in blocks {
                let new = layout.place(&self.file, block.key, block.variants, block.stripes)?;
                let new = Block { identity: block.identity, base: block.base.clone(), ..new };
                let from = lines(&segments, block.segment, block.body());
                let to = lines(&layout.segments, new.segment, new.body());
                for (from, to) in from.iter().zip(to) {
                    for (from, to) in from.iter().zip(to.iter()) {
                        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                }
                layout.pending.push(new);
            }
            Ok::<_, io::Error>(())
        })
        .map_err(|error| FileError::new("grow", &self.path, &error))?;
        match definitions {
            Some(definitions) => {
                self.announce(definitions)?;
                self.commit(definitions);
                self.set_live(UNVERIFIED, (!other.has_written(definitions)).into());
            }
            None => self.with_layout(Layout::commit),
        }
        Ok(())
    }

    /// An error in a child of the process that opened the file.
    pub(super) fn may_change(&self) -> Result<(), FileError> {
        self.owner.refuse_others("change", &self.path)
    }

    /// An error if the path no longer leads to the open file, or the file no longer has what this
    /// engine has put there. The lock goes with the file, so another engine may have the directory
    /// by now.
    pub(super) fn is_in_place(&self) -> Result<(), FileError> {
        self.is_in_place_if(|| self.with_layout(|layout| is_as_left(&self.file, layout)))
    }

    /// The same, except that it does not wait for a change that is being made to the file: then it
    /// looks at the path alone.
    pub(super) fn is_in_place_now(&self) -> Result<(), FileError> {
        self.is_in_place_if(|| {
            let layout = self.layout.try_lock();
            layout.map_or(true, |layout| is_as_left(&self.file, &layout))
        })
    }

    fn is_in_place_if(&self, is_as_left: impl FnOnce() -> bool) -> Result<(), FileError> {
        let is_at = is_at(&self.path, &self.file);
        let is_at = is_at.map_err(|error| FileError::new("find", &self.path, &error))?;
        if is_at && is_as_left() {
            return Ok(());
        }
        let what = "it was removed, moved or replaced while it was open; counts since then are not \
                    in it";
        let error = io::Error::new(io::ErrorKind::NotFound, what);
        Err(FileError::new("write", &self.path, &error))
    }

    /// Whether the file was closed in order when it was read.
    pub(super) fn was_closed(&self) -> bool {
        self.live(STATE) == CLEAN
    }

    /// The number of experiments that have counters.
    pub(super) fn experiments(&self) -> usize {
        self.with_layout(|layout| layout.blocks.keys().filter(|key| key.goal.is_none()).count())
    }

    /// What is remembered of saves and syncs.
    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Whether nothing has ever been saved beside this file.
    pub(super) fn has_no_definitions(&self) -> bool {
        // A first change that failed, or was killed, was only announced.
        self.live(DEFINITIONS) == 0
    }

    /// Whether these definitions are those that were saved last, or were being saved.
    pub(super) fn knows(&self, definitions: &str) -> bool {
        let sum = xxh3_64(definitions.as_bytes());
        [DEFINITIONS, NEXT_DEFINITIONS].iter().any(|at| self.live(*at) == sum)
    }

    /// Whether these definitions were saved last.
    pub(super) fn has_saved(&self, definitions: &str) -> bool {
        self.live(DEFINITIONS) == xxh3_64(definitions.as_bytes())
    }

    /// Whether these definitions are [known](Counters::knows), and an engine has written them.
    pub(super) fn has_written(&self, definitions: &str) -> bool {
        self.knows(definitions) && self.live(UNVERIFIED) == 0
    }

    /// Records which definitions are about to be saved, so that they are known after a kill.
    pub(super) fn announce(&self, definitions: &str) -> Result<(), FileError> {
        self.set_live(NEXT_DEFINITIONS, xxh3_64(definitions.as_bytes()));
        let first = self.with_layout(|layout| layout.segments.first().cloned());
        let flushed = first.map_or(Ok(()), |segment| disk::flush_head(&segment));
        flushed.map_err(|error| FileError::new("write", &self.path, &error))
    }

    /// Records that these definitions are in the file, and that those before may come back.
    pub(super) fn exchange(&self, definitions: &str) {
        let before = self.live(DEFINITIONS);
        self.set_live(DEFINITIONS, xxh3_64(definitions.as_bytes()));
        self.set_live(NEXT_DEFINITIONS, before);
    }

    /// Records these definitions as saved, and makes the reserved cells those of their
    /// experiments and goals.
    pub(super) fn commit(&self, definitions: &str) {
        self.set_live(DEFINITIONS, xxh3_64(definitions.as_bytes()));
        self.set_live(UNVERIFIED, 0);
        self.with_layout(Layout::commit);
    }

    /// Releases the cells that were reserved since the last save.
    ///
    /// The announced definitions stay known: they may be on the disk all the same.
    pub(super) fn give_up(&self) {
        self.with_layout(Layout::give_up);
    }

    /// Waits until the disk has every count.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        self.owner.refuse_others("sync", &self.path)?;
        let segments = self.with_layout(|layout| layout.segments.clone());
        let flushed = segments.iter().try_for_each(|segment| disk::flush(segment));
        let synced = flushed.and_then(|()| self.file.sync_all());
        let synced = synced.map_err(|error| FileError::new("write", &self.path, &error));
        // Where the file is gone, the disk has the counts, and the next opening does not find them.
        synced.and_then(|()| self.is_in_place())
    }

    /// Where the definitions are.
    pub(super) fn definitions(&self) -> PathBuf {
        self.path.with_file_name(DEFINITIONS_FILE)
    }

    fn live(&self, at: usize) -> u64 {
        self.with_layout(|layout| {
            word(layout.segments.first().and_then(|segment| segment.lines().get(1)), at)
        })
    }

    fn set_live(&self, at: usize, value: u64) {
        self.with_layout(|layout| {
            let live = layout.segments.first().and_then(|segment| segment.lines().get(1));
            put(live, at, value);
        });
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // A child of `fork` closes its copies, and the file stays in use and locked.
        if !self.owner.is_current() {
            return;
        }
        // Nothing counts any more: everything that could is an owner.
        let layout = self.layout.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !is_as_left(&self.file, layout) {
            // What is there is a backup, and memory behind the end of the file cannot be used.
            let _ = self.file.unlock();
            return;
        }
        layout.clear_free();
        let sum = layout.sum();
        let live = layout.segments.first().and_then(|segment| segment.lines().get(1));
        put(live, CELLS_SUM, sum);
        put(live, FREE_IS_ZERO, free_mark(live));
        // Last: a kill before this store leaves the file in use.
        compiler_fence(Ordering::SeqCst);
        put(live, STATE, CLEAN);
        // No sync is needed: the kernel has the data. Closing the file would release the lock too,
        // but a child process that is being started may have inherited the file until it runs its
        // program.
        let _ = self.file.unlock();
    }
}

/// Whether the file has its length, and says that it is in use. A file that was copied over it, as
/// a backup is, keeps its place on the disk.
fn is_as_left(file: &File, layout: &Layout) -> bool {
    let length = (layout.segments.len() as u64).saturating_mul(BYTES);
    let is_whole = file.metadata().is_ok_and(|metadata| metadata.len() >= length);
    let live = layout.segments.first().and_then(|segment| segment.lines().get(1));
    // First the length: without it, the memory cannot be read.
    is_whole && word(live, STATE) == OPEN
}

/// The word that says that all words behind the blocks are zero. It fits the words beside it and no
/// others: after it, a version that does not know of it may have used the file, and closed it.
fn free_mark(live: Option<&Line>) -> u64 {
    let beside = [BLOCKS, CELLS_SUM, DEFINITIONS, NEXT_DEFINITIONS];
    sum_of(beside.into_iter().map(|at| word(live, at)))
}
