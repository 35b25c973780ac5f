//! Memory for the cells of experiments that are made together.

use std::sync::Arc;

use crate::count::cells::{Cells, Lines};
use crate::count::counters::cells_for;

/// No run of lines has more cells in a stripe than this, so that their numbers fit 32 bits, unless
/// one experiment has.
const MAX_CELLS: u32 = 1 << 16;

/// Gives experiments that are made together cells side by side in each stripe, where each alone
/// would leave most of its lines empty: half of them for two variants.
///
/// A stripe still has lines to itself, and one thread that owns it, so two experiments on one line
/// disturb each other no more than two variants do.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// The cells in each stripe of the experiments to come.
    expected: u32,
    /// The cells for the next experiment, and how many are left in each stripe.
    next: Option<(Cells, u32)>,
}

impl Pool {
    /// Prepares for a new experiment of this number of variants.
    pub(crate) fn expect(&mut self, variants: u32) {
        self.expected = self.expected.saturating_add(cells_for(variants));
    }

    /// Cells for an experiment. All experiments of a pool have as many stripes, a power of two.
    pub(crate) fn take(&mut self, variants: u32, stripes: u32) -> Cells {
        self.take_cells(cells_for(variants), stripes)
    }

    /// This number of cells in each of as many stripes.
    pub(crate) fn take_cells(&mut self, needed: u32, stripes: u32) -> Cells {
        let (cells, left) = match self.next.take() {
            Some((cells, left)) if left >= needed => (cells, left),
            _ => {
                let lines = Lines::new(self.expected.min(MAX_CELLS).max(needed), stripes);
                let left = lines.cells_per_stripe;
                (Cells { lines: Arc::new(lines), stripes, first: 0 }, left)
            }
        };
        self.expected = self.expected.saturating_sub(needed);
        let next = Cells { first: cells.first.saturating_add(needed), ..cells.clone() };
        self.next = Some((next, left.saturating_sub(needed)));
        cells
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::count::counters::{Event, ExperimentCounters};
    use crate::count::counts::{Baseline, Count};

    /// Together they need more cells than one run of lines has.
    #[test]
    fn experiments_that_are_made_together_count_each_for_itself() {
        let (mut pool, variants) = (Pool::default(), [1, 2, 3, 100, 5, 2]);
        let all = || variants.into_iter().cycle().take(1200);
        all().for_each(|variants| pool.expect(variants));
        let counters: Vec<_> = all()
            .map(|variants| {
                let cells = pool.take(variants, 2);
                ExperimentCounters::new(variants, Baseline::default(), cells)
            })
            .collect();
        for (at, counters) in (1..).zip(&counters) {
            counters.set_open(true, false);
            for _ in 0..at {
                assert!(counters.add(0, Event::Exposure));
            }
        }
        for (at, counters) in (1..).zip(&counters) {
            let counts = counters.counts();
            assert_eq!(counts[0], Count { exposures: at, conversions: 0 });
            assert!(counts[1..].iter().all(|count| *count == Count::default()));
        }
    }

    #[test]
    fn experiments_that_are_made_together_lie_side_by_side() {
        let mut pool = Pool::default();
        (0..100).for_each(|_| pool.expect(2));
        let cells: Vec<_> = (0..100).map(|_| pool.take(2, 4)).collect();
        let runs: HashSet<_> = cells.iter().map(|cells| Arc::as_ptr(&cells.lines)).collect();
        assert_eq!(runs.len(), 1);
        assert_eq!(size_of_val(cells[0].lines.all()), 100 * 64 * 4);
    }
}
