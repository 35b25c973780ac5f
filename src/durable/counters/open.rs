//! Opening the counters' file: creating it, or reading it with every check.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};
use std::sync::{Arc, Mutex};

use super::block::{Block, put, word};
use super::head;
use super::layout::{Layout, byte_of};
use super::segment::{BYTES, LINES, Segment};
use super::{
    BLOCKS, BLOCKS_START, CELLS_SUM, CLEAN, Counters, FREE_IS_ZERO, HEAD_LINES, OPEN, STATE,
    free_mark,
};
use crate::count::cells::Line;
use crate::durable::disk;
use crate::durable::error::OpenError;
use crate::durable::failures::Failures;
use crate::engine::process::Process;
use crate::model::error::FileError;

/// What a salvage could not read.
#[derive(Debug, Default)]
pub(in crate::durable) struct Damage(pub(in crate::durable) Vec<String>);

impl Counters {
    /// Counts in a file that is locked: begins a new one, or continues what is there. `is_first`
    /// says that nothing has ever been saved beside it. Also returns whether the file is new.
    pub(in crate::durable) fn open(
        file: File,
        path: &Path,
        is_first: bool,
    ) -> Result<(Counters, bool), OpenError> {
        let mut this = Counters::new(file, path);
        let (length, is_new) = this.extent(is_first)?;
        if is_new {
            let begun = this.begin();
            begun.map_err(|error| FileError::new("write", path, &error))?;
        } else {
            this.read(length, Segment::map, None)?;
        }
        this.set_live(STATE, OPEN);
        compiler_fence(Ordering::SeqCst);
        this.set_live(FREE_IS_ZERO, 0);
        this.layout().finish_head();
        this.layout().clear_free();
        Ok((this, is_new))
    }

    /// A copy of what is in a file that is locked, with every check of an opening; the file stays
    /// as it is. `None` if an opening would begin it anew.
    pub(in crate::durable) fn check(
        file: File,
        path: &Path,
        is_first: bool,
    ) -> Result<Option<Counters>, OpenError> {
        let mut this = Counters::new(file, path);
        let (length, is_new) = this.extent(is_first)?;
        if is_new {
            return Ok(None);
        }
        this.read(length, Segment::copy, None)?;
        Ok(Some(this))
    }

    /// A copy of what can be read of a file that may be damaged, and what cannot be. The file is
    /// locked, and stays as it is.
    pub(in crate::durable) fn salvage(
        file: File,
        path: &Path,
    ) -> Result<(Counters, Damage), OpenError> {
        let mut this = Counters::new(file, path);
        let length = this.file.metadata().map_err(|error| FileError::new("read", path, &error))?;
        // A length that ends within a segment: the rest reads as nothing.
        let length = length.len();
        let mut damage = Damage::default();
        let whole = length.div_ceil(BYTES).saturating_mul(BYTES);
        if whole != length {
            damage.0.push(format!("the file ends within a segment, at byte {length}"));
        }
        this.read(whole, Segment::copy, Some(&mut damage))?;
        Ok((this, damage))
    }

    fn new(file: File, path: &Path) -> Counters {
        Counters {
            path: path.to_owned(),
            file,
            owner: Process::current(),
            layout: Mutex::default(),
            is_trusting: AtomicBool::new(false),
            failures: Failures::default(),
        }
    }

    /// The length of the file that is in use, and whether it is to be begun anew.
    fn extent(&self, is_first: bool) -> Result<(u64, bool), FileError> {
        let extent = || {
            let mut length = self.file.metadata()?.len();
            // Zeros at the end of the file, short of a whole segment: the process was killed as the
            // file grew.
            let whole = length.saturating_sub(length.checked_rem(BYTES).unwrap_or_default());
            if is_zero_from(&self.file, whole)? {
                length = whole;
            }
            // The first word of a new file is written last.
            let is_unfinished =
                || Ok::<_, io::Error>(length == BYTES && is_unfinished(&self.file)?);
            Ok((length, is_first && (length == 0 || is_unfinished()?)))
        };
        extent().map_err(|error: io::Error| FileError::new("read", &self.path, &error))
    }

