#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![doc(test(attr(deny(warnings))))]

mod cells;
mod connection;
mod counts;
mod error;
mod fleet;
mod ledger;
mod lives;
mod options;
mod pace;
mod postgres;
mod schema;
mod statements;
mod status;
#[cfg(test)]
mod tests;
mod worker;

pub use crate::counts::{FleetCounts, FleetGoalCounts, FleetGoalVariant, FleetVariant};
pub use crate::error::FleetError;
pub use crate::fleet::Fleet;
pub use crate::options::FleetOptions;
pub use crate::schema::Schema;
pub use crate::status::FleetStatus;
