#![doc = include_str!("../../docs/testing.md")]
#![expect(
    clippy::panic,
    reason = "in a test there is nobody to hand an error to: a failed assertion is a panic, and so is \
              a set-up that cannot be"
)]

mod builder;
mod engine;
mod plan;
mod unknown;

pub use self::builder::TestEngineBuilder;
pub use self::engine::TestEngine;
