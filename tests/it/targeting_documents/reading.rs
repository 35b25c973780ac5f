//! What documents say of who is meant, read and written; and each fault, by its path.

use super::{
    condition, document, engine, everything, export, flag, holdout, id, layer, refused, rule,
    running, segment, targeted, with,
};
use crate::common::{experiment_id, flag_id};
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{
    Condition, FlagType, NewHoldout, NewLayer, NewRule, NewSegment, NewTargeting, Operator,
};
use fairsplit::{Engine, FlagChange, NewFlag};
use serde_json::{Value, json};

#[test]
fn everything_that_a_document_says_is_in_the_export() {
    let engine = engine();
    engine.replace(&everything().to_string()).unwrap();
    let export = export(&engine);
    let given = everything();
    assert_eq!(export["needs"], 2);
    assert_eq!(export["layers"][0], given["layers"][0]);
    assert_eq!(export["holdouts"][0], given["holdouts"][0]);
    for (written, given) in
        [(0, 0), (1, 1)].map(|(at, same)| (&export["segments"][at], &given["segments"][same]))
    {
        assert_eq!(written["rules"], given["rules"]);
        assert_eq!(written["updated_at"], "1970-01-01T00:00:00Z");
    }
    let (written, given) = (&export["flags"][0], &given["flags"][0]);
    assert_eq!((&written["needs"], &written["enabled"]), (&json!(2), &json!(false)));
    assert_eq!(written["flag_type"], "string");
    assert_eq!(written["targeting"], given["targeting"]);
    assert_eq!(written["rules"][1], given["rules"][1]);
    assert_eq!(written["rules"][0]["conditions"], given["rules"][0]["conditions"]);

    let again = Engine::from_json(&engine.to_json()).unwrap();
    assert_eq!(again.to_json(), engine.to_json());
    let _ = again.apply(&engine.to_json()).unwrap();
    assert_eq!(again.to_json(), engine.to_json());
}

#[test]
fn a_document_without_targeting_is_written_as_it_always_was() {
    let engine = engine();
    engine.replace(&document(&[running(1)]).to_string()).unwrap();
    let export = export(&engine);
    let names = |value: &Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let mut of_flag = names(&export["flags"][0]);
    of_flag.sort();
    assert_eq!(names(&export).len(), 2);
    assert_eq!(
        of_flag,
        [
            "counters",
            "created_at",
            "default_value",
            "experiments",
            "forced",
            "id",
            "key",
            "name",
            "updated_at"
        ]
    );
}

#[test]
fn a_condition_names_its_attribute_by_either_word_and_is_written_with_its_own() {
    let by_key = json!({"key": "plan", "operator": "equals", "value": "pro"});
    let segment = with(segment(11), "rules", json!([condition()]));
    let rule = with(rule(31, 0), "conditions", json!([by_key]));
    let flag = with(flag(1), "rules", json!([rule]));
    let flag = targeted(flag, &json!({"audience": {"conditions": [by_key]}}));
    let engine = engine();
    engine.replace(&json!({"segments": [segment], "flags": [flag]}).to_string()).unwrap();
    let export = export(&engine);
    assert_eq!(export["segments"][0]["rules"], json!([by_key]));
    let flag = &export["flags"][0];
    assert_eq!(flag["rules"][0]["conditions"], json!([condition()]));
    assert_eq!(flag["targeting"][id(1)]["audience"]["conditions"], json!([condition()]));

    let both = json!({"key": "plan", "attribute": "plan", "operator": "equals", "value": "pro"});
    let segment = with(super::segment(11), "rules", json!([both]));
    let found = refused(&json!({"segments": [segment], "flags": []}));
    assert_eq!(found, [("segments[0].rules[0].attribute".to_owned(), FaultKind::RepeatedField)]);
}

#[test]
fn a_status_says_whether_a_flag_is_archived_where_archived_does_not() {
    for (status, archived, expected) in [
        (Some("active"), None, false),
        (Some("archived"), None, true),
        (Some("archived"), Some(false), false),
        (Some("active"), Some(true), true),
        (None, Some(true), true),
    ] {
        let mut flag = flag(1);
        flag["status"] = json!(status);
        flag["archived"] = json!(archived);
        let engine = engine();
        engine.replace(&document(&[flag]).to_string()).unwrap();
        assert_eq!(engine.flag("flag-1").unwrap().is_archived(), expected, "{status:?}");
    }
}

