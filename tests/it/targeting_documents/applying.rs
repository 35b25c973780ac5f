//! Documents that say who is meant, applied: each part is merged as a flag is.

use super::{
    document, engine, everything, export, flag, holdout, id, layer, pairs, rule, running, segment,
    targeted, with,
};
use crate::common::{experiment_id, flag_id};
use fairsplit::apply::{ApplyOptions, ApplyReport, Left};
use fairsplit::changes::Unit;
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{
    Condition, NewHoldout, NewLayer, NewRule, NewSegment, Operator, Share, Targeting,
};
use fairsplit::{Engine, FlagChange, Status};
use serde_json::{Value, json};

fn apply(engine: &Engine, document: &Value) -> ApplyReport {
    engine.apply(&document.to_string()).unwrap()
}

/// Applies a document without a fault.
fn applied(engine: &Engine, document: &Value) {
    let report = apply(engine, document);
    assert!(report.skipped.is_empty(), "{report}");
}

/// The one fault of the one thing that was skipped.
fn fault(report: &ApplyReport) -> (String, FaultKind) {
    let [skipped] = report.skipped.as_slice() else { panic!("{report}") };
    let [fault] = &pairs(&skipped.faults)[..] else { panic!("{report}") };
    fault.clone()
}

fn pro() -> Condition {
    Condition::new("plan", Operator::Equals, "pro")
}

fn with_rules(rules: &[Value]) -> Value {
    document(&[with(flag(1), "rules", json!(rules))])
}

fn rule_values(engine: &Engine) -> Vec<(u32, Value)> {
    let rules = engine.rules("flag-1").unwrap();
    rules.iter().map(|rule| (rule.position(), rule.value().clone())).collect()
}

#[test]
fn a_document_that_comes_again_changes_nothing_also_after_a_restart() {
    let engine = engine();
    let report = apply(&engine, &everything());
    assert!(report.skipped.is_empty() && report.unknown_fields.is_empty(), "{report}");
    // Two segments, two layers, two holdouts, a flag, an experiment, two rules.
    assert_eq!(report.added.len(), 10, "{report}");
    assert_eq!(apply(&engine, &everything()).to_string(), "nothing to do");
}

#[test]
fn a_rule_is_merged_field_by_field() {
    let engine = engine();
    applied(&engine, &with_rules(&[rule(31, 0), rule(32, 1)]));
    let moved = NewRule::new("production", "by hand").position(5).condition(pro());
    engine.change_rule(id(31).parse().unwrap(), moved).unwrap();
    engine.create_rule("flag-1", NewRule::new("production", "made by hand").position(9)).unwrap();

    let report = apply(&engine, &with_rules(&[with(rule(31, 0), "enabled", json!(false))]));
    let expected = [(5, json!("by hand")), (9, json!("made by hand"))];
    assert_eq!(rule_values(&engine), expected);
    assert!(!engine.rules("flag-1").unwrap()[0].is_enabled());
    assert_eq!(
        report.to_string(),
        format!(
            "removed \"flag-1\", rule {}\n\
             changed \"flag-1\", rule {}: enabled\n\
             kept \"flag-1\", rule {}: position, value, as changed elsewhere",
            id(32),
            id(31),
            id(31)
        )
    );
}

#[test]
fn a_rule_that_was_deleted_elsewhere_stays_so_until_the_document_changes_it() {
    let engine = engine();
    applied(&engine, &with_rules(&[rule(31, 0)]));
    engine.delete_rule(id(31).parse().unwrap()).unwrap();
    let report = apply(&engine, &with_rules(&[rule(31, 0)]));
    assert_eq!(report.left[0].1, Left::RemovedElsewhere);
    assert!(rule_values(&engine).is_empty());
    applied(&engine, &with_rules(&[rule(31, 1)]));
    assert_eq!(rule_values(&engine), [(1, json!("ruled"))]);
}

#[test]
fn a_rule_whose_place_was_taken_elsewhere_skips_its_flag() {
    let engine = engine();
    applied(&engine, &with_rules(&[]));
    engine.create_rule("flag-1", NewRule::new("production", "by hand")).unwrap();
    let before = engine.to_json();
    let (path, kind) = fault(&apply(&engine, &with_rules(&[rule(31, 0)])));
    assert_eq!(path, "flags[0].rules[0].position");
    assert!(matches!(kind, FaultKind::Duplicate { .. }));
    assert_eq!(engine.to_json(), before);
}

