//! Random conditions on random attributes, answered twice.

use std::collections::{BTreeMap, HashMap};

use fairsplit::User;
use fairsplit::targeting::{AttributeValue, Attributes, Condition, Operator, Truth};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::plain::{self, Plain, Refused};

/// Texts near the edges of what they may mean.
const TEXTS: [&str; 46] = [
    "",
    "5",
    "05",
    "5.0",
    "-0",
    "0",
    "1e3",
    "1000",
    "NaN",
    "true",
    "True",
    "false",
    "pro",
    "PRO",
    "Pro plan",
    "é",
    "É",
    "e\u{301}",
    "K",
    "\u{212a}",
    "1.10.0",
    "1.9.0",
    "v1.9.0",
    "1.9",
    "2",
    "2.0.0-rc.2",
    "2.0.0-rc.10",
    "2.0.0+a",
    "02.0.0",
    "2.0.0.0",
    "99999999999999999999.0.0",
    "2017-12-06T07:00:00Z",
    "2017-12-06T00:00:00-07:00",
    "2017-12-06t07:00:00.5z",
    "2017-12-06T07:00:00.499999Z",
    "2017-12-06",
    "2026-02-30T00:00:00Z",
    "2024-02-29T23:59:59Z",
    "1512543600000",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e+21",
    "1e-7",
];

const FLOATS: [f64; 19] = [
    0.0,
    -0.0,
    5.0,
    5.5,
    -1.0,
    1000.0,
    1e-7,
    0.1,
    1e20,
    1e21,
    1.5e300,
    5e-324,
    9_007_199_254_740_992.0,
    9_223_372_036_854_775_808.0,
    18_446_744_073_709_551_616.0,
    1_512_543_600_000.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

const INTEGERS: [i64; 9] = [
    0,
    5,
    -1,
    1000,
    1_512_543_600_000,
    1_512_543_600_500,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(str::to_owned),
        1 => "[a-cA-C]{1,3}",
        1 => "[0-9]{1,3}(\\.[0-9]{1,2})?",
    ]
}

fn scalar() -> impl Strategy<Value = Plain> {
    prop_oneof![
        1 => Just(Plain::Null),
        1 => any::<bool>().prop_map(Plain::Bool),
        3 => prop_oneof![select(&INTEGERS[..]), -3..10_i64].prop_map(Plain::Int),
        1 => prop_oneof![Just(u64::MAX), Just(1 << 63), 0..10_u64].prop_map(Plain::Uint),
        3 => select(&FLOATS[..]).prop_map(Plain::Float),
        8 => text().prop_map(Plain::Text),
        1 => select(&INTEGERS[..]).prop_map(Plain::Time),
        1 => Just(Plain::Object),
    ]
}

/// An attribute of any kind.
pub(super) fn attribute() -> impl Strategy<Value = Plain> {
    let element = prop_oneof![9 => scalar(), 1 => Just(Plain::List(Vec::new()))];
    prop_oneof![3 => scalar(), 1 => prop::collection::vec(element, 0..4).prop_map(Plain::List)]
}

fn comparand() -> impl Strategy<Value = Value> {
    let scalar = || scalar().prop_filter_map("JSON has it", |plain| plain.to_json());
    let list = prop::collection::vec(scalar(), 0..4).prop_map(Value::from);
    let texts = prop::collection::vec(text(), 1..20).prop_map(Value::from);
    prop_oneof![4 => scalar(), 2 => text().prop_map(Value::from), 1 => list, 3 => texts]
}

/// A comparand that fits the operators of one kind of value.
fn fitting(operator: Operator) -> BoxedStrategy<Value> {
    let texts: &[&str] = match operator.as_str() {
        "before" | "after" => &["2017-12-06T07:00:00Z", "2017-12-06T07:00:00.5Z"],
        name if name.starts_with("semver_") => &["1.9.0", "1.10", "2.0.0-rc.2", "2"],
        name if name.contains("_than") => &["5", "1e3", "0", "9007199254740993"],
        "matches" => return "\\^?[a-cA-Cé]{0,2}\\$?".prop_map(Value::from).boxed(),
        _ => return comparand().boxed(),
    };
    select(texts).prop_map(Value::from).boxed()
}

fn operator() -> impl Strategy<Value = Operator> {
    select(&Operator::ALL[..]).prop_filter("it is asked of users", |operator| {
        cfg!(feature = "regex") || *operator != Operator::Matches
    })
}