#[test]
fn a_default_is_wrapped_only_where_the_type_says_so() {
    let wrapped = |value: Value| json!({"value": value});
    for (flag_type, given, expected) in [
        (None, wrapped(json!("x")), wrapped(json!("x"))),
        (Some("json"), wrapped(json!("x")), wrapped(json!("x"))),
        (Some("string"), wrapped(json!("x")), json!("x")),
        (Some("boolean"), wrapped(json!(true)), json!(true)),
        (Some("number"), json!(3), json!(3)),
        (Some("number"), wrapped(Value::Null), Value::Null),
    ] {
        let flag = json!({
            "id": flag_id(1), "key": "a", "default_value": given, "flag_type": flag_type
        });
        let engine = engine();
        engine.replace(&document(std::slice::from_ref(&flag)).to_string()).unwrap();
        assert_eq!(*engine.flag("a").unwrap().default_value(), expected, "{flag}");
        let new = NewFlag::from_json(&flag.to_string()).unwrap();
        let created = super::engine().create_flag(new).unwrap();
        assert_eq!(*created.default_value(), expected, "{flag}");
    }
}

#[test]
fn rules_without_positions_come_last_and_without_ids_have_the_same_ones_in_every_process() {
    let bare = |environment: &str| json!({"environment": environment, "value": "x"});
    let rules = json!([bare("production"), rule(31, 4), bare("staging"), bare("production")]);
    let document = document(&[with(flag(1), "rules", rules)]).to_string();
    let (one, other) = (engine(), engine());
    one.replace(&document).unwrap();
    let _ = other.apply(&document).unwrap();
    assert_eq!(one.to_json(), other.to_json());
    let places: Vec<_> = one
        .rules("flag-1")
        .unwrap()
        .into_iter()
        .map(|rule| (rule.environment().to_string(), rule.position(), rule.id().to_string()))
        .collect();
    let places: Vec<_> =
        places.iter().map(|(name, position, id)| (name.as_str(), *position, id)).collect();
    assert_eq!(
        places.iter().map(|(name, position, _)| (*name, *position)).collect::<Vec<_>>(),
        [("production", 4), ("production", 5), ("production", 6), ("staging", 0)]
    );
    // What was made up must stay, in this release and in every other: users of a rule would move.
    assert_eq!(*places[1].2, "62b35174-44c9-e6c5-a1d8-cee6cb2e3c07");
    assert_eq!(other.apply(&document).unwrap().to_string(), "nothing to do");
}

