//! The memory of counters: lines of cells, owned or mapped from a file.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::count::counts::Baseline;
use crate::count::sync::AtomicU64;

/// 16 cells, on cache lines that hold nothing else. `CachePadded` aligns to what the processor
/// fetches at once: 128 bytes where it fetches lines in pairs.
pub(crate) type Line = CachePadded<[AtomicU64; CELLS as usize]>;
pub(crate) const CELLS: u32 = 16;

/// A run of lines.
pub(crate) struct Lines {
    backing: Backing,
    /// The owner of mapped lines, which must outlive them. A box in an `Arc`, so that it is one
    /// word, also where nothing is mapped.
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
    /// This many new lines, all zero.
    pub(crate) fn new(count: u32) -> Lines {
        let line = |_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Lines { backing: Backing::Owned((0..count).map(line).collect()), _owner: None }
    }

    /// Lines that are valid for as long as their owner lives.
    #[cfg(feature = "durable")]
    pub(crate) fn mapped(lines: &'static [Line], owner: Arc<Owner>) -> Lines {
        Lines { backing: Backing::Mapped(lines), _owner: Some(owner) }
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

/// Cells of an experiment in a file, and the counts that they start at.
#[derive(Debug)]
pub(crate) struct MappedCells {
    pub(crate) lines: Lines,
    pub(crate) stripes: u32,
    pub(crate) base: Baseline,
}