#[test]
fn a_rule_belongs_to_one_flag() {
    let twice = document(&[
        with(flag(1), "rules", json!([rule(31, 0)])),
        with(flag(2), "rules", json!([rule(31, 0)])),
    ]);
    let engine = engine();
    let report = apply(&engine, &twice);
    assert_eq!(report.skipped.len(), 2);
    // Also one that a flag has which the document does not change.
    applied(&engine, &with_rules(&[rule(31, 0)]));
    let options = ApplyOptions::new().source("other");
    let other = document(&[with(flag(2), "rules", json!([rule(31, 0)]))]);
    let report = options.apply(&engine, &other.to_string()).unwrap();
    assert!(matches!(fault(&report), (path, FaultKind::Duplicate { .. }) if path == "flags[0]"));
}

#[test]
fn a_flag_with_rules_that_were_made_elsewhere_stays_without_those_of_the_source() {
    let engine = engine();
    applied(&engine, &with_rules(&[rule(31, 0)]));
    engine.create_rule("flag-1", NewRule::new("staging", "by hand")).unwrap();
    let report = apply(&engine, &document(&[]));
    assert_eq!(report.left[0].1, Left::HasOtherRules);
    assert_eq!(rule_values(&engine), [(0, json!("by hand"))]);
}

#[test]
fn a_flag_that_was_disabled_by_hand_stays_disabled_over_deploys() {
    let engine = engine();
    applied(&engine, &document(&[flag(1)]));
    engine.change_flag("flag-1", FlagChange::new().enabled(false)).unwrap();
    for document in [document(&[flag(1)]), document(&[with(flag(1), "enabled", json!(true))])] {
        applied(&engine, &document);
        assert!(!engine.flag("flag-1").unwrap().is_enabled());
    }
    applied(&engine, &document(&[with(flag(1), "enabled", json!(false))]));
    applied(&engine, &document(&[flag(1)]));
    assert!(engine.flag("flag-1").unwrap().is_enabled());
}

#[test]
fn a_type_that_values_made_elsewhere_do_not_have_skips_the_flag() {
    let engine = engine();
    applied(&engine, &document(&[flag(1)]));
    engine.create_rule("flag-1", NewRule::new("production", 1)).unwrap();
    let typed = document(&[with(flag(1), "flag_type", json!("string"))]);
    let (path, kind) = fault(&apply(&engine, &typed));
    assert!(path.starts_with("flags[0].rules"), "{path}");
    assert!(matches!(kind, FaultKind::ValueType { .. }));
}

#[test]
fn coverage_only_grows_once_started_and_a_raise_by_hand_stays() {
    let coverage = |percent: f64| document(&[targeted(running(1), &json!({"coverage": percent}))]);
    let now = |engine: &Engine| {
        let experiment = engine.experiment(experiment_id(1)).unwrap();
        experiment.targeting().map_or(Share::ALL, Targeting::coverage)
    };
    let percent = |percent: f64| Share::from_percent(percent).unwrap();
    let engine = engine();
    applied(&engine, &coverage(10.0));
    engine.raise_coverage(experiment_id(1), 50).unwrap();
    let report = apply(&engine, &coverage(10.0));
    assert_eq!(
        (now(&engine), report.kept[0].1.as_slice()),
        (percent(50.0), &["targeting.coverage".to_owned()][..])
    );
    let path = format!("flags[0].targeting.{}.coverage", id(1));
    let (at, kind) = fault(&apply(&engine, &coverage(20.0)));
    assert_eq!(at, path);
    assert!(matches!(kind, FaultKind::CoverageShrinks { was } if was == percent(50.0)));
    applied(&engine, &coverage(60.5));
    assert_eq!(now(&engine), percent(60.5));
    // Its absence says everybody.
    applied(&engine, &document(&[running(1)]));
    assert_eq!(now(&engine), Share::ALL);

    // The first time a source comes, what has grown meanwhile stays.
    let other = super::engine();
    other.replace(&coverage(50.0).to_string()).unwrap();
    let report = apply(&other, &coverage(10.0));
    assert_eq!((now(&other), report.kept.len(), report.skipped.len()), (percent(50.0), 1, 0));
}

