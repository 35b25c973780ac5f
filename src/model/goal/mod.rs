//! What an experiment is for.
//!
//! * `definition`: a goal, which an engine has once;
//! * `of_experiment`: which goals an experiment has, and for what;
//! * `attached`: which it has had, and what of them stays;
//! * `amount`: values in minor units.

pub(crate) mod amount;
pub(crate) mod attached;
pub(crate) mod definition;
pub(crate) mod of_experiment;
#[cfg(test)]
mod of_experiment_tests;
