//! Points in time, as the JSON writes them: UTC, whole seconds.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::ValidationError;
use crate::model::path::{Path, quote};
use crate::target::instant::{self, EPOCH};

/// A point in time, in whole seconds UTC, in the years 0 to 9999.
///
/// Displays and serialises as RFC 3339 with a `Z`: `2025-03-12T12:00:00Z`. Parsing accepts any RFC
/// 3339 timestamp, also with an offset or a fraction of a second. The fraction is cut off, and a
/// leap second becomes the second before it.
///
/// # Examples
///
/// ```
/// use fairsplit::Timestamp;
///
/// let noon: Timestamp = "2025-03-12T13:00:00.75+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2025-03-12T12:00:00Z");
/// assert_eq!(noon.unix_seconds(), 1_741_780_800);
/// # Ok::<(), fairsplit::error::ValidationError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    /// Seconds after the earliest timestamp, plus 1, so that an `Option` takes no more memory.
    NonZeroU64,
);

const MIN_SECONDS: i64 = -62_167_219_200;
const MAX_SECONDS: i64 = 253_402_300_799;

impl Timestamp {
    /// 0000-01-01T00:00:00Z, the earliest that RFC 3339 can write.
    pub const MIN: Timestamp = Timestamp(NonZeroU64::MIN);
    /// 9999-12-31T23:59:59Z, the latest that RFC 3339 can write.
    pub const MAX: Timestamp =
        Timestamp(NonZeroU64::MIN.saturating_add(MAX_SECONDS.abs_diff(MIN_SECONDS)));

    /// The timestamp at this number of seconds after the Unix epoch, or before it if negative;
    /// clamped to [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Timestamp {
        let after_earliest = seconds.clamp(MIN_SECONDS, MAX_SECONDS).abs_diff(MIN_SECONDS);
        Timestamp(NonZeroU64::MIN.saturating_add(after_earliest))
    }

    /// Seconds after the Unix epoch; negative before it.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        MIN_SECONDS.saturating_add_unsigned(self.0.get().saturating_sub(1))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both ends of the range are civil dates.
        let date = EPOCH.saturating_add(SignedDuration::from_secs(self.unix_seconds()));
        write!(f, "{date}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Timestamp, ValidationError> {
        match instant::parse(text).map(|milliseconds| milliseconds.div_euclid(1000)) {
            Some(seconds) if (MIN_SECONDS..=MAX_SECONDS).contains(&seconds) => {
                Ok(Timestamp::from_unix_seconds(seconds))
            }
            _ => Err(Fault::new(&Path::Root, FaultKind::Timestamp { found: quote(text) }).into()),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_writes_and_reads_itself() {
        let [before, epoch] = [-1, 0].map(Timestamp::from_unix_seconds);
        for timestamp in [Timestamp::MIN, before, epoch, Timestamp::MAX] {
            assert_eq!(Timestamp::from_unix_seconds(timestamp.unix_seconds()), timestamp);
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
            assert_eq!(timestamp.to_string().len(), "2025-03-12T12:00:00Z".len());
        }
        assert!(Timestamp::MIN < before && before < epoch && epoch < Timestamp::MAX);
        assert_eq!(epoch.unix_seconds(), 0);
        assert_eq!(Timestamp::from_unix_seconds(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn every_way_of_writing_it_is_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00.9Z", 0),
            ("1969-12-31T23:59:59.9Z", -1),
            ("1969-12-31T23:59:58.0Z", -2),
            ("1970-01-01t01:30:00.123456789012+01:30", 0),
            ("1969-12-31T23:00:00-01:00", 0),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
            ("2024-02-29T00:00:00z", 1_709_164_800),
        ] {
            assert_eq!(text.parse(), Ok(Timestamp::from_unix_seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "now",
            "2025-03-12",
            "2025-03-12T12:00:00",
            "2025-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2025-03-12T25:00:00Z",
            "20250312T120000Z",
            "2025-03-12T12Z",
            "2025-03-12T12:00:00Z[UTC]",
            "2025-03-12T12:00:00+01:00[Europe/Berlin]",
            "2025-03-12T12:00:00,5Z",
            "2025-03-12T12:00:00.Z",
            "2025-03-12T12:00:00+0100",
            "2025-03-12T12:00:00+24:00",
            "2025-03-12T12:00:00+1:00",
            "2025-03-12T12:00:00 Z",
            "+002025-03-12T12:00:00Z",
            "-000001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
            "2025-03-12T12:00:00é",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
