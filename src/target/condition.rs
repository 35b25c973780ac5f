//! A condition, as it is written.

use std::fmt;

use serde_json::Value;

use crate::target::defect::{ConditionDefect, Part};
use crate::target::operator::Operator;
use crate::target::test::Test;
use crate::target::truth::Truth;
use crate::target::user::User;

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

    /// Compares texts without regard to the case of ASCII letters; for
    /// [`Matches`](Operator::Matches), as `(?i)` in the pattern does.
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

    /// What it says of a user, for tests and tools: each call checks and compiles the condition,
    /// which a configuration does once.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the condition.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::User;
    /// use fairsplit::targeting::{Condition, Operator, Truth, Undecided};
    ///
    /// let adult = Condition::new("age", Operator::GreaterThanOrEquals, 18);
    /// assert_eq!(adult.ask(User::new("anna").with(&[("age", 42.into())]))?, Truth::True);
    /// assert_eq!(adult.ask("ben")?, Truth::Undecided(Undecided::NoAttribute));
    ///
    /// let faulty = Condition::new("age", Operator::GreaterThanOrEquals, "x").ask("anna");
    /// assert_eq!(faulty.unwrap_err().to_string(), r#"value: must be a number, found "x""#);
    /// # Ok::<(), fairsplit::targeting::ConditionError>(())
    /// ```
    pub fn ask<'u>(&self, user: impl Into<User<'u>>) -> Result<Truth, ConditionError> {
        let user = user.into();
        let test = Test::new(self.clone()).map_err(|defects| ConditionError { defects })?;
        Ok(test.ask(user))
    }
}

/// Everything that is wrong with a condition: at least one defect. Displays on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    defects: Vec<(Part, ConditionDefect)>,
}

impl ConditionError {
    /// Each defect, and the part of the condition that has it: `attribute`, `value`, `value[0]`
    /// for an item of a list, or `ignore_case`.
    #[must_use]
    pub fn defects(&self) -> impl ExactSizeIterator<Item = (String, &ConditionDefect)> {
        self.defects.iter().map(|(part, defect)| (part.to_string(), defect))
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (part, defect)) in self.defects.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{part}: {defect}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConditionError {}
