//! What a request records of goals.
//!
//! * `lists`: for each goal in each environment, the running experiments that have it;
//! * `recording`: counting an event for all of them; `recorded`: what came of it;
//! * `handle`: a goal in an environment, resolved once; `tally`: what was not counted.

pub(crate) mod handle;
pub(crate) mod lists;
pub(crate) mod recorded;
pub(crate) mod recording;
pub(crate) mod tally;
