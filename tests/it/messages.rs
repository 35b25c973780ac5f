//! The text of every refusal of the control plane and of every fault in a configuration, word for
//! word; and the words for the reason of an answer and the outcome of a conversion. Other files
//! assert kinds.

use std::fmt::Display;

use crate::common::{banner, experiment_id, flag_id, production, running, staging};
use fairsplit::assign::Allocation;
use fairsplit::error::{ControlError, DeltaError, LoadError, Transition};
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{
    Condition, FlagType, HoldoutId, LayerId, NewHoldout, NewLayer, NewRule, NewSegment,
    NewTargeting, Operator, RuleId, SegmentId, Share,
};
use fairsplit::{EnvironmentName, ExperimentId, FlagChange, NewExperiment, NewFlag, Status};
use serde::Serialize;
use serde_json::json;

#[track_caller]
fn assert_refused<T>(result: Result<T, ControlError>, message: &str) -> ControlError {
    match result {
        Ok(_) => panic!("it should have been refused"),
        Err(error) => {
            assert_eq!(error.to_string(), message);
            error
        }
    }
}

#[test]
fn each_refusal_says_what_was_tried_and_what_forbids_it() {
    let (engine, id) = running();
    let version = production(&engine).view().version();

    assert_refused(
        engine.create_flag(NewFlag::new("hero-banner", 1)),
        "there is already a flag \"hero-banner\"",
    );
    assert_refused(
        engine.create_flag(NewFlag::new("other", 1).id(flag_id(1))),
        "there is already a flag with id 00000000-0000-0000-0000-000000000001",
    );
    assert_refused(engine.create_flag(NewFlag::new("\n", 1)), "key: must not be blank");
    assert_refused(engine.set_default("hero", 1), "there is no flag \"hero\"");
    assert_refused(
        engine.experiments(flag_id(9)),
        "there is no flag 00000000-0000-0000-0000-000000000009",
    );
    assert_refused(
        engine.create_experiment("hero-banner", banner("staging").id(id)),
        "there is already an experiment with id 00000000-0000-0000-0000-000000000001",
    );
    assert_refused(
        engine.start(experiment_id(9)),
        "there is no experiment 00000000-0000-0000-0000-000000000009",
    );
    assert_refused(
        engine.create_experiment("hero-banner", NewExperiment::new(" ", "")),
        "name: must not be blank; environment: must not be blank; \
         variants: must hold at least one variant",
    );
    assert_refused(engine.force(id, "", "control"), "user key must not be empty");
    assert_refused(
        engine.force(id, "anna", "contorl"),
        "experiment 00000000-0000-0000-0000-000000000001 has no variant \"contorl\", \
         only control, treatment",
    );
    assert_refused(
        engine.unforce(experiment_id(9), "anna"),
        "there is no experiment 00000000-0000-0000-0000-000000000009",
    );
    assert_refused(
        engine.delete_experiment(id),
        "cannot delete experiment 00000000-0000-0000-0000-000000000001: it is running",
    );
    assert_refused(
        engine.delete_flag("hero-banner"),
        "cannot delete flag \"hero-banner\": \
         experiment 00000000-0000-0000-0000-000000000001 is running on it",
    );
    assert_refused(
        engine.archive_experiment(id),
        "cannot archive experiment 00000000-0000-0000-0000-000000000001: it is running",
    );
    assert_refused(
        engine.archive_flag("hero-banner"),
        "cannot archive flag \"hero-banner\": \
         experiment 00000000-0000-0000-0000-000000000001 is running on it",
    );
    assert_eq!(production(&engine).view().version(), version, "a refusal changes nothing");
    engine.stop(id).unwrap();
    engine.archive_flag("hero-banner").unwrap();
    assert_refused(
        engine.start(id),
        "cannot start experiment 00000000-0000-0000-0000-000000000001: \
         its flag \"hero-banner\" is archived",
    );
    assert_refused(
        engine.create_experiment("hero-banner", banner("production")),
        "cannot create an experiment on flag \"hero-banner\": it is archived",
    );
    engine.archive_experiment(id).unwrap();
    assert_refused(
        engine.start(id),
        "cannot start experiment 00000000-0000-0000-0000-000000000001: it is archived",
    );
}

