//! The position of each block in the counters' file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, put, sum_of};
use super::head;
use super::key::Key;
use super::segment::{BYTES, LINES, Segment};
use super::{BLOCKS, HEAD_LINES};
use crate::count::cells::Line;
use crate::count::stripe;
use crate::durable::disk;

#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) blocks: BTreeMap<Key, Block>,
    /// Blocks that become those of their keys with the next save.
    pub(super) pending: Vec<Block>,
    /// Where the next block goes: a segment and a line of it.
    pub(super) end: (usize, usize),
}

impl Layout {
    /// A block that belongs to its key with the next save, in a segment that has space for it; the
    /// file grows if none has.
    pub(super) fn reserve(
        &mut self,
        file: &File,
        key: Key,
        variants: u32,
        identity: u64,
        base: Box<[u64]>,
    ) -> io::Result<Block> {
        let mut block = self.place(file, key, variants, stripe::count())?;
        block.identity = identity;
        block.set_base(base);
        self.pending.push(block.clone());
        Ok(block)
    }

    /// Space for a block, which is not reserved for it yet.
    pub(super) fn place(
        &mut self,
        file: &File,
        key: Key,
        variants: u32,
        stripes: u32,
    ) -> io::Result<Block> {
        let (segment, head) = self.end;
        let (identity, base) = (0, Box::default());
        let mut block = Block { key, segment, head, variants, stripes, identity, base };
        if block.lines().end > LINES {
            (block.segment, block.head) = (segment.saturating_add(1), 0);
        }
        if block.segment >= self.segments.len() {
            self.segments.push(Arc::new(disk::grow(file, block.segment as u64)?));
        }
        self.end = (block.segment, block.lines().end);
        Ok(block)
    }

    /// Makes the pending blocks those of their keys.
    pub(super) fn commit(&mut self) {
        let first = self.segments.first().map(|segment| segment.lines()).unwrap_or_default();
        let pending = std::mem::take(&mut self.pending);
        if pending.iter().any(|block| block.key.goal.is_some()) {
            head::allow_goals(first.first());
        }
        for block in pending {
            if let Some(segment) = self.segments.get(block.segment) {
                block.write(segment.lines());
            }
            self.blocks.insert(block.key, block);
        }
        put(first.get(1), BLOCKS, self.blocks.len() as u64);
    }

    /// Finishes what a kill, or a loss of power, has left of allowing goals in the file's head.
    pub(super) fn finish_head(&self) {
        let head = self.segments.first().and_then(|segment| segment.lines().first());
        let has_goals = self.blocks.keys().any(|key| key.goal.is_some());
        if has_goals || head::allows_goals(head) {
            head::allow_goals(head);
        }
    }

    /// Releases the blocks that are pending.
    pub(super) fn give_up(&mut self) {
        if let Some(first) = self.pending.first() {
            self.end = (first.segment, first.head);
        }
        for block in std::mem::take(&mut self.pending) {
            clear(lines(&self.segments, block.segment, block.lines()));
        }
    }

    /// Makes all lines behind the last block of each segment zero: a kill may have come in the
    /// middle of a block's head, where the next block may be shorter.
    pub(super) fn clear_free(&self) {
        self.free().for_each(|(_, lines)| clear(lines));
    }

    /// The byte of the file where a word behind the last block of a segment is not zero.
    pub(super) fn remains(&self) -> Option<u64> {
        self.free().find_map(|(start, lines)| {
            let words = lines.iter().flat_map(|line| line.iter());
            let at = words.map(|word| word.load(Ordering::Relaxed)).position(|word| word != 0)?;
            Some(start.saturating_add((at as u64).saturating_mul(size_of::<u64>() as u64)))
        })
    }

    /// The lines of each segment behind its last block, and the byte of the file where they begin.
    fn free(&self) -> impl Iterator<Item = (u64, &[Line])> {
        let mut ends = vec![0; self.segments.len()];
        if let Some(first) = ends.first_mut() {
            *first = HEAD_LINES;
        }
        self.blocks.values().for_each(|block| {
            if let Some(end) = ends.get_mut(block.segment) {
                *end = block.lines().end.max(*end);
            }
        });
        ends.into_iter().enumerate().map(|(segment, end)| {
            (byte_of(segment, end), lines(&self.segments, segment, end..LINES))
        })
    }

    /// The checksum of all cells and marks, in the order of the file.
    pub(super) fn sum(&self) -> u64 {
        let mut blocks: Vec<&Block> = self.blocks.values().collect();
        blocks.sort_by_key(|block| (block.segment, block.head));
        sum_of(blocks.into_iter().flat_map(|block| {
            let lines = lines(&self.segments, block.segment, block.body());
            lines.iter().flat_map(|line| line.iter().map(|word| word.load(Ordering::Relaxed)))
        }))
    }
}

/// Some lines of a segment.
pub(super) fn lines(segments: &[Arc<Segment>], segment: usize, range: Range<usize>) -> &[Line] {
    let lines = segments.get(segment).map(|segment| segment.lines());
    lines.and_then(|lines| lines.get(range)).unwrap_or_default()
}

/// Makes lines zero, and writes only to what is not.
fn clear(lines: &[Line]) {
    let words = lines.iter().flat_map(|line| line.iter());
    words.filter(|word| word.load(Ordering::Relaxed) != 0).for_each(|word| {
        word.store(0, Ordering::Relaxed);
    });
}

/// Where a line is in the file.
pub(super) fn byte_of(segment: usize, line: usize) -> u64 {
    let line = (line as u64).saturating_mul(size_of::<Line>() as u64);
    (segment as u64).saturating_mul(BYTES).saturating_add(line)
}
