//! The position of each experiment's block in the counters' file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, sum_of};
use super::segment::{LINES, Segment};
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
        // A change that was abandoned may have counted here.
        for line in lines(&self.segments, block.segment, block.lines()) {
            line.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        self.end = (block.segment, block.lines().end);
        Ok(block)
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
