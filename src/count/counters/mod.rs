//! What has been counted for one experiment: exposures and conversions of each variant, in cells
//! that threads do not share.

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::count::cells::{CELLS, KeptCells, Lines};
use crate::count::counts::Baseline;
use crate::count::counts::Count;
use crate::count::distinct_users::Ledger;
use crate::count::stripe;
use crate::count::sync::{AtomicU8, AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Exposure,
    Conversion,
}

/// Who writes a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// The one thread whose number is the stripe's.
    Thread,
    /// Any thread.
    All,
}

/// Nothing is counted: the experiment does not run.
const CLOSED: u8 = 0;
/// Events are counted.
const OPEN: u8 = 1;
/// Events are, and users.
const OPEN_FOR_USERS: u8 = 2;

const CELLS_PER_EVENT: u32 = 2;
const CELLS_PER_VARIANT: u32 = 2 * CELLS_PER_EVENT;

/// The counters of one experiment.
///
/// A stripe is a run of lines with cells for each variant; one line up to 4 variants. A thread adds
/// to its own stripe, a reader sums them all.
///
/// For each variant and event a stripe has two cells. The thread whose number is the stripe's is the
/// only one that writes the first: a load and a store do, where an atomic addition, even one that
/// nobody contends for, takes several times as long (`cargo bench --bench conversion`). The second
/// is for threads that share the stripe, and is added to atomically.
///
/// Every access to a cell is `Relaxed`: a cell only ever grows by what is added to it, and nothing
/// else is published through it. When a thread's number goes to another one, that one sees all that
/// the first has stored ([`stripe`] orders it). A reader that learnt of a count by any
/// synchronisation (a join, a channel, a lock) sees that count, because a cell's own history is
/// ordered; of two cells it may see one older than the other.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Only a running experiment counts. Written by start and stop, so readers share its line; it is
    /// what keeps a view that was pinned before a stop from adding to a finished test. In the one
    /// comparison that this takes lies also whether users are counted.
    state: AtomicU8,
    lines: Lines,
    // A byte each: there are at most 100 variants, 25 lines for them, and 64 stripes.
    lines_per_stripe: u8,
    /// The number of stripes less one; that number is a power of two.
    mask: u8,
    variants: u8,
    /// One word, and nothing behind it for most experiments.
    rest: ArcSwapOption<Rest>,
}

/// What few experiments have, and only writers change.
#[derive(Clone, Debug, Default)]
struct Rest {
    /// Where each variant's count starts: what a document carried. Apart from the cells, so that
    /// adding to a number near 2^64 holds there instead of wrapping.
    base: Baseline,
    /// Users, if they are counted.
    ledger: Option<Arc<Ledger>>,
}

/// How many lines there are for so many variants, in so many stripes.
pub(crate) fn lines_for(variants: u32, stripes: u32) -> u32 {
    let per_stripe = variants.saturating_mul(CELLS_PER_VARIANT).div_ceil(CELLS).max(1);
    per_stripe.saturating_mul(stripes)
}

impl Tally {
    /// Closed counters of so many variants that start at `base`. `stripes` is a power of two.
    pub(crate) fn new(variants: u32, base: Baseline, stripes: u32) -> Tally {
        let stripes = stripes.next_power_of_two();
        Tally::with_lines(variants, base, stripes, Lines::new(lines_for(variants, stripes)))
    }

    /// Closed counters of so many variants, in cells that somebody else keeps.
    pub(crate) fn kept(variants: u32, cells: KeptCells) -> Tally {
        Tally::with_lines(variants, cells.base, cells.stripes, cells.lines)
    }

    fn with_lines(variants: u32, base: Baseline, stripes: u32, lines: Lines) -> Tally {
        let is_zero = base == Baseline::default();
        let rest = (!is_zero).then(|| Arc::new(Rest { base, ledger: None }));
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        Tally {
            state: AtomicU8::new(CLOSED),
            lines,
            lines_per_stripe: byte(lines_for(variants, 1)),
            mask: byte(stripes.saturating_sub(1)),
            variants: byte(variants),
            rest: ArcSwapOption::new(rest),
        }
    }