#[test]
fn requests_read_what_their_builders_make_and_nothing_else() {
    let pro = || Condition::new("plan", Operator::Equals, "pro");
    let rule =
        NewRule::new("production", json!(null)).condition(pro()).percentage(12.5).position(3);
    let text = r#"{"environment": "production", "value": null, "percentage": 12.5, "position": 3,
        "conditions": [{"key": "plan", "operator": "equals", "value": "pro"}]}"#;
    assert_eq!(NewRule::from_json(text).unwrap(), rule);
    let targeting = NewTargeting::new()
        .condition(pro().negate())
        .segment(id(11).parse().unwrap())
        .not_segment(id(12).parse().unwrap())
        .coverage(0.001)
        .bucket_by("company_id")
        .layer(id(21).parse().unwrap(), [(0, 30)])
        .holdouts(false);
    let text = json!({
        "audience": {
            "conditions": [with(condition(), "negate", json!(true))],
            "segments": [id(11)], "not_segments": [id(12)]
        },
        "coverage": 0.001, "bucket_by": "company_id", "holdouts": false,
        "layer": {"id": id(21), "ranges": [{"from": 0, "to": 30}]}
    });
    assert_eq!(NewTargeting::from_json(&text.to_string()).unwrap(), targeting);
    assert_eq!(NewTargeting::from_json("{}").unwrap(), NewTargeting::new());
    let change = FlagChange::from_json(r#"{"enabled": false, "flag_type": "string"}"#).unwrap();
    assert_eq!(change, FlagChange::new().enabled(false).flag_type(FlagType::String));
    assert_ne!(FlagChange::from_json(r#"{"flag_type": null}"#).unwrap(), FlagChange::new());

    let unknown = r#"{"name": "a", "value": 1, "percentage": 1, "covrage": 1,
        "rules": [{"key": "a", "operator": "is_set"}]}"#;
    assert!(NewRule::from_json(unknown).is_err());
    assert!(NewSegment::from_json(unknown).is_err());
    assert!(NewLayer::from_json(unknown).is_err());
    assert!(NewHoldout::from_json(unknown).is_err());
    assert!(NewTargeting::from_json(unknown).is_err());
    // The holdouts that bind an experiment are the engine's.
    let as_answered = NewTargeting::from_json(r#"{"held_out_by": []}"#).unwrap();
    assert_eq!(as_answered, NewTargeting::new());
}

#[test]
fn what_the_documentation_shows_is_sound() {
    let text = include_str!("../../../docs/document.md");
    let blocks = text.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap());
    let blocks: Vec<&str> = blocks.collect();
    let [whole, shared, targeting] = blocks[..] else { panic!("three blocks") };
    engine().replace(whole).unwrap();
    let mut document: Value = serde_json::from_str(shared).unwrap();
    document["flags"][0]["experiments"] = flag(1)["experiments"].clone();
    let targeting: Value = serde_json::from_str(targeting).unwrap();
    document["flags"][0]["targeting"] = json!({id(1): targeting});
    document["layers"][0]["bucket_by"] = targeting["bucket_by"].clone();
    engine().replace(&document.to_string()).unwrap();
}

/// A document that is sound, with one part replaced.
fn faulty(pointer: &str, value: Value) -> Value {
    let mut document = everything();
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value;
    } else {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[field] = value;
    }
    document
}

