//! JSON in and out. Reading reports every fault with its path, not only the first.
//!
//! * `node`: JSON text as a tree that keeps repeated fields and the last digit of every number;
//! * `fields`: the fields of its objects;
//! * `experiment`, `flag`: as the Experiments API writes them;
//! * `document`: the configuration document, read; `flag_document`: one flag of it;
//!   `counters_document`: the counts that it carries for an experiment; `duplicates`: keys and ids
//!   that it has twice; `overlaps`: users of a layer that it gives twice;
//! * `goals`: goals, and those of an experiment, read;
//! * `targeting`: rules, segments, layers, holdouts, and who is in an experiment, read;
//! * `export`: the document, written; `stored`: what an engine stores beside it, with `remembered`:
//!   what has left it;
//! * `units`: the definitions field by field, and what differs between two versions; `change`: a
//!   change that was stored, read.

pub(crate) mod change;
pub(crate) mod counters_document;
pub(crate) mod document;
pub(crate) mod duplicates;
pub(crate) mod experiment;
pub(crate) mod export;
pub(crate) mod fields;
pub(crate) mod flag;
pub(crate) mod flag_document;
pub(crate) mod goals;
pub(crate) mod node;
mod notes;
pub(crate) mod overlaps;
mod remembered;
pub(crate) mod stored;
pub(crate) mod targeting;
pub(crate) mod units;
