//! A condition, checked and compiled.

use crate::target::condition::Condition;
use crate::target::defect::{ConditionDefect, Part};
use crate::target::truth::{Truth, Undecided};
use crate::target::user::User;

/// A condition, checked and compiled.
#[derive(Debug)]
pub(crate) struct Test {
    condition: Condition,
}

impl Test {
    /// Compiles a condition, or returns everything that is wrong with it.
    pub(crate) fn new(condition: Condition) -> Result<Test, Vec<(Part, ConditionDefect)>> {
        if condition.attribute.trim().is_empty() {
            return Err(vec![(Part::Attribute, ConditionDefect::Blank)]);
        }
        Ok(Test { condition })
    }

    /// The condition, as it was written.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What it says of a user.
    pub(crate) fn ask(&self, user: User<'_>) -> Truth {
        match user.get(&self.condition.attribute) {
            Some(_) => Truth::True,
            None => Truth::Undecided(Undecided::NoAttribute),
        }
    }
}

/// Two tests of equal conditions are equal.
impl PartialEq for Test {
    fn eq(&self, other: &Test) -> bool {
        self.condition == other.condition
    }
}