#[test]
fn each_refusal_of_a_call_for_targeting_says_what_forbids_it() {
    let (engine, _) = running();
    let bytes = |number: u128| number.to_be_bytes();
    let (rule, segment) = (RuleId::from_bytes(bytes(2)), SegmentId::from_bytes(bytes(3)));
    let (layer, holdout) = (LayerId::from_bytes(bytes(4)), HoldoutId::from_bytes(bytes(5)));
    assert_refused(engine.delete_rule(rule), &format!("there is no rule {rule}"));
    assert_refused(engine.delete_segment(segment), &format!("there is no segment {segment}"));
    assert_refused(engine.delete_layer(layer), &format!("there is no layer {layer}"));
    assert_refused(engine.delete_holdout(holdout), &format!("there is no holdout {holdout}"));

    let new_rule = || NewRule::new("production", "x").id(rule).segment(segment);
    let plan = Condition::new("plan", Operator::Equals, "pro");
    let new_segment = || NewSegment::new("pro").condition(plan.clone()).id(segment);
    let new_layer = || NewLayer::new("users").id(layer);
    let new_holdout = || NewHoldout::new("2026", 5).id(holdout);
    assert_refused(
        engine.create_rule("hero-banner", new_rule()),
        &format!("segment_id: must be the id of a segment, found {segment}"),
    );
    engine.create_segment(new_segment()).unwrap();
    engine.create_rule("hero-banner", new_rule()).unwrap();
    engine.create_layer(new_layer()).unwrap();
    engine.create_holdout(new_holdout()).unwrap();
    for (refused, message) in [
        (
            engine.create_rule("hero-banner", new_rule()).map(drop),
            format!("there is already a rule with id {rule}"),
        ),
        (
            engine.create_segment(new_segment()).map(drop),
            format!("there is already a segment with id {segment}"),
        ),
        (
            engine.create_layer(new_layer()).map(drop),
            format!("there is already a layer with id {layer}"),
        ),
        (
            engine.create_holdout(new_holdout()).map(drop),
            format!("there is already a holdout with id {holdout}"),
        ),
        (
            engine.delete_segment(segment).map(drop),
            format!(
                "cannot delete segment {segment}: rule {rule} of flag \"hero-banner\" names it"
            ),
        ),
        (
            engine
                .create_rule("hero-banner", new_rule().id(RuleId::random()).position(0))
                .map(drop),
            format!("position: must be unique, but \"0\" is also at rule {rule}"),
        ),
    ] {
        assert_refused(refused, &message);
    }
}

#[test]
fn each_refusal_after_a_start_names_the_experiment_that_was_started() {
    let (engine, first) = running();
    let bytes = |number: u128| number.to_be_bytes();
    let (layer, holdout) = (LayerId::from_bytes(bytes(4)), HoldoutId::from_bytes(bytes(5)));
    engine.create_layer(NewLayer::new("users").id(layer)).unwrap();
    engine.create_holdout(NewHoldout::new("2026", 5).id(holdout)).unwrap();
    let part = NewTargeting::new().layer(layer, [(0, 10)]).coverage(20);
    let second = || banner("staging").targeting(part.clone()).status(Status::Running);
    let id = engine.create_experiment("hero-banner", second()).unwrap().id();
    let by = format!("experiment {id} of flag \"hero-banner\"");
    engine.create_flag(NewFlag::new("other", 1)).unwrap();
    let third = ExperimentId::from_bytes(bytes(6));
    assert_refused(
        engine.create_experiment("other", second().id(third)),
        &format!(
            "cannot start experiment {third}: its ranges of layer {layer} overlap those of \
             experiment {id}, which is running on flag \"hero-banner\""
        ),
    );
    let by_company = NewTargeting::new().bucket_by("company");
    assert_refused(
        engine.delete_layer(layer),
        &format!("cannot delete layer {layer}: {by} has a part of it"),
    );
    assert_refused(
        engine.delete_holdout(holdout),
        &format!("cannot delete holdout {holdout}: it binds {by}, which is not archived"),
    );
    assert_refused(
        engine.change_holdout(holdout, NewHoldout::new("2026", 6)),
        &format!(
            "percentage: must stay as it is: it binds experiment {id}, which has been started"
        ),
    );
    assert_refused(
        engine.change_layer(layer, NewLayer::new("users").bucket_by("company")),
        &format!("bucket_by: must stay as it is: experiment {id} has been started"),
    );
    assert_refused(
        engine.set_targeting(id, by_company.clone().coverage(10)),
        &format!(
            "bucket_by: must stay as it is: experiment {id} has been started; \
             layer: must stay as it is: experiment {id} has been started; \
             coverage: must not shrink: it was 20"
        ),
    );
    assert_refused(
        engine.create_experiment("other", banner("production").targeting(by_company)),
        &format!("targeting.bucket_by: must be the user key, the unit of holdout {holdout}"),
    );
    assert_refused(engine.raise_coverage(first, 99), "coverage: must not shrink: it was 100");
    assert_refused(
        engine.change_flag("other", FlagChange::new().flag_type(FlagType::String)),
        "default_value: must be of the type string, as flag_type says",
    );
}