/// A condition on the attribute `it`, more often valid than not.
pub(super) fn condition() -> impl Strategy<Value = Condition> {
    let value = |operator| {
        let value = match operator {
            // Any other value might be a pattern too, with a meaning of its own.
            Operator::Matches => fitting(operator),
            operator => prop_oneof![fitting(operator), comparand()].boxed(),
        };
        (Just(operator), value)
    };
    let written = operator().prop_flat_map(value);
    (written, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |((operator, value), negate, ignore_case)| {
            let condition = match operator {
                Operator::IsSet => Condition::is_set("it"),
                Operator::IsNotSet => Condition::is_not_set("it"),
                operator => Condition::new("it", operator, value),
            };
            let condition = if negate { condition.negate() } else { condition };
            if ignore_case { condition.ignore_case() } else { condition }
        },
    )
}

/// A caller's own type.
struct Request<'a> {
    it: AttributeValue<'a>,
}

impl Attributes for Request<'_> {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        (name == "it").then_some(self.it)
    }
}

/// What the condition says of the attribute, which is the same however it is passed.
pub(super) fn ask(condition: &Condition, attribute: &Plain) -> Result<Option<bool>, Refused> {
    let items = attribute.items();
    let it = attribute.to_value(&items);
    let ask = |attributes: &dyn Attributes| condition.ask(User::new("anna").with(attributes));
    let truth = ask(&[("other", 1.into()), ("it", it)]);
    let mut ways = vec![
        ask(&Request { it }),
        ask(&vec![("it".to_owned(), it)].as_slice()),
        ask(&HashMap::from([("it", it)])),
        ask(&BTreeMap::from([("it".to_owned(), it)])),
    ];
    if let Some(json) = attribute.to_json() {
        ways.push(ask(&[("it", AttributeValue::Json(&json))]));
        ways.push(ask(&HashMap::from([("it".to_owned(), json.clone())])));
        ways.push(ask(&BTreeMap::from([("it", json.clone())])));
        ways.push(ask(&Map::from_iter([("it".to_owned(), json)])));
    }
    if let Plain::List(items) = attribute {
        let texts = items.iter().map(|item| match item {
            Plain::Text(text) => Some(text.clone()),
            _ => None,
        });
        if let Some(texts) = texts.collect::<Option<Vec<_>>>() {
            ways.push(ask(&[("it", texts.as_slice().into())]));
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            ways.push(ask(&[("it", texts.as_slice().into())]));
        }
    }
    for way in ways {
        assert_eq!(way, truth, "{condition:?} {attribute:?}");
    }
    match truth {
        Ok(Truth::True) => Ok(Some(true)),
        Ok(Truth::False) => Ok(Some(false)),
        Ok(Truth::Undecided(_)) => Ok(None),
        Err(_) => Err(Refused),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_evaluator_says_the_same_of_any_attribute(
        condition in condition(), attribute in attribute(),
    ) {
        // The Kelvin sign is a `k` to `(?i)`, and to no other operator.
        let is_fold = condition.operator() == Operator::Matches && condition.ignores_case();
        prop_assume!(!is_fold || !format!("{attribute:?}").contains('\u{212a}'));
        prop_assert_eq!(ask(&condition, &attribute), plain::ask(&condition, &attribute));
    }
}

#[test]
fn random_conditions_have_every_answer() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut answers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for _ in 0..20_000 {
        let [condition, attribute] = [(); 2]
            .map(|()| (condition().new_tree(&mut runner), attribute().new_tree(&mut runner)));
        let (condition, attribute) =
            (condition.0.unwrap().current(), attribute.1.unwrap().current());
        let answer = match ask(&condition, &attribute) {
            Ok(Some(true)) => "true",
            Ok(Some(false)) => "false",
            Ok(None) => "undecided",
            Err(Refused) => "refused",
        };
        *answers.entry((condition.operator().as_str(), answer)).or_default() += 1;
    }
    for operator in Operator::ALL {
        if operator == Operator::Matches && !cfg!(feature = "regex") {
            continue;
        }
        let is_set = matches!(operator, Operator::IsSet | Operator::IsNotSet);
        let possible = ["true", "false", "undecided", "refused"];
        for answer in possible.into_iter().filter(|answer| !is_set || *answer != "undecided") {
            let key = (operator.as_str(), answer);
            assert!(answers.contains_key(&key), "{key:?}: {answers:?}");
        }
    }
}
