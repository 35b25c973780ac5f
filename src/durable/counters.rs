//! The counters' file: cells in a shared mapping. `docs/store.md` has the format to the byte.

use std::any::Any;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::block::{Block, put, sum_of, word};
use super::disk;
use super::error::OpenError;
use super::segment::{BYTES, LINES, Segment};
use crate::count::cells::{KeptCells, Line};
use crate::count::counts::{Baseline, Count};
use crate::count::stripe;
use crate::model::error::StorageError;
use crate::model::experiment::{Definition, Terms};
use crate::model::id::ExperimentId;

const MAGIC: u64 = u64::from_be_bytes(*b"fairsplt");
const VERSION: u64 = 1;
/// Reads otherwise on a machine of the other byte order.
const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;
/// The file is in use, or its process was killed.
const OPEN: u64 = 0x6f70_656e_5f5f_5f5f;
/// The file was left in order: the checksum of the cells holds.
const CLEAN: u64 = 0x636c_6561_6e5f_5f5f;
/// The first byte after the two lines that every file has.
const BLOCKS_START: u64 = (2 * size_of::<Line>()) as u64;

/// Words of the second line of the file.
const STATE: usize = 0;
const BLOCKS: usize = 1;
const CELLS_SUM: usize = 2;
const DEFINITIONS: usize = 3;
const NEXT_DEFINITIONS: usize = 4;

#[derive(Debug, Default)]
struct Layout {
    segments: Vec<Arc<Segment>>,
    blocks: HashMap<ExperimentId, Block>,
    /// Blocks that become somebody's with the next save.
    pending: Vec<(ExperimentId, Block)>,
    /// Where the next block goes: a segment and a line of it.
    end: (usize, usize),
}

/// The counters of an engine, on disk. Owned by whoever counts in it, too: the last of them leaves it
/// in order.
#[derive(Debug)]
pub(super) struct Counters {
    path: PathBuf,
    file: File,
    layout: Mutex<Layout>,
}

/// What could not be read, when damage is passed over.
#[derive(Debug, Default)]
pub(super) struct Damage(pub(super) Vec<String>);

impl Counters {
    /// Opens the file, or makes a new one; nobody else can open it until it is let go of. With
    /// `is_first`, nothing has ever been saved beside it.
    pub(super) fn open(path: &Path, is_first: bool) -> Result<(Counters, bool), OpenError> {
        let failed = |tried: &str| {
            let (tried, path) = (tried.to_owned(), path.to_owned());
            move |error: io::Error| OpenError::Storage(StorageError::new(&tried, &path, &error))
        };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let mut length = file.metadata().map_err(failed("read"))?.len();
        // Zeros at the end of the file that make no whole segment: somebody was killed as it grew.
        let whole = length.saturating_sub(length.checked_rem(BYTES).unwrap_or_default());
        if is_zero_from(&file, whole).map_err(failed("read"))? {
            length = whole;
        }
        // The first word of a new file is written last.
        let is_new = is_first
            && (length == 0
                || (length == BYTES && is_unfinished(&file).map_err(failed("read"))?));
        let mut this =
            Counters { path: path.to_owned(), file, layout: Mutex::new(Layout::default()) };
        if is_new {
            this.begin().map_err(failed("write"))?;
        } else {
            this.read(length, None)?;
        }
        Ok((this, is_new))
    }

    /// Reads what can be read of a file that may be damaged, and says what cannot. The file stays as it
    /// is, and nobody else can open it until this is let go of.
    pub(super) fn salvage(path: &Path) -> Result<(Counters, Damage), OpenError> {
        let error = |error: io::Error| OpenError::Storage(StorageError::new("open", path, &error));
        let file = File::open(path).map_err(error)?;
        if file.try_lock().is_err() {
            return Err(OpenError::InUse { path: path.to_owned() });
        }
        // A length that ends within a segment: the rest reads as nothing.
        let length = file.metadata().map_err(error)?.len();
        let mut damage = Damage::default();
        let whole = length.div_ceil(BYTES).saturating_mul(BYTES);
        if whole != length {
            damage.0.push(format!("the file ends within a segment, at byte {length}"));
        }
        let mut this =
            Counters { path: path.to_owned(), file, layout: Mutex::new(Layout::default()) };
        this.read(whole, Some(&mut damage))?;
        Ok((this, damage))
    }

