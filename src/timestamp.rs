//! Points in time, as the JSON writes them: UTC, whole seconds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Path, Rule, ValidationError, quote};

/// A point in time: whole seconds, UTC, of the years 0 to 9999.
///
/// Displays and serialises as RFC 3339 with a `Z`: `2025-03-12T12:00:00Z`. Parsing takes any RFC 3339
/// timestamp, with an offset or a fraction of a second too; the fraction is cut off.
///
/// # Examples
///
/// ```
/// use fairsplit::Timestamp;
///
/// let noon: Timestamp = "2025-03-12T13:00:00.75+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2025-03-12T12:00:00Z");
/// assert_eq!(noon.unix_seconds(), 1_741_780_800);
/// # Ok::<(), fairsplit::ValidationError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0000-01-01T00:00:00Z, the earliest that RFC 3339 can write.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200);
    /// 9999-12-30T22:00:00Z, the latest whose year has four digits at every offset from UTC.
    pub const MAX: Timestamp = Timestamp(253_402_207_200);

    /// So many seconds after the Unix epoch, or before it if negative; held to [`Timestamp::MIN`]
    /// and [`Timestamp::MAX`].
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Seconds after the Unix epoch; negative before it.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            // Not reached: the range of a `Timestamp` lies within that of jiff's.
            Err(_) => self.0.fmt(f),
        }
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
        let seconds = text.parse::<jiff::Timestamp>().ok().map(|parsed| {
            // Towards the past, also before the epoch, where jiff's seconds are cut towards it.
            let floor = i64::from(parsed.subsec_nanosecond() < 0);
            parsed.as_second().saturating_sub(floor)
        });
        match seconds {
            Some(seconds) if (Self::MIN.0..=Self::MAX.0).contains(&seconds) => {
                Ok(Timestamp(seconds))
            }
            _ => Err(Fault::new(&Path::Root, Rule::Timestamp { found: quote(text) }).into()),
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
        for timestamp in [Timestamp::MIN, Timestamp(-1), Timestamp(0), Timestamp::MAX] {
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
            assert_eq!(timestamp.to_string().len(), "2025-03-12T12:00:00Z".len());
        }
        assert_eq!(Timestamp::from_unix_seconds(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn fractions_are_cut_towards_the_past() {
        assert_eq!("1970-01-01T00:00:00.9Z".parse(), Ok(Timestamp(0)));
        assert_eq!("1969-12-31T23:59:59.9Z".parse(), Ok(Timestamp(-1)));
        assert_eq!("1969-12-31T23:59:58.0Z".parse(), Ok(Timestamp(-2)));
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "2025-03-12",
            "2025-03-12T12:00:00",
            "2025-13-01T00:00:00Z",
            "now",
            "-000001-01-01T00:00:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
