//! A part of all users, in thousandths of a per cent.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::assign::slot::Slot;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::Path;

/// A part of all users: 0 to 100 per cent, with at most three decimals.
///
/// Displays and serialises as a number of per cent: `99.4`, `50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(
    /// In thousandths of a per cent.
    u32,
);

impl Share {
    /// No user.
    pub const NONE: Share = Share(0);
    /// Every user.
    pub const ALL: Share = Share(Slot::COUNT);

    /// The share of this many per cent; `None` unless it is from 0 to 100 with at most three
    /// decimals.
    #[must_use]
    pub fn from_percent(percent: f64) -> Option<Share> {
        let thousandths = (percent * 1000.0).round();
        // A number of three decimals is not held exactly: what is nearer than any other is it.
        let is_whole = (percent * 1000.0 - thousandths).abs() < 1e-6;
        let is_within = (0.0..=f64::from(Slot::COUNT)).contains(&thousandths);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number within the range, as checked"
        )]
        (is_whole && is_within).then_some(Share(thousandths as u32))
    }

    /// In thousandths of a per cent, 0 to 100,000.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// In per cent.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Whether a slot is in this share of them, from the first on.
    #[inline]
    pub(crate) fn has(self, slot: Slot) -> bool {
        slot.index() < self.0
    }

    /// The share of this many per cent; else the fault is added.
    pub(crate) fn check(percent: f64, path: &Path<'_>, faults: &mut Faults) -> Option<Share> {
        let share = Share::from_percent(percent);
        if share.is_none() {
            faults.add(path, FaultKind::Share { found: percent.to_string() });
        }
        share
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.percent().fmt(f)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.checked_rem(1000) {
            Some(0) => serializer.serialize_u32(self.0.checked_div(1000).unwrap_or_default()),
            _ => serializer.serialize_f64(self.percent()),
        }
    }
}

/// Something that serialises, as a value of one field.
pub(crate) fn to_value(of: impl Serialize) -> Value {
    // Fails only for maps with keys that are not strings; no part of a configuration has one.
    serde_json::to_value(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thousandth_is_read_as_it_is_written_and_nothing_between() {
        for thousandths in 0..=Slot::COUNT {
            let share = Share(thousandths);
            let text = serde_json::to_string(&share).unwrap();
            assert_eq!(Share::from_percent(text.parse().unwrap()), Some(share), "{text}");
            assert_eq!(Share::from_percent(share.to_string().parse().unwrap()), Some(share));
        }
        for percent in [-0.001, 100.001, 0.0001, 99.9999, f64::NAN, f64::INFINITY, -1e300, 1e300] {
            assert_eq!(Share::from_percent(percent), None, "{percent}");
        }
    }
}