#[test]
fn a_transition_that_the_status_forbids_names_both() {
    let (engine, _) = running();
    let create = |status: Status| {
        let new = banner(status.as_str()).status(status);
        engine.create_experiment("hero-banner", new).unwrap().id()
    };
    let start_rule = "and only a draft or a stopped one can be started";
    let stop_rule = "and only a running one can be stopped";

    for (status, word) in [(Status::Running, "running"), (Status::Completed, "completed")] {
        let id = create(status);
        let what = format!("cannot start experiment {id}: it is {word}, {start_rule}");
        let error = assert_refused(engine.start(id), &what);
        let ControlError::Transition { source, .. } = error else { panic!("{error:?}") };
        assert_eq!((source.status(), source.transition()), (status, Transition::Start));
    }
    let ship_rule = "and only a running or a stopped one can be shipped";
    for status in [Status::Draft, Status::Completed] {
        let id = create(status);
        let what = format!("cannot ship experiment {id}: it is {status}, {ship_rule}");
        assert_refused(engine.ship(id, "control"), &what);
    }
    for status in [Status::Draft, Status::Stopped] {
        let id = create(status);
        let what = format!("cannot stop experiment {id}: it is {status}, {stop_rule}");
        assert_refused(engine.stop(id), &what);
        // And what may be done, can be.
        engine.start(id).unwrap();
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
    }
}

#[test]
fn a_second_running_experiment_is_refused_and_the_first_is_named() {
    let (engine, id) = running();
    let message =
        format!("experiment {id} is already running on flag \"hero-banner\" in \"production\"");
    let new = || banner("production");
    assert_refused(
        engine.create_experiment("hero-banner", new().status(Status::Running)),
        &message,
    );
    assert_eq!(engine.experiments("hero-banner").unwrap().len(), 1);
    let second = engine.create_experiment("hero-banner", new()).unwrap().id();
    let ControlError::AlreadyRunning { running, .. } =
        assert_refused(engine.start(second), &message)
    else {
        panic!("a conflict");
    };
    assert_eq!(running, id);
    // Elsewhere it may, and here once the first has stopped.
    let elsewhere = banner("staging").status(Status::Running);
    engine.create_experiment("hero-banner", elsewhere).unwrap();
    engine.stop(id).unwrap();
    engine.start(second).unwrap();
}

