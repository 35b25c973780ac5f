//! JSON in and out. Reading reports every fault with its path, not the first alone.
//!
//! * `node`: JSON text as a tree that keeps repeated fields and the last digit of every number;
//! * `fields`: the fields of an object; the experiment and the flag as the Experiments API writes them;
//! * `document`: the configuration document, read; `export`: the same, written.

pub(crate) mod document;
pub(crate) mod export;
pub(crate) mod fields;
pub(crate) mod node;
