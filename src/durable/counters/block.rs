//! A part of the counters' file, for one experiment or for one goal of an experiment.
//! `docs/durable.md` has the format to the byte.

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use xxhash_rust::xxh3::Xxh3;

use super::key::Key;
use super::sums::{Sums, words_of};
use crate::count::cells::{CELLS, Line};

const MAX_STRIPES: u64 = 64;

/// The word of a block's head with the checksum.
const SUM: usize = 7;

/// A block: what it belongs to, and where its cells are.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) key: Key,
    pub(super) segment: usize,
    /// The first line of its head.
    pub(super) head: usize,
    pub(super) variants: u32,
    pub(super) stripes: u32,
    /// A hash of the environment and the variants that are counted.
    pub(super) identity: u64,
    /// Where the counts start, as words of each variant; those that are absent are 0, and so most
    /// blocks have none.
    pub(super) base: Box<[u64]>,
}

/// The number of lines for this number of words.
fn lines_of(words: usize) -> usize {
    words.div_ceil(CELLS as usize)
}

impl Block {
    /// The word of the head where the counts at the start begin.
    fn base_at(&self) -> usize {
        SUM.saturating_add(1).saturating_add(self.key.goal_words().map_or(0, |words| words.len()))
    }

    /// How many words the counts of all variants have.
    fn sums(&self) -> usize {
        (self.variants as usize).saturating_mul(self.key.sums())
    }

    /// The lines of the counted cells.
    pub(super) fn cells(&self) -> Range<usize> {
        let start = self.head.saturating_add(lines_of(self.base_at().saturating_add(self.sums())));
        let of_stripe = self.key.cells_for(self.variants).div_ceil(CELLS);
        let count = of_stripe.saturating_mul(self.stripes) as usize;
        start..start.saturating_add(count)
    }

    /// The lines of the mark up to which deltas were handed over.
    fn marks(&self) -> Range<usize> {
        let start = self.cells().end;
        start..start.saturating_add(lines_of(self.sums()))
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
    fn words(&self) -> Vec<u64> {
        let [high, low] = self.key.experiment_words();
        let (variants, stripes) = (self.variants.into(), self.stripes.into());
        let lines = self.lines().len() as u64;
        let mut words =
            vec![self.key.magic(), lines, high, low, variants, stripes, self.identity, 0];
        words.extend(self.key.goal_words().iter().flatten());
        let base = self.base.iter().copied().chain(std::iter::repeat(0));
        words.extend(base.take(self.sums()));
        let sum = sum_of(words.iter().copied());
        if let Some(place) = words.get_mut(SUM) {
            *place = sum;
        }
        words
    }

    /// Writes the block into the lines of its segment.
    pub(super) fn write(&self, lines: &[Line]) {
        let place = |at: usize| {
            let line = self.head.saturating_add(at.checked_div(CELLS as usize).unwrap_or_default());
            (lines.get(line), at.checked_rem(CELLS as usize).unwrap_or_default())
        };
        for (at, value) in self.words().iter().enumerate().skip(1) {
            let (line, at) = place(at);
            put(line, at, *value);
        }
        // Last: this store makes it a block. A kill comes between two stores, not within one.
        compiler_fence(Ordering::SeqCst);
        put(lines.get(self.head), 0, self.key.magic());
    }

    /// The block that begins at this line, if there is one and it is sound.
    pub(super) fn read(lines: &[Line], segment: usize, head: usize) -> Option<Block> {
        let first = lines.get(head)?;
        let word = |at| word(Some(first), at);
        let key = Key::read(word)?;
        let (variants, stripes) = (word(4), word(5));
        let is_plausible = (1..=100).contains(&variants)
            && (1..=MAX_STRIPES).contains(&stripes)
            && stripes.is_power_of_two();
        if !is_plausible {
            return None;
        }
        let (variants, stripes) = (u32::try_from(variants).ok()?, u32::try_from(stripes).ok()?);
        let (identity, base) = (word(6), Box::default());
        let mut block = Block { key, segment, head, variants, stripes, identity, base };
        // The block ends within the segment.
        let (head_end, lines) = (block.cells().start, lines.get(..block.lines().end)?);
        let words = lines.get(head..head_end)?.iter().flat_map(|line| line.iter());
        let words = words.map(|word| word.load(Ordering::Relaxed));
        block.set_base(words.skip(block.base_at()).take(block.sums()).collect());
        let expected = block.words();
        let is_sound = expected.get(SUM) == Some(&word(SUM)) && expected.get(1) == Some(&word(1));
        is_sound.then_some(block)
    }

    /// Sets where the counts start.
    pub(super) fn set_base(&mut self, words: Box<[u64]>) {
        let is_zero = words.iter().all(|word| *word == 0);
        self.base = if is_zero { Box::default() } else { words };
    }

    /// Where the count of each variant starts.
    pub(super) fn counts<S: Sums>(&self) -> Box<[S]> {
        let mut counts: Vec<S> =
            self.base.chunks_exact(self.key.sums()).filter_map(S::of).collect();
        counts.resize(self.variants as usize, S::default());
        counts.into()
    }

    /// How much of each variant's counts has been handed over as deltas, beyond where they start.
    pub(super) fn mark<S: Sums>(&self, lines: &[Line]) -> Box<[S]> {
        let marks = lines.get(self.marks()).unwrap_or_default();
        let words = marks.iter().flat_map(|line| line.iter());
        let words: Vec<u64> =
            words.take(self.sums()).map(|word| word.load(Ordering::Relaxed)).collect();
        words.chunks_exact(self.key.sums()).filter_map(S::of).collect()
    }

    /// Sets the [`mark`](Block::mark).
    pub(super) fn set_mark<S: Sums>(&self, lines: &[Line], mark: &[S]) {
        let marks = lines.get(self.marks()).unwrap_or_default();
        let words = marks.iter().flat_map(|line| line.iter());
        let values = words_of(mark.iter().copied());
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
