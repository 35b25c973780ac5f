//! Who is meant: conditions on what is known of a user. Pure: a condition, a user, and nothing
//! else; no clock, and no configuration around it.
//!
//! What a caller gives:
//! * `user`: a user key, and what is known of the user; `attributes`: by name; `attribute_value`:
//!   one of them; `user_key`: keys that are written, and units.
//!
//! What a configuration gives:
//! * `condition`: as it is written; `operator`: the words for what it asks;
//! * `test`: a condition, checked by `compile`; `defect`: what can be wrong with one;
//! * `truth`: what a test says of a user: true, false, or undecided and why.
//!
//! What tests compare: a `scalar` of the user with the `comparand` of the condition.
//! * `number`, `version`, `instant`: read from texts, and ordered;
//! * `text_set`: lists of texts and numbers; `same_text`: one of them; `text_parts`: what texts
//!   contain; `pattern`: regular expressions.

pub(crate) mod attribute_value;
pub(crate) mod attributes;
mod comparand;
mod compile;
pub(crate) mod condition;
pub(crate) mod defect;
pub(crate) mod instant;
mod number;
pub(crate) mod operator;
mod pattern;
mod same_text;
mod scalar;
pub(crate) mod test;
mod text_parts;
mod text_set;
pub(crate) mod truth;
pub(crate) mod user;
pub(crate) mod user_key;
mod version;
