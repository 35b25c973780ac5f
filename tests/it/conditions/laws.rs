//! What holds of every condition.

use fairsplit::User;
use fairsplit::targeting::{AttributeValue, Condition, Operator, Truth};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::plain::Plain;
use super::random::{ask, attribute, condition};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn a_negation_is_undecided_where_the_condition_is_and_else_the_opposite(
        condition in condition(), attribute in attribute(),
    ) {
        let truth = ask(&condition, &attribute);
        let negated = ask(&condition.negate(), &attribute);
        prop_assert_eq!(negated, truth.map(|truth| truth.map(|truth| !truth)));
    }

    #[test]
    fn an_operator_and_its_negation_are_never_both_true(
        condition in condition(), attribute in attribute(),
    ) {
        let opposites = [
            (Operator::Equals, Operator::NotEquals),
            (Operator::In, Operator::NotIn),
            (Operator::Contains, Operator::NotContains),
        ];
        for (operator, opposite) in opposites {
            let value = condition.value().cloned().unwrap_or_default();
            let truth = ask(&Condition::new("it", operator, value.clone()), &attribute);
            let other = ask(&Condition::new("it", opposite, value), &attribute);
            prop_assert_eq!(other, truth.map(|truth| truth.map(|truth| !truth)));
        }
    }

    #[test]
    fn the_order_of_a_list_does_not_matter(
        condition in condition(), items in prop::collection::vec(attribute(), 0..5),
    ) {
        let items: Vec<_> = items
            .into_iter()
            .map(|item| if let Plain::List(_) = item { Plain::List(Vec::new()) } else { item })
            .collect();
        let reversed = items.iter().rev().cloned().collect();
        prop_assert_eq!(
            ask(&condition, &Plain::List(items)),
            ask(&condition, &Plain::List(reversed))
        );
    }

    #[test]
    fn one_of_a_list_is_equal_to_one_of_its_values(
        values in prop::collection::vec(condition(), 1..4),
        attribute in attribute(), ignore_case: bool,
    ) {
        let values: Vec<Value> = values.iter().filter_map(|it| it.value().cloned()).collect();
        prop_assume!(!values.is_empty());
        let fold = |it: Condition| if ignore_case { it.ignore_case() } else { it };
        let each: Vec<_> = values
            .iter()
            .map(|value| ask(&fold(Condition::new("it", Operator::Equals, value.clone())), &attribute))
            .collect();
        let one_of = ask(&fold(Condition::new("it", Operator::In, values)), &attribute);
        if let Some(refused) = each.iter().find(|truth| truth.is_err()) {
            prop_assert_eq!(&one_of, refused);
        } else {
            let is_undecided = each.contains(&Ok(None));
            let any = if is_undecided { None } else { Some(each.contains(&Ok(Some(true)))) };
            // A list is undecided for other elements in each of them.
            let is_list = matches!(attribute, Plain::List(_));
            let any = if is_list && each.contains(&Ok(Some(true))) { Some(true) } else { any };
            prop_assert_eq!(one_of, Ok(any));
        }
    }
}

/// Numbers around the limits of the types that hold them, each in every way that it can be given.
fn edges() -> Vec<(i128, Vec<AttributeValue<'static>>, Vec<Value>)> {
    let mut edges = Vec::new();
    for power in [53, 63, 64] {
        for offset in -2..=2_i128 {
            for number in [(1_i128 << power) + offset, -(1_i128 << power) + offset] {
                let text: &'static str = number.to_string().leak();
                let mut values = vec![AttributeValue::Str(text)];
                let mut comparands = vec![Value::from(text)];
                if let Ok(number) = i64::try_from(number) {
                    values.push(number.into());
                    comparands.push(number.into());
                }
                if let Ok(number) = u64::try_from(number) {
                    values.push(number.into());
                    comparands.push(number.into());
                }
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "checked"
                )]
                let float = Some(number as f64).filter(|float| *float as i128 == number);
                if let Some(float) = float {
                    values.push(float.into());
                    comparands.push(float.into());
                }
                edges.push((number, values, comparands));
            }
        }
    }
    edges
}

#[test]
fn the_order_is_exact_and_the_same_from_both_sides() {
    let edges = edges();
    for (one, values, _) in &edges {
        for (other, _, comparands) in &edges {
            for value in values {
                for comparand in comparands {
                    for (operator, expected) in [
                        (Operator::LessThan, one < other),
                        (Operator::LessThanOrEquals, one <= other),
                        (Operator::GreaterThan, one > other),
                        (Operator::GreaterThanOrEquals, one >= other),
                        (Operator::Equals, one == other),
                    ] {
                        let condition = Condition::new("it", operator, comparand.clone());
                        let truth = condition.ask(User::new("").with(&[("it", *value)]));
                        assert_eq!(truth, Ok(expected.into()), "{value:?} {operator} {comparand}");
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_less_is_not_greater(
        one in any::<f64>(), other in any::<f64>(), integer in any::<i64>(),
        operators in select(&[
            (Operator::LessThan, Operator::GreaterThan),
            (Operator::LessThanOrEquals, Operator::GreaterThanOrEquals),
        ][..]),
    ) {
        let (less, greater) = operators;
        let pairs = [
            (Plain::Float(one), Plain::Float(other)),
            (Plain::Int(integer), Plain::Float(one)),
        ];
        for (one, other) in pairs {
            let [Some(one_json), Some(other_json)] = [&one, &other].map(Plain::to_json) else {
                continue;
            };
            let less = ask(&Condition::new("it", less, other_json), &one);
            let greater = ask(&Condition::new("it", greater, one_json), &other);
            prop_assert_eq!(less, greater);
        }
    }
}

#[test]
fn nothing_is_said_of_a_user_of_whom_nothing_is_known() {
    for operator in Operator::ALL {
        let condition = match operator {
            Operator::In | Operator::NotIn => Condition::new("it", operator, ["1"].as_slice()),
            Operator::Before | Operator::After => Condition::new("it", operator, 1),
            Operator::IsSet | Operator::IsNotSet => continue,
            _ => Condition::new("it", operator, "1"),
        };
        for condition in [condition.clone(), condition.negate()] {
            match condition.ask("anna") {
                Ok(truth) => assert!(matches!(truth, Truth::Undecided(_)), "{condition:?}"),
                Err(_) => assert!(operator == Operator::Matches && !cfg!(feature = "regex")),
            }
        }
    }
}