    fn layout(&mut self) -> &mut Layout {
        self.layout.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_layout<R>(&self, work: impl FnOnce(&mut Layout) -> R) -> R {
        work(&mut self.layout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new file: one segment, with a head.
    fn begin(&mut self) -> io::Result<()> {
        let segment = disk::grow(&self.file, 0)?;
        let head = segment.lines().first();
        put(segment.lines().get(1), STATE, OPEN);
        put(head, 4, sum_of([MAGIC, VERSION, BYTE_ORDER, BYTES].into_iter()));
        for (at, value) in [MAGIC, VERSION, BYTE_ORDER, BYTES].into_iter().enumerate().rev() {
            // In this order: a process is killed between two stores, not within one.
            std::sync::atomic::compiler_fence(Ordering::SeqCst);
            put(head, at, value);
        }
        disk::flush(&segment)?;
        let layout = self.layout();
        layout.segments.push(Arc::new(segment));
        layout.end = (0, 2);
        Ok(())
    }

    /// Finds the blocks. What is wrong is an error, or else added to `damage` and passed over.
    fn read(&mut self, length: u64, mut damage: Option<&mut Damage>) -> Result<(), OpenError> {
        let (path, is_salvage) = (self.path.clone(), damage.is_some());
        let mut wrong = |at: u64, what: String| match &mut damage {
            Some(damage) => {
                damage.0.push(format!("at byte {at}: {what}"));
                Ok(())
            }
            None => Err(OpenError::Damaged { path: path.clone(), at, what }),
        };
        if !length.is_multiple_of(BYTES) {
            wrong(length, "the file ends within a segment".to_owned())?;
        }
        let mut segments = Vec::new();
        for position in 0..length.checked_div(BYTES).unwrap_or_default() {
            let get = if is_salvage { Segment::copy } else { Segment::map };
            let segment = get(&self.file, position).map_err(|error| {
                OpenError::Storage(StorageError::new("map", &self.path, &error))
            })?;
            segments.push(Arc::new(segment));
        }
        let front: Option<Arc<Segment>> = segments.first().map(Arc::clone);
        let front = front.as_ref().map(|segment| segment.lines()).unwrap_or_default();
        let (head, state) = (front.first(), front.get(1));
        let is_ours = word(head, 0) == MAGIC;
        if is_ours && word(head, 2) != BYTE_ORDER {
            wrong(16, "it was written by a machine of the other byte order".to_owned())?;
        } else if is_ours && word(head, 1) != VERSION {
            wrong(8, format!("it is of version {}, and this is version {VERSION}", word(head, 1)))?;
        } else if !is_ours || word(head, 4) != sum_of((0..4).map(|at| word(head, at))) {
            wrong(0, "it does not begin like a file of counters".to_owned())?;
        }
        let mut layout = Layout { segments, ..Layout::default() };
        let mut line = 2;
        // After damage, lines that are no block are what is left of one that was. Of its first word even
        // that may be zero: whoever saves what can be saved looks at every line.
        let mut is_lost = false;
        for position in 0..layout.segments.len() {
            while let Some(segment) = layout.segments.get(position).map(Arc::clone)
                && line < LINES
                && (is_salvage || word(segment.lines().get(line), 0) != 0)
            {
                match Block::read(segment.lines(), position, line) {
                    Some((id, block)) if !layout.blocks.contains_key(&id) => {
                        line = block.lines().end;
                        layout.blocks.insert(id, block);
                        is_lost = false;
                    }
                    _ => {
                        if !is_lost && word(segment.lines().get(line), 0) != 0 {
                            is_lost = true;
                            let line = (line as u64).saturating_mul(size_of::<Line>() as u64);
                            let at = (position as u64).saturating_mul(BYTES).saturating_add(line);
                            wrong(at, "a block is damaged".to_owned())?;
                        }
                        line = line.saturating_add(1);
                    }
                }
            }
            layout.end = (position, line);
            line = 0;
        }
        let found = layout.blocks.len() as u64;
        if found < word(state, BLOCKS) {
            let what = format!("{found} of {} blocks are there", word(state, BLOCKS));
            wrong(size_of::<Line>() as u64, what)?;
        }
        match word(state, STATE) {
            OPEN => {}
            CLEAN if word(state, CELLS_SUM) == layout.sum() => {}
            CLEAN => wrong(144, "the counts are not those that were left here".to_owned())?,
            _ => wrong(128, "it says neither that it is in use nor that it is not".to_owned())?,
        }
        put(state, STATE, OPEN);
        *self.layout() = layout;
        Ok(())
    }

    /// Cells for an experiment: its own, or new ones that become its own with the next save.
    pub(super) fn cells(
        self: &Arc<Self>,
        definition: &Definition,
        base: Baseline,
    ) -> Result<KeptCells, StorageError> {
        let (id, identity) = (definition.id, identity_of(&definition.terms));
        let keeper: Arc<Box<dyn Any + Send + Sync>> = Arc::new(Box::new(Arc::clone(self)));
        self.with_layout(|layout| {
            let block = match layout.blocks.get(&id) {
                Some(block) if block.identity == identity => block.clone(),
                Some(_) => {
                    // The engine refuses this of an experiment that it has met, and of one in a document;
                    // this one has left the definitions before the engine was opened.
                    let what = format!("{id} has counted for other variants, or elsewhere");
                    let error = io::Error::new(io::ErrorKind::InvalidInput, what);
                    return Err(StorageError::new("count in", &self.path, &error));
                }
                None => {
                    let variants = definition.terms.count();
                    let block = layout.reserve(&self.file, variants, identity, base);
                    let block =
                        block.map_err(|error| StorageError::new("grow", &self.path, &error))?;
                    layout.pending.push((id, block.clone()));
                    block
                }
            };
            let segment = layout.segments.get(block.segment);
            let lines = segment.and_then(|segment| segment.kept(block.cells(), keeper));
            let lines = lines.ok_or_else(|| {
                StorageError::new("use", &self.path, &io::ErrorKind::InvalidData.into())
            })?;
            Ok(KeptCells { lines, stripes: block.stripes, base: block.base })
        })
    }

    /// Whether there is a block of this id that is not of these variants in this environment.
    pub(super) fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool {
        let counted = self.with_layout(|layout| layout.blocks.get(&id).map(|block| block.identity));
        counted.is_some_and(|identity| identity != identity_of(terms))
    }

    /// Takes all blocks of another file, with their counts, and these definitions as saved.
    pub(super) fn take_over(
        &self,
        other: &Counters,
        definitions: Option<&str>,
    ) -> Result<usize, StorageError> {
        let (segments, mut blocks) = other.with_layout(|layout| {
            let blocks = layout.blocks.iter().map(|(id, block)| (*id, block.clone()));
            (layout.segments.clone(), blocks.collect::<Vec<_>>())
        });
        blocks.sort_by_key(|(_, block)| (block.segment, block.head));
        let count = blocks.len();
        self.with_layout(|layout| {
            for (id, block) in blocks {
                let new = layout.place(&self.file, block.variants, block.stripes)?;
                let new = Block { identity: block.identity, base: block.base.clone(), ..new };
                let from = lines(&segments, block.segment, block.body());
                let to = lines(&layout.segments, new.segment, new.body());
                for (from, to) in from.iter().zip(to) {
                    for (from, to) in from.iter().zip(to.iter()) {
                        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                }
                layout.pending.push((id, new));
            }
            Ok::<_, io::Error>(())
        })
        .map_err(|error| StorageError::new("grow", &self.path, &error))?;
        match definitions {
            Some(definitions) => {
                self.announce(definitions)?;
                self.commit(definitions);
            }
            None => self.commit_cells(),
        }
        Ok(count)
    }

    /// Whether nothing has ever been saved beside this file.
    pub(super) fn has_no_definitions(&self) -> bool {
        // A first change that failed, or was killed, has only said what was about to be saved.
        self.live(DEFINITIONS) == 0
    }

    /// Whether these definitions are those that were saved last, or were being saved.
    pub(super) fn knows(&self, definitions: &str) -> bool {
        let sum = xxh3_64(definitions.as_bytes());
        [DEFINITIONS, NEXT_DEFINITIONS].iter().any(|at| self.live(*at) == sum)
    }

    /// Whether it is these definitions that were saved last.
    pub(super) fn has_saved(&self, definitions: &str) -> bool {
        self.live(DEFINITIONS) == xxh3_64(definitions.as_bytes())
    }

    /// Says what is about to be saved, so that it is known if that is the last thing that happens.
    pub(super) fn announce(&self, definitions: &str) -> Result<(), StorageError> {
        self.set_live(NEXT_DEFINITIONS, xxh3_64(definitions.as_bytes()));
        let first = self.with_layout(|layout| layout.segments.first().cloned());
        let flushed = first.map_or(Ok(()), |segment| disk::flush_head(&segment));
        flushed.map_err(|error| StorageError::new("write", &self.path, &error))
    }

    /// Takes note that these definitions are in the file, and that those before may come back.
    pub(super) fn exchange(&self, definitions: &str) {
        let before = self.live(DEFINITIONS);
        self.set_live(DEFINITIONS, xxh3_64(definitions.as_bytes()));
        self.set_live(NEXT_DEFINITIONS, before);
    }

    /// Takes note of what has been saved, and makes the cells that were asked for somebody's.
    pub(super) fn commit(&self, definitions: &str) {
        self.set_live(DEFINITIONS, xxh3_64(definitions.as_bytes()));
        self.commit_cells();
    }

    fn commit_cells(&self) {
        self.with_layout(|layout| {
            for (id, block) in std::mem::take(&mut layout.pending) {
                if let Some(segment) = layout.segments.get(block.segment) {
                    block.write(id, segment.lines());
                }
                layout.blocks.insert(id, block);
            }
            let live = layout.segments.first().and_then(|segment| segment.lines().get(1));
            put(live, BLOCKS, layout.blocks.len() as u64);
        });
    }

    /// Gives back the cells that were asked for since the last save.
    ///
    /// What was announced stays known: it may have come to stand on the disk all the same.
    pub(super) fn give_up(&self) {
        self.with_layout(|layout| {
            if let Some((_, first)) = layout.pending.first() {
                layout.end = (first.segment, first.head);
                layout.pending.clear();
            }
        });
    }

    /// Waits until the disk has every count.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        let segments = self.with_layout(|layout| layout.segments.clone());
        let flushed = segments.iter().try_for_each(|segment| disk::flush(segment));
        let synced = flushed.and_then(|()| self.file.sync_all());
        synced.map_err(|error| StorageError::new("write", &self.path, &error))
    }

    /// How far the counts of an experiment have been drained, beyond where they start.
    pub(super) fn drained(&self, id: ExperimentId) -> Box<[Count]> {
        self.with_layout(|layout| {
            let block = layout.blocks.get(&id)?;
            let segment = layout.segments.get(block.segment)?;
            Some(block.drained(segment.lines()))
        })
        .unwrap_or_default()
    }

    /// Takes note of that.
    pub(super) fn set_drained(&self, id: ExperimentId, mark: &[Count]) {
        self.with_layout(|layout| {
            let block = layout.blocks.get(&id)?;
            let segment = layout.segments.get(block.segment)?;
            block.set_drained(segment.lines(), mark);
            Some(())
        });
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
        // Nobody counts any more: whoever could, would hold this.
        let layout = self.layout();
        let sum = layout.sum();
        let live = layout.segments.first().and_then(|segment| segment.lines().get(1));
        put(live, CELLS_SUM, sum);
        put(live, STATE, CLEAN);
        // What the disk makes of it is no matter: the kernel has it. The lock goes with the file, but a
        // process that is being started at this moment has inherited that until it runs its program.
        let _ = self.file.unlock();
    }
}

impl Layout {
    /// A place for a block, in a segment that has room for it; the file grows if none has.
    fn reserve(
        &mut self,
        file: &File,
        variants: u32,
        identity: u64,
        base: Baseline,
    ) -> io::Result<Block> {
        let place = self.place(file, variants, stripe::count())?;
        Ok(Block { identity, base, ..place })
    }

    /// The same for nobody yet.
    fn place(&mut self, file: &File, variants: u32, stripes: u32) -> io::Result<Block> {
        let base = Baseline::default();
        let (segment, head) = self.end;
        let mut block = Block { segment, head, variants, stripes, identity: 0, base };
        if block.lines().end > LINES {
            (block.segment, block.head) = (segment.saturating_add(1), 0);
        }
        if block.segment >= self.segments.len() {
            self.segments.push(Arc::new(disk::grow(file, block.segment as u64)?));
        }
        // What an earlier change that came to nothing has counted here.
        for line in lines(&self.segments, block.segment, block.lines()) {
            line.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        self.end = (block.segment, block.lines().end);
        Ok(block)
    }

    /// Of all cells and marks, in the order of the file.
    fn sum(&self) -> u64 {
        let mut blocks: Vec<&Block> = self.blocks.values().collect();
        blocks.sort_by_key(|block| (block.segment, block.head));
        sum_of(blocks.into_iter().flat_map(|block| {
            let lines = lines(&self.segments, block.segment, block.body());
            lines.iter().flat_map(|line| line.iter().map(|word| word.load(Ordering::Relaxed)))
        }))
    }
}

/// Some lines of a segment.
fn lines(segments: &[Arc<Segment>], segment: usize, range: Range<usize>) -> &[Line] {
    let lines = segments.get(segment).map(|segment| segment.lines());
    lines.and_then(|lines| lines.get(range)).unwrap_or_default()
}

/// Whether there is nothing but zeros from here to the end of the file.
fn is_zero_from(mut file: &File, start: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// Whether this is what a process leaves that is killed as it makes a new file: no first word, and
/// no block.
fn is_unfinished(mut file: &File) -> io::Result<bool> {
    let mut first = [0; 8];
    file.rewind()?;
    file.read_exact(&mut first)?;
    Ok(first == [0; 8] && is_zero_from(file, BLOCKS_START)?)
}

/// Tells experiments apart that have one id, and count different things.
fn identity_of(terms: &Terms) -> u64 {
    let text = serde_json::to_vec(&(terms.environment.as_str(), &*terms.variants));
    xxh3_64(&text.unwrap_or_default())
}
