//! Any condition is refused or has an answer for any attribute, and its negation has the opposite
//! one. The input is three lines: the operator, the value and the attribute, the latter two in
//! JSON.

#![no_main]

use fairsplit::User;
use fairsplit::targeting::{AttributeValue, Condition, Operator};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let Some(Ok(operator)) = lines.next().map(str::parse::<Operator>) else { return };
    let [value, attribute] = [(); 2].map(|()| lines.next().map(serde_json::from_str::<Value>));
    let (Some(Ok(value)), Some(Ok(attribute))) = (value, attribute) else { return };
    let attributes = [("it", AttributeValue::Json(&attribute))];
    let user = User::new("anna").with(&attributes);
    let condition = Condition::new("it", operator, value);
    for condition in [condition.clone(), condition.ignore_case()] {
        let truth = condition.ask(user);
        assert_eq!(condition.negate().ask(user), truth.map(|truth| !truth));
    }
});