    /// Counts one event, and says whether it did: not while the experiment is not running.
    #[inline]
    pub(crate) fn add(&self, variant: u32, event: Event) -> bool {
        self.is_open() && self.add_as(stripe::number(), variant, event)
    }

    /// The same, of a user who can be told by a hash.
    #[inline]
    pub(crate) fn add_for(&self, variant: u32, event: Event, user: impl FnOnce() -> u64) -> bool {
        if self.state.load(Ordering::Relaxed) == OPEN {
            self.add_as(stripe::number(), variant, event)
        } else {
            self.add_with_user(variant, event, user)
        }
    }

    #[inline(never)]
    fn add_with_user(&self, variant: u32, event: Event, user: impl FnOnce() -> u64) -> bool {
        let is_counted = self.add(variant, event);
        let rest = self.rest.load();
        let ledger = rest.as_ref().and_then(|rest| rest.ledger.as_deref());
        match (ledger, event) {
            (Some(ledger), Event::Exposure) if is_counted => ledger.expose(user()),
            (Some(ledger), Event::Conversion) if is_counted => ledger.convert(user()),
            _ => {}
        }
        is_counted
    }

    /// As the thread of this number.
    #[inline]
    fn add_as(&self, thread: u32, variant: u32, event: Event) -> bool {
        let stripe = thread & u32::from(self.mask);
        let owner = if stripe == thread { Owner::Thread } else { Owner::All };
        let Some(cell) = self.cell(stripe, variant, event, owner) else {
            return false;
        };
        match owner {
            Owner::Thread => {
                cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            }
            Owner::All => drop(cell.fetch_add(1, Ordering::Relaxed)),
        }
        true
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Relaxed) != CLOSED
    }

    /// Asked by one writer at a time, as is [`count_users`](Tally::count_users).
    pub(crate) fn set_open(&self, open: bool) {
        let state = match self.ledger() {
            _ if !open => CLOSED,
            Some(_) => OPEN_FOR_USERS,
            None => OPEN,
        };
        // A store takes the line from those who read it, even if it changes nothing.
        if self.state.load(Ordering::Relaxed) != state {
            self.state.store(state, Ordering::Relaxed);
        }
    }

    /// Remembers users from now on, if it does not yet.
    pub(crate) fn count_users(&self, ledger: impl FnOnce() -> Ledger) {
        let rest = self.rest();
        if rest.ledger.is_none() {
            self.rest.store(Some(Arc::new(Rest { ledger: Some(Arc::new(ledger())), ..rest })));
        }
        self.set_open(self.is_open());
    }

    pub(crate) fn ledger(&self) -> Option<Arc<Ledger>> {
        self.rest().ledger
    }

    /// Where the count starts.
    pub(crate) fn base(&self) -> Baseline {
        self.rest().base
    }

    fn rest(&self) -> Rest {
        self.rest.load().as_deref().cloned().unwrap_or_default()
    }

    /// What has been counted of each variant, from where its count starts.
    pub(crate) fn counts(&self) -> Box<[Count]> {
        let stripes = u32::from(self.mask).saturating_add(1);
        let sum = |variant, event| {
            let of_stripe = |stripe| {
                [Owner::Thread, Owner::All].map(|owner| self.cell(stripe, variant, event, owner))
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
    fn cell(&self, stripe: u32, variant: u32, event: Event, owner: Owner) -> Option<&AtomicU64> {
        let event = match event {
            Event::Exposure => 0,
            Event::Conversion => 1,
        };
        let owner = match owner {
            Owner::Thread => 0,
            Owner::All => 1,
        };
        let cell = variant * CELLS_PER_VARIANT + event * CELLS_PER_EVENT + owner;
        let line = stripe * u32::from(self.lines_per_stripe) + cell / CELLS;
        self.lines.all().get(line as usize)?.get((cell % CELLS) as usize)
    }
}
