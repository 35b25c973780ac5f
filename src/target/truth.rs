//! What a test says of a user.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a condition says of a user: it holds, it does not, or it cannot be decided.
///
/// Only `True` lets a user in, and what is undecided stays so under a negation: a user of whom
/// nothing is known is neither in Germany nor outside of it.
///
/// Displays and serialises as `true`, `false` or `undecided (no attribute)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be decided, and why.
    Undecided(Undecided),
}

/// Why a condition cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undecided {
    /// The attribute is not known, or `null`, or not a number (`NaN`).
    NoAttribute,
    /// The attribute is not a text.
    NotText,
    /// The attribute is not a number, nor the text of one.
    NotANumber,
    /// The attribute is not a version.
    NotAVersion,
    /// The attribute is not an RFC 3339 timestamp, nor an integer of milliseconds.
    NotATime,
    /// The attribute is not a text, a number or a boolean.
    NotAScalar,
}

impl Undecided {
    /// The reason in words, as in `no attribute`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Undecided::NoAttribute => "no attribute",
            Undecided::NotText => "not a text",
            Undecided::NotANumber => "not a number",
            Undecided::NotAVersion => "not a version",
            Undecided::NotATime => "not a time",
            Undecided::NotAScalar => "neither a text, a number nor a boolean",
        }
    }
}

impl Truth {
    /// Whether it holds.
    #[inline]
    #[must_use]
    pub fn is_true(self) -> bool {
        self == Truth::True
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Truth::True => f.write_str("true"),
            Truth::False => f.write_str("false"),
            Truth::Undecided(why) => write!(f, "undecided ({})", why.as_str()),
        }
    }
}

impl Serialize for Truth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<bool> for Truth {
    #[inline]
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    #[inline]
    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            undecided @ Truth::Undecided(_) => undecided,
        }
    }
}

/// Whether all hold: false if one is false, else undecided if one is. True of none.
#[inline]
pub(crate) fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    let mut all = Truth::True;
    for truth in truths {
        match truth {
            Truth::False => return Truth::False,
            Truth::Undecided(_) if all == Truth::True => all = truth,
            Truth::True | Truth::Undecided(_) => {}
        }
    }
    all
}

/// Whether one holds: true if one is true, else undecided if one is. False of none.
#[inline]
pub(crate) fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
    !all(truths.into_iter().map(|truth| !truth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_any_and_not_are_those_of_kleene() {
        let unknown = Truth::Undecided(Undecided::NoAttribute);
        let (yes, no) = (Truth::True, Truth::False);
        assert_eq!((all([]), any([])), (yes, no));
        for (one, other, both, either) in [
            (yes, yes, yes, yes),
            (yes, no, no, yes),
            (no, no, no, no),
            (unknown, yes, unknown, yes),
            (unknown, no, no, unknown),
            (unknown, unknown, unknown, unknown),
        ] {
            for pair in [[one, other], [other, one]] {
                assert_eq!((all(pair), any(pair)), (both, either), "{pair:?}");
            }
        }
        assert_eq!([!yes, !no, !unknown], [no, yes, unknown]);
    }
}
