//! What a request runs: the configuration, compiled for reading, and the answers that it gives. No
//! lock, no allocation.
//!
//! * `state`: a flag with its experiments and their counters, as the control plane keeps it;
//! * `compiled_flag`: a flag in one environment, with everything decided that can be before a request;
//! * `index`: from names and ids to compiled flags;
//! * `snapshot`: all of them, one version of the configuration; `view`: ways to hold the current one;
//! * `evaluation`, `reason`: an answer, and why; `explanation`: how it came about;
//! * `conversion`: a conversion, and whether it was counted;
//! * `handle`: a flag in an environment, resolved once; `typed`: its values as the caller's own type.

pub(crate) mod compiled_flag;
pub(crate) mod conversion;
pub(crate) mod evaluation;
pub(crate) mod explanation;
pub(crate) mod handle;
pub(crate) mod index;
pub(crate) mod reason;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod typed;
pub(crate) mod view;
