//! Assignment v1, in integers: a user key becomes a hash, a hash a bucket, a bucket a variant.
//!
//! The lowest layer. It works on bytes and percentages, and knows neither flags nor experiments, so
//! no configuration can change a result. `docs/assignment-v1.md` specifies it to the bit.
//!
//! * `bucket`: the seed of an experiment, the hash of a user key, the bucket of a hash;
//! * `allocation`: the table from bucket to variant;
//! * `assignment`: both together, for one experiment;
//! * `slot`: further decisions about the same user, each with a seed of its own.

pub(crate) mod allocation;
pub(crate) mod assignment;
pub(crate) mod bucket;
pub(crate) mod slot;

pub use self::allocation::{Allocation, AllocationError, MAX_VARIANTS};
pub use self::assignment::Assignment;
pub use self::bucket::{Bucket, Seed};
pub use self::slot::{Gate, GateSeed, Slot};
