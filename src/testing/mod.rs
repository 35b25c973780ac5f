#![doc = include_str!("../../docs/testing.md")]
#![expect(
    clippy::panic,
    reason = "a test has no caller to return an error to: a failed assertion panics, and so does an \
              impossible set-up"
)]

mod builder;
mod engine;
mod plan;
mod unknown;

pub use self::builder::TestEngineBuilder;
pub use self::engine::TestEngine;