    /// A new file: one segment, with a head.
    fn begin(&mut self) -> io::Result<()> {
        let segment = disk::grow(&self.file, 0)?;
        let head = segment.lines().first();
        put(segment.lines().get(1), STATE, OPEN);
        head::begin(head);
        disk::flush(&segment)?;
        let layout = self.layout();
        layout.segments.push(Arc::new(segment));
        layout.end = (0, HEAD_LINES);
        Ok(())
    }

    /// Finds the blocks. Damage is an error, or, if `damage` is given, added to it and skipped.
    fn read(
        &mut self,
        length: u64,
        get: fn(&File, u64) -> io::Result<Segment>,
        mut damage: Option<&mut Damage>,
    ) -> Result<(), OpenError> {
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
            let segment = get(&self.file, position)
                .map_err(|error| OpenError::File(FileError::new("map", &self.path, &error)))?;
            segments.push(Arc::new(segment));
        }
        let front: Option<Arc<Segment>> = segments.first().map(Arc::clone);
        let front = front.as_ref().map(|segment| segment.lines()).unwrap_or_default();
        let (head, state) = (front.first(), front.get(1));
        if let Some((at, what)) = head::wrong(head) {
            wrong(at, what)?;
        }
        let mut layout = Layout { segments, ..Layout::default() };
        let mut line = HEAD_LINES;
        // After damage, lines outside of any block are remains of one. Even its first word may be
        // zero, so a salvage looks at every line.
        let mut is_lost = false;
        let mut stray = None;
        for position in 0..layout.segments.len() {
            while let Some(segment) = layout.segments.get(position).map(Arc::clone)
                && line < LINES
                && (is_salvage || word(segment.lines().get(line), 0) != 0)
            {
                match Block::read(segment.lines(), position, line) {
                    Some(block) if !layout.blocks.contains_key(&block.key) => {
                        line = block.lines().end;
                        layout.blocks.insert(block.key, block);
                        is_lost = false;
                    }
                    _ => {
                        if !is_lost && word(segment.lines().get(line), 0) != 0 {
                            is_lost = true;
                            wrong(byte_of(position, line), "a block is damaged".to_owned())?;
                        }
                        line = line.saturating_add(1);
                    }
                }
            }
            // Blocks follow each other, so the pages between were lost with the power.
            let is_block = |line: &usize| {
                let segment = layout.segments.get(position).map(|segment| segment.lines());
                Block::read(segment.unwrap_or_default(), position, *line).is_some()
            };
            stray = stray.or((line..LINES).find(is_block).map(|line| byte_of(position, line)));
            // A killed growth leaves segments without a block: those before them are not full.
            if line > 0 {
                layout.end = (position, line);
            }
            line = 0;
        }
        let found = layout.blocks.len() as u64;
        if found < word(state, BLOCKS) {
            let what = format!("{found} of {} blocks are there", word(state, BLOCKS));
            wrong(size_of::<Line>() as u64, what)?;
        }
        if let Some(at) = stray {
            wrong(at, "a block is behind free space".to_owned())?;
        }
        match word(state, STATE) {
            CLEAN if word(state, CELLS_SUM) != layout.sum() => {
                wrong(144, "the counts are not those that were left here".to_owned())?;
            }
            // What a salvage has lost lies behind the blocks too.
            CLEAN if !is_lost && word(state, FREE_IS_ZERO) == free_mark(state) => {
                if let Some(at) = layout.remains() {
                    wrong(at, "something is behind the last block".to_owned())?;
                }
            }
            OPEN | CLEAN => {}
            _ => wrong(128, "it says neither that it is in use nor that it is not".to_owned())?,
        }
        *self.layout() = layout;
        Ok(())
    }
}

/// Whether the file has only zeros from here to its end.
fn is_zero_from(mut file: &File, start: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// Whether a process was killed while it created this file: it has no first word, and no block.
fn is_unfinished(mut file: &File) -> io::Result<bool> {
    let mut first = [0; 8];
    file.rewind()?;
    file.read_exact(&mut first)?;
    Ok(first == [0; 8] && is_zero_from(file, BLOCKS_START)?)
}
