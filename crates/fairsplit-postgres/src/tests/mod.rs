//! The protocol over a database in memory, and over a real one.

#[cfg(unix)]
mod chaos;
mod fake;
mod guards;
mod history;
#[cfg(unix)]
mod joined;
#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod real;
#[cfg(unix)]
mod server;

use std::sync::Arc;

use fairsplit::ExperimentId;

use crate::cells::{Cell, Cells, Key};

fn key(run: u32, variant: u16, goal: Option<&str>) -> Key {
    let experiment = ExperimentId::from_bytes([7; 16]);
    Key { experiment, run, variant, goal: goal.map(Arc::from) }
}

/// Adds events to the cells of a process.
fn count(cells: &mut Cells, events: u64) {
    cells.add(key(1, 0, None), Cell([events, 0, 0]));
}
