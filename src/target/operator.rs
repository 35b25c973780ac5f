//! What a condition asks of an attribute.

use std::fmt;
use std::str::FromStr;

/// What a condition asks of an attribute. `docs/targeting.md` says what each answers for every type
/// of attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operator {
    /// Is the same text, number or boolean, compared as texts: `5` equals `"5"`.
    Equals,
    /// The negation of [`Equals`](Operator::Equals).
    NotEquals,
    /// Equals one of a list.
    In,
    /// The negation of [`In`](Operator::In).
    NotIn,
    /// Is a text that has this one, or one of these, in it.
    Contains,
    /// The negation of [`Contains`](Operator::Contains).
    NotContains,
    /// Is a text that starts with this one, or one of these.
    StartsWith,
    /// Is a text that ends with this one, or one of these.
    EndsWith,
    /// Is a number above this one.
    GreaterThan,
    /// Is this number or one above.
    GreaterThanOrEquals,
    /// Is a number below this one.
    LessThan,
    /// Is this number or one below.
    LessThanOrEquals,
    /// Is a time before this one.
    Before,
    /// Is a time after this one.
    After,
    /// Is a version of the same precedence.
    SemverEquals,
    /// Is a version of higher precedence.
    SemverGreaterThan,
    /// Is a version of the same or higher precedence.
    SemverGreaterThanOrEquals,
    /// Is a version of lower precedence.
    SemverLessThan,
    /// Is a version of the same or lower precedence.
    SemverLessThanOrEquals,
    /// Is a text in which this regular expression is found. Needs the feature `regex`.
    Matches,
    /// Is known.
    IsSet,
    /// Is not known.
    IsNotSet,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Operator; 22] = [
        Operator::Equals,
        Operator::NotEquals,
        Operator::In,
        Operator::NotIn,
        Operator::Contains,
        Operator::NotContains,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::GreaterThan,
        Operator::GreaterThanOrEquals,
        Operator::LessThan,
        Operator::LessThanOrEquals,
        Operator::Before,
        Operator::After,
        Operator::SemverEquals,
        Operator::SemverGreaterThan,
        Operator::SemverGreaterThanOrEquals,
        Operator::SemverLessThan,
        Operator::SemverLessThanOrEquals,
        Operator::Matches,
        Operator::IsSet,
        Operator::IsNotSet,
    ];

    /// The operator in JSON, as in `greater_than`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Operator::Equals => "equals",
            Operator::NotEquals => "not_equals",
            Operator::In => "in",
            Operator::NotIn => "not_in",
            Operator::Contains => "contains",
            Operator::NotContains => "not_contains",
            Operator::StartsWith => "starts_with",
            Operator::EndsWith => "ends_with",
            Operator::GreaterThan => "greater_than",
            Operator::GreaterThanOrEquals => "greater_than_or_equals",
            Operator::LessThan => "less_than",
            Operator::LessThanOrEquals => "less_than_or_equals",
            Operator::Before => "before",
            Operator::After => "after",
            Operator::SemverEquals => "semver_equals",
            Operator::SemverGreaterThan => "semver_greater_than",
            Operator::SemverGreaterThanOrEquals => "semver_greater_than_or_equals",
            Operator::SemverLessThan => "semver_less_than",
            Operator::SemverLessThanOrEquals => "semver_less_than_or_equals",
            Operator::Matches => "matches",
            Operator::IsSet => "is_set",
            Operator::IsNotSet => "is_not_set",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not the name of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of an operator")]
#[non_exhaustive]
pub struct OperatorError;

impl FromStr for Operator {
    type Err = OperatorError;

    fn from_str(text: &str) -> Result<Operator, OperatorError> {
        let mut all = Operator::ALL.into_iter();
        all.find(|operator| operator.as_str() == text).ok_or(OperatorError)
    }
}
