//! What a configuration is made of, and what makes it valid. Pure: time is an argument, and there is
//! no I/O.
//!
//! * `flag`, `variant`, `experiment`: the parts;
//! * `status`: the lifecycle of an experiment;
//! * `id`, `timestamp`, `environment`: the small types of their fields;
//! * `validation`: the rules that they keep;
//! * `fault`: what can be wrong, and where;
//! * `error`: why a call was refused.

pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod experiment;
pub(crate) mod fault;
pub(crate) mod flag;
pub(crate) mod id;
pub(crate) mod status;
pub(crate) mod timestamp;
pub(crate) mod validation;
pub(crate) mod variant;
