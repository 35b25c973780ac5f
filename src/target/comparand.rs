//! What a test compares an attribute with.

use std::cmp::Ordering;

use crate::target::instant;
use crate::target::number::Number;
use crate::target::pattern::Pattern;
use crate::target::scalar::Scalar;
use crate::target::text_parts::TextParts;
use crate::target::text_set::TextSet;
use crate::target::truth::{Truth, Undecided};
use crate::target::version::Version;

/// What a test compares an attribute with, and how.
///
/// With a tag of its own, since reading one out of a field's unused values takes four instructions
/// more.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Comparand {
    /// With nothing: it is known, or it is not.
    Known,
    /// Is one of these.
    OneOf(TextSet),
    /// Has one of these in it.
    Parts(TextParts),
    Number(Relation, Number),
    /// In milliseconds; of 128 bits, so that every integer of an attribute is in order.
    Instant(Relation, i128),
    Version(Relation, Version<Box<str>>),
    Pattern(Box<Pattern>),
}

/// How an attribute has to lie to what it is compared with.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Relation {
    Below = LESS,
    AtMost = LESS | EQUAL,
    Equal = EQUAL,
    AtLeast = GREATER | EQUAL,
    Above = GREATER,
}

const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;

impl Relation {
    #[inline]
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        let is = match ordering {
            Ordering::Less => LESS,
            Ordering::Equal => EQUAL,
            Ordering::Greater => GREATER,
        };
        // A mask, since a jump for each relation would be one more that is predicted wrongly.
        self as u8 & is != 0
    }
}

impl Comparand {
    /// What the comparison says of one value. Has an answer for every pair, takes no lock and
    /// allocates nothing.
    #[inline]
    pub(crate) fn ask(&self, scalar: Scalar<'_>) -> Truth {
        if let Scalar::Missing = scalar {
            return match self {
                Comparand::Known => Truth::False,
                _ => Truth::Undecided(Undecided::NoAttribute),
            };
        }
        match self {
            Comparand::Known => Truth::True,
            Comparand::OneOf(set) => match scalar {
                Scalar::Text(text) => set.has_text(text).into(),
                Scalar::Number(number) => set.has_number(number).into(),
                Scalar::Bool(true) => set.has_text("true").into(),
                Scalar::Bool(false) => set.has_text("false").into(),
                _ => Truth::Undecided(Undecided::NotAScalar),
            },
            Comparand::Parts(parts) => text(scalar, |text| parts.are_in(text)),
            Comparand::Pattern(pattern) => text(scalar, |text| pattern.is_in(text)),
            Comparand::Number(relation, comparand) => {
                let number = match scalar {
                    Scalar::Number(number) => Some(number),
                    Scalar::Text(text) => Number::from_text(text),
                    _ => None,
                };
                match number {
                    Some(number) => relation.holds(number.compare(*comparand)).into(),
                    None => Truth::Undecided(Undecided::NotANumber),
                }
            }
            Comparand::Instant(relation, comparand) => {
                let instant = match scalar {
                    Scalar::UnixMilliseconds(instant) => Some(instant.into()),
                    Scalar::Number(Number::Integer(instant)) => Some(instant),
                    Scalar::Text(text) => instant::parse(text).map(i128::from),
                    _ => None,
                };
                match instant {
                    Some(instant) => relation.holds(instant.cmp(comparand)).into(),
                    None => Truth::Undecided(Undecided::NotATime),
                }
            }
            Comparand::Version(relation, comparand) => {
                let version = match scalar {
                    Scalar::Text(text) => Version::parse(text),
                    _ => None,
                };
                match version {
                    Some(version) => relation.holds(version.compare(comparand)).into(),
                    None => Truth::Undecided(Undecided::NotAVersion),
                }
            }
        }
    }
}

#[inline]
fn text(scalar: Scalar<'_>, holds: impl FnOnce(&str) -> bool) -> Truth {
    match scalar {
        Scalar::Text(text) => holds(text).into(),
        _ => Truth::Undecided(Undecided::NotText),
    }
}
