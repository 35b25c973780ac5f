use super::read::{MAX_DEPTH, NUMBERS_ARE_OBJECTS};
use super::*;
use proptest::prelude::*;

fn value(text: &str) -> Result<Value, Vec<String>> {
    let mut faults = Faults::default();
    let value = Node::parse(text).unwrap().into_value(&Path::Root, &mut faults);
    match faults.into_vec().as_slice() {
        [] => Ok(value),
        faults => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

#[track_caller]
fn assert_round_trip(text: &str) {
    assert_eq!(value(text).unwrap().to_string(), text);
}

#[test]
fn numbers_come_back_as_they_were_written() {
    for text in [
        "0",
        "-1",
        "1.0",
        "-0.0",
        "0.1",
        "0.30000000000000004",
        "0.22931038504253454",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "5e-324",
        "1.7976931348623157e+308",
    ] {
        assert_round_trip(text);
    }
}

#[test]
fn exponents_can_be_written_in_every_way() {
    assert_eq!(
        value("[1e5,1E5,1e+5,1.0E-5,2]").unwrap().to_string(),
        "[100000.0,100000.0,100000.0,0.00001,2]"
    );
}

#[test]
fn numbers_in_strings_and_keys_do_not_shift_the_others() {
    assert_round_trip(r#"{"1":"2 \" 3","\\4":[5,{"6":0.22931038504253454}],"e":"-"}"#);
}

#[test]
fn integers_beyond_64_bits_and_repeated_fields_are_named() {
    assert_eq!(
        value(r#"{"a":[1,18446744073709551616],"a":{"b":1,"b":-9223372036854775809}}"#),
        Err(vec![
            "a[1]: must be an integer that 64 bits hold, found 18446744073709551616".to_owned(),
            "a.b: must be an integer that 64 bits hold, found -9223372036854775809".to_owned(),
            "a.b: is given more than once".to_owned(),
            "a: is given more than once".to_owned(),
        ])
    );
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let error = Node::parse("{\"a\": 1,\n \"b\": tru}").unwrap_err();
    assert_eq!(error.to_string(), "invalid JSON at line 2, column 10: expected ident");
    for text in ["", "1 2", "[1,]", "1e400", "-", "[0.1, 01]", &"[".repeat(200)] {
        assert!(Node::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_byte_order_mark_at_the_start_is_skipped_and_no_other() {
    assert_eq!(value("\u{feff}{\"a\": 0.5}").unwrap().to_string(), "{\"a\":0.5}");
    let error = Node::parse("\u{feff}{,}").unwrap_err();
    assert_eq!((error.line(), error.column()), (1, 2));
    for text in ["\u{feff}", "\u{feff}\u{feff}1", "[\u{feff}1]", "1\u{feff}"] {
        assert!(Node::parse(text).is_err(), "{text:?}");
    }
}

/// This is a number only if another crate has switched on `arbitrary_precision`.
#[test]
fn an_object_that_looks_like_a_number_stays_what_it_is() {
    assert_round_trip(r#"[{"$serde_json::private::Number":"7"},1,0.22931038504253454,3]"#);
    assert_round_trip(r#"[{"$serde_json::private::Number":5,"a":1},2]"#);
    let without_text: Node<'_> =
        serde_json::from_str(r#"{"$serde_json::private::Number":"7"}"#).unwrap();
    assert_eq!(matches!(without_text, Node::Object(_)), !*NUMBERS_ARE_OBJECTS);
}

#[test]
fn a_tree_that_is_too_deep_is_refused_wherever_it_comes_from() {
    let deep = (0..3000).fold(Value::Null, |inner, _| Value::from(vec![inner]));
    assert!(Node::deserialize(&deep).is_err());
    let text = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Node::parse(&text(MAX_DEPTH)).is_ok());
    assert!(Node::parse(&text(MAX_DEPTH + 1)).is_err());
    let value: Value = serde_json::from_str(&text(MAX_DEPTH)).unwrap();
    assert!(Node::deserialize(&value).is_ok());
}

proptest! {
    #[test]
    fn every_float_survives(bits: u64, nested: bool) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        let text = serde_json::to_string(&float).unwrap();
        let text = if nested { format!("{{\"1.5\":[\"x\\\"2\",{text}]}}") } else { text };
        assert_round_trip(&text);
    }
}
