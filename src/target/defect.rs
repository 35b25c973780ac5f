//! What can be wrong with a condition.

/// A part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Attribute,
    Value,
    /// One item of the value, which is a list.
    Item(usize),
    IgnoreCase,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionDefect {
    /// The name of the attribute is blank.
    #[error("must not be blank")]
    Blank,
}
