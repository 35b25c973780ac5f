//! The longer texts, as they also stand in the repository.

#[doc = include_str!("../docs/assignment-v1.md")]
pub mod assignment_v1 {}

#[doc = include_str!("../docs/document.md")]
pub mod document {}

#[doc = include_str!("../docs/exposures.md")]
pub mod exposures {}

#[doc = include_str!("../docs/goals.md")]
pub mod goals {}

#[doc = include_str!("../docs/launching.md")]
pub mod launching {}

#[doc = include_str!("../docs/limitations.md")]
pub mod limitations {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/targeting.md")]
pub mod targeting {}

#[cfg(feature = "results")]
#[doc = include_str!("../docs/results.md")]
pub mod results {}

#[cfg(feature = "durable")]
#[doc = include_str!("../docs/durable.md")]
pub mod durable {}
