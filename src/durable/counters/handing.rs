//! Handing out cells of the counters' file: to experiments, and to their goals.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Counters;
use super::block::Block;
use super::identity::{early_identity_of, identity_of};
use super::key::Key;
use super::segment::BYTES;
use super::sums::words_of;
use crate::count::cells::{Lines, MappedCells, Owner};
use crate::count::counts::Baseline;
use crate::count::goal_counts::GoalCount;
use crate::model::definition::Definition;
use crate::model::error::FileError;
use crate::model::id::ExperimentId;
use crate::model::terms::Terms;

impl Counters {
    /// Cells for an experiment: its own, or new ones that become its own with the next save.
    pub(in crate::durable) fn cells(
        self: &Arc<Self>,
        definition: &Definition,
        base: &Baseline,
    ) -> Result<MappedCells<Baseline>, FileError> {
        let Definition { id, terms, .. } = definition;
        let words = || words_of((0..terms.variants.len()).map(|at| base.of(at)));
        let (lines, block) = self.lines(Key::of_experiment(*id), terms, words)?;
        let base = Baseline::new(&block.counts());
        Ok(MappedCells { lines, stripes: block.stripes, base })
    }

    /// The same for a goal of an experiment, whose block is its own.
    pub(in crate::durable) fn goal_cells(
        self: &Arc<Self>,
        definition: &Definition,
        goal: &str,
        base: &[GoalCount],
    ) -> Result<MappedCells<Box<[GoalCount]>>, FileError> {
        let Definition { id, terms, .. } = definition;
        let words = || words_of(base.iter().copied());
        let (lines, block) = self.lines(Key::of_goal(*id, goal), terms, words)?;
        Ok(MappedCells { lines, stripes: block.stripes, base: block.counts() })
    }

    /// The cells of a block, and the block; a new one starts at `base`.
    fn lines(
        self: &Arc<Self>,
        key: Key,
        terms: &Terms,
        base: impl FnOnce() -> Box<[u64]>,
    ) -> Result<(Lines, Block), FileError> {
        let owner: Arc<Owner> = Arc::new(Box::new(Arc::clone(self)));
        self.with_layout(|layout| {
            let block = match layout.blocks.get(&key) {
                Some(block) if self.counts_for(block, terms) => block.clone(),
                Some(_) => {
                    // The engine refuses this for an experiment that it knows, and for one in a
                    // document. This experiment left the definitions before the engine was opened.
                    let what =
                        format!("{} has counted for other variants, or elsewhere", key.experiment);
                    let error = io::Error::new(io::ErrorKind::InvalidInput, what);
                    return Err(FileError::new("count in", &self.path, &error));
                }
                None => {
                    let identity = identity_of(terms);
                    let block = layout.reserve(&self.file, key, terms.count(), identity, base());
                    block.map_err(|error| {
                        let error = FileError::new("grow", &self.path, &error);
                        self.failures.save_failed(&error, BYTES);
                        error
                    })?
                }
            };
            let segment = layout.segments.get(block.segment);
            let lines = segment.and_then(|segment| segment.mapped_lines(block.cells(), owner));
            let lines = lines.ok_or_else(|| {
                FileError::new("use", &self.path, &io::ErrorKind::InvalidData.into())
            })?;
            Ok((lines, block))
        })
    }

    /// Whether the id has a block that is of other variants, or of another environment.
    pub(in crate::durable) fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool {
        self.with_layout(|layout| {
            let mut blocks = layout.blocks.range(Key::all_of(id));
            blocks.any(|(_, block)| !self.counts_for(block, terms))
        })
    }

    /// Whether a block is that of an experiment with these terms, or of a goal of it.
    fn counts_for(&self, block: &Block, terms: &Terms) -> bool {
        // Blocks of early engines have the hash of a text that depends on the build. What such an
        // engine saved is recognised by that: it never saved other terms under the same id.
        let is_as_saved =
            || self.is_trusting.load(Ordering::Relaxed) && block.variants == terms.count();
        block.identity == identity_of(terms)
            || block.identity == early_identity_of(terms)
            || is_as_saved()
    }
}
