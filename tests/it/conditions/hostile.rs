//! Input that is large, deep or malformed gets an answer or a refusal.

use fairsplit::User;
use fairsplit::targeting::{
    AttributeValue, Condition, ConditionDefect, MAX_TEXT_BYTES, MAX_VALUES, Operator, Truth,
    Undecided,
};
use serde_json::{Value, json};

fn ask(condition: &Condition, value: AttributeValue<'_>) -> Truth {
    condition.ask(User::new("anna").with(&[("it", value)])).unwrap()
}

#[test]
fn the_longest_lists_are_looked_up_in() {
    let texts: Vec<String> = (0..MAX_VALUES).map(|at| format!("user-{at}")).collect();
    let one_of = Condition::new("it", Operator::In, texts.clone());
    for (text, expected) in [("user-0", true), ("user-99999", true), ("user-100000", false)] {
        assert_eq!(ask(&one_of, text.into()), expected.into(), "{text}");
        let folded = one_of.clone().ignore_case();
        assert_eq!(ask(&folded, (&text.to_uppercase()).into()), expected.into(), "{text}");
    }
    // An attribute may be longer than any list of a condition.
    let mut attribute = vec!["other".to_owned(); 10 * MAX_VALUES];
    assert_eq!(ask(&one_of, attribute.as_slice().into()), Truth::False);
    attribute.push("user-7".to_owned());
    assert_eq!(ask(&one_of, attribute.as_slice().into()), Truth::True);

    let numbers = Condition::new("it", Operator::NotIn, (0..MAX_VALUES).collect::<Vec<_>>());
    assert_eq!(ask(&numbers, 99_999.into()), Truth::False);
    assert_eq!(ask(&numbers, 99_999.5.into()), Truth::True);
    assert_eq!(ask(&numbers, "100000".into()), Truth::True);
}

#[test]
fn a_list_without_values_and_one_that_is_too_long_are_refused() {
    for operator in [Operator::In, Operator::NotIn, Operator::Contains, Operator::StartsWith] {
        for (length, expected) in [
            (0, ConditionDefect::NoValues),
            (MAX_VALUES + 1, ConditionDefect::TooManyValues { found: MAX_VALUES + 1 }),
        ] {
            let error = Condition::new("it", operator, vec!["a"; length]).ask("anna").unwrap_err();
            let defects: Vec<_> = error.defects().collect();
            assert_eq!(defects, [("value".to_owned(), &expected)]);
        }
    }
}

#[test]
fn a_megabyte_of_text_is_read_by_every_operator() {
    let long = "x".repeat(1 << 20);
    let part = "x".repeat(MAX_TEXT_BYTES - 1) + "y";
    for condition in [
        Condition::new("it", Operator::Contains, part.as_str()),
        Condition::new("it", Operator::Contains, part.to_uppercase()).ignore_case(),
        Condition::new("it", Operator::EndsWith, part.as_str()),
        Condition::new("it", Operator::Equals, part.as_str()),
        Condition::new("it", Operator::In, json!([part])).ignore_case(),
    ] {
        assert_eq!(ask(&condition, (&long).into()), Truth::False, "{condition:.60?}");
    }
    for (condition, why) in [
        (Condition::new("it", Operator::LessThan, 1), Undecided::NotANumber),
        (Condition::new("it", Operator::SemverLessThan, "1"), Undecided::NotAVersion),
        (Condition::new("it", Operator::Before, 1), Undecided::NotATime),
    ] {
        for long in [&long, &"9".repeat(1 << 20), &format!("1.0.0-{}", "0".repeat(1 << 20))] {
            assert_eq!(ask(&condition, long.into()), Truth::Undecided(why));
        }
    }
    let version = format!("1.0.0-{}", "a.".repeat(1 << 19) + "a");
    let before = Condition::new("it", Operator::SemverLessThan, "1.0.0");
    assert_eq!(ask(&before, (&version).into()), Truth::True);
}

#[test]
fn numbers_at_the_ends_of_their_types_are_in_order() {
    let ten_to_19 = 10_u64.pow(19);
    for (value, comparand, expected) in [
        (AttributeValue::Uint(ten_to_19), json!("9999999999999999999"), Truth::True),
        (AttributeValue::Uint(ten_to_19), json!(1e19), Truth::False),
        (AttributeValue::Float(1e19), json!(ten_to_19), Truth::False),
        (AttributeValue::Uint(u64::MAX), json!(i64::MIN), Truth::True),
        (AttributeValue::Float(f64::MAX), json!(u64::MAX), Truth::True),
        (AttributeValue::Float(f64::INFINITY), json!(f64::MAX), Truth::True),
        (AttributeValue::Float(f64::NAN), json!(0), Truth::Undecided(Undecided::NoAttribute)),
    ] {
        let above = Condition::new("it", Operator::GreaterThan, comparand);
        assert_eq!(ask(&above, value), expected, "{above:?} {value:?}");
    }
    let integer = Condition::new("it", Operator::Equals, ten_to_19);
    assert_eq!(ask(&integer, 1e19.into()), Truth::True);
    assert_eq!(ask(&integer, "10000000000000000000".into()), Truth::True);
}

#[test]
fn deep_values_are_unfit_and_not_walked() {
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let condition = Condition::new("it", Operator::Equals, "x");
    let unfit = Truth::Undecided(Undecided::NotAScalar);
    assert_eq!(ask(&condition, AttributeValue::Json(&deep)), unfit);
    assert!(Condition::new("it", Operator::In, deep).ask("anna").is_err());
}

#[test]
fn a_lone_surrogate_is_no_text_in_json() {
    assert!(serde_json::from_str::<Value>(r#""\ud800""#).is_err());
    let pattern = Condition::new("it", Operator::Matches, r"\ud800");
    assert!(pattern.ask("anna").is_err());
}

#[cfg(feature = "regex")]
#[test]
fn a_pattern_that_would_be_slow_elsewhere_is_linear_or_refused() {
    let long = "x".repeat(1 << 20);
    let matches = |pattern: &str| Condition::new("it", Operator::Matches, pattern);
    assert_eq!(ask(&matches("(x+x+)+y"), (&long).into()), Truth::False);
    assert_eq!(ask(&matches("(x+x+)+y"), (&format!("{long}y")).into()), Truth::True);
    for pattern in [
        "(a|b)*a(a|b){9}",
        "(a|b)*a(a|b){200}",
        "((a{0,100}){0,100}){0,100}",
        r"\p{L}+",
        r"\w+@\w+",
    ] {
        let error = matches(pattern).ask("anna").unwrap_err();
        let defects: Vec<_> = error.defects().collect();
        assert_eq!(defects, [("value".to_owned(), &ConditionDefect::PatternTooLarge)], "{pattern}");
    }
    for pattern in ["(?=a)b", r"(a)\1", "(", r"\bpro\b", &"(".repeat(256)] {
        let error = matches(pattern).ask("anna").unwrap_err();
        let defects: Vec<_> = error.defects().collect();
        assert!(matches!(defects[..], [(_, ConditionDefect::Pattern { .. })]), "{pattern}");
    }
}
