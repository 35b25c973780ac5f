//! What a configuration is made of, and what makes it valid. Pure: time is an argument, and there
//! is no I/O.
//!
//! * `flag`, `variant`, `experiment`: the parts of a configuration, checked;
//! * `new_flag`, `new_experiment`: requests to create one, not yet checked;
//! * `terms`: what never changes in an experiment; `definition`: the terms, with status and dates;
//! * `status`: the lifecycle; `capacity`: how many users are kept;
//! * `flag_type`: which values a flag can have; `targeting`: who is meant; `goal`: what for;
//! * `merge`: the three-way merge of fields; `source`: what each source of documents said last;
//! * `remembered`: what is remembered of what has left the definitions;
//! * `change`: a change of the definitions, field by field; `actor`: who asked for it;
//! * `id`, `timestamp`, `environment_name`: the small types of the fields;
//! * `value`: the values of flags and variants, and when two are equal;
//! * `validation`: the rules for names and values;
//! * `fault`: one fault, and its kind; `path`: where; `faults`: all of them;
//! * `error`: why a call was refused.

pub(crate) mod actor;
pub(crate) mod capacity;
pub(crate) mod change;
pub(crate) mod definition;
pub(crate) mod environment_name;
pub(crate) mod error;
pub(crate) mod experiment;
pub(crate) mod experiment_change;
pub(crate) mod fault;
pub(crate) mod faults;
pub(crate) mod flag;
pub(crate) mod flag_change;
pub(crate) mod flag_type;
pub(crate) mod goal;
pub(crate) mod id;
pub(crate) mod merge;
pub(crate) mod new_experiment;
pub(crate) mod new_flag;
pub(crate) mod notes;
pub(crate) mod path;
pub(crate) mod remembered;
pub(crate) mod source;
pub(crate) mod status;
pub(crate) mod targeting;
pub(crate) mod terms;
pub(crate) mod timestamp;
pub(crate) mod validation;
pub(crate) mod value;
pub(crate) mod variant;
