//! A condition, checked and compiled.

use serde_json::Value;

use crate::target::attribute_value::AttributeValue;
use crate::target::attributes::Attributes;
use crate::target::comparand::Comparand;
use crate::target::compile::compile;
use crate::target::condition::Condition;
use crate::target::defect::{ConditionDefect, Part};
use crate::target::number::Number;
use crate::target::scalar::Scalar;
use crate::target::truth::{Truth, any};
use crate::target::user::User;

/// A condition, checked and compiled.
#[derive(Debug)]
pub(crate) struct Test {
    condition: Condition,
    comparand: Comparand,
    negate: bool,
    /// Whether only the caller gives the attribute: it is not the user key, by either name. Known
    /// before a call, since comparing names takes ten instructions.
    is_given: bool,
}

impl Test {
    /// Compiles a condition, or returns everything that is wrong with it.
    pub(crate) fn new(condition: Condition) -> Result<Test, Vec<(Part, ConditionDefect)>> {
        let (comparand, is_negation) = compile(&condition)?;
        let negate = is_negation != condition.negate;
        let is_given = !matches!(condition.attribute(), "user_key" | "user_id");
        Ok(Test { condition, comparand, negate, is_given })
    }

    /// The condition, as it was written.
    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What it says of a user. Takes no lock and allocates nothing; linear in a list or a text.
    pub(crate) fn ask(&self, user: User<'_>) -> Truth {
        let truth = self.ask_value(user.get(&self.condition.attribute));
        if self.negate { !truth } else { truth }
    }

    /// Whether it holds for a user, as [`ask`](Test::ask) says.
    ///
    /// Always inlined, with the most frequent comparisons short: a separate function would save and
    /// restore the registers for each test.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured, as said above")]
    pub(crate) fn holds(&self, user: User<'_>) -> bool {
        let (key, attributes) = (user.key(), user.attributes());
        let value = if self.is_given {
            attributes.get(&self.condition.attribute)
        } else {
            self.get_key(key, attributes)
        };
        let holds = match (&value, &self.comparand) {
            (Some(AttributeValue::Str(text)), Comparand::OneOf(set)) => set.has_text(text),
            (
                Some(AttributeValue::Int(integer)),
                Comparand::Number(relation, Number::Integer(comparand)),
            ) => relation.holds(i128::from(*integer).cmp(comparand)),
            (
                Some(AttributeValue::Uint(integer)),
                Comparand::Number(relation, Number::Integer(comparand)),
            ) => relation.holds(i128::from(*integer).cmp(comparand)),
            _ => return self.holds_for(value),
        };
        holds != self.negate
    }

    /// A separate function, with a key and attributes in place of a user: one in one piece would be
    /// written to memory before every test.
    #[inline(never)]
    fn get_key<'u>(
        &self,
        key: &'u str,
        attributes: &'u dyn Attributes,
    ) -> Option<AttributeValue<'u>> {
        User::new(key).with(attributes).get(&self.condition.attribute)
    }

    #[inline(never)]
    fn holds_for(&self, value: Option<AttributeValue<'_>>) -> bool {
        self.ask_value(value) == Truth::from(!self.negate)
    }

    fn ask_value(&self, value: Option<AttributeValue<'_>>) -> Truth {
        let Some(value) = value else { return self.comparand.ask(Scalar::Missing) };
        let ask = |scalar| self.comparand.ask(scalar);
        match value {
            // A list is known, whatever is in it.
            _ if matches!(self.comparand, Comparand::Known) => ask(Scalar::new(value)),
            AttributeValue::Strs(texts) => any(texts.iter().map(|text| ask(Scalar::Text(text)))),
            AttributeValue::Strings(texts) => any(texts.iter().map(|text| ask(Scalar::Text(text)))),
            AttributeValue::List(items) => any(items.iter().map(|item| ask(Scalar::new(*item)))),
            AttributeValue::Json(Value::Array(items)) => {
                any(items.iter().map(|item| ask(Scalar::from_json(item))))
            }
            value => ask(Scalar::new(value)),
        }
    }
}

