//! Where counters lie: lines of cells, in memory of their own or in some that outlives the process.

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

/// Some lines.
pub(crate) struct Lines {
    lines: Whose,
    /// What the lines are a part of, if they are: lives at least as long as this. Boxed, so that it is
    /// one word in every engine, also in those that keep nothing.
    _keeper: Option<Arc<Keeper>>,
}

enum Whose {
    Own(Box<[Line]>),
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing keeps lines"))]
    Kept(&'static [Line]),
}

type Keeper = Box<dyn Any + Send + Sync>;

impl Lines {
    /// So many new ones.
    pub(crate) fn new(count: u32) -> Lines {
        let line = |_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Lines { lines: Whose::Own((0..count).map(line).collect()), _keeper: None }
    }

    /// Lines that are valid for as long as their keeper lives.
    #[cfg(feature = "durable")]
    pub(crate) fn kept(lines: &'static [Line], keeper: Arc<Keeper>) -> Lines {
        Lines { lines: Whose::Kept(lines), _keeper: Some(keeper) }
    }

    #[inline]
    pub(crate) fn all(&self) -> &[Line] {
        match &self.lines {
            Whose::Own(lines) => lines,
            Whose::Kept(lines) => lines,
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lines").field(&self.all().len()).finish()
    }
}

/// Counters that somebody else keeps.
#[derive(Debug)]
pub(crate) struct KeptCells {
    pub(crate) lines: Lines,
    pub(crate) stripes: u32,
    pub(crate) base: Baseline,
}