#[test]
fn names_and_ids_say_what_they_must_be() {
    let text = |error: &dyn std::error::Error| error.to_string();
    assert_eq!(text(&EnvironmentName::new("").unwrap_err()), "must not be blank");
    let found = "must be a UUID, found \"3c4d5e6f\"";
    assert_eq!(text(&"3c4d5e6f".parse::<ExperimentId>().unwrap_err()), found);
    let long = "x".repeat(1000);
    let quoted = format!("must be a UUID, found \"{}...\"", "x".repeat(64));
    assert_eq!(text(&long.parse::<ExperimentId>().unwrap_err()), quoted);
    assert_eq!(
        text(&Allocation::new(&[50, 51]).unwrap_err()),
        "percentages must sum to 100, found 101"
    );
    assert_eq!(
        text(&Allocation::new(&[1; 101]).unwrap_err()),
        "an allocation has at most 100 variants, found 101"
    );
    let (engine, _) = running();
    let answer = production(&engine).evaluate("hero-banner", "anna");
    let error = answer.deserialize::<u8>().unwrap_err();
    assert_eq!(text(&error), "the value does not fit the type");
    assert!(std::error::Error::source(&error).is_some());
    let nothing = production(&engine).evaluate("hero", "anna");
    assert_eq!(text(&nothing.deserialize::<u8>().unwrap_err()), "there is no such flag");
}

#[test]
fn each_reason_and_each_outcome_has_one_word_displayed_and_in_json() {
    #[track_caller]
    fn assert_word(value: impl Serialize + Display, as_str: &str, word: &str) {
        assert_eq!(as_str, word);
        assert_eq!(value.to_string(), word);
        assert_eq!(serde_json::to_value(value).unwrap(), word);
    }
    let (engine, id) = running();
    engine.force(id, "qa", "treatment").unwrap();
    let draft = experiment_id(2);
    engine.create_experiment("hero-banner", banner("staging").id(draft)).unwrap();
    engine.create_flag(NewFlag::new("archived", 1)).unwrap();
    engine.archive_flag("archived").unwrap();

    for (environment, flag, user, reason, outcome) in [
        (production(&engine), "hero-banner", "anna", "split", "counted"),
        (production(&engine), "hero-banner", "qa", "forced", "forced"),
        (staging(&engine), "hero-banner", "anna", "not_running", "not_running"),
        (production(&engine), "hero-banner", "", "no_user_key", "no_user_key"),
        (production(&engine), "archived", "anna", "archived", "archived"),
        (production(&engine), "hero", "anna", "flag_not_found", "flag_not_found"),
    ] {
        let found = environment.evaluate(flag, user).reason();
        assert_word(found, found.as_str(), reason);
        let found = environment.convert(flag, user).outcome();
        assert_word(found, found.as_str(), outcome);
    }
    for (id, variant, outcome) in [
        (id, "control", "counted"),
        (draft, "control", "not_running"),
        (experiment_id(9), "control", "experiment_not_found"),
        (id, "contorl", "variant_not_found"),
    ] {
        let found = engine.convert_variant(id, variant).outcome();
        assert_word(found, found.as_str(), outcome);
    }
}