type Is = Box<dyn Fn(&FaultKind) -> bool>;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_fault_is_found_at_its_path() {
    let experiment = id(1);
    let targeting = format!("/flags/0/targeting/{experiment}");
    let at = |path: &str| format!("flags[0].targeting.{experiment}.{path}");
    let is = |expected: FaultKind| move |found: &FaultKind| *found == expected;
    let kind = |expected: FaultKind| -> Is { Box::new(is(expected)) };
    let mistyped = || -> Is { Box::new(|found| matches!(found, FaultKind::Type { .. })) };
    let share = |found: &str| kind(FaultKind::Share { found: found.to_owned() });
    let no_such = |what, number| kind(FaultKind::NoSuch { what, found: id(number) });
    let other_type = || -> Is { Box::new(|found| matches!(found, FaultKind::ValueType { .. })) };
    let cases: Vec<(String, Value, String, Is)> = [
        ("/segments/0/id", Value::Null, "segments[0].id", mistyped()),
        ("/segments/0/name", json!(" "), "segments[0].name", kind(FaultKind::Blank)),
        (
            "/segments/0/rules",
            json!([]),
            "segments[0].rules",
            kind(FaultKind::NoItems { what: "condition" }),
        ),
        (
            "/segments/0/match_type",
            json!("some"),
            "segments[0].match_type",
            kind(FaultKind::MatchType { found: "some".to_owned() }),
        ),
        (
            "/segments/0/rules/0/operator",
            json!("regx"),
            "segments[0].rules[0].operator",
            kind(FaultKind::Operator { found: "regx".to_owned() }),
        ),
        (
            "/segments/0/rules/0/key",
            json!(" "),
            "segments[0].rules[0].key",
            Box::new(|found| matches!(found, FaultKind::Condition(_))),
        ),
        (
            "/segments/0/rules/0/key",
            Value::Null,
            "segments[0].rules[0].key",
            kind(FaultKind::Required),
        ),
        ("/segments/0/rules/0/negate", json!(1), "segments[0].rules[0].negate", mistyped()),
        (
            "/segments/1/id",
            json!(id(11)),
            "segments[1].id",
            kind(FaultKind::Duplicate { found: id(11), other: "segments[0].id".to_owned() }),
        ),
        ("/layers/0/bucket_by", json!(""), "layers[0].bucket_by", kind(FaultKind::Blank)),
        ("/holdouts/0/percentage", json!(100.5), "holdouts[0].percentage", share("100.5")),
        ("/holdouts/0/percentage", json!("5"), "holdouts[0].percentage", mistyped()),
        ("/flags/0/enabled", json!("no"), "flags[0].enabled", mistyped()),
        ("/flags/0/status", json!("paused"), "flags[0].status", mistyped()),
        (
            "/flags/0/flag_type",
            json!("text"),
            "flags[0].flag_type",
            kind(FaultKind::FlagType { found: "text".to_owned() }),
        ),
        ("/flags/0/default_value", json!(1), "flags[0].default_value", other_type()),
        (
            "/flags/0/experiments/0/variants/0/value",
            json!(1),
            "flags[0].experiments[0].variants[0].value",
            other_type(),
        ),
        ("/flags/0/rules/1/value", json!(1), "flags[0].rules[1].value", other_type()),
        (
            "/flags/0/rules/1/environment",
            json!(""),
            "flags[0].rules[1].environment",
            kind(FaultKind::Blank),
        ),
        ("/flags/0/rules/1/position", json!(-1), "flags[0].rules[1].position", mistyped()),
        (
            "/flags/0/rules/1/percentage",
            json!(0.0001),
            "flags[0].rules[1].percentage",
            share("0.0001"),
        ),
        (
            "/flags/0/rules/1/id",
            Value::Null,
            "flags[0].rules[1].id",
            kind(FaultKind::IdForPercentage),
        ),
        (
            "/flags/0/rules/1/id",
            json!(id(31)),
            "flags[0].rules[1].id",
            kind(FaultKind::Duplicate { found: id(31), other: "flags[0].rules[0].id".to_owned() }),
        ),
        (
            "/flags/0/rules/1/segment_id",
            json!(id(99)),
            "flags[0].rules[1].segment_id",
            no_such("segment", 99),
        ),
    ]
    .map(|(pointer, value, path, is)| (pointer.to_owned(), value, path.to_owned(), is))
    .into_iter()
    .chain(
        [
            ("coverage", json!(-1), "coverage", share("-1")),
            ("bucket_by", json!("  "), "bucket_by", kind(FaultKind::Blank)),
            ("holdouts", json!("no"), "holdouts", mistyped()),
            ("audience/segments/0", json!(id(98)), "audience.segments[0]", no_such("segment", 98)),
            (
                "audience/not_segments/0",
                json!("x"),
                "audience.not_segments[0]",
                kind(FaultKind::Id { found: "x".to_owned() }),
            ),
            ("layer/id", json!(id(97)), "layer.id", no_such("layer", 97)),
            ("layer/ranges", json!([]), "layer.ranges", kind(FaultKind::NoItems { what: "range" })),
            ("layer/ranges/0/to", json!(0), "layer.ranges[0]", kind(FaultKind::EmptyRange)),
            (
                "layer/ranges/0/to",
                json!(51),
                "layer.ranges[1]",
                kind(FaultKind::Overlap { other: at("layer.ranges[0]") }),
            ),
        ]
        .map(|(pointer, value, path, is)| (format!("{targeting}/{pointer}"), value, at(path), is)),
    )
    .collect();
    for (pointer, value, path, is) in cases {
        let found = refused(&faulty(&pointer, value.clone()));
        assert!(found.iter().any(|(at, kind)| *at == path && is(kind)), "{pointer}: {found:?}");
        // Nothing else is blamed for it, but the other of two, and flags that name what is faulty.
        let is_about = |(at, kind): &(String, FaultKind)| {
            *at == path
                || matches!(kind, FaultKind::Duplicate { .. } | FaultKind::Faulty { .. })
                || matches!(kind, FaultKind::NoSuch { .. }) && pointer.ends_with("/id")
        };
        assert!(found.iter().all(is_about), "{pointer}: {found:?}");
    }
}

