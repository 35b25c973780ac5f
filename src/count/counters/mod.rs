//! The counters of one experiment: exposures and conversions of each variant, in cells that threads
//! do not share.

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::sync::Arc;

use once_cell::race::OnceBox;

use crate::count::cells::{Cells, Lines, MappedCells};
use crate::count::counts::{Baseline, Count};
use crate::count::distinct_users::slots::Memory;
use crate::count::distinct_users::{Deed, DistinctUsers, KeptUser, Known, Run};
use crate::count::stripe;
use crate::count::sync::{AtomicU8, AtomicU64, Ordering};

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Exposure,
    Conversion,
}

/// Which threads write a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Only the thread whose number is the stripe's.
    Exclusive,
    /// Any thread.
    Shared,
}

/// Nothing is counted: the experiment does not run.
const CLOSED: u8 = 0;
/// Events are counted.
const OPEN: u8 = 1;
/// Events and users are counted.
const OPEN_WITH_USERS: u8 = 2;
/// Beside one of those: a conversion counts only with a value, and not by itself.
const NEEDS_VALUE: u8 = 4;

const CELLS_PER_EVENT: u32 = 2;
const CELLS_PER_VARIANT: u32 = 2 * CELLS_PER_EVENT;

/// The counters of one experiment.
///
/// A stripe is a run of lines with cells for each variant, and for those of the experiments that
/// were loaded together. A thread adds to its own stripe, a reader sums them all.
///
/// For each variant and event a stripe has two cells. The thread whose number is the stripe's is
/// the only one that writes the first: a load and a store suffice, where an atomic addition, even
/// an uncontended one, takes several times as long (`cargo bench --bench conversion`). Threads that
/// share the stripe add to the second atomically.
///
/// Every access to a cell is `Relaxed`: a cell only ever grows, and nothing else is published
/// through it. When a number passes from one thread to another, the second sees all stores of the
/// first ([`stripe`] orders them). A reader that synchronised with a count (by a join, a channel or
/// a lock) sees that count, because the history of one cell is ordered; of two cells, one may be
/// read older than the other.
#[derive(Debug)]
pub(crate) struct ExperimentCounters {
    /// Only a running experiment counts, so that a view from before a stop cannot add to a finished
    /// test. Only start and stop write the state, so readers share its cache line. The same
    /// comparison decides whether users are counted.
    state: AtomicU8,
    // One byte each: there are at most 100 variants and 64 stripes.
    /// The number of stripes less one; that number is a power of two.
    mask: u8,
    variants: u8,
    /// The first cell in each stripe.
    first: u32,
    /// Shared with the experiments that were loaded together.
    lines: Arc<Lines>,
    /// Where each variant's count starts: the count that a document carried. Separate from the
    /// cells, so that a sum near 2^64 saturates instead of wrapping.
    base: Baseline,
    /// The users, once they were counted.
    users: OnceBox<DistinctUsers>,
}

/// Whether an event was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Counted,
    /// Not counted: a conversion of a user who has not been exposed in this run.
    Unexposed,
    /// Not counted: the experiment does not run.
    Closed,
    /// Not counted: a conversion without the value that it needs.
    ValueNeeded,
}

/// The number of cells in each stripe for this number of variants.
pub(crate) fn cells_for(variants: u32) -> u32 {
    variants.max(1).saturating_mul(CELLS_PER_VARIANT)
}

impl ExperimentCounters {
    /// Closed counters for this number of variants, in cells of a file.
    pub(crate) fn mapped(variants: u32, cells: MappedCells<Baseline>) -> ExperimentCounters {
        let MappedCells { lines, stripes, base } = cells;
        let lines = Arc::new(lines.in_stripes(stripes));
        ExperimentCounters::new(variants, base, Cells { lines, stripes, first: 0 })
    }

    /// Closed counters for this number of variants that start at `base`, in cells that are all
    /// zero.
    pub(crate) fn new(variants: u32, base: Baseline, cells: Cells) -> ExperimentCounters {
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        ExperimentCounters {
            state: AtomicU8::new(CLOSED),
            lines: cells.lines,
            first: cells.first,
            mask: byte(cells.stripes.saturating_sub(1)),
            variants: byte(variants),
            base,
            users: OnceBox::new(),
        }
    }