#[test]
fn each_kind_of_fault_says_what_must_be_and_what_was_found() {
    let text = |text: &str| text.to_owned();
    let id = || experiment_id(1).to_string();
    for (kind, message) in [
        (FaultKind::Required, "is required"),
        (FaultKind::UnknownField, "is not a known field"),
        (FaultKind::RepeatedField, "is given more than once"),
        (
            FaultKind::Type { expected: "an object", found: text("an array") },
            "must be an object, found an array",
        ),
        (FaultKind::Blank, "must not be blank"),
        (FaultKind::TooLong { found: 256 }, "must have at most 255 characters, found 256"),
        (
            FaultKind::Duplicate { found: text("control"), other: text("variants[0].key") },
            "must be unique, but \"control\" is also at variants[0].key",
        ),
        (
            FaultKind::TextTooLong { most: 4096, found: 4097 },
            "must have at most 4096 characters, found 4097",
        ),
        (FaultKind::TooManyTags { found: 33 }, "must hold at most 32 tags, found 33"),
        (FaultKind::NoField, "must have at least one field"),
        (FaultKind::NoVariants, "must hold at least one variant"),
        (FaultKind::TooManyVariants { found: 101 }, "must hold at most 100 variants, found 101"),
        (FaultKind::Percentage { found: -1 }, "must be an integer from 0 to 100, found -1"),
        (FaultKind::Sum { found: 99 }, "percentages must sum to 100, found 99"),
        (FaultKind::TooDeep, "must not be nested deeper than 100 levels"),
        (
            FaultKind::Integer { found: text("18446744073709551616") },
            "must be an integer that 64 bits hold, found 18446744073709551616",
        ),
        (
            FaultKind::Float { found: text("1e+400") },
            "must be a number that a 64-bit float holds, found 1e+400",
        ),
        (FaultKind::Id { found: text("x") }, "must be a UUID, found \"x\""),
        (
            FaultKind::Timestamp { found: text("yesterday") },
            "must be an RFC 3339 timestamp, found \"yesterday\"",
        ),
        (
            FaultKind::Status { found: text("paused") },
            "must be draft, running, stopped or completed, found \"paused\"",
        ),
        (
            FaultKind::FormatVersion { found: text("2") },
            "must be 1, the format version that this release reads, found 2",
        ),
        (FaultKind::AtStart { found: 6, ever: 5 }, "must be at most 5, the count ever, found 6"),
        (
            FaultKind::AtEarlierStart { found: 6, next: 5 },
            "must be at most 5, the count at the next start, found 6",
        ),
        (
            FaultKind::EarlierRun { found: 3, next: Some(3) },
            "must be the number of a run before run 3, found 3",
        ),
        (
            FaultKind::EarlierRun { found: 3, next: None },
            "must be the number of a run before the last, whose number is absent, found 3",
        ),
        (
            FaultKind::NoSuchVariant { found: text("unknown") },
            "must be the key of a variant of this experiment, found \"unknown\"",
        ),
        (
            FaultKind::NoSuchExperiment { found: text("y") },
            "must be the id of an experiment of this flag, found \"y\"",
        ),
        (
            FaultKind::SecondRunning { environment: text("production"), other: text("flags[0]") },
            "is a second running experiment of its flag in \"production\", beside flags[0]",
        ),
        (
            FaultKind::ArchivedRunning { running: text("the experiment") },
            "must not be true: the experiment is running",
        ),
        (
            FaultKind::VariantsChanged { id: id() },
            "must be the variants that experiment 00000000-0000-0000-0000-000000000001 already \
             has; a new split is a new experiment",
        ),
        (
            FaultKind::EnvironmentChanged { id: id(), expected: text("production") },
            "must be \"production\", the environment that experiment \
             00000000-0000-0000-0000-000000000001 already has",
        ),
        (
            FaultKind::CountsForOthers { id: id() },
            "must be the variants and the environment for which experiment \
             00000000-0000-0000-0000-000000000001 has counted; a new split is a new experiment",
        ),
    ] {
        assert_eq!(kind.to_string(), message);
    }
}

