//! From a condition as it is written to what its test compares with.

use serde_json::Value;

use crate::target::comparand::{Comparand, Relation};
use crate::target::condition::Condition;
use crate::target::defect::{
    ConditionDefect, MAX_ATTRIBUTE_LENGTH, MAX_PATTERN_BYTES, MAX_TEXT_BYTES, MAX_VALUES, Part,
    quote,
};
use crate::target::instant;
use crate::target::number::Number;
use crate::target::operator::Operator;
use crate::target::pattern::Pattern;
use crate::target::text_parts::{Place, TextParts};
use crate::target::text_set::TextSet;
use crate::target::version::Version;

/// A comparand, and whether the operator is the negation of what the comparand says.
pub(crate) type Compiled = (Comparand, bool);

/// Compiles a condition, or returns everything that is wrong with it.
pub(crate) fn compile(condition: &Condition) -> Result<Compiled, Vec<(Part, ConditionDefect)>> {
    let ignore_case = condition.ignore_case;
    let mut compiler = Compiler { ignore_case, defects: Vec::new() };
    compiler.check_attribute(&condition.attribute);
    let operator = condition.operator;
    if ignore_case && !compares_texts(operator) {
        compiler.defects.push((Part::IgnoreCase, ConditionDefect::NoCase { operator }));
    }
    // `null` is no value in a condition, as in an attribute.
    let value = condition.value.as_ref().filter(|value| !value.is_null());
    let comparand = match (operator, value) {
        (Operator::IsSet | Operator::IsNotSet, None) => Some(Comparand::Known),
        (Operator::IsSet | Operator::IsNotSet, Some(_)) => {
            compiler.fail(Part::Value, ConditionDefect::Unneeded { operator })
        }
        (_, None) => compiler.fail(Part::Value, ConditionDefect::Required),
        (operator, Some(value)) => compiler.comparand(operator, value),
    };
    let is_negation = matches!(
        operator,
        Operator::NotEquals | Operator::NotIn | Operator::NotContains | Operator::IsNotSet
    );
    match comparand {
        Some(comparand) if compiler.defects.is_empty() => Ok((comparand, is_negation)),
        _ => Err(compiler.defects),
    }
}

fn compares_texts(operator: Operator) -> bool {
    use Operator::{
        Contains, EndsWith, Equals, In, Matches, NotContains, NotEquals, NotIn, StartsWith,
    };
    matches!(
        operator,
        Equals | NotEquals | In | NotIn | Contains | NotContains | StartsWith | EndsWith | Matches
    )
}

struct Compiler {
    ignore_case: bool,
    defects: Vec<(Part, ConditionDefect)>,
}

impl Compiler {
    fn fail<T>(&mut self, part: Part, defect: ConditionDefect) -> Option<T> {
        self.defects.push((part, defect));
        None
    }

    fn check_attribute(&mut self, name: &str) {
        let found = name.chars().count();
        if name.trim().is_empty() {
            self.defects.push((Part::Attribute, ConditionDefect::Blank));
        } else if found > MAX_ATTRIBUTE_LENGTH {
            self.defects.push((Part::Attribute, ConditionDefect::AttributeTooLong { found }));
        }
    }

    /// `None` if something is wrong with the value.
    fn comparand(&mut self, operator: Operator, value: &Value) -> Option<Comparand> {
        let comparand = match operator {
            Operator::IsSet | Operator::IsNotSet => Comparand::Known,
            Operator::Equals | Operator::NotEquals => {
                let text = self.scalar(Part::Value, value)?;
                Comparand::OneOf(TextSet::new(vec![text], self.ignore_case))
            }
            Operator::In | Operator::NotIn => {
                let Value::Array(items) = value else {
                    return self.fail(Part::Value, ConditionDefect::not("an array", value));
                };
                let texts = self.items(items, Compiler::scalar)?;
                Comparand::OneOf(TextSet::new(texts, self.ignore_case))
            }
            Operator::Contains | Operator::NotContains => self.parts(Place::Anywhere, value)?,
            Operator::StartsWith => self.parts(Place::Start, value)?,
            Operator::EndsWith => self.parts(Place::End, value)?,
            Operator::GreaterThan => self.number(Relation::Above, value)?,
            Operator::GreaterThanOrEquals => self.number(Relation::AtLeast, value)?,
            Operator::LessThan => self.number(Relation::Below, value)?,
            Operator::LessThanOrEquals => self.number(Relation::AtMost, value)?,
            Operator::Before => self.instant(Relation::Below, value)?,
            Operator::After => self.instant(Relation::Above, value)?,
            Operator::SemverEquals => self.version(Relation::Equal, value)?,
            Operator::SemverGreaterThan => self.version(Relation::Above, value)?,
            Operator::SemverGreaterThanOrEquals => self.version(Relation::AtLeast, value)?,
            Operator::SemverLessThan => self.version(Relation::Below, value)?,
            Operator::SemverLessThanOrEquals => self.version(Relation::AtMost, value)?,
            Operator::Matches => self.pattern(value)?,
        };
        Some(comparand)
    }

    /// Each item by itself, so that everything that is wrong with a list is found.
    fn items(
        &mut self,
        items: &[Value],
        read: fn(&mut Compiler, Part, &Value) -> Option<Box<str>>,
    ) -> Option<Vec<Box<str>>> {
        if items.is_empty() {
            return self.fail(Part::Value, ConditionDefect::NoValues);
        }
        let found = items.len();
        if found > MAX_VALUES {
            return self.fail(Part::Value, ConditionDefect::TooManyValues { found });
        }
        let mut texts = Vec::with_capacity(found);
        for (at, item) in items.iter().enumerate() {
            texts.extend(read(self, Part::Item(at), item));
        }
        (texts.len() == found).then_some(texts)
    }

