//! Engines that outlive their process: a directory with their definitions, counters and users.
//!
//! * `open`: opening a directory; `check`: verifying it; `recover`: saving what is left of a
//!   damaged one; `error`: why it cannot be opened; `lock`: one owner at a time;
//! * `directory`: what the engine calls at every change;
//! * `definitions`: the file of the configuration document;
//! * `counters`: the file of the counters, mapped into memory;
//! * `users`: the files of the tables of users, mapped too;
//! * `disk`: requests to the operating system; `background`: the thread that syncs; `failures`:
//!   what went wrong with either.

mod background;
mod changes;
mod check;
mod counters;
mod definitions;
mod directory;
mod disk;
mod error;
mod failures;
mod lock;
mod open;
mod recover;
#[cfg(test)]
mod tests;
mod users;

pub use self::check::{Checked, check};
pub use self::error::OpenError;
pub use self::open::OpenOptions;
pub use self::recover::{Recovered, recover};
