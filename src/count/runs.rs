//! The runs of an experiment: from each start to the next.

use std::sync::Arc;

use crate::count::counts::{Baseline, Count};
use crate::count::goal_counts::GoalCount;
use crate::model::timestamp::Timestamp;

/// How many starts are kept; the number of runs goes on beyond it.
pub(crate) const KEPT: usize = 100;

/// How often an experiment was started, and the counts at each start.
///
/// No allocation for an experiment whose first start was at 0, as for most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Runs {
    /// The number of the last run, from 1; 0 before the first start.
    number: u32,
    /// The last starts, in their order; `None` while the only one was at 0.
    starts: Option<Arc<Vec<Start>>>,
}

/// The start of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Start {
    /// The number of the run.
    pub(crate) run: u32,
    /// When, if that is known.
    pub(crate) at: Option<Timestamp>,
    /// The counts "ever" at that moment.
    pub(crate) counts: Baseline,
}

/// A part of a variant's counts that belongs to one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<C> {
    pub(crate) run: u32,
    pub(crate) from: C,
    pub(crate) to: C,
}

/// Counts that only grow.
pub(crate) trait Growing: Copy + PartialEq {
    /// The count, but no less than `from` and no more than `to`.
    fn within(self, from: Self, to: Self) -> Self;
}

impl Growing for Count {
    fn within(self, from: Count, to: Count) -> Count {
        self.at_most(to).at_least(from)
    }
}

impl Growing for GoalCount {
    fn within(self, from: GoalCount, to: GoalCount) -> GoalCount {
        self.at_most(to).at_least(from)
    }
}

impl Runs {
    /// Runs as they were stored: the last one and its start, and the starts before it that were
    /// kept.
    pub(crate) fn stored(last: Start, earlier: Vec<Start>) -> Runs {
        let number = last.run;
        let mut starts = earlier;
        if starts.is_empty() && last.counts == Baseline::default() {
            return Runs { number, starts: None };
        }
        starts.push(last);
        Runs { number, starts: Some(Arc::new(starts)) }
    }

    /// The number of the last run, from 1; 0 before the first start.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The count of the variant in this position at the last start.
    pub(crate) fn at_start(&self, variant: usize) -> Count {
        let last = self.starts.as_ref().and_then(|starts| starts.last());
        last.map_or_else(Count::default, |start| start.counts.of(variant))
    }

    /// With another start. `before` is when the last run began.
    pub(crate) fn started(
        &self,
        before: Option<Timestamp>,
        at: Option<Timestamp>,
        counts: Baseline,
    ) -> Runs {
        let mut starts = self.kept(before);
        let run = self.number.saturating_add(1);
        if starts.is_empty() && counts == Baseline::default() {
            return Runs { number: run, starts: None };
        }
        starts.push(Start { run, at, counts });
        let surplus = starts.len().saturating_sub(KEPT);
        drop(starts.drain(..surplus));
        Runs { number: run, starts: Some(Arc::new(starts)) }
    }

    /// These runs, with no more at any start than `most`.
    pub(crate) fn at_most(self, most: impl FnOnce() -> Box<[Count]>) -> Runs {
        let Some(starts) = &self.starts else { return self };
        let most = most();
        let starts = starts
            .iter()
            .map(|start| Start { counts: start.counts.at_most(&most), ..start.clone() });
        Runs { starts: Some(Arc::new(starts.collect())), number: self.number }
    }

    /// The starts that are kept, the last one included. `last` is when the last run began.
    pub(crate) fn kept(&self, last: Option<Timestamp>) -> Vec<Start> {
        match &self.starts {
            Some(starts) => starts.to_vec(),
            None if self.number == 0 => Vec::new(),
            None => vec![Start { run: self.number, at: last, counts: Baseline::default() }],
        }
    }

    /// The starts before the last one that are kept.
    pub(crate) fn earlier(&self) -> &[Start] {
        let starts = self.starts.as_deref().map(Vec::as_slice).unwrap_or_default();
        starts.split_last().map(|(_, earlier)| earlier).unwrap_or_default()
    }