    /// A text, or the text of a number or a boolean.
    fn scalar(&mut self, part: Part, value: &Value) -> Option<Box<str>> {
        let expected = "a text, a number or a boolean";
        match value {
            Value::String(text) => self.text(part, text),
            Value::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
            Value::Number(number) => match Number::from_json(number) {
                Some(number) => Some(number.text().into()),
                None => self.fail(part, ConditionDefect::not(FINITE, value)),
            },
            _ => self.fail(part, ConditionDefect::not(expected, value)),
        }
    }

    /// A text that is looked for in others.
    fn part(&mut self, part: Part, value: &Value) -> Option<Box<str>> {
        match value {
            Value::String(text) if text.is_empty() => self.fail(part, ConditionDefect::EmptyText),
            Value::String(text) => self.text(part, text),
            _ => self.fail(part, ConditionDefect::not("a text", value)),
        }
    }

    fn text(&mut self, part: Part, text: &str) -> Option<Box<str>> {
        let found = text.len();
        if found > MAX_TEXT_BYTES {
            return self.fail(part, ConditionDefect::TextTooLong { found });
        }
        if self.ignore_case && !text.is_ascii() {
            return self.fail(part, ConditionDefect::NotAscii { found: quote(text) });
        }
        Some(text.into())
    }

    fn parts(&mut self, place: Place, value: &Value) -> Option<Comparand> {
        let texts = match value {
            Value::String(_) => vec![self.part(Part::Value, value)?],
            Value::Array(items) => self.items(items, Compiler::part)?,
            _ => {
                let defect = ConditionDefect::not("a text or an array of texts", value);
                return self.fail(Part::Value, defect);
            }
        };
        Some(Comparand::Parts(TextParts::new(texts, place, self.ignore_case)))
    }

    fn number(&mut self, relation: Relation, value: &Value) -> Option<Comparand> {
        let number = match value {
            Value::Number(number) => Number::from_json(number),
            Value::String(text) => Number::from_text(text),
            _ => None,
        };
        match number {
            Some(number) => Some(Comparand::Number(relation, number)),
            None if value.is_number() => {
                self.fail(Part::Value, ConditionDefect::not(FINITE, value))
            }
            None => self.fail(Part::Value, ConditionDefect::not("a number", value)),
        }
    }

    fn instant(&mut self, relation: Relation, value: &Value) -> Option<Comparand> {
        let instant = match value {
            Value::Number(number) => match Number::from_json(number) {
                Some(Number::Integer(instant)) => Some(instant),
                _ => None,
            },
            Value::String(text) => instant::parse(text).map(i128::from),
            _ => None,
        };
        let expected = "an RFC 3339 timestamp or an integer of milliseconds";
        match instant {
            Some(instant) => Some(Comparand::Instant(relation, instant)),
            None => self.fail(Part::Value, ConditionDefect::not(expected, value)),
        }
    }

    fn version(&mut self, relation: Relation, value: &Value) -> Option<Comparand> {
        let text = value.as_str().unwrap_or_default();
        let found = text.len();
        if found > MAX_TEXT_BYTES {
            return self.fail(Part::Value, ConditionDefect::TextTooLong { found });
        }
        match Version::parse(text) {
            Some(version) => Some(Comparand::Version(relation, version.into_owned())),
            None => self.fail(Part::Value, ConditionDefect::not("a version", value)),
        }
    }

    fn pattern(&mut self, value: &Value) -> Option<Comparand> {
        let Value::String(text) = value else {
            return self.fail(Part::Value, ConditionDefect::not("a text", value));
        };
        let found = text.len();
        if text.is_empty() {
            return self.fail(Part::Value, ConditionDefect::EmptyText);
        }
        if found > MAX_PATTERN_BYTES {
            return self.fail(Part::Value, ConditionDefect::PatternTooLong { found });
        }
        if self.ignore_case && !text.is_ascii() {
            let found = quote(text);
            return self.fail(Part::Value, ConditionDefect::NotAscii { found });
        }
        match Pattern::new(text, self.ignore_case) {
            Ok(pattern) => Some(Comparand::Pattern(Box::new(pattern))),
            Err(defect) => self.fail(Part::Value, defect),
        }
    }
}

/// Only the feature `arbitrary_precision` of `serde_json` reads other numbers.
const FINITE: &str = "a number that a 64-bit float holds";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_just_allowed_is_allowed() {
        let longest = json!("x".repeat(MAX_TEXT_BYTES));
        for condition in [
            Condition::new("é".repeat(MAX_ATTRIBUTE_LENGTH), Operator::Equals, longest.clone()),
            Condition::new("it", Operator::Contains, longest).ignore_case(),
            Condition::new("it", Operator::In, (0..MAX_VALUES).collect::<Vec<_>>()),
            Condition::new("it", Operator::In, json!([""])),
            Condition::new("it", Operator::Equals, ""),
            Condition { value: Some(Value::Null), ..Condition::is_set("it") },
        ] {
            assert!(compile(&condition).is_ok(), "{condition:.100?}");
        }
    }

    #[test]
    fn only_operators_of_texts_ignore_case() {
        for operator in Operator::ALL {
            for value in [json!("a"), json!(["a"]), json!(1), json!("1"), json!(null)] {
                let condition = Condition::new("it", operator, value);
                if compile(&condition).is_err() {
                    continue;
                }
                let is_refused = compile(&condition.ignore_case()).is_err();
                assert_eq!(is_refused, !compares_texts(operator), "{operator}");
            }
        }
    }
}
