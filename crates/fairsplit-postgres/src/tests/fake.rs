//! A database in memory that does what the statements do.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use fairsplit::ExperimentId;
use uuid::Uuid;

use crate::cells::Cells;
use crate::ledger::{Answer, Flush, Ledger, Said};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Superseded,
    Closed,
    Folded,
}

#[derive(Clone, Debug)]
struct Row {
    state: State,
    is_durable: bool,
    seen_at: u64,
    place: i64,
    is_behind: bool,
    cells: Cells,
}

/// A clone is a backup.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeLedger {
    /// In seconds.
    pub(crate) now: u64,
    base: Cells,
    lives: BTreeMap<Uuid, Row>,
    /// What of each life is in the database, be it in its own cells or in the base.
    credited: BTreeMap<Uuid, Cells>,
}

impl FakeLedger {
    pub(crate) fn totals(&self) -> Cells {
        let mut totals = self.base.clone();
        self.lives.values().for_each(|row| totals.add_all(&row.cells));
        totals
    }

    pub(crate) fn credited(&self, life: Uuid) -> Cells {
        self.credited.get(&life).cloned().unwrap_or_default()
    }
}

impl Ledger for FakeLedger {
    type Error = Infallible;

    fn flush(&mut self, flush: &Flush) -> Result<Answer, Infallible> {
        let row = self.lives.entry(flush.life).or_insert_with(|| Row {
            state: State::Open,
            is_durable: flush.is_durable,
            seen_at: self.now,
            place: 0,
            is_behind: false,
            cells: Cells::default(),
        });
        match row.state {
            State::Open | State::Superseded | State::Closed => {}
            State::Folded => return Ok(Answer::Refused),
        }
        let place = flush.place();
        if flush.is_whole && place > row.place {
            row.is_behind = false;
        } else {
            row.is_behind |= !flush.is_whole && row.place < flush.acknowledged;
        }
        row.place = row.place.max(place);
        row.seen_at = self.now;
        row.state = match flush.state {
            Said::Closed => State::Closed,
            Said::Superseded if row.state == State::Open => State::Superseded,
            Said::Open | Said::Superseded => row.state,
        };
        row.cells.raise(&flush.cells);
        self.credited.entry(flush.life).or_default().raise(&flush.cells);
        Ok(Answer::Accepted { is_behind: row.is_behind })
    }

    fn fold(&mut self, grace: Duration) -> Result<u64, Infallible> {
        let mut folded = 0;
        for row in self.lives.values_mut() {
            let is_away = self.now.saturating_sub(row.seen_at) > grace.as_secs();
            let is_over = match row.state {
                State::Closed => true,
                State::Superseded => is_away,
                State::Open => is_away && !row.is_durable,
                State::Folded => false,
            };
            if is_over {
                self.base.add_all(&std::mem::take(&mut row.cells));
                row.state = State::Folded;
                folded += 1;
            }
        }
        Ok(folded)
    }

    fn read(&mut self, experiment: ExperimentId) -> Result<Cells, Infallible> {
        let mut cells = Cells::default();
        let totals = self.totals();
        let of = totals.iter().filter(|(key, _)| key.experiment == experiment);
        of.for_each(|(key, cell)| cells.add(key.clone(), cell));
        Ok(cells)
    }
}
