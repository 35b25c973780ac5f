//! The memory of a table of users, in the process or mapped from a file.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::count::sync::AtomicU64;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::timestamp::Timestamp;

/// A place for one user. A file has the two words as they are here.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    /// The user's hash; [`EMPTY`](super::table::EMPTY) and [`SEALED`](super::table::SEALED) for
    /// none.
    pub(super) hash: AtomicU64,
    /// What is [kept](super::kept::Kept) of the user.
    pub(super) word: AtomicU64,
}

impl Slot {
    pub(super) fn empty() -> Slot {
        Slot { hash: AtomicU64::new(0), word: AtomicU64::new(0) }
    }
}

/// What a table of users is of, and how it is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) experiment: ExperimentId,
    pub(crate) run: u32,
    /// The goal whose values are summed; `None` for a table of what users did.
    pub(crate) goal: Option<GoalId>,
    /// Since when the users of the run are counted.
    pub(crate) since: Timestamp,
    /// Whether that is since the run began.
    pub(crate) is_whole: bool,
    /// The most users that are kept.
    pub(crate) capacity: usize,
    /// The table has the users whose sampling hash begins with this number of zero bits.
    pub(crate) bits: u32,
    /// The number of slots, a power of two.
    pub(crate) slots: usize,
    /// What a hash is multiplied by to find its first slot. Odd, and drawn at random, so that no
    /// choice of user keys fills one part of a table.
    pub(crate) multiplier: u64,
}

/// Where tables get their memory.
pub(crate) trait Memory: fmt::Debug + Send + Sync {
    /// Empty slots for a table with this head. Cost: does not depend on their number.
    fn slots(&self, head: &Head) -> Slots;
}

/// The memory of the process.
#[derive(Debug)]
pub(crate) struct InProcess;

impl Memory for InProcess {
    fn slots(&self, head: &Head) -> Slots {
        Slots::new(head.slots)
    }
}

/// A file with a table.
pub(crate) trait File: fmt::Debug + Send + Sync {
    /// All users of this table are in another one, which has been made after it.
    fn replaced(self: Arc<Self>);

    /// The users of this table are not needed any more: their run is over, or their experiment is
    /// deleted. Only the control plane calls this.
    fn dropped(self: Arc<Self>);
}

/// The slots of a table.
pub(crate) enum Slots {
    /// Allocated a chunk at a time, when its first user is added: no call clears, or frees, a whole
    /// table, and to look for a user allocates nothing.
    Owned { chunks: Vec<OnceLock<Box<[Slot]>>>, slots: usize, file: Option<Arc<dyn File>> },
    #[cfg_attr(
        not(any(feature = "durable", test)),
        expect(dead_code, reason = "no file is mapped")
    )]
    Mapped { slots: &'static [Slot], file: Arc<dyn File> },
}

/// The slots of a chunk: 64 KiB.
const CHUNK: usize = 1 << 12;

impl Slots {
    /// Empty slots in memory.
    pub(crate) fn new(slots: usize) -> Slots {
        let chunks = (0..slots.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect();
        let slots = Slots::Owned { chunks, slots, file: None };
        #[cfg(loom)] // The model checker does not see that `OnceLock` orders.
        (0..slots.len()).for_each(|at| drop(slots.get_or_make(at)));
        slots
    }

    /// Empty slots in memory, in place of a file that could not be made.
    #[cfg(feature = "durable")]
    pub(crate) fn without_file(slots: usize, instead: Arc<dyn File>) -> Slots {
        match Slots::new(slots) {
            Slots::Owned { chunks, slots, .. } => {
                Slots::Owned { chunks, slots, file: Some(instead) }
            }
            mapped @ Slots::Mapped { .. } => mapped,
        }
    }

    /// Slots of a file, which are valid for as long as it lives.
    #[cfg(feature = "durable")]
    pub(crate) fn mapped(slots: &'static [Slot], file: Arc<dyn File>) -> Slots {
        Slots::Mapped { slots, file }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Slots::Owned { slots, .. } => *slots,
            Slots::Mapped { slots, .. } => slots.len(),
        }
    }

    /// A slot. `None` if its chunk is not allocated: then it is empty.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Slot> {
        match self {
            Slots::Owned { chunks, .. } => chunks.get(at / CHUNK)?.get()?.get(at % CHUNK),
            Slots::Mapped { slots, .. } => slots.get(at),
        }
    }

    /// A slot, whose chunk is allocated if need be. `None` if there are not as many slots.
    pub(super) fn get_or_make(&self, at: usize) -> Option<&Slot> {
        match self {
            Slots::Owned { chunks, slots, .. } => {
                let new = || (0..CHUNK.min(*slots)).map(|_| Slot::empty()).collect();
                chunks.get(at / CHUNK)?.get_or_init(new).get(at % CHUNK)
            }
            Slots::Mapped { slots, .. } => slots.get(at),
        }
    }

    /// Says that all users are in another table.
    pub(super) fn replaced(&self) {
        if let Some(file) = self.file() {
            file.replaced();
        }
    }

    /// Says that the users are not needed any more.
    pub(super) fn dropped(&self) {
        if let Some(file) = self.file() {
            file.dropped();
        }
    }

    fn file(&self) -> Option<Arc<dyn File>> {
        match self {
            Slots::Owned { file, .. } => file.clone(),
            Slots::Mapped { file, .. } => Some(Arc::clone(file)),
        }
    }

    /// Frees some of the memory; returns whether there is more.
    pub(super) fn free_some(&mut self) -> bool {
        match self {
            Slots::Owned { chunks, .. } => chunks.pop().is_some(),
            // The file frees it when it is removed.
            Slots::Mapped { .. } => false,
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slots").field(&self.len()).finish()
    }
}
