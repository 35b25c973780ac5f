//! The ids of what calls create.

use crate::model::error::ControlError;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use crate::model::id::ExperimentId;

/// The id that a call gave, or a random one of these bytes.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[expect(clippy::unnecessary_wraps, reason = "there are platforms without randomness")]
pub(super) fn given_or_random<I>(
    given: Option<I>,
    from_bytes: fn([u8; 16]) -> I,
) -> Result<I, ControlError> {
    Ok(given.unwrap_or_else(|| from_bytes(ExperimentId::random().to_bytes())))
}

/// The id that a call gave: this platform has no randomness to make one.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(super) fn given_or_random<I>(
    given: Option<I>,
    _from_bytes: fn([u8; 16]) -> I,
) -> Result<I, ControlError> {
    given.ok_or(ControlError::IdRequired)
}
