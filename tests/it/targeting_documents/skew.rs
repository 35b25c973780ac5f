//! A release that does not know a part of who is meant leaves its flag as it was, and does not
//! serve everybody.

use super::{
    condition, document, engine, everything, export, flag, id, pairs, running, targeted, with,
};
#[cfg(feature = "durable")]
use crate::common::directory::Directory;
use crate::common::{flag_id, production};
use fairsplit::Reason;
use fairsplit::fault::FaultKind;
use serde_json::{Value, json};

/// Places of [`everything`] that say who is meant.
const PLACES: [&str; 12] = [
    "/segments/0",
    "/segments/0/rules/0",
    "/layers/0",
    "/holdouts/0",
    "/flags/0/rules/0",
    "/flags/0/rules/0/conditions/0",
    "/flags/0/targeting/*",
    "/flags/0/targeting/*/audience",
    "/flags/0/targeting/*/audience/conditions/0",
    "/flags/0/targeting/*/layer",
    "/flags/0/targeting/*/layer/ranges/0",
    "/flags/0/targeting/*/audience/conditions/2",
];

fn with_unknown_key(place: &str) -> Value {
    let mut document = everything();
    let place = place.replace('*', &id(1));
    document.pointer_mut(&place).unwrap()["later"] = json!(1);
    document
}

#[test]
fn a_strict_reader_refuses_an_unknown_key_wherever_it_says_who_is_meant() {
    for place in PLACES {
        let found = super::refused(&with_unknown_key(place));
        let is_named = found.iter().any(|(at, kind)| {
            at.rsplit('.').next() == Some("later") && *kind == FaultKind::UnknownTargeting
        });
        assert!(is_named, "{place}: {found:?}");
    }
}

#[test]
fn an_applied_document_with_an_unknown_key_leaves_what_it_would_widen_as_it_was() {
    for place in PLACES {
        let engine = engine();
        let text = with_unknown_key(place).to_string();
        // Not known before: the flag is not there, and callers use their own fallback.
        let report = engine.apply(&text).unwrap();
        assert!(!report.skipped.is_empty(), "{place}");
        let is_of_holdout = place.starts_with("/holdouts");
        let found = production(&engine).evaluate("flag-1", "anna");
        // A holdout is named by no flag: what it binds says so when it starts.
        if !is_of_holdout {
            assert_eq!(found.reason(), Reason::FlagNotFound, "{place}");
        }

        // Known before: everything stays as it was.
        let engine = super::engine();
        engine.replace(&everything().to_string()).unwrap();
        let before = engine.to_json();
        let report = engine.apply(&text).unwrap();
        assert!(report.skipped.iter().all(|skipped| skipped.kept_previous), "{place}: {report}");
        assert_eq!(engine.to_json(), before, "{place}");
    }
}

#[test]
fn an_unknown_key_that_says_nothing_of_who_is_meant_is_tolerated() {
    let document = document(&[with(flag(1), "colour", json!("red"))]);
    let report = engine().apply(&document.to_string()).unwrap();
    assert!(report.skipped.is_empty());
    assert_eq!(report.unknown_fields[0].path(), "flags[0].colour");
}

/// A launch to 1 % that gives its coverage in the wrong object is not a launch to everybody.
#[test]
fn a_part_of_targeting_in_the_wrong_place_is_a_fault_of_its_flag() {
    for (name, in_flag) in [
        ("audience", true),
        ("bucket_by", true),
        ("coverage", true),
        ("held_out_by", true),
        ("holdouts", true),
        ("layer", true),
        ("rules", false),
        ("segments", true),
        ("targeting", false),
    ] {
        let engine = engine();
        let mut of_experiment = running(1);
        of_experiment["experiments"][0][name] = json!(1);
        let mut flags = vec![(of_experiment, format!("flags[0].experiments[0].{name}"))];
        if in_flag {
            flags.push((with(running(1), name, json!(1)), format!("flags[0].{name}")));
        }
        for (flag, path) in flags {
            let report = engine.apply(&document(&[flag]).to_string()).unwrap();
            let expected = (path, FaultKind::MisplacedTargeting);
            assert_eq!(pairs(&report.skipped[0].faults), [expected]);
            let reason = production(&engine).evaluate("flag-1", "anna").reason();
            assert_eq!(reason, Reason::FlagNotFound, "{name}");
        }
    }
}

/// An experiment is bound at its first start, so it would run without that holdout for ever.
#[test]
fn a_first_start_waits_until_the_holdouts_of_its_document_have_no_faults() {
    let sound = super::holdout(41);
    let unowned = with(targeted(running(2), &json!({"holdouts": false})), "key", json!("free"));
    let all = |holdout: Value| {
        let flags = [running(1), unowned.clone(), flag(3)];
        json!({"holdouts": [holdout], "flags": flags}).to_string()
    };
    for faulty in [
        with(sound.clone(), "later", json!(1)),
        with(sound.clone(), "percentage", json!(101)),
        with(sound.clone(), "id", json!("unreadable")),
    ] {
        let engine = engine();
        let report = engine.apply(&all(faulty)).unwrap();
        let kind = FaultKind::Faulty { what: "holdout", found: "holdouts[0]".to_owned() };
        let path = format!("flags[0].targeting.{}.holdouts", id(1));
        assert_eq!(pairs(&report.skipped[0].faults), [(path, kind)]);
        let keys: Vec<_> = engine.flags().iter().map(|flag| flag.key().to_owned()).collect();
        assert_eq!(keys, ["free", "flag-3"]);

        let _ = engine.apply(&all(sound.clone())).unwrap();
        let started = engine.experiment(id(1).parse().unwrap()).unwrap();
        assert_eq!(started.targeting().unwrap().held_out_by(), [id(41).parse().unwrap()]);
    }
    // What has been started is bound already.
    let engine = engine();
    let _ = engine.apply(&all(sound.clone())).unwrap();
    engine.stop(id(1).parse().unwrap()).unwrap();
    let newer = all(with(sound, "later", json!(1))).replace("\"old\"", "\"newer\"");
    let report = engine.apply(&newer).unwrap();
    assert_eq!(report.skipped.len(), 1);
    assert_eq!(engine.flag("flag-1").unwrap().default_value(), "newer");
}

