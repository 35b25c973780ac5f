//! What conditions say of users: as published cases have it, as a plain second evaluator has it, by
//! laws, and of hostile input.

mod hostile;
mod laws;
mod plain;
#[cfg(feature = "regex")]
mod published;
mod random;
