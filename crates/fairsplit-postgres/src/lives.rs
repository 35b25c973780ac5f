//! The part of a process in the protocol: what it ships of its lives, and what it makes of the
//! answers. No input and no output.
//!
//! Nothing is counted twice, since what a life has counted only grows, the database keeps the
//! largest value that it has seen, and refuses a life that it has folded. Exactly one process ever
//! counts in a life, also if its directory is copied: every opening begins another.

use uuid::Uuid;

use crate::cells::Cells;
use crate::ledger::{Answer, Flush, Said};

/// The lives of a process: its own, and those that the former processes of its directory have left
/// to be shipped. A clone is what a copy of the directory has.
#[derive(Clone, Debug)]
pub(crate) struct Lives {
    is_durable: bool,
    is_leaving: bool,
    kept: Vec<Life>,
    dropped: u64,
}

/// A life that is not acknowledged to its end.
#[derive(Clone, Debug)]
struct Life {
    id: Uuid,
    /// The process's cells when the life began.
    from: Cells,
    /// And when it ended; `None` for the life that the process counts in.
    to: Option<Cells>,
    /// The values that are in the database.
    acknowledged: Cells,
    number: i64,
    acknowledged_number: i64,
    /// Whether the next flush has all cells.
    is_whole: bool,
}

impl Lives {
    /// A process begins, with its cells and what its directory has kept.
    pub(crate) fn open(kept: Option<Lives>, now: &Cells, is_durable: bool) -> Lives {
        let mut kept = kept.map(|lives| lives.kept).unwrap_or_default();
        if let Some(last) = kept.last_mut() {
            last.to.get_or_insert_with(|| now.clone());
        }
        kept.push(Life::begin(now.clone()));
        Lives { is_durable, is_leaving: false, kept, dropped: 0 }
    }

    /// From now on the process counts nothing more that is to be shipped.
    pub(crate) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// The lives that are to be shipped, the oldest first.
    pub(crate) fn ids(&self) -> Vec<Uuid> {
        self.kept.iter().map(|life| life.id).collect()
    }

    /// The life that the process counts in.
    #[cfg(test)]
    pub(crate) fn current(&self) -> Option<Uuid> {
        self.kept.iter().find(|life| life.to.is_none()).map(|life| life.id)
    }

    /// What is to be said of a life, with the cells of the process now.
    pub(crate) fn flush(&mut self, id: Uuid, now: &Cells) -> Option<Flush> {
        let life = self.kept.iter_mut().find(|life| life.id == id)?;
        let state = match life.to {
            Some(_) => Said::Superseded,
            None if self.is_leaving => Said::Closed,
            None => Said::Open,
        };
        let value = life.value(now);
        life.number = life.number.saturating_add(1);
        // After a last word nothing can be added: it has all cells.
        let is_whole = life.is_whole || state != Said::Open;
        let cells = if is_whole { value } else { value.moved_since(&life.acknowledged) };
        Some(Flush {
            life: id,
            is_durable: self.is_durable,
            state,
            number: life.number,
            acknowledged: life.acknowledged_number,
            is_whole,
            cells,
        })
    }

    /// The answer to a flush. One that comes after a later flush of the life changes nothing.
    pub(crate) fn answered(&mut self, flush: &Flush, answer: Answer, now: &Cells) {
        let newest = |life: &Life| life.id == flush.life && life.number == flush.number;
        let Some(at) = self.kept.iter().position(newest) else { return };
        let Some(life) = self.kept.get_mut(at) else { return };
        match answer {
            Answer::Accepted { is_behind } => {
                if is_behind {
                    life.acknowledged = Cells::default();
                }
                life.acknowledged.raise(&flush.cells);
                life.acknowledged_number = flush.number;
                life.is_whole = is_behind;
                if flush.state != Said::Open {
                    self.kept.remove(at);
                }
            }
            Answer::Refused => {
                // What is left may have arrived before the life was folded, unanswered or from a copy
                // of the directory. So it is not shipped under another id, and said to be missing.
                let left = life.value(now).since(&life.acknowledged);
                self.dropped = self.dropped.saturating_add(left.events());
                if life.to.is_none() && !self.is_leaving {
                    *life = Life::begin(now.clone());
                } else {
                    self.kept.remove(at);
                }
            }
        }
    }

    /// Whether all has been shipped that ever will be.
    pub(crate) fn is_over(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many events are not acknowledged.
    pub(crate) fn unshipped(&self, now: &Cells) -> u64 {
        let unshipped = |life: &Life| life.value(now).since(&life.acknowledged).events();
        self.kept.iter().map(unshipped).fold(0, u64::saturating_add)
    }

    /// How many events will not be shipped, or may not have arrived, since their life was over.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Life {
    fn begin(from: Cells) -> Life {
        Life {
            id: Uuid::new_v4(),
            from,
            to: None,
            acknowledged: Cells::default(),
            number: 0,
            acknowledged_number: 0,
            is_whole: true,
        }
    }

    /// What it has counted.
    fn value(&self, now: &Cells) -> Cells {
        self.to.as_ref().unwrap_or(now).since(&self.from)
    }
}
