//! What can be wrong with a condition.

use std::fmt;

use serde_json::Value;

use crate::target::operator::Operator;

/// The most characters that the name of an attribute can have.
pub const MAX_ATTRIBUTE_LENGTH: usize = 255;

/// The most values that the list of a condition can hold.
pub const MAX_VALUES: usize = 100_000;

/// The most bytes that a text of a condition can have.
pub const MAX_TEXT_BYTES: usize = 1024;

/// The most bytes that a pattern can have.
pub const MAX_PATTERN_BYTES: usize = 256;

/// A part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Attribute,
    Value,
    /// One item of the value, which is a list.
    Item(usize),
    IgnoreCase,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Attribute => f.write_str("attribute"),
            Part::Value => f.write_str("value"),
            Part::Item(at) => write!(f, "value[{at}]"),
            Part::IgnoreCase => f.write_str("ignore_case"),
        }
    }
}

/// What is wrong with a condition.
///
/// Texts are quoted up to their first 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionDefect {
    /// The name of the attribute is blank.
    #[error("must not be blank")]
    Blank,
    /// The name of the attribute has more than [`MAX_ATTRIBUTE_LENGTH`] characters.
    #[error("must have at most {MAX_ATTRIBUTE_LENGTH} characters, found {found}")]
    AttributeTooLong {
        /// How many characters it has.
        found: usize,
    },
    /// The operator compares with a value, and there is none.
    #[error("is required")]
    Required,
    /// The operator compares with nothing, and there is a value.
    #[error("must not be given: {operator} compares with nothing")]
    Unneeded {
        /// The operator.
        operator: Operator,
    },
    /// A value with which the operator does not compare.
    #[error("must be {expected}, found {found}")]
    Type {
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A list without values.
    #[error("must hold at least one value")]
    NoValues,
    /// A list of more than [`MAX_VALUES`] values.
    #[error("must hold at most {MAX_VALUES} values, found {found}")]
    TooManyValues {
        /// How many there are.
        found: usize,
    },
    /// An empty text, which every text contains.
    #[error("must not be empty")]
    EmptyText,
    /// A text of more than [`MAX_TEXT_BYTES`] bytes.
    #[error("must have at most {MAX_TEXT_BYTES} bytes, found {found}")]
    TextTooLong {
        /// How many bytes it has.
        found: usize,
    },
    /// A pattern of more than [`MAX_PATTERN_BYTES`] bytes.
    #[error("must have at most {MAX_PATTERN_BYTES} bytes, found {found}")]
    PatternTooLong {
        /// How many bytes it has.
        found: usize,
    },
    /// A text that is not ASCII, where the case of ASCII letters is ignored.
    #[error("must be ASCII with ignore_case, found {found:?}")]
    NotAscii {
        /// What was found.
        found: String,
    },
    /// The operator does not compare texts, so that there is no case to ignore.
    #[error("must not be given: {operator} does not compare texts")]
    NoCase {
        /// The operator.
        operator: Operator,
    },
    /// A text that is not a regular expression, or one with look-around or back-references.
    #[error("is not a pattern: {reason}")]
    Pattern {
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern that would need too much memory.
    #[error("needs more than 64 KiB as a table; try (?-u:...), which reads bytes of ASCII")]
    PatternTooLarge,
    /// The operator needs a Cargo feature that this build does not have.
    #[error("needs the Cargo feature {feature:?} of fairsplit, which this build does not have")]
    NeedsFeature {
        /// The feature.
        feature: &'static str,
    },
}

impl ConditionDefect {
    pub(crate) fn not(expected: &'static str, found: &Value) -> ConditionDefect {
        let found = match found {
            Value::Null | Value::Bool(_) | Value::Number(_) => quote(&found.to_string()),
            Value::String(text) => format!("{:?}", quote(text)),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        ConditionDefect::Type { expected, found }
    }
}

/// The start of a text, short enough for an error message.
pub(crate) fn quote(text: &str) -> String {
    const LENGTH: usize = 64;
    match text.char_indices().nth(LENGTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}
