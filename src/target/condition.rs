//! A condition, as it is written.

use serde_json::Value;

use crate::target::operator::Operator;

/// A condition on one attribute, as it is written: nothing in it is checked until it is part of a
/// configuration.
///
/// # Examples
///
/// ```
/// use fairsplit::targeting::{Condition, Operator};
/// use serde_json::json;
///
/// let in_europe = Condition::new("country", Operator::In, json!(["DE", "FR"]));
/// let of_example = Condition::new("email", Operator::EndsWith, "@example.com").ignore_case();
/// # let _ = (in_europe, of_example);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub(crate) attribute: String,
    pub(crate) operator: Operator,
    /// `None` for the operators that compare with nothing.
    pub(crate) value: Option<Value>,
    pub(crate) negate: bool,
    pub(crate) ignore_case: bool,
}

impl Condition {
    /// A condition that compares an attribute with a value.
    #[must_use]
    pub fn new(
        attribute: impl Into<String>,
        operator: Operator,
        value: impl Into<Value>,
    ) -> Condition {
        let attribute = attribute.into();
        let value = Some(value.into());
        Condition { attribute, operator, value, negate: false, ignore_case: false }
    }

    /// A condition that holds if the attribute is known.
    #[must_use]
    pub fn is_set(attribute: impl Into<String>) -> Condition {
        let (attribute, operator) = (attribute.into(), Operator::IsSet);
        Condition { attribute, operator, value: None, negate: false, ignore_case: false }
    }

    /// A condition that holds if the attribute is not known.
    #[must_use]
    pub fn is_not_set(attribute: impl Into<String>) -> Condition {
        Condition { operator: Operator::IsNotSet, ..Condition::is_set(attribute) }
    }

    /// Turns true into false, and false into true; what cannot be decided stays so.
    #[must_use]
    pub fn negate(self) -> Condition {
        Condition { negate: !self.negate, ..self }
    }

    /// Compares texts without regard to the case of ASCII letters.
    #[must_use]
    pub fn ignore_case(self) -> Condition {
        Condition { ignore_case: true, ..self }
    }

    /// The name of the attribute.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// What it asks.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it compares with; `None` for [`IsSet`](Operator::IsSet) and
    /// [`IsNotSet`](Operator::IsNotSet).
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// Whether it is negated.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.negate
    }

    /// Whether it ignores the case of ASCII letters.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }
}