#[test]
fn each_fault_in_who_is_meant_says_what_must_be_and_what_was_found() {
    let text = |text: &str| text.to_owned();
    let id = || experiment_id(1).to_string();
    let share = |percent| Share::from_percent(percent).unwrap();
    let operators = "must be one of equals, not_equals, in, not_in, contains, not_contains, \
        starts_with, ends_with, greater_than, greater_than_or_equals, less_than, \
        less_than_or_equals, before, after, semver_equals, semver_greater_than, \
        semver_greater_than_or_equals, semver_less_than, semver_less_than_or_equals, matches, \
        is_set, is_not_set, found \"regx\"";
    for (kind, message) in [
        (FaultKind::Operator { found: text("regx") }, operators),
        (FaultKind::MatchType { found: text("some") }, "must be all or any, found \"some\""),
        (
            FaultKind::FlagType { found: text("text") },
            "must be boolean, string, number or json, found \"text\"",
        ),
        (
            FaultKind::ValueType { expected: FlagType::String },
            "must be of the type string, as flag_type says",
        ),
        (
            FaultKind::Share { found: text("0.0001") },
            "must be 0 to 100 with at most three decimals, found 0.0001",
        ),
        (
            FaultKind::TooMany { what: "segments", most: 1000, found: 1001 },
            "must hold at most 1000 segments, found 1001",
        ),
        (FaultKind::NoItems { what: "condition" }, "must hold at least one condition"),
        (FaultKind::EmptyRange, "from must be below to"),
        (FaultKind::Overlap { other: text("flags[0]") }, "overlaps flags[0]"),
        (
            FaultKind::NoSuch { what: "segment", found: id() },
            "must be the id of a segment, found 00000000-0000-0000-0000-000000000001",
        ),
        (
            FaultKind::Faulty { what: "segment", found: id() },
            "depends on a segment with faults: 00000000-0000-0000-0000-000000000001",
        ),
        (
            FaultKind::Unit { expected: text("\"company_id\""), of: text("layer 1") },
            "must be \"company_id\", the unit of layer 1",
        ),
        (FaultKind::IdForPercentage, "is required for a rule with a percentage"),
        (
            FaultKind::TargetingFixed { id: id() },
            "must stay as it is: experiment 00000000-0000-0000-0000-000000000001 has been started",
        ),
        (FaultKind::CoverageShrinks { was: share(12.5) }, "must not shrink: it was 12.5"),
        (
            FaultKind::HoldoutFixed { experiment: id() },
            "must stay as it is: it binds experiment 00000000-0000-0000-0000-000000000001, \
             which has been started",
        ),
        (FaultKind::Needs { needs: 3, known: 2 }, "needs level 3, and this release knows 2"),
        (FaultKind::UnknownTargeting, "is not a known field of targeting"),
        (FaultKind::MisplacedTargeting, "is a field of targeting, and has no place here"),
    ] {
        assert_eq!(kind.to_string(), message);
    }
}

#[test]
fn a_load_error_names_the_line_or_the_path_of_each_fault() {
    let message = |text| NewExperiment::from_json(text).unwrap_err().to_string();
    assert_eq!(message("{\n  \"name\": x}"), "invalid JSON at line 2, column 11: expected value");
    assert_eq!(message("{"), "invalid JSON at line 1, column 1: EOF while parsing an object");
    assert_eq!(message("[]"), "must be an object, found an array");
    assert_eq!(message("{}"), "name: is required; environment: is required; variants: is required");
    // Past a thousand, faults are counted.
    let value = format!("{{{}}}", vec!["\"a\": 1"; 40_001].join(","));
    let flag = format!("{{\"key\": \"flag\", \"default_value\": {value}}}");
    let Err(LoadError::Invalid(many)) = NewFlag::from_json(&flag) else { panic!("40,000 faults") };
    assert!(many.to_string().ends_with("; and 39000 more"));
    assert_eq!(format!("{many:#}").lines().count(), 1001);
    assert!(format!("{many:#}").ends_with("\nand 39000 more"));
}

#[test]
fn a_delta_error_says_that_deltas_are_under_way_or_refused() {
    assert_eq!(DeltaError::<String>::UnderWay.to_string(), "deltas are already being handed over");
    assert_eq!(DeltaError::Refused("no").to_string(), "the deltas were refused: no");
}

/// What is wrong with a condition, each with its part.
fn defects(condition: &Condition) -> Vec<String> {
    let error = condition.ask("anna").unwrap_err();
    let defects: Vec<_> =
        error.defects().map(|(part, defect)| format!("{part}: {defect}")).collect();
    assert_eq!(error.to_string(), defects.join("; "));
    defects
}

#[test]
fn all_that_is_wrong_with_a_condition_is_said_at_once() {
    let texts = json!(["a", null, "é", {}, "x".repeat(1025)]);
    let condition = Condition::new(" ", Operator::In, texts).ignore_case();
    assert_eq!(
        defects(&condition),
        [
            "attribute: must not be blank",
            "value[1]: must be a text, a number or a boolean, found null",
            r#"value[2]: must be ASCII with ignore_case, found "é""#,
            "value[3]: must be a text, a number or a boolean, found an object",
            "value[4]: must have at most 1024 bytes, found 1025",
        ]
    );
    let condition = Condition::new("a".repeat(256), Operator::Before, "now").ignore_case();
    assert_eq!(
        defects(&condition),
        [
            "attribute: must have at most 255 characters, found 256",
            "ignore_case: must not be given: before does not compare texts",
            "value: must be an RFC 3339 timestamp or an integer of milliseconds, found \"now\"",
        ]
    );
}