#[test]
fn there_are_limits() {
    let many = |item: Value, count: usize| Value::from(vec![item; count]);
    let conditions = with(segment(11), "rules", many(condition(), 33));
    let found = refused(&json!({"segments": [conditions], "flags": []}));
    let too_many = |what, most, found| FaultKind::TooMany { what, most, found };
    assert_eq!(found, [("segments[0].rules".to_owned(), too_many("conditions", 32, 33))]);

    let found = refused(&json!({"segments": many(segment(11), 1001), "flags": []}));
    assert_eq!(found, [("segments".to_owned(), too_many("segments", 1000, 1001))]);

    let bare = |environment: &str| json!({"environment": environment, "value": 1});
    let mut rules = vec![bare("production"); 100];
    rules.extend(vec![bare("staging"); 100]);
    let most = document(&[with(flag(1), "rules", json!(rules))]);
    engine().replace(&most.to_string()).unwrap();
    rules.push(bare("staging"));
    let found = refused(&document(&[with(flag(1), "rules", json!(rules))]));
    let kind = too_many("rules of one environment", 100, 101);
    assert_eq!(found, [("flags[0].rules".to_owned(), kind)]);

    let range = |at: u32| json!({"from": at * 2, "to": at * 2 + 1});
    let ranges: Vec<Value> = (0..101).map(|at| range(at % 50)).collect();
    let part = json!({"layer": {"id": id(21), "ranges": ranges}});
    let found = refused(&json!({"layers": [layer(21)], "flags": [targeted(flag(1), &part)]}));
    let path = format!("flags[0].targeting.{}.layer.ranges", experiment_id(1));
    assert_eq!(found, [(path, too_many("ranges", 100, 101))]);
}

#[test]
fn running_experiments_of_a_layer_that_overlap_are_both_at_fault() {
    let part =
        |from: u32, to: u32| json!({"layer": {"id": id(21), "ranges": [{"from": from, "to": to}]}});
    let flags = |second: Value| {
        let flags = [targeted(running(1), &part(0, 50)), second];
        json!({"layers": [layer(21)], "flags": flags})
    };
    let beside = targeted(running(2), &part(50, 100));
    engine().replace(&flags(beside).to_string()).unwrap();
    // Half-open ranges: one thousandth more is shared.
    let path = |flag: usize, number: u128| {
        format!("flags[{flag}].targeting.{}.layer.ranges[0]", id(number))
    };
    let overlapping = targeted(running(2), &part(49, 100));
    let found = refused(&flags(overlapping.clone()));
    let overlaps = |other: String| FaultKind::Overlap { other };
    assert_eq!(found, [(path(0, 1), overlaps(path(1, 2))), (path(1, 2), overlaps(path(0, 1)))]);
    // A draft takes no user, nor does an experiment of another environment.
    let draft = targeted(flag(2), &part(49, 100));
    engine().replace(&flags(draft).to_string()).unwrap();
    let mut elsewhere = overlapping;
    elsewhere["experiments"][0]["environment"] = json!("staging");
    engine().replace(&flags(elsewhere).to_string()).unwrap();
}

#[test]
fn an_experiment_has_the_unit_of_its_layer_and_of_holdouts() {
    let part = json!({
        "bucket_by": "company_id",
        "layer": {"id": id(21), "ranges": [{"from": 0, "to": 1}]}
    });
    let found = refused(&json!({"layers": [layer(21)], "flags": [targeted(flag(1), &part)]}));
    let path = format!("flags[0].targeting.{}.bucket_by", id(1));
    assert!(matches!(&found[..], [(at, FaultKind::Unit { .. })] if *at == path), "{found:?}");

    let unit = json!({"bucket_by": "company_id"});
    let found = refused(&json!({"holdouts": [holdout(41)], "flags": [targeted(flag(1), &unit)]}));
    assert!(matches!(&found[..], [(at, FaultKind::Unit { .. })] if *at == path), "{found:?}");
    let unit = json!({"bucket_by": "company_id", "holdouts": false});
    let sound = json!({"holdouts": [holdout(41)], "flags": [targeted(flag(1), &unit)]});
    engine().replace(&sound.to_string()).unwrap();
}