    /// Counts one event, and returns whether it did: only while the experiment is running.
    #[inline]
    pub(crate) fn add(&self, variant: u32, event: Event) -> bool {
        self.is_open() && self.add_as(stripe::number(), variant, event)
    }

    /// Counts one event where users are not counted, and returns whether it did; `None` where they
    /// are, and where nothing is counted.
    #[inline]
    pub(crate) fn add_event(&self, variant: u32, event: Event) -> Option<bool> {
        let is_open = self.state.load(Ordering::Relaxed) == OPEN;
        is_open.then(|| self.add_as(stripe::number(), variant, event))
    }

    /// Counts one event, and the user, known by this hash, where users are counted.
    pub(crate) fn add_with_user(&self, variant: u32, event: Event, user: u64) -> Added {
        let state = self.state.load(Ordering::Relaxed);
        if state & NEEDS_VALUE != 0 && event == Event::Conversion {
            return Added::ValueNeeded;
        }
        if state & OPEN_WITH_USERS != 0
            && let Some(users) = self.users.get()
            && users.record(user, event) == Known::Unexposed
        {
            return Added::Unexposed;
        }
        let is_counted = state != CLOSED && self.add_as(stripe::number(), variant, event);
        if is_counted { Added::Counted } else { Added::Closed }
    }

