//! Counting: events in cells that threads do not share, and users, each once. The only hand-written
//! atomics of the crate.
//!
//! * `counters`: the counters of one experiment, which every evaluation and conversion adds to;
//! * `cells`: their memory, `pool`: of experiments that are loaded together; `stripe`: the part of
//!   it that a thread writes;
//! * `goal_counters`: the counters of one goal of an experiment, `goal_counts`: as they are read;
//! * `registry`: every experiment's counters by its id, which outlive any snapshot;
//! * `counts`: the counts as they are read;
//! * `runs`: the counts at each start; `deltas`: what was added since counts were last handed over;
//! * `distinct_users`: a set of users, downsampled to its capacity; `users`: its counts as they are
//!   read; `exposures`: the first exposure of each, for the service to take;
//! * `sync`: the standard atomics, or the model checker's.

pub(crate) mod cells;
pub(crate) mod counters;
pub(crate) mod counts;
pub(crate) mod deltas;
pub(crate) mod distinct_users;
pub(crate) mod exposures;
pub(crate) mod goal_counters;
pub(crate) mod goal_counts;
pub(crate) mod pool;
pub(crate) mod registry;
pub(crate) mod runs;
pub(crate) mod stripe;
pub(crate) mod sync;
pub(crate) mod users;
