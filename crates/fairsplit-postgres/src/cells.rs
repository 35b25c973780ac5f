//! What is counted, by experiment, run, variant and goal.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairsplit::ExperimentId;

/// What a cell counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) experiment: ExperimentId,
    pub(crate) run: u32,
    /// The position of the variant, from 0.
    pub(crate) variant: u16,
    /// `None` for exposures and conversions.
    pub(crate) goal: Option<Arc<str>>,
}

/// Numbers that only grow: exposures and conversions, or events, gained and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell(pub(crate) [u64; 3]);

impl Cell {
    fn with(self, other: Cell, of: fn(u64, u64) -> u64) -> Cell {
        let [first, second, third] = self.0;
        let [other_first, other_second, other_third] = other.0;
        Cell([of(first, other_first), of(second, other_second), of(third, other_third)])
    }

    /// The increase since an earlier value.
    pub(crate) fn since(self, earlier: Cell) -> Cell {
        self.with(earlier, u64::saturating_sub)
    }

    pub(crate) fn plus(self, other: Cell) -> Cell {
        self.with(other, u64::saturating_add)
    }

    /// The larger of each.
    pub(crate) fn at_least(self, other: Cell) -> Cell {
        self.with(other, u64::max)
    }

    /// How many events it counts.
    fn events(self, key: &Key) -> u64 {
        let [first, second, _] = self.0;
        if key.goal.is_some() { first } else { first.saturating_add(second) }
    }
}

/// Cells by what they count; one that is not there is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells(BTreeMap<Key, Cell>);

impl Cells {
    pub(crate) fn of(&self, key: &Key) -> Cell {
        self.0.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, Cell)> {
        self.0.iter().map(|(key, cell)| (key, *cell))
    }

    /// Adds to a cell.
    pub(crate) fn add(&mut self, key: Key, added: Cell) {
        let cell = self.0.entry(key).or_default();
        *cell = cell.plus(added);
    }

    /// Adds all of the other cells.
    #[cfg(test)]
    pub(crate) fn add_all(&mut self, other: &Cells) {
        for (key, cell) in other.iter() {
            self.add(key.clone(), cell);
        }
    }

    /// Raises each cell to what it is in the other ones.
    pub(crate) fn raise(&mut self, other: &Cells) {
        for (key, cell) in other.iter() {
            let known = self.0.entry(key.clone()).or_default();
            *known = known.at_least(cell);
        }
    }

    /// What has been counted since an earlier moment, cells of 0 left out.
    pub(crate) fn since(&self, earlier: &Cells) -> Cells {
        let grown = self.iter().map(|(key, cell)| (key.clone(), cell.since(earlier.of(key))));
        Cells(grown.filter(|(_, cell)| *cell != Cell::default()).collect())
    }

    /// The cells that differ from those of before.
    pub(crate) fn moved_since(&self, before: &Cells) -> Cells {
        let moved = self.iter().filter(|(key, cell)| before.of(key) != *cell);
        Cells(moved.map(|(key, cell)| (key.clone(), cell)).collect())
    }

    /// How many events are counted in all cells: exposures, conversions and events of goals. Those
    /// of a primary goal are in two cells.
    pub(crate) fn events(&self) -> u64 {
        self.iter().map(|(key, cell)| cell.events(key)).fold(0, u64::saturating_add)
    }
}
