//! The position of each experiment's block in the counters' file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::HEAD_LINES;
use super::block::{Block, sum_of};
use super::segment::{BYTES, LINES, Segment};
use crate::count::cells::Line;
use crate::count::counts::Baseline;
use crate::count::stripe;
use crate::durable::disk;
use crate::model::id::ExperimentId;

#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) blocks: HashMap<ExperimentId, Block>,
    /// Blocks that become those of their experiments with the next save.
    pub(super) pending: Vec<(ExperimentId, Block)>,
    /// Where the next block goes: a segment and a line of it.
    pub(super) end: (usize, usize),
}

impl Layout {
    /// A block for an experiment, in a segment that has space for it; the file grows if none has.
    pub(super) fn reserve(
        &mut self,
        file: &File,
        variants: u32,
        identity: u64,
        base: Baseline,
    ) -> io::Result<Block> {
        let place = self.place(file, variants, stripe::count())?;
        Ok(Block { identity, base, ..place })
    }

    /// A block that belongs to no experiment yet.
    pub(super) fn place(&mut self, file: &File, variants: u32, stripes: u32) -> io::Result<Block> {
        let base = Baseline::default();
        let (segment, head) = self.end;
        let mut block = Block { segment, head, variants, stripes, identity: 0, base };
        if block.lines().end > LINES {
            (block.segment, block.head) = (segment.saturating_add(1), 0);
        }
        if block.segment >= self.segments.len() {
            self.segments.push(Arc::new(disk::grow(file, block.segment as u64)?));
        }
        self.end = (block.segment, block.lines().end);
        Ok(block)
    }

    /// Releases the blocks that belong to no experiment yet.
    pub(super) fn give_up(&mut self) {
        if let Some((_, first)) = self.pending.first() {
            self.end = (first.segment, first.head);
        }
        for (_, block) in std::mem::take(&mut self.pending) {
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
