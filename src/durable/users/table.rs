//! The file of one table.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Tables, head};
use crate::count::distinct_users::slots::{self, Head, Slots};
use crate::durable::counters::block::sum_of;
use crate::durable::counters::segment::Segment;
use crate::durable::disk;
use crate::engine::process::Process;
use crate::model::error::FileError;
use crate::model::id::{ExperimentId, GoalId};

/// A table, by its experiment, its run, the goal whose values it sums, if it does, and its number
/// among those of the directory. Those of a run follow each other: each takes in the users of those
/// before it.
pub(super) type Key = (ExperimentId, u32, Option<GoalId>, u64);

/// Users are recorded in the table, or are leaving it.
const LIVE: u8 = 0;
/// All its users are in the next one.
const REPLACED: u8 = 1;
/// Its users are not needed any more.
const DROPPED: u8 = 2;

/// A table of users in a file, or in memory where its file could not be made.
#[derive(Debug)]
pub(super) struct Table {
    key: Key,
    pub(super) path: PathBuf,
    pub(super) head: Head,
    /// Where its users are, or why they are not in a file.
    pub(super) file: Result<Mapped, FileError>,
    state: AtomicU8,
    owner: Process,
    /// Those of its directory; none for a copy.
    all: Weak<Mutex<Tables>>,
}

/// A file that is mapped whole.
#[derive(Debug)]
pub(super) struct Mapped {
    segment: Segment,
    identity: Identity,
    /// The checksum of what the last flush wrote, of a table that is not large; 0 before the first.
    flushed: AtomicU64,
}

/// Up to this length, a table is read to see whether anything in it is new: one of 2,048 slots,
/// with its head. That takes some microseconds, and a flush about a millisecond, with nothing to
/// write too.
const COMPARED: usize = 64 * 1024;

/// What tells a file from another one that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;

        Identity(metadata.dev(), metadata.ino(), metadata.len())
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Identity {
        Identity(0, 0, metadata.len())
    }
}

/// The name of a table's file.
pub(super) fn name((id, run, goal, number): Key) -> String {
    match goal {
        None => format!("{id}.{run}.{number}"),
        Some(goal) => format!("{id}.{run}.{goal}.{number}"),
    }
}

/// The table whose file has this name.
pub(super) fn key(name: &str) -> Option<Key> {
    let mut parts = name.split('.');
    let (id, run) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (next, last) = (parts.next()?, parts.next());
    let goal = last.and_then(|_| next.parse().ok());
    let key = (id, run, goal, last.unwrap_or(next).parse().ok()?);
    // Nothing else, written no other way.
    (self::name(key) == name).then_some(key)
}

/// The name of a table's file while it is made. One that a kill leaves is removed.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    with_suffix(path, "new")
}

/// The path with another extension behind those that it has.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

impl Mapped {
    /// Makes the file of a new table. A file that has its name has its length and its head.
    pub(super) fn make(path: &Path, head: &Head) -> io::Result<Mapped> {
        let new = unfinished(path);
        let made = || {
            let bytes = head::bytes_for(head.slots).ok_or(io::ErrorKind::FileTooLarge)?;
            let (file, segment) = disk::create_mapped(&new, bytes)?;
            head::write(segment.lines().first(), head);
            let identity = Identity::of(&file.metadata()?);
            disk::name_table(&new, path)?;
            Ok(Mapped { segment, identity, flushed: AtomicU64::new(0) })
        };
        made().inspect_err(|_| {
            // If this fails too, the next opening removes it.
            let _ = fs::remove_file(&new);
        })
    }

    /// The file of a table that is there.
    pub(super) fn open(file: &File, bytes: usize) -> io::Result<Mapped> {
        let segment = Segment::map_first(file, bytes)?;
        let identity = Identity::of(&file.metadata()?);
        Ok(Mapped { segment, identity, flushed: AtomicU64::new(0) })
    }

    /// A copy of such a file, of this process alone.
    pub(super) fn copy(file: &File, bytes: usize) -> io::Result<Mapped> {
        let segment = Segment::copy_first(file, bytes)?;
        let identity = Identity::of(&file.metadata()?);
        Ok(Mapped { segment, identity, flushed: AtomicU64::new(0) })
    }

    /// Waits until the disk has all that is in the table now.
    pub(super) fn flush(&self) -> io::Result<()> {
        let lines = self.segment.lines();
        let is_compared = size_of_val(lines) <= COMPARED;
        // Before the flush: what is recorded meanwhile is new to the next one.
        let content = is_compared.then(|| {
            let words = lines.iter().flat_map(|line| line.iter());
            sum_of(words.map(|word| word.load(Ordering::Acquire)))
        });
        if content.is_some() && content == Some(self.flushed.load(Ordering::Relaxed)) {
            return Ok(());
        }
        disk::flush(&self.segment)?;
        self.flushed.store(content.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the path leads to this file, which has its length.
    pub(super) fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            there => Ok(Identity::of(&there?) == self.identity),
        }
    }
}

impl Table {
    pub(super) fn new(
        key: Key,
        path: PathBuf,
        head: Head,
        file: Result<Mapped, FileError>,
        all: Weak<Mutex<Tables>>,
    ) -> Arc<Table> {
        let (state, owner) = (AtomicU8::new(LIVE), Process::current());
        Arc::new(Table { key, path, head, file, state, owner, all })
    }

    pub(super) fn slots(self: Arc<Self>) -> Slots {
        match &self.file {
            Ok(mapped) => mapped.segment.mapped_slots(Arc::<Table>::clone(&self)),
            Err(_) => Slots::without_file(self.head.slots, Arc::<Table>::clone(&self)),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.state.load(Ordering::Acquire) == LIVE
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.state.load(Ordering::Acquire) == REPLACED
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.state.load(Ordering::Acquire) == DROPPED
    }

    /// Removes the file, if it is there.
    pub(super) fn remove(&self) -> io::Result<()> {
        match &self.file {
            Ok(mapped) if mapped.is_at(&self.path)? => disk::remove(&self.path),
            _ => Ok(()),
        }
    }
}

impl slots::File for Table {
    fn replaced(self: Arc<Self>) {
        // What has been dropped stays so.
        self.state.fetch_max(REPLACED, Ordering::AcqRel);
    }

    fn dropped(self: Arc<Self>) {
        if !self.owner.is_current() {
            return;
        }
        // Those before it that wait for a sync have users of the same counting, which must not come
        // back in another one of the same run.
        let before = self.all.upgrade().map(|all| {
            let all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.before(self.key)
        });
        for table in before.iter().flatten().chain([&self]) {
            table.state.fetch_max(DROPPED, Ordering::AcqRel);
            // If this fails, a later sync or opening removes it.
            let _ = table.remove();
        }
    }
}
