//! What a request runs: the configuration, compiled for reading, and its answers. No lock, no
//! allocation.
//!
//! The compiled configuration:
//! * `state`: a flag with its experiments and their counters, as the control plane keeps it;
//! * `compiled_flag`: a flag in one environment, with everything decided that can be decided before
//!   a request: the default, a `running_split`, users that are `forced`; or, where not everybody is
//!   meant, a `guarded` flag, with its `compiled_rule`s, and the `gates` of its experiment, one of
//!   which is a `compiled_audience`; and beside each of these `exposing`: that its exposures are
//!   queued;
//! * `index`: from names and ids to compiled flags; `place`: the types of their positions;
//! * `snapshot`: all of them, one version; `next_snapshot`: how the next version is made;
//! * `current`: the current snapshot; `pinned`: one snapshot, held; `view`: one snapshot in one
//!   environment; `reader`: a thread's cache.
//!
//! The answers:
//! * `answer`: what a flag answers to a user, and where on the snapshot that is;
//! * `evaluation`: a value, and its `reason`;
//! * `value`: JSON values as the caller's own type;
//! * `conversion`: whether it was counted, and for which variant;
//! * `goal`: an event of a goal, counted for every experiment that has it;
//! * `explanation`: how an answer came about;
//! * `handle`: a flag in an environment, resolved once; `typed`: its values, decoded once.

pub(crate) mod answer;
mod compiled_audience;
pub(crate) mod compiled_flag;
mod compiled_rule;
pub(crate) mod conversion;
pub(crate) mod current;
pub(crate) mod evaluation;
pub(crate) mod explanation;
mod exposing;
pub(crate) mod forced;
mod gates;
pub(crate) mod goal;
mod guarded;
pub(crate) mod handle;
pub(crate) mod index;
mod next_snapshot;
pub(crate) mod pinned;
pub(crate) mod place;
pub(crate) mod reader;
pub(crate) mod reason;
pub(crate) mod running_split;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod typed;
pub(crate) mod value;
pub(crate) mod view;