#[test]
fn a_document_that_needs_a_later_release_is_refused_whole() {
    for (needs, is_known) in [(1, true), (2, true), (3, false)] {
        let document = with(document(&[flag(1)]), "needs", json!(needs)).to_string();
        let (applied, replaced) = (engine(), engine());
        assert_eq!(applied.apply(&document).is_ok(), is_known);
        assert_eq!(replaced.replace(&document).is_ok(), is_known);
        assert_eq!(applied.flags().len(), usize::from(is_known));
    }
}

#[test]
fn a_flag_that_needs_a_later_release_keeps_its_last_good_form() {
    let later = with(with(flag(1), "default_value", json!("newer")), "needs", json!(3));
    let document = document(&[later, flag(2)]).to_string();
    let new = engine();
    let report = new.apply(&document).unwrap();
    let skipped = &report.skipped[0];
    let expected = ("flags[0].needs".to_owned(), FaultKind::Needs { needs: 3, known: 2 });
    assert_eq!((pairs(&skipped.faults), skipped.kept_previous), (vec![expected], false));
    assert_eq!(new.flags().len(), 1);

    let known = engine();
    let _ = known.apply(&super::document(&[flag(1)]).to_string()).unwrap();
    assert!(known.apply(&document).unwrap().skipped[0].kept_previous);
    assert_eq!(known.flag("flag-1").unwrap().default_value(), "old");
    // It is news once a release knows it.
    let later = with(flag(1), "default_value", json!("newer"));
    let _ = known.apply(&super::document(&[later]).to_string()).unwrap();
    assert_eq!(known.flag("flag-1").unwrap().default_value(), "newer");
}

#[test]
fn an_export_says_what_it_needs_only_where_an_earlier_release_would_answer_otherwise() {
    for (of_flag, needs) in [
        (flag(1), false),
        (with(flag(1), "flag_type", json!("string")), false),
        (with(flag(1), "enabled", json!(false)), true),
        (with(flag(1), "rules", json!([{"environment": "a", "value": "x"}])), true),
        (targeted(flag(1), &json!({"coverage": 10})), true),
        (targeted(flag(1), &json!({"coverage": 100})), false),
    ] {
        let engine = engine();
        engine.replace(&document(&[of_flag, flag(2)]).to_string()).unwrap();
        let export = export(&engine);
        let expected = if needs { json!(2) } else { Value::Null };
        assert_eq!((&export["needs"], &export["flags"][0]["needs"]), (&expected, &expected));
        assert_eq!(export["flags"][1]["needs"], Value::Null);
    }
}

#[test]
fn flags_that_name_a_faulty_segment_keep_their_last_good_form() {
    let named = |not_segments: Value| {
        let audience = json!({"audience": {"conditions": [], "not_segments": not_segments}});
        let flag = with(targeted(running(1), &audience), "default_value", json!("newer"));
        json!({"segments": [super::segment(11)], "flags": [flag, flag_2()]})
    };
    let engine = engine();
    let _ = engine.apply(&named(json!([id(11)])).to_string()).unwrap();
    let before = export(&engine);
    let mut faulty = named(json!([id(11)]));
    faulty["segments"][0]["rules"] = json!([with(condition(), "operator", json!("regx"))]);
    faulty["flags"][0]["default_value"] = json!("newest");
    faulty["flags"][1]["default_value"] = json!("newest");
    let report = engine.apply(&faulty.to_string()).unwrap();
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|skipped| (&*skipped.path, skipped.key.as_deref().unwrap(), skipped.kept_previous))
        .collect();
    assert_eq!(skipped, [("flags[0]", "flag-1", true), ("segments[0]", "segment 11", true)]);
    let kind = FaultKind::Faulty { what: "segment", found: id(11) };
    let path = format!("flags[0].targeting.{}.audience.not_segments[0]", id(1));
    assert_eq!(pairs(&report.skipped[0].faults), [(path, kind)]);
    // Not "in no segment": all of it is as before, and only the other flag goes on.
    let after = export(&engine);
    assert_eq!(
        (&after["segments"], &after["flags"][0]),
        (&before["segments"], &before["flags"][0])
    );
    assert_eq!(engine.flag(flag_id(2)).unwrap().default_value(), "newest");
}

fn flag_2() -> Value {
    flag(2)
}

#[cfg(feature = "durable")]
#[test]
fn a_directory_of_a_later_release_is_not_opened() {
    for place in PLACES {
        let directory = Directory::new();
        let engine = directory.open();
        engine.replace(&everything().to_string()).unwrap();
        drop(engine);
        let path = directory.file("definitions.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut stored: Value = serde_json::from_str(&text).unwrap();
        let place = place.replace('*', &id(1));
        stored.pointer_mut(&place).unwrap()["later"] = json!(1);
        std::fs::write(&path, stored.to_string()).unwrap();
        let options = fairsplit::durable::OpenOptions::new().accept_edited_definitions();
        let refused = options.open(&directory.0).unwrap_err();
        assert!(refused.to_string().contains(".later"), "{refused}");
        // As it was, it opens.
        std::fs::write(&path, text).unwrap();
        let engine: fairsplit::Engine = directory.open();
        assert_eq!(engine.flags().len(), 1);
    }
}
