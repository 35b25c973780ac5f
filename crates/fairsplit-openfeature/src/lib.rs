#![doc = include_str!("../docs/provider.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![doc(test(attr(deny(warnings))))]

mod context;
mod message;
mod provider;
mod value;

pub use crate::provider::Provider;

/// Tests the README's examples along with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