#[test]
fn the_population_stays_once_started_and_is_free_before() {
    let changes = [
        ("audience", json!({"audience": {"conditions": [super::condition()]}})),
        ("bucket_by", json!({"bucket_by": "company_id"})),
        ("layer", json!({"layer": {"id": id(21), "ranges": [{"from": 0, "to": 1}]}})),
        ("holdouts", json!({"holdouts": false})),
    ];
    let of = |flag: Value| json!({"layers": [layer(21)], "flags": [flag]});
    for (field, targeting) in changes {
        let engine = engine();
        applied(&engine, &of(running(1)));
        let (path, kind) = fault(&apply(&engine, &of(targeted(running(1), &targeting))));
        assert_eq!(path, format!("flags[0].targeting.{}.{field}", id(1)));
        assert_eq!(kind, FaultKind::TargetingFixed { id: id(1) });

        let engine = super::engine();
        applied(&engine, &of(flag(1)));
        let report = apply(&engine, &of(targeted(flag(1), &targeting)));
        assert_eq!(report.changed[0].1, [format!("targeting.{field}")]);
        applied(&engine, &of(flag(1)));
        assert!(engine.experiment(experiment_id(1)).unwrap().targeting().is_none());
    }
}

#[test]
fn what_a_segment_was_changed_to_by_hand_stays_until_the_document_changes_it() {
    let of = |segment: Value| json!({"segments": [segment], "flags": []});
    let engine = engine();
    applied(&engine, &of(segment(11)));
    let changed = NewSegment::new("by hand").condition(pro());
    engine.change_segment(id(11).parse().unwrap(), changed).unwrap();
    let report = apply(&engine, &of(with(segment(11), "match_type", json!("any"))));
    assert_eq!(
        report.to_string(),
        "changed segment \"by hand\": match_type\n\
         kept segment \"by hand\": name, rules, as changed elsewhere"
    );
    let written = &export(&engine)["segments"][0];
    assert_eq!((&written["name"], &written["match_type"]), (&json!("by hand"), &json!("any")));
    assert_eq!(written["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_longer_named_goes_as_soon_as_nothing_uses_it() {
    let part = json!({
        "audience": {"segments": [id(11)]},
        "layer": {"id": id(21), "ranges": [{"from": 0, "to": 1}]}
    });
    let shared = json!({
        "segments": [segment(11), segment(12)],
        "layers": [layer(21), layer(22)],
        "holdouts": [holdout(41)]
    });
    let with_flags = |mut shared: Value, flags: &[Value]| {
        shared["flags"] = json!(flags);
        shared
    };
    let engine = engine();
    applied(&engine, &with_flags(shared, &[targeted(running(1), &part)]));
    let bound = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!(bound.targeting().unwrap().held_out_by().len(), 1);

    let report = apply(&engine, &document(&[targeted(running(1), &part)]));
    // The flag names a segment and a layer that the document lacks, and that are there.
    assert!(report.skipped.is_empty(), "{report}");
    let removed: Vec<String> = report.removed.iter().map(ToString::to_string).collect();
    assert_eq!(removed, ["segment \"segment 12\"", "layer \"layer 22\""]);
    let left: Vec<String> = report.left.iter().map(|(named, _)| named.to_string()).collect();
    assert_eq!(left, ["holdout \"holdout 41\"", "segment \"segment 11\"", "layer \"layer 21\""]);
    assert!(report.left.iter().all(|(_, why)| *why == Left::InUse));
    // Still so: the source has not let go of them.
    assert_eq!(apply(&engine, &document(&[targeted(running(1), &part)])).left, report.left);

    engine.stop(experiment_id(1)).unwrap();
    engine.delete_experiment(experiment_id(1)).unwrap();
    let mut bare = flag(1);
    bare["experiments"] = json!([]);
    let report = apply(&engine, &document(&[bare]));
    assert_eq!(report.removed.len(), 3, "{report}");
    assert_eq!(
        (engine.segments().len(), engine.layers().len(), engine.holdouts().len()),
        (0, 0, 0)
    );
}

#[test]
fn what_was_made_by_hand_is_never_removed_and_what_cannot_be_read_may_be_any() {
    let engine = engine();
    engine.create_segment(NewSegment::new("by hand").condition(pro())).unwrap();
    engine.create_layer(NewLayer::new("by hand")).unwrap();
    engine.create_holdout(NewHoldout::new("by hand", 1)).unwrap();
    applied(&engine, &everything());
    applied(&engine, &document(&[flag(1)]));
    assert_eq!(
        (engine.segments().len(), engine.layers().len(), engine.holdouts().len()),
        (1, 1, 1)
    );

    let engine = super::engine();
    applied(&engine, &json!({"segments": [segment(11)], "flags": []}));
    let unread = json!({"segments": [with(segment(11), "id", json!("x"))], "flags": []});
    let report = apply(&engine, &unread);
    assert_eq!((report.left[0].1, engine.segments().len()), (Left::MayBeUnread, 1));
}

#[test]
fn what_flags_share_belongs_to_one_source() {
    let engine = engine();
    let shared = json!({
        "segments": [segment(11)], "layers": [layer(21)], "holdouts": [holdout(41)], "flags": []
    });
    let by = |source: &str| ApplyOptions::new().source(source).apply(&engine, &shared.to_string());
    let _ = by("one").unwrap();
    let report = by("other").unwrap();
    let paths: Vec<_> = report.skipped.iter().map(|skipped| &*skipped.path).collect();
    assert_eq!(paths, ["holdouts[0]", "layers[0]", "segments[0]"]);
    let owned = FaultKind::OwnedByOther { owner: "one".to_owned() };
    assert!(report.skipped.iter().all(|skipped| *skipped.faults[0].kind() == owned));
}

#[test]
fn an_experiment_that_was_started_by_hand_keeps_its_range_of_a_layer() {
    let part = |from: u32| json!({"layer": {"id": id(21), "ranges": [{"from": from, "to": 60}]}});
    let of = |first: Value, second: Value| json!({"layers": [layer(21)], "flags": [targeted(first, &part(0)), targeted(second, &part(30))]});
    let engine = engine();
    applied(&engine, &of(flag(1), flag(2)));
    engine.start(experiment_id(1)).unwrap();
    let report = apply(&engine, &of(flag(1), running(2)));
    let path = |flag: usize, number: u128| {
        format!("flags[{flag}].targeting.{}.layer.ranges[0]", id(number))
    };
    assert_eq!(fault(&report), (path(1, 2), FaultKind::Overlap { other: path(0, 1) }));
    assert_eq!(engine.experiment(experiment_id(2)).unwrap().status(), Status::Draft);

    // One change stops the first, and starts the second.
    let mut stopped = flag(1);
    stopped["experiments"][0]["status"] = json!("stopped");
    assert!(apply(&engine, &of(stopped.clone(), running(2))).skipped.is_empty());

    // Not if the first one is skipped.
    let engine = super::engine();
    applied(&engine, &of(running(1), flag(2)));
    stopped["rules"] = json!(["x"]);
    let report = apply(&engine, &of(stopped, running(2)));
    let skipped: Vec<_> = report.skipped.iter().map(|skipped| &*skipped.path).collect();
    assert_eq!(skipped, ["flags[0]", "flags[1]"], "{report}");
    let other = format!("experiment {}", id(1));
    assert_eq!(*report.skipped[1].faults[0].kind(), FaultKind::Overlap { other });
}

#[test]
fn a_holdout_binds_what_a_document_starts_for_the_first_time_after_it() {
    let engine = engine();
    let bound = |number: u128| {
        let experiment = engine.experiment(experiment_id(number)).unwrap();
        experiment.targeting().map_or(0, |targeting| targeting.held_out_by().len())
    };
    applied(&engine, &document(&[running(1), flag(2), flag(3)]));
    let flags = [running(1), running(2), flag(3), running(4)];
    let unbound = targeted(running(5), &json!({"holdouts": false}));
    let mut all = json!({"holdouts": [holdout(41)], "flags": flags});
    all["flags"].as_array_mut().unwrap().push(unbound);
    let report = apply(&engine, &all);
    assert!(report.skipped.is_empty(), "{report}");
    assert_eq!([1, 2, 3, 4, 5].map(bound), [0, 1, 0, 1, 0]);
    // A restart is not a first start.
    for number in [1, 2] {
        engine.stop(experiment_id(number)).unwrap();
        engine.start(experiment_id(number)).unwrap();
    }
    assert_eq!([1, 2].map(bound), [0, 1]);

    // It stays as it is.
    all["holdouts"][0]["percentage"] = json!(6);
    let (path, kind) = fault(&apply(&engine, &all));
    assert_eq!(path, "holdouts[0].percentage");
    assert!(matches!(kind, FaultKind::HoldoutFixed { .. }));
    all["holdouts"][0] = with(holdout(41), "name", json!("renamed"));
    assert!(apply(&engine, &all).skipped.is_empty());
    assert_eq!(engine.holdouts()[0].name(), "renamed");
}

#[test]
fn a_layer_keeps_its_unit_while_an_experiment_has_a_part_of_it() {
    let part = json!({"layer": {"id": id(21), "ranges": [{"from": 0, "to": 1}]}});
    let of = |layer: Value| json!({"layers": [layer], "flags": [targeted(flag(1), &part)]});
    let engine = engine();
    applied(&engine, &of(layer(21)));
    let report = apply(&engine, &of(with(layer(21), "bucket_by", json!("company_id"))));
    let paths: Vec<_> = report
        .skipped
        .iter()
        .map(|skipped| (skipped.faults[0].path().to_owned(), skipped.faults[0].kind().clone()))
        .collect();
    assert_eq!(paths[1].0, "layers[0].bucket_by");
    assert!(matches!(paths[1].1, FaultKind::Unit { .. }));
    assert_eq!(paths[0].1, FaultKind::Faulty { what: "layer", found: id(21) });
}

#[test]
fn a_changed_segment_is_reported_with_the_running_experiments_that_it_reaches() {
    let of = |name: &str, operator: &str| {
        let mut segment = with(segment(11), "name", json!(name));
        segment["rules"][0]["operator"] = json!(operator);
        let named = json!({"audience": {"not_segments": [id(11)]}});
        let above = with(with(rule(31, 0), "segment_id", json!(id(11))), "value", json!("new"));
        json!({"segments": [segment], "flags": [
            targeted(running(1), &named),
            with(running(2), "rules", json!([above])),
            with(running(3), "rules", json!([with(above.clone(), "environment", json!("staging"))])),
            targeted(flag(4), &named),
            running(5)
        ]})
    };
    // Rules of two flags need two ids.
    let of = |name: &str, operator: &str| {
        let mut document = of(name, operator);
        document["flags"][2]["rules"][0]["id"] = json!(id(32));
        document
    };
    let engine = engine();
    assert!(apply(&engine, &of("a", "in")).reaches.is_empty());
    assert!(apply(&engine, &of("b", "in")).reaches.is_empty(), "another name means no others");
    let report = apply(&engine, &of("b", "not_in"));
    let reached: Vec<String> = report.reaches.iter().map(|(_, named)| named.to_string()).collect();
    let expected =
        [1, 2].map(|number| format!("\"flag-{number}\", experiment \"experiment {number}\""));
    assert_eq!(reached, expected);
    let line = "segment \"b\" reaches \"flag-1\", experiment \"experiment 1\"";
    assert!(report.to_string().contains(line), "{report}");
    let unit = Unit::Segment { segment: id(11).parse().unwrap() };
    assert_eq!(report.changed[0].0.unit, unit);
}

#[test]
fn an_experiment_that_comes_back_has_the_population_that_it_had() {
    let part = json!({"coverage": 10, "holdouts": false});
    let engine = engine();
    applied(&engine, &document(&[targeted(running(1), &part), flag(2)]));
    let options = ApplyOptions::new().allow_removals();
    let _ = options.apply(&engine, &document(&[flag(2)]).to_string()).unwrap();
    let report = apply(&engine, &document(&[running(1), flag(2)]));
    assert!(matches!(fault(&report), (_, FaultKind::TargetingFixed { .. })));
    applied(&engine, &document(&[targeted(running(1), &part), flag(2)]));
    assert!(engine.experiment(experiment_id(1)).unwrap().is_running());
    assert_eq!(engine.flag(flag_id(1)).unwrap().key(), "flag-1");
}

#[test]
fn an_experiment_comes_back_only_with_the_holdouts_that_bound_it() {
    let all = |flags: &[Value]| json!({"holdouts": [holdout(41)], "flags": flags});
    let engine = engine();
    applied(&engine, &all(&[running(1), flag(2)]));
    let options = ApplyOptions::new().allow_removals();
    let remove = || options.apply(&engine, &document(&[flag(2)]).to_string()).unwrap();
    // In the first step, it binds what is there.
    assert_eq!(remove().left[0].1, Left::InUse);
    assert_eq!(remove().removed.len(), 1);
    let (path, kind) = fault(&apply(&engine, &document(&[running(1), flag(2)])));
    assert_eq!(path, format!("flags[0].targeting.{}.held_out_by[0]", id(1)));
    assert_eq!(kind, FaultKind::NoSuch { what: "holdout", found: id(41) });
    applied(&engine, &all(&[running(1), flag(2)]));
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!(experiment.targeting().unwrap().held_out_by().len(), 1);
}

#[test]
fn sources_together_have_no_more_segments_than_there_may_be() {
    let many = |first: u128, count: u128| {
        let segments: Vec<Value> = (first..first + count).map(segment).collect();
        json!({"segments": segments, "flags": []}).to_string()
    };
    let engine = engine();
    let by = |source: &str, text: &str| ApplyOptions::new().source(source).apply(&engine, text);
    let _ = by("one", &many(100, 600)).unwrap();
    let before = engine.to_json();
    by("other", &many(1000, 401)).unwrap_err();
    assert_eq!(engine.to_json(), before);
    let _ = by("other", &many(1000, 400)).unwrap();
}
