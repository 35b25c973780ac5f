//! The part of the counters' file for one experiment. `docs/durable.md` has the format to the byte.

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use xxhash_rust::xxh3::Xxh3;

use crate::count::cells::{CELLS, Line};
use crate::count::counters::lines_for;
use crate::count::counts::{Baseline, Count};
use crate::model::id::ExperimentId;

const MAGIC: u64 = u64::from_be_bytes(*b"fs-block");
const MAX_STRIPES: u64 = 64;

/// Words of a block's head.
const SUM: usize = 7;
const BASE: usize = 8;

/// A block: which experiment it belongs to, and where its cells are.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) segment: usize,
    /// The first line of its head.
    pub(super) head: usize,
    pub(super) variants: u32,
    pub(super) stripes: u32,
    /// A hash of the environment and the variants that are counted.
    pub(super) identity: u64,
    pub(super) base: Baseline,
}

/// The number of lines for this number of words.
fn lines_of(words: usize) -> usize {
    words.div_ceil(CELLS as usize)
}

impl Block {
    fn head_lines(&self) -> usize {
        let words = (self.variants as usize).saturating_mul(2);
        lines_of(words.saturating_add(BASE))
    }

    /// The lines of the counted cells.
    pub(super) fn cells(&self) -> Range<usize> {
        let start = self.head.saturating_add(self.head_lines());
        let count = lines_for(self.variants, self.stripes) as usize;
        start..start.saturating_add(count)
    }

    /// The lines of the mark up to which deltas were handed over.
    fn marks(&self) -> Range<usize> {
        let start = self.cells().end;
        start..start.saturating_add(lines_of((self.variants as usize).saturating_mul(2)))
    }

    /// All that follows the head.
    pub(super) fn body(&self) -> Range<usize> {
        self.cells().start..self.marks().end
    }

    /// All lines.
    pub(super) fn lines(&self) -> Range<usize> {
        self.head..self.marks().end
    }

    /// The words of the head. The first is written last.
    fn words(&self, id: ExperimentId) -> Vec<u64> {
        let id = u128::from_be_bytes(id.to_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of an id")]
        let mut words = vec![
            MAGIC,
            self.lines().len() as u64,
            (id >> 64) as u64,
            id as u64,
            self.variants.into(),
            self.stripes.into(),
            self.identity,
            0,
        ];
        for variant in 0..self.variants as usize {
            let base = self.base.of(variant);
            words.extend([base.exposures, base.conversions]);
        }
        let sum = sum_of(words.iter().copied());
        if let Some(place) = words.get_mut(SUM) {
            *place = sum;
        }
        words
    }

    /// Writes the block into the lines of its segment.
    pub(super) fn write(&self, id: ExperimentId, lines: &[Line]) {
        let place = |at: usize| {
            let line = self.head.saturating_add(at.checked_div(CELLS as usize).unwrap_or_default());
            (lines.get(line), at.checked_rem(CELLS as usize).unwrap_or_default())
        };
        for (at, value) in self.words(id).iter().enumerate().skip(1) {
            let (line, at) = place(at);
            put(line, at, *value);
        }
        // Last: this store makes it a block. A kill comes between two stores, not within one.
        compiler_fence(Ordering::SeqCst);
        put(lines.get(self.head), 0, MAGIC);
    }

    /// The block that begins at this line, if there is one and it is sound.
    pub(super) fn read(
        lines: &[Line],
        segment: usize,
        head: usize,
    ) -> Option<(ExperimentId, Block)> {
        let first = lines.get(head)?;
        let word = |at| word(Some(first), at);
        let (variants, stripes) = (word(4), word(5));
        let is_plausible = word(0) == MAGIC
            && (1..=100).contains(&variants)
            && (1..=MAX_STRIPES).contains(&stripes)
            && stripes.is_power_of_two();
        if !is_plausible {
            return None;
        }
        let (variants, stripes) = (u32::try_from(variants).ok()?, u32::try_from(stripes).ok()?);
        let (identity, base) = (word(6), Baseline::default());
        let block = Block { segment, head, variants, stripes, identity, base };
        // The block ends within the segment.
        let (head_end, lines) = (block.cells().start, lines.get(..block.lines().end)?);
        let words = lines.get(head..head_end)?.iter().flat_map(|line| line.iter());
        let mut bases = words.map(|word| word.load(Ordering::Relaxed)).skip(BASE);
        let mut base = Vec::new();
        for _ in 0..variants {
            base.push(Count { exposures: bases.next()?, conversions: bases.next()? });
        }
        let block = Block { base: Baseline::new(&base), ..block };
        let id = (u128::from(word(2)) << 64) | u128::from(word(3));
        let id = ExperimentId::from_bytes(id.to_be_bytes());
        let expected = block.words(id);
        let is_sound = expected.get(SUM) == Some(&word(SUM)) && expected.get(1) == Some(&word(1));
        is_sound.then_some((id, block))
    }

    /// How much of each variant's counts has been handed over as deltas, beyond where they start.
    pub(super) fn mark(&self, lines: &[Line]) -> Box<[Count]> {
        let marks = lines.get(self.marks()).unwrap_or_default();
        let words: Vec<u64> = marks
            .iter()
            .flat_map(|line| line.iter().map(|word| word.load(Ordering::Relaxed)))
            .collect();
        let counts = words.chunks_exact(2).take(self.variants as usize);
        counts
            .filter_map(|words| match words {
                [exposures, conversions] => {
                    Some(Count { exposures: *exposures, conversions: *conversions })
                }
                _ => None,
            })
            .collect()
    }

    /// Sets the [`mark`](Block::mark).
    pub(super) fn set_mark(&self, lines: &[Line], mark: &[Count]) {
        let marks = lines.get(self.marks()).unwrap_or_default();
        let words = marks.iter().flat_map(|line| line.iter());
        let values = mark.iter().flat_map(|count| [count.exposures, count.conversions]);
        words.zip(values).for_each(|(word, value)| word.store(value, Ordering::Relaxed));
    }
}

pub(in crate::durable) fn word(line: Option<&Line>, at: usize) -> u64 {
    line.and_then(|line| line.get(at)).map_or(0, |word| word.load(Ordering::Relaxed))
}

pub(in crate::durable) fn put(line: Option<&Line>, at: usize, value: u64) {
    if let Some(word) = line.and_then(|line| line.get(at)) {
        word.store(value, Ordering::Relaxed);
    }
}

/// The checksum of the format: of words, as little-endian bytes.
pub(in crate::durable) fn sum_of(words: impl Iterator<Item = u64>) -> u64 {
    let mut hasher = Xxh3::new();
    words.for_each(|word| hasher.update(&word.to_le_bytes()));
    hasher.digest()
}