#[test]
fn each_operator_says_what_it_compares_with() {
    use Operator::*;
    let scalar = "value: must be a text, a number or a boolean, found an array";
    let time = "value: must be an RFC 3339 timestamp or an integer of milliseconds, found 1.5";
    for (operator, value, message) in [
        (Equals, json!(["a"]), scalar),
        (NotEquals, json!(["a"]), scalar),
        (Equals, json!(null), "value: is required"),
        (In, json!("a"), r#"value: must be an array, found "a""#),
        (NotIn, json!([]), "value: must hold at least one value"),
        (In, json!(vec![0; 100_001]), "value: must hold at most 100000 values, found 100001"),
        (In, json!([[1]]), "value[0]: must be a text, a number or a boolean, found an array"),
        (Contains, json!([]), "value: must hold at least one value"),
        (NotContains, json!(5), "value: must be a text or an array of texts, found 5"),
        (StartsWith, json!(""), "value: must not be empty"),
        (EndsWith, json!(["a", ""]), "value[1]: must not be empty"),
        (EndsWith, json!(["a", 1]), "value[1]: must be a text, found 1"),
        (GreaterThan, json!("05"), r#"value: must be a number, found "05""#),
        (GreaterThanOrEquals, json!(true), "value: must be a number, found true"),
        (LessThan, json!([1]), "value: must be a number, found an array"),
        (LessThanOrEquals, json!("1e999"), r#"value: must be a number, found "1e999""#),
        (Before, json!(1.5), time),
        (After, json!(1.5), time),
        (SemverEquals, json!("v1"), r#"value: must be a version, found "v1""#),
        (SemverGreaterThan, json!(2), "value: must be a version, found 2"),
        (SemverLessThan, json!(""), r#"value: must be a version, found """#),
        (Matches, json!(["a"]), "value: must be a text, found an array"),
        (Matches, json!(""), "value: must not be empty"),
        (Matches, json!("a".repeat(257)), "value: must have at most 256 bytes, found 257"),
        (IsSet, json!(true), "value: must not be given: is_set compares with nothing"),
        (IsNotSet, json!(1), "value: must not be given: is_not_set compares with nothing"),
    ] {
        let condition = Condition::new("it", operator, value);
        assert_eq!(defects(&condition), [message], "{operator}");
        assert_eq!(defects(&condition.negate()), [message], "{operator}");
    }
}

#[test]
fn what_was_found_in_a_condition_is_cut_short() {
    let long = Condition::new("it", Operator::LessThan, "é".repeat(1_000_000));
    let message = format!("value: must be a number, found \"{}...\"", "é".repeat(64));
    assert_eq!(defects(&long), [message]);
}

#[cfg(not(feature = "regex"))]
#[test]
fn without_its_feature_a_pattern_is_refused() {
    let message =
        "value: needs the Cargo feature \"regex\" of fairsplit, which this build does not have";
    assert_eq!(defects(&Condition::new("it", Operator::Matches, "a")), [message]);
}

#[cfg(feature = "regex")]
#[test]
fn what_is_wrong_with_a_pattern_is_said_on_one_line() {
    for (pattern, message) in [
        ("(regex", "value: is not a pattern: unclosed group"),
        (
            "(?=a)b",
            "value: is not a pattern: look-around, including look-ahead and look-behind, is not supported",
        ),
        (r"\bpro", r"value: is not a pattern: \b must be of ASCII; try (?-u:\b)"),
        (
            r"\w+@\w+",
            "value: needs more than 64 KiB as a table; try (?-u:...), which reads bytes of ASCII",
        ),
    ] {
        assert_eq!(defects(&Condition::new("it", Operator::Matches, pattern)), [message]);
    }
    let folded = Condition::new("it", Operator::Matches, "é").ignore_case();
    assert_eq!(defects(&folded), [r#"value: must be ASCII with ignore_case, found "é""#]);
}