/// Two tests of equal conditions are equal.
impl PartialEq for Test {
    fn eq(&self, other: &Test) -> bool {
        self.condition == other.condition
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target::operator::Operator::{self, *};
    use crate::target::truth::Undecided::{self, *};

    fn ask(condition: &Condition, attributes: &dyn Attributes) -> Truth {
        let (test, user) = (Test::new(condition.clone()).unwrap(), User::new("anna"));
        let user = user.with(attributes);
        assert_eq!(test.holds(user), test.ask(user).is_true(), "{condition:?}");
        test.ask(user)
    }

    /// What each condition says of an attribute of each of these values.
    #[track_caller]
    fn check(operator: Operator, value: impl Into<Value>, cases: &[(Value, Truth)]) {
        let condition = Condition::new("it", operator, value);
        for (attribute, expected) in cases {
            let Value::Object(attributes) = json!({"it": attribute}) else { unreachable!() };
            assert_eq!(ask(&condition, &attributes), *expected, "{condition:?} {attribute}");
            let negated = condition.clone().negate();
            assert_eq!(ask(&negated, &attributes), !*expected, "{negated:?} {attribute}");
        }
        assert_eq!(ask(&condition, &()), undecided(NoAttribute));
    }

    fn undecided(why: Undecided) -> Truth {
        Truth::Undecided(why)
    }

    const YES: Truth = Truth::True;
    const NO: Truth = Truth::False;

    #[test]
    fn a_user_without_the_attribute_is_neither_in_nor_out() {
        check(
            NotIn,
            json!(["RU"]),
            &[
                (json!(null), undecided(NoAttribute)),
                (json!(""), YES),
                (json!("RU"), NO),
                (json!([]), YES),
                (json!([null]), undecided(NoAttribute)),
                (json!([null, "RU"]), NO),
                (json!({}), undecided(NotAScalar)),
            ],
        );
    }

    #[test]
    fn equality_is_that_of_canonical_texts() {
        let lists = json!([4, 5]);
        let nested = json!([[5]]);
        let cases = [
            (json!(5), YES),
            (json!(5.0), YES),
            (json!("5"), YES),
            (json!("5.0"), NO),
            (json!("05"), NO),
            (lists, YES),
            (json!(true), NO),
            (nested, undecided(NotAScalar)),
        ];
        check(Equals, "5", &cases);
        check(Equals, 5, &cases);
        check(Equals, 5.0, &cases);
        check(Equals, "05", &[(json!(5), NO), (json!("05"), YES)]);
        check(Equals, true, &[(json!("true"), YES), (json!("True"), NO), (json!(true), YES)]);
        check(Equals, "false", &[(json!(false), YES), (json!(true), NO)]);
        check(
            Equals,
            9_007_199_254_740_993_u64,
            &[(json!(9_007_199_254_740_992.0), NO), (json!(9_007_199_254_740_993_u64), YES)],
        );
        check(
            Equals,
            u64::MAX,
            &[(json!(u64::MAX), YES), (json!(18_446_744_073_709_551_616.0), NO)],
        );
        check(Equals, "18446744073709551616", &[(json!(18_446_744_073_709_551_616.0), YES)]);
        check(Equals, 1e21, &[(json!("1e+21"), YES), (json!("1e21"), NO), (json!(1e21), YES)]);
        check(Equals, -0.0, &[(json!(0), YES), (json!("0"), YES), (json!("-0"), NO)]);
    }

    #[test]
    fn the_order_counts_numbers_and_their_texts_alone() {
        check(
            LessThan,
            18,
            &[
                (json!("abc"), undecided(NotANumber)),
                (json!("17"), YES),
                (json!("017"), undecided(NotANumber)),
                (json!(17.999), YES),
                (json!(18), NO),
                (json!(true), undecided(NotANumber)),
                (json!(["x", 17]), YES),
                (json!(["x", 19]), undecided(NotANumber)),
            ],
        );
        check(GreaterThan, "9007199254740992", &[(json!("9007199254740993"), YES)]);
        check(GreaterThan, 9_007_199_254_740_992.0, &[(json!(9_007_199_254_740_993_u64), YES)]);
        check(GreaterThanOrEquals, "1e1", &[(json!("10"), YES), (json!("9.999"), NO)]);
        check(LessThanOrEquals, 10, &[(json!("10.0"), YES), (json!(10.001), NO)]);
    }

    #[test]
    fn numbers_that_json_does_not_write_have_an_answer() {
        let of = |operator, comparand: i32, float: f64| {
            ask(&Condition::new("it", operator, comparand), &[("it", float.into())])
        };
        assert_eq!(of(LessThan, 5, f64::NAN), undecided(NoAttribute));
        assert_eq!(of(Equals, 5, f64::NAN), undecided(NoAttribute));
        assert_eq!(of(LessThan, 5, f64::NEG_INFINITY), YES);
        assert_eq!(of(LessThan, 5, f64::INFINITY), NO);
        assert_eq!(of(Equals, 5, f64::INFINITY), NO);
        let before = Condition::new("it", Before, 5);
        assert_eq!(ask(&before, &[("it", f64::INFINITY.into())]), undecided(NotATime));
        let after = Condition::new("it", After, i64::MAX);
        assert_eq!(ask(&after, &[("it", u64::MAX.into())]), YES);
    }

    #[test]
    fn versions_compare_by_precedence() {
        let no_version = undecided(NotAVersion);
        check(
            SemverGreaterThan,
            "1.9.0",
            &[
                (json!("1.10.0"), YES),
                (json!("v2.0.0"), no_version),
                (json!("02.0.0"), no_version),
                (json!("2.0.0.0"), no_version),
                (json!("99999999999999999999.0.0"), no_version),
                (json!(2), no_version),
            ],
        );
        check(SemverLessThan, "2.0.0", &[(json!("2.0.0-rc.2"), YES), (json!("2.0.0"), NO)]);
        check(SemverLessThanOrEquals, "2.0.0-rc.10", &[(json!("2.0.0-rc.2"), YES)]);
        check(SemverEquals, "1.0.0+a", &[(json!("1.0.0+b"), YES)]);
        check(SemverGreaterThanOrEquals, "17", &[(json!("17.2"), YES), (json!("16.9"), NO)]);
    }

    #[test]
    fn times_compare_as_instants() {
        check(
            Before,
            "2017-12-06T07:00:00Z",
            &[
                (json!("2017-12-06T00:00:00-07:00"), NO),
                (json!(1_512_543_599_999_i64), YES),
                (json!(1_512_543_599_999.0), YES),
                (json!(1_512_543_599_999.5), undecided(NotATime)),
                (json!("2017-12-06"), undecided(NotATime)),
                (json!("1512543600000"), undecided(NotATime)),
                (json!("2026-02-30T00:00:00Z"), undecided(NotATime)),
                (json!(true), undecided(NotATime)),
            ],
        );
        check(After, 0, &[(json!("1970-01-01T00:00:00.001Z"), YES)]);
        check(After, 0, &[(json!("1970-01-01T00:00:00.0009Z"), NO)]);
    }

    #[test]
    fn a_time_fits_no_other_comparison_and_is_known() {
        let time = AttributeValue::UnixMilliseconds(5);
        let attributes = [("it", time)];
        for (operator, value, expected) in [
            (Before, json!(6), YES),
            (After, json!(6), NO),
            (Equals, json!(5), undecided(NotAScalar)),
            (LessThan, json!(6), undecided(NotANumber)),
            (Contains, json!("5"), undecided(NotText)),
            (SemverEquals, json!("5"), undecided(NotAVersion)),
        ] {
            assert_eq!(ask(&Condition::new("it", operator, value), &attributes), expected);
        }
        assert_eq!(ask(&Condition::is_set("it"), &attributes), YES);
    }

    #[test]
    fn texts_alone_have_texts_in_them() {
        let no_text = undecided(NotText);
        check(
            Contains,
            "ro",
            &[(json!("improve"), YES), (json!("IMPROVE"), NO), (json!(5), no_text)],
        );
        check(NotContains, "x", &[(json!("improve"), YES), (json!(true), no_text)]);
        check(StartsWith, json!(["x", "im"]), &[(json!("improve"), YES), (json!("pro"), NO)]);
        check(EndsWith, "ve", &[(json!("improve"), YES), (json!(["a", "ve"]), YES)]);
        let folded = Condition::new("it", EndsWith, "@Example.com").ignore_case();
        assert_eq!(ask(&folded, &[("it", "anna@eXample.COM".into())]), YES);
        let folded = Condition::new("it", In, json!(["Pro", "TRUE"])).ignore_case();
        assert_eq!(ask(&folded, &[("it", "pRO".into())]), YES);
        assert_eq!(ask(&folded, &[("it", true.into())]), YES);
        assert_eq!(ask(&folded, &[("it", "PRÖ".into())]), NO);
    }

    #[test]
    fn only_null_and_nan_are_not_set() {
        let nothing = [Value::Null];
        let known = [json!(0), json!(""), json!([]), json!([null]), json!({}), json!(false)];
        for (values, is_set) in [(&nothing[..], NO), (&known[..], YES)] {
            for value in values {
                let attributes = [("it", AttributeValue::Json(value))];
                assert_eq!(ask(&Condition::is_set("it"), &attributes), is_set, "{value}");
                assert_eq!(ask(&Condition::is_not_set("it"), &attributes), !is_set, "{value}");
                assert_eq!(ask(&Condition::is_not_set("it").negate(), &attributes), is_set);
            }
        }
        assert_eq!(ask(&Condition::is_set("it"), &()), NO);
        assert_eq!(ask(&Condition::is_set("it"), &[("it", f64::NAN.into())]), NO);
        let empty: &[&str] = &[];
        assert_eq!(ask(&Condition::is_set("it"), &[("it", empty.into())]), YES);
    }

    #[test]
    fn every_kind_of_list_holds_if_one_element_does() {
        let strings = ["a".to_owned(), "b".to_owned()];
        let items = [AttributeValue::Int(1), "b".into()];
        let json = json!([1, "b"]);
        for list in [
            AttributeValue::Strs(&["a", "b"]),
            AttributeValue::Strings(&strings),
            AttributeValue::List(&items),
            AttributeValue::Json(&json),
        ] {
            assert_eq!(ask(&Condition::new("it", Equals, "b"), &[("it", list)]), YES);
            assert_eq!(ask(&Condition::new("it", Equals, "c"), &[("it", list)]), NO);
            assert_eq!(ask(&Condition::new("it", NotEquals, "b"), &[("it", list)]), NO);
        }
    }

    #[cfg(feature = "regex")]
    #[test]
    fn a_pattern_is_found_in_texts_alone() {
        check(Matches, "pro", &[(json!("improve"), YES), (json!("x"), NO)]);
        check(Matches, "^1$", &[(json!(1), undecided(NotText)), (json!(["x", "1"]), YES)]);
        let folded = Condition::new("it", Matches, "^PRO$").ignore_case();
        assert_eq!(ask(&folded, &[("it", "pro".into())]), YES);
    }
}
