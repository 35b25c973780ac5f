//! The counters of one goal of an experiment: events, and sums of values, in cells that threads do
//! not share.

use std::sync::Arc;

use crate::count::cells::{Cells, Lines, MappedCells};
use crate::count::goal_counts::GoalCount;
use crate::count::stripe;
use crate::count::sync::{AtomicU64, Ordering};

/// For each variant: events, gained and lost, each for the thread that owns the stripe and for
/// others.
const CELLS_PER_VARIANT: u32 = 6;

/// What an event adds to.
#[derive(Clone, Copy, Debug)]
enum Sum {
    Events,
    Gained,
    Lost,
}

/// The number of cells in each stripe for this number of variants.
pub(crate) fn cells_for(variants: u32) -> u32 {
    variants.max(1).saturating_mul(CELLS_PER_VARIANT)
}

/// The counters of one goal of an experiment, as
/// [`ExperimentCounters`](crate::count::counters::ExperimentCounters) has those of its exposures
/// and conversions. Whether an event is counted is for those to say.
///
/// What was gained and what was lost are two sums, so that each cell only grows. A sum stays at the
/// largest number rather than pass it.
#[derive(Debug)]
pub(crate) struct GoalCounters {
    /// The number of stripes less one; that number is a power of two.
    mask: u32,
    variants: u32,
    /// The first cell in each stripe.
    first: u32,
    lines: Arc<Lines>,
    /// Where the counts of each variant start: those that a document carried.
    base: Box<[GoalCount]>,
}

impl GoalCounters {
    /// Counters for this number of variants, in cells of a file.
    pub(crate) fn mapped(variants: u32, cells: MappedCells<Box<[GoalCount]>>) -> GoalCounters {
        let MappedCells { lines, stripes, base } = cells;
        let lines = Arc::new(lines.in_stripes(stripes));
        GoalCounters::new(variants, base, Cells { lines, stripes, first: 0 })
    }

    /// Counters for this number of variants that start at `base`, in cells that are all zero.
    pub(crate) fn new(variants: u32, base: Box<[GoalCount]>, cells: Cells) -> GoalCounters {
        let Cells { lines, stripes, first } = cells;
        GoalCounters { mask: stripes.saturating_sub(1), variants, first, lines, base }
    }

    /// Counts one event, with its value in minor units.
    #[inline]
    pub(crate) fn add(&self, variant: u32, value: i64) {
        let thread = stripe::number();
        let stripe = thread & self.mask;
        let is_shared = stripe != thread;
        self.add_to(stripe, variant, Sum::Events, is_shared, 1);
        self.add_value_to(stripe, variant, is_shared, value);
    }

    /// Adds the value of an event that is counted elsewhere.
    #[inline]
    pub(crate) fn add_value(&self, variant: u32, value: i64) {
        if value != 0 {
            let thread = stripe::number();
            let stripe = thread & self.mask;
            self.add_value_to(stripe, variant, stripe != thread, value);
        }
    }

    #[inline]
    fn add_value_to(&self, stripe: u32, variant: u32, is_shared: bool, value: i64) {
        if value > 0 {
            self.add_to(stripe, variant, Sum::Gained, is_shared, value.unsigned_abs());
        } else if value < 0 {
            self.add_to(stripe, variant, Sum::Lost, is_shared, value.unsigned_abs());
        }
    }

    #[inline]
    fn add_to(&self, stripe: u32, variant: u32, sum: Sum, is_shared: bool, value: u64) {
        let Some(cell) = self.cell(stripe, variant, sum, is_shared) else { return };
        if is_shared {
            // An update, and not an addition, so that it cannot pass the largest number.
            let grown = |known: u64| Some(known.saturating_add(value));
            let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown);
        } else {
            let known = cell.load(Ordering::Relaxed);
            cell.store(known.saturating_add(value), Ordering::Relaxed);
        }
    }

    /// Where the counts of each variant start.
    pub(crate) fn base(&self) -> &[GoalCount] {
        &self.base
    }

    /// The counts of each variant, including their start.
    pub(crate) fn counts(&self) -> Box<[GoalCount]> {
        let sum = |variant, of| {
            let of_stripe =
                |stripe| [false, true].map(|is_shared| self.cell(stripe, variant, of, is_shared));
            let cells = (0..=self.mask).flat_map(of_stripe).flatten();
            cells.map(|cell| cell.load(Ordering::Relaxed)).fold(0, u64::saturating_add)
        };
        let counted = |variant: u32| {
            let base = self.base.get(variant as usize).copied().unwrap_or_default();
            base.plus(GoalCount {
                events: sum(variant, Sum::Events),
                gained: sum(variant, Sum::Gained),
                lost: sum(variant, Sum::Lost),
            })
        };
        (0..self.variants).map(counted).collect()
    }

    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "at most 100 variants and 64 stripes")]
    fn cell(&self, stripe: u32, variant: u32, sum: Sum, is_shared: bool) -> Option<&AtomicU64> {
        let cell = variant * CELLS_PER_VARIANT + sum as u32 * 2 + u32::from(is_shared);
        self.lines.cell(stripe, self.first + cell)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;

    fn counters(variants: u32, stripes: u32) -> GoalCounters {
        let lines = Arc::new(Lines::new(cells_for(variants), stripes));
        GoalCounters::new(variants, Box::default(), Cells { lines, stripes, first: 0 })
    }

    #[test]
    fn every_event_of_every_thread_is_in_the_sums() {
        let counters = counters(3, 2);
        thread::scope(|scope| {
            for thread in 0..8_i64 {
                let counters = &counters;
                scope.spawn(move || {
                    for event in 0..1000_i64 {
                        let value = if event % 4 == 0 { -event } else { event + thread };
                        counters.add(u32::try_from(event % 3).unwrap(), value);
                    }
                });
            }
        });
        let mut expected = vec![GoalCount::default(); 3];
        for thread in 0..8_i64 {
            for event in 0..1000_i64 {
                let value = if event % 4 == 0 { -event } else { event + thread };
                let count = &mut expected[usize::try_from(event % 3).unwrap()];
                count.events += 1;
                if value > 0 {
                    count.gained += value.unsigned_abs();
                } else {
                    count.lost += value.unsigned_abs();
                }
            }
        }
        assert_eq!(*counters.counts(), *expected);
    }

    #[test]
    fn a_sum_stays_at_the_largest_number() {
        let base = vec![GoalCount { events: 1, gained: u64::MAX - 10, lost: 0 }].into();
        let lines = Arc::new(Lines::new(cells_for(1), 1));
        let counters = GoalCounters::new(1, base, Cells { lines, stripes: 1, first: 0 });
        for _ in 0..3 {
            counters.add(0, i64::MAX);
        }
        assert_eq!(counters.counts()[0], GoalCount { events: 4, gained: u64::MAX, lost: 0 });
        counters.add(0, i64::MIN);
        counters.add(0, 0);
        let lost = i64::MIN.unsigned_abs();
        assert_eq!(counters.counts()[0], GoalCount { events: 6, gained: u64::MAX, lost });
    }
}
