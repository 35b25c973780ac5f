//! The memory of counters: lines of cells, owned or mapped from a file.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::count::sync::AtomicU64;

/// 16 cells, on cache lines that hold nothing else. `CachePadded` aligns to what the processor
/// fetches at once: 128 bytes where it fetches lines in pairs.
pub(crate) type Line = CachePadded<[AtomicU64; CELLS as usize]>;
pub(crate) const CELLS: u32 = 16;

/// Lines of some stripes, as many of each.
pub(crate) struct Lines {
    backing: Backing,
    /// How many cells a stripe has here.
    pub(crate) cells_per_stripe: u32,
    /// The owner of mapped lines, which must outlive them.
    _owner: Option<Arc<Owner>>,
}

enum Backing {
    Owned(Box<[Line]>),
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "no file is mapped"))]
    Mapped(&'static [Line]),
}

/// What keeps mapped lines valid.
pub(crate) type Owner = Box<dyn Any + Send + Sync>;

impl Lines {
    /// New lines for this many cells in each of some stripes, all zero.
    pub(crate) fn new(cells: u32, stripes: u32) -> Lines {
        let per_stripe = cells.div_ceil(CELLS);
        let line = |_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        let lines = (0..per_stripe.saturating_mul(stripes)).map(line).collect();
        let cells_per_stripe = per_stripe.saturating_mul(CELLS);
        Lines { backing: Backing::Owned(lines), cells_per_stripe, _owner: None }
    }

    /// Lines of one stripe that are valid for as long as their owner lives.
    #[cfg(feature = "durable")]
    pub(crate) fn mapped(lines: &'static [Line], owner: Arc<Owner>) -> Lines {
        let lines_per_stripe = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let cells_per_stripe = lines_per_stripe.saturating_mul(CELLS);
        Lines { backing: Backing::Mapped(lines), cells_per_stripe, _owner: Some(owner) }
    }

    /// The same lines, as those of this many stripes.
    pub(crate) fn in_stripes(mut self, stripes: u32) -> Lines {
        self.cells_per_stripe = self.cells_per_stripe.checked_div(stripes).unwrap_or(0);
        self
    }

    /// A cell of a stripe.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "the numbers of cells fit 32 bits")]
    pub(crate) fn cell(&self, stripe: u32, cell: u32) -> Option<&AtomicU64> {
        let cell = (stripe * self.cells_per_stripe + cell) as usize;
        self.all().get(cell / CELLS as usize)?.get(cell % CELLS as usize)
    }

    #[inline]
    pub(crate) fn all(&self) -> &[Line] {
        match &self.backing {
            Backing::Owned(lines) => lines,
            Backing::Mapped(lines) => lines,
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&self.all().len()).finish()
    }
}

/// The cells of one experiment: as many in each stripe of some lines.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    pub(crate) lines: Arc<Lines>,
    pub(crate) stripes: u32,
    /// The experiment's first cell in each stripe.
    pub(crate) first: u32,
}

/// Cells of an experiment in a file, or of a goal of one, and the counts that they start at.
#[derive(Debug)]
pub(crate) struct MappedCells<B> {
    pub(crate) lines: Lines,
    pub(crate) stripes: u32,
    pub(crate) base: B,
}