    /// Counts one exposure, and the user, known by this hash, where users are counted; returns
    /// whether it did. `queue` is called as [`DistinctUsers::expose`] says.
    pub(crate) fn expose(
        &self,
        variant: u32,
        user: u64,
        queue: impl FnOnce(KeptUser) -> bool,
    ) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & OPEN_WITH_USERS != 0
            && let Some(users) = self.users.get()
        {
            users.expose(user, queue);
        }
        state != CLOSED && self.add_as(stripe::number(), variant, Event::Exposure)
    }

    /// Counts one conversion, and the user, known by this hash, where users are counted. Where it is
    /// not known whether the user has been exposed, it is counted if `is_meant` says so, and else
    /// `None` is returned.
    pub(crate) fn convert_if(
        &self,
        variant: u32,
        user: u64,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Added> {
        let state = self.state.load(Ordering::Relaxed);
        // Where a value is needed, nothing is remembered of the user. Written out, as in `admit`: a
        // body for both, which returns what is refused, costs three instructions
        // (`cargo bench --bench instructions`).
        let known = if state == OPEN_WITH_USERS {
            self.record_apart(user, Event::Conversion.into())
        } else {
            Known::Unsure
        };
        match known {
            Known::Unexposed => return Some(Added::Unexposed),
            Known::Exposed => {}
            Known::Unsure if is_meant() => {}
            Known::Unsure => return None,
        }
        if state > OPEN_WITH_USERS {
            return Some(Added::ValueNeeded);
        }
        let is_counted =
            state != CLOSED && self.add_as(stripe::number(), variant, Event::Conversion);
        Some(if is_counted { Added::Counted } else { Added::Closed })
    }

    /// Whether an event of the user, known by this hash, counts: then what is known of the user's
    /// exposure, and the caller adds the event to its cells; else why not. Where users are counted,
    /// it is remembered of this one. Where it is not known whether the user has been exposed, it
    /// counts if `is_meant` says so, and else `None` is returned.
    #[inline]
    pub(crate) fn admit(
        &self,
        user: u64,
        deed: Deed,
        is_meant: impl FnOnce() -> bool,
    ) -> Option<Result<Known, Added>> {
        let state = self.state.load(Ordering::Relaxed);
        let known = if state & OPEN_WITH_USERS != 0 {
            self.record_apart(user, deed)
        } else {
            Known::Unsure
        };
        match known {
            Known::Unexposed => return Some(Err(Added::Unexposed)),
            Known::Exposed => {}
            Known::Unsure if is_meant() => {}
            Known::Unsure => return None,
        }
        Some(if state == CLOSED { Err(Added::Closed) } else { Ok(known) })
    }

    /// Remembers an event of its user. A separate function, so that a call whose user is not
    /// counted saves no registers for it.
    #[inline(never)]
    fn record_apart(&self, user: u64, deed: Deed) -> Known {
        self.users.get().map_or(Known::Unsure, |users| users.record(user, deed))
    }

    /// Counts one event that has been [admitted](ExperimentCounters::admit).
    #[inline]
    pub(crate) fn add_admitted(&self, variant: u32, event: Event) {
        self.add_as(stripe::number(), variant, event);
    }

    /// Whether a conversion counts only with a value.
    #[inline]
    pub(crate) fn needs_value(&self) -> bool {
        self.state.load(Ordering::Relaxed) & NEEDS_VALUE != 0
    }

    /// Counts one event as the thread of this number.
    #[inline]
    fn add_as(&self, thread: u32, variant: u32, event: Event) -> bool {
        let stripe = thread & u32::from(self.mask);
        if stripe != thread {
            return self.add_shared(stripe, variant, event);
        }
        let Some(cell) = self.cell(stripe, variant, event, Access::Exclusive) else {
            return false;
        };
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// A separate function, so that what is inlined into callers has the exclusive cell's place as
    /// a constant.
    #[inline(never)]
    fn add_shared(&self, stripe: u32, variant: u32, event: Event) -> bool {
        let cell = self.cell(stripe, variant, event, Access::Shared);
        cell.map(|cell| cell.fetch_add(1, Ordering::Relaxed)).is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Relaxed) != CLOSED
    }

    /// Opens or closes the counters, for users too or for events alone. One writer at a time may
    /// call it.
    pub(crate) fn set_open(&self, open: bool, with_users: bool) {
        self.set_open_for(open, with_users, false);
    }

    /// As [`set_open`](ExperimentCounters::set_open), and whether a conversion counts only with a
    /// value.
    pub(crate) fn set_open_for(&self, open: bool, with_users: bool, needs_value: bool) {
        let of_values = if needs_value { NEEDS_VALUE } else { 0 };
        let state = match self.users() {
            _ if !open => CLOSED,
            Some(_) if with_users => OPEN_WITH_USERS | of_values,
            _ => OPEN | of_values,
        };
        // Even a store of the same value invalidates the line in the readers' caches.
        if self.state.load(Ordering::Relaxed) != state {
            self.state.store(state, Ordering::Relaxed);
        }
    }

    /// Counts the users of another run, in place of those of the run before.
    pub(crate) fn begin_users(&self, run: Run, memory: &Arc<dyn Memory>) {
        if let Some(users) = self.users.get() {
            users.begin(run);
        } else {
            let users = DistinctUsers::new(run, Arc::clone(memory));
            // One writer at a time calls this.
            let _ = self.users.set(Box::new(users));
        }
    }

    /// The users, if they are or were counted, and not forgotten.
    pub(crate) fn users(&self) -> Option<&DistinctUsers> {
        self.users.get().filter(|users| !users.is_forgotten())
    }

    /// Drops the users, and gives their memory back.
    pub(crate) fn forget_users(&self) {
        if let Some(users) = self.users() {
            users.forget();
        }
    }

    /// Where the count starts.
    pub(crate) fn base(&self) -> Baseline {
        self.base.clone()
    }

    /// The counts of each variant, including their start.
    pub(crate) fn counts(&self) -> Box<[Count]> {
        let stripes = u32::from(self.mask).saturating_add(1);
        let sum = |variant, event| {
            let of_stripe = |stripe| {
                [Access::Exclusive, Access::Shared]
                    .map(|access| self.cell(stripe, variant, event, access))
            };
            let cells = (0..stripes).flat_map(of_stripe).flatten();
            cells.map(|cell| cell.load(Ordering::Relaxed)).fold(0, u64::saturating_add)
        };
        let base = self.base();
        let counted = |variant: u32| {
            base.of(variant as usize).plus(Count {
                exposures: sum(variant, Event::Exposure),
                conversions: sum(variant, Event::Conversion),
            })
        };
        (0..self.variants.into()).map(counted).collect()
    }

    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "at most 100 variants and 64 stripes")]
    fn cell(&self, stripe: u32, variant: u32, event: Event, access: Access) -> Option<&AtomicU64> {
        let event = match event {
            Event::Exposure => 0,
            Event::Conversion => 1,
        };
        let access = match access {
            Access::Exclusive => 0,
            Access::Shared => 1,
        };
        let cell = variant * CELLS_PER_VARIANT + event * CELLS_PER_EVENT + access;
        self.lines.cell(stripe, self.first + cell)
    }
}
