//! Counting: events in cells that threads do not share, and users, each once. The only atomics of
//! our own.
//!
//! * `counters`: the counters of one experiment, which every evaluation and conversion adds to;
//! * `cells`: the memory that they lie in; `stripe`: the part of it that a thread writes;
//! * `registry`: every experiment's counters by its id, which outlive any snapshot;
//! * `counts`: what a reader of the counters gets;
//! * `deltas`: what has been added since counts last left the engine;
//! * `distinct_users`: a set of users, downsampled to its capacity; `users`: what a reader of it
//!   gets;
//! * `sync`: the standard atomics, or the model checker's.

pub(crate) mod cells;
pub(crate) mod counters;
pub(crate) mod counts;
pub(crate) mod deltas;
pub(crate) mod distinct_users;
pub(crate) mod registry;
pub(crate) mod stripe;
pub(crate) mod sync;
pub(crate) mod users;
