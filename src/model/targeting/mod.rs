//! Who is meant, as a configuration says it. What a condition asks of a user is in the layer
//! below, `target`.
//!
//! * `share`: a part of all users; `audience`: whom an experiment or a rule is for;
//! * `experiment_targeting`: of an experiment: audience, coverage, unit, layer, holdouts;
//! * `rule`: a value for some users, without an experiment; `segment`: conditions with a name;
//! * `layer`, `holdout`: groups of experiments that exclude each other, or some users; `overlaps`:
//!   running experiments of a layer that do not;
//! * `shared`: all segments, layers and holdouts of an engine.

pub(crate) mod audience;
pub(crate) mod coverage_step;
pub(crate) mod experiment_targeting;
pub(crate) mod holdout;
pub(crate) mod layer;
pub(crate) mod overlaps;
pub(crate) mod rule;
pub(crate) mod segment;
pub(crate) mod share;
pub(crate) mod shared;