    /// The counts of a variant between two readings, cut at the starts between them.
    pub(crate) fn parts(&self, variant: usize, from: Count, to: Count) -> Vec<Part<Count>> {
        self.cut(from, to, |start, _| start.counts.of(variant))
    }

    /// Counts between two readings, cut at what they were `at` each start, of which the last is
    /// `true`.
    pub(crate) fn cut<C: Growing>(
        &self,
        from: C,
        to: C,
        at: impl Fn(&Start, bool) -> C,
    ) -> Vec<Part<C>> {
        let mut parts = Vec::new();
        let starts = self.starts.as_deref().map(Vec::as_slice).unwrap_or_default();
        let mut from = from;
        let mut run = starts.first().map_or(self.number, |first| first.run.saturating_sub(1));
        for start in starts {
            // What was counted before the first start that is kept belongs to the run before it.
            let end = at(start, start.run == self.number).within(from, to);
            if end != from {
                parts.push(Part { run, from, to: end });
            }
            (run, from) = (start.run, end);
        }
        if from != to {
            parts.push(Part { run, from, to });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(exposures: u64, conversions: u64) -> Count {
        Count { exposures, conversions }
    }

    fn at(exposures: u64, conversions: u64) -> Baseline {
        Baseline::new(&[count(exposures, conversions)])
    }

    fn second(seconds: u32) -> Option<Timestamp> {
        (seconds > 0).then(|| Timestamp::from_unix_seconds(seconds.into()))
    }

    #[test]
    fn a_first_start_at_0_takes_no_memory_and_is_known_once_there_is_a_second() {
        let first = Runs::default().started(None, second(1), Baseline::default());
        assert_eq!((first.number(), first.starts.is_none()), (1, true));
        let second_run = first.started(second(1), second(2), at(10, 1));
        let starts = second_run.kept(second(2));
        assert_eq!(
            starts.iter().map(|start| (start.run, start.at)).collect::<Vec<_>>(),
            [(1, second(1)), (2, second(2))]
        );
        assert_eq!((second_run.number(), second_run.at_start(0)), (2, count(10, 1)));
        assert_eq!(second_run.earlier().len(), 1);
    }

    #[test]
    fn a_stored_history_is_the_history() {
        let mut runs = Runs::default();
        assert_eq!(Runs::stored(Start::default(), Vec::new()), runs);
        for number in 1..5 {
            let (before, now) = (second(number - 1), second(number));
            runs = runs.started(before, now, at(10 * u64::from(number - 1), 0));
            let mut earlier = runs.kept(now);
            let last = earlier.pop().unwrap();
            assert_eq!(Runs::stored(last, earlier), runs);
        }
    }

    #[test]
    fn the_oldest_starts_are_dropped_and_the_number_goes_on() {
        let mut runs = Runs::default();
        for start in 1..=250_u32 {
            runs = runs.started(None, second(start), at(start.into(), 0));
        }
        let kept = runs.kept(None);
        assert_eq!((runs.number(), kept.len()), (250, KEPT));
        assert_eq!(kept.first().unwrap().run, 151);
    }

    #[test]
    fn counts_are_cut_at_the_starts_between_two_readings() {
        let runs = Runs::default().started(None, None, Baseline::default());
        let runs = runs.started(None, None, at(10, 4)).started(None, None, at(10, 4));
        let runs = runs.started(None, None, at(30, 5));
        let parts = runs.parts(0, count(5, 5), count(40, 6));
        assert_eq!(
            parts,
            [
                // Conversions may be read one step ahead: none is counted twice.
                Part { run: 1, from: count(5, 5), to: count(10, 5) },
                Part { run: 3, from: count(10, 5), to: count(30, 5) },
                Part { run: 4, from: count(30, 5), to: count(40, 6) },
            ]
        );
        assert_eq!(runs.parts(0, count(40, 6), count(40, 6)), []);
        assert_eq!(Runs::default().parts(0, count(0, 0), count(1, 0)).len(), 1);
    }
}
