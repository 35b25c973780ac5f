//! Everything that shares a process with the rest: one binary, so that it is linked once.
//!
//! Beside this folder stand the tests that need a process of their own, each for the reason that
//! its first lines give.

mod api;
mod applying;
#[cfg(feature = "durable")]
mod applying_model;
mod archiving;
#[cfg(feature = "durable")]
mod changes;
mod changing;
#[path = "../common/mod.rs"]
mod common;
mod conditions;
mod deleting;
mod delta_reader;
mod deltas;
#[cfg(all(feature = "durable", feature = "watch", target_endian = "little"))]
mod deploys;
#[cfg(feature = "durable")]
mod durable;
#[cfg(feature = "durable")]
mod durable_values;
mod exposures;
mod fairness;
mod faults;
mod gates;
mod goals;
mod laws;
mod layers;
mod lifecycle;
mod load;
mod messages;
mod peers;
#[cfg(feature = "results")]
mod results;
mod shipping;
mod stress;
mod targeting_answers;
mod targeting_calls;
mod targeting_documents;
#[cfg(feature = "testing")]
mod testing;
mod typed;
mod users;
mod users_defined;
mod vectors;
mod wire;
