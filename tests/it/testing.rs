//! The test doubles: what they fix, what they find, and what they say.

use std::sync::Mutex;
use std::{panic, thread};

use fairsplit::targeting::{Condition, NewSegment, NewTargeting, Operator, SegmentId};
use fairsplit::testing::{TestEngine, TestEngineBuilder};
use fairsplit::{Outcome, Reason, Timestamp, User};
use serde_json::json;

fn banner() -> TestEngineBuilder {
    TestEngine::builder("production")
        .experiment("hero-banner", [("control", "old"), ("treatment", "new")])
}

/// The variants that these users get.
fn variants(test: &TestEngine, flag: &str, users: &[&str]) -> Vec<String> {
    let variant = |user: &&str| {
        let evaluation = test.environment().peek(flag, user);
        assert_eq!(evaluation.reason(), Reason::Split);
        evaluation.variant().unwrap().to_owned()
    };
    users.iter().map(variant).collect()
}

#[test]
fn a_flag_answers_its_configured_value() {
    let test = TestEngine::builder("production")
        .flag("page-size", 25)
        .flag("theme", json!({"dark": true}))
        .build();
    let (engine, place) = (test.engine(), test.environment());
    assert_eq!(place.evaluate("page-size", "anna").i64_or(10), 25);
    assert_eq!(place.evaluate("theme", "").value(), Some(&json!({"dark": true})));
    assert_eq!(place.evaluate("no such flag", "anna").i64_or(10), 10);
    engine.set_default("page-size", 50).unwrap();
    assert_eq!(place.evaluate("page-size", "anna").i64_or(10), 50);
}

#[test]
fn the_last_call_of_a_repeated_builder_method_wins() {
    let test = banner()
        .flag("page-size", 25)
        .flag("page-size", 50)
        .assign("hero-banner", "anna", "control")
        .assign("hero-banner", "anna", "treatment")
        .build();
    assert_eq!(test.environment().peek("page-size", "anna").i64_or(10), 50);
    assert_eq!(variants(&test, "hero-banner", &["anna"]), ["treatment"]);

    let test = banner().assign_everyone("hero-banner", "control");
    let test = test.assign_everyone("hero-banner", "treatment").build();
    assert_eq!(variants(&test, "hero-banner", &["anna", "ben"]), ["treatment", "treatment"]);

    let test = banner().experiment("hero-banner", [("only", 1)]).build();
    assert_eq!(variants(&test, "hero-banner", &["anna"]), ["only"]);
}

#[test]
fn eighteen_users_can_each_be_assigned_to_either_variant() {
    let users: Vec<_> = (0..18).map(|at| format!("customer-{at}@example.com")).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    // The worst for chance to find: as many of one as of the other, and no order in them.
    let expected: Vec<_> =
        (0..18).map(|at| if at * 7 % 4 < 2 { "control" } else { "treatment" }).collect();
    let wishes = users.iter().zip(&expected);
    let test =
        wishes.fold(banner(), |test, (user, variant)| test.assign("hero-banner", user, variant));
    assert_eq!(variants(&test.build(), "hero-banner", &users), expected);
}

#[test]
fn assigned_users_are_counted() {
    let test = banner()
        .assign("hero-banner", "anna", "treatment")
        .assign("hero-banner", "ben", "control")
        .build();
    let (engine, place) = (test.engine(), test.environment());
    for user in ["anna", "ben", "anna"] {
        assert!(place.evaluate("hero-banner", user).is_counted());
    }
    assert_eq!(place.convert("hero-banner", "anna").outcome(), Outcome::Counted);
    test.assert_exposures("hero-banner", "treatment", 2);
    test.assert_exposures("hero-banner", "control", 1);
    test.assert_conversions("hero-banner", "treatment", 1);
    test.assert_conversions("hero-banner", "control", 0);
    assert_eq!(test.exposures("hero-banner", "treatment"), 2);
    assert_eq!(test.conversions("hero-banner", "treatment"), 1);
    // Also after the experiment has been stopped.
    engine.stop(test.experiment("hero-banner")).unwrap();
    test.assert_exposures("hero-banner", "treatment", 2);
}

#[test]
fn peeks_defaults_and_forced_users_are_not_counted() {
    let test = banner().flag("page-size", 25).build();
    let (engine, place) = (test.engine(), test.environment());
    engine.force(test.experiment("hero-banner"), "qa", "treatment").unwrap();
    let _ = place.peek("hero-banner", "anna");
    let _ = place.evaluate("page-size", "anna");
    let _ = place.evaluate("hero-banner", "");
    let _ = place.evaluate("hero-banner", "qa");
    place.convert("hero-banner", "qa");
    test.assert_nothing_counted();
}

#[test]
fn users_in_returns_the_same_users_of_a_variant_in_every_run() {
    let test = TestEngine::builder("production")
        .experiment("colour", [("red", 1), ("green", 2), ("blue", 3)])
        .build();
    for variant in ["red", "green", "blue"] {
        let users: Vec<_> = test.users_in("colour", variant).take(50).collect();
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        assert_eq!(variants(&test, "colour", &users), vec![variant; 50]);
        assert_eq!(test.users_in("colour", variant).next().as_deref(), Some(users[0]));
    }
    // The split is as even as whole percentages can be.
    let experiment = test.engine().experiment(test.experiment("colour")).unwrap();
    let percentages: Vec<_> =
        experiment.variants().iter().map(fairsplit::Variant::percentage).collect();
    assert_eq!(percentages, [34, 33, 33]);
}

#[test]
fn two_engines_built_alike_export_the_same_document() {
    let export =
        || banner().flag("page-size", 25).assign("hero-banner", "anna", "treatment").build();
    let [first, second] = [export(), export()].map(|test| test.engine().to_json());
    assert_eq!(first, second);
    assert!(first.contains("2025-01-01T00:00:00Z"), "{first}");
}

#[test]
fn experiments_on_two_flags_split_independently() {
    let test = banner().experiment("checkout", [("control", 1), ("treatment", 2)]).build();
    let users: Vec<_> = test.users_in("hero-banner", "treatment").take(100).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    let both = variants(&test, "checkout", &users);
    let both = both.iter().filter(|variant| *variant == "treatment").count();
    assert!((25..75).contains(&both), "{both}");
}

#[test]
fn a_user_without_a_key_gets_the_flags_default_or_the_first_variants_value() {
    for (test, expected) in [(banner(), "old"), (banner().flag("hero-banner", "none"), "none")] {
        let test = test.build();
        let place = test.environment();
        assert_eq!(place.evaluate("hero-banner", "").str_or("fallback"), expected);
    }
}

#[test]
fn the_clock_stands_still_until_it_is_moved() {
    let test = banner().build();
    let id = test.experiment("hero-banner");
    let started = test.engine().experiment(id).unwrap().started_at().unwrap();
    assert_eq!(started.to_string(), "2025-01-01T00:00:00Z");
    test.clock().advance(90);
    let stopped = test.engine().stop(id).unwrap().stopped_at().unwrap();
    assert_eq!(stopped, Timestamp::from_unix_seconds(started.unix_seconds() + 90));
}

#[test]
fn a_failed_assertion_panics_at_the_line_of_the_test() {
    static PLACE: Mutex<Option<(String, u32)>> = Mutex::new(None);
    let test = banner().build();
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() == Some("one that fails") {
            let place = info.location().map(|at| (at.file().to_owned(), at.line()));
            *PLACE.lock().unwrap() = place;
        } else {
            others(info);
        }
    }));
    let failing = thread::Builder::new().name("one that fails".to_owned()).spawn(move || {
        test.assert_exposures("hero-banner", "control", 1);
    });
    let line = line!() - 2;
    assert!(failing.unwrap().join().is_err());
    let place = PLACE.lock().unwrap().take();
    assert_eq!(place, Some((file!().to_owned(), line)));
}

#[test]
#[should_panic(expected = "exposures of \"treatment\" on \"hero-banner\": expected 2, found 1\n\
                counted: \"control\" exposures 0, conversions 0; \"treatment\" exposures 1, conversions 1")]
fn a_wrong_number_of_exposures_panics_with_all_counts() {
    let test = banner().assign_everyone("hero-banner", "treatment").build();
    let place = test.environment();
    let _ = place.evaluate("hero-banner", "anna");
    place.convert("hero-banner", "anna");
    test.assert_exposures("hero-banner", "treatment", 2);
}

#[test]
#[should_panic(expected = "conversions of \"control\" on \"hero-banner\": expected 1, found 0\n\
                counted: \"control\" exposures 0, conversions 0; \"treatment\" exposures 0, conversions 0")]
fn a_missing_conversion_panics_with_all_counts() {
    banner().build().assert_conversions("hero-banner", "control", 1);
}

#[test]
#[should_panic(
    expected = "counts of \"hero-banner\": expected none, found \"control\" exposures 0, conversions \
                1; \"treatment\" exposures 0, conversions 0"
)]
fn assert_nothing_counted_panics_after_a_conversion() {
    let test = banner().assign("hero-banner", "anna", "control").build();
    test.environment().convert("hero-banner", "anna");
    test.assert_nothing_counted();
}

#[test]
#[should_panic(expected = "there is no experiment on \"hero-baner\", only on \"hero-banner\"")]
fn an_assertion_on_a_flag_without_an_experiment_panics() {
    banner().build().assert_exposures("hero-baner", "control", 0);
}

#[test]
#[should_panic(
    expected = "the experiment on \"hero-banner\" has no variant \"contorl\", only \"control\", \"treatment\""
)]
fn an_assertion_on_an_unknown_variant_panics() {
    banner().build().assert_exposures("hero-banner", "contorl", 0);
}

#[test]
#[should_panic(expected = "there is no experiment on \"hero-banner\", only on nothing")]
fn assigning_a_user_on_a_flag_without_an_experiment_panics() {
    let _ = TestEngine::builder("production").flag("hero-banner", "old").assign(
        "hero-banner",
        "anna",
        "control",
    );
}

#[test]
#[should_panic(
    expected = "the experiment on \"hero-banner\" has no variant \"contorl\", only \"control\", \"treatment\""
)]
fn assigning_a_user_to_an_unknown_variant_panics() {
    let _ = banner().assign("hero-banner", "anna", "contorl");
}

#[test]
#[should_panic(
    expected = "user key must not be empty: it cannot be in \"control\" of \"hero-banner\""
)]
fn assigning_an_empty_user_key_panics() {
    let _ = banner().assign("hero-banner", "", "control");
}

#[test]
#[should_panic(
    expected = "\"ben\" cannot be in \"control\" of \"hero-banner\": everyone is in \"treatment\""
)]
fn assigning_a_user_and_everyone_to_different_variants_panics() {
    let test = banner().assign("hero-banner", "anna", "treatment");
    let test = test.assign_everyone("hero-banner", "treatment");
    let _ = test.assign("hero-banner", "ben", "control").build();
}

#[test]
#[should_panic(
    expected = "no id found that puts these 60 users of \"hero-banner\" where they should be: assign \
                fewer, or take them from users_in"
)]
fn assigning_more_users_than_an_id_can_be_found_for_panics() {
    let test = (0..60).fold(banner(), |test, at| {
        let variant = if at % 2 == 0 { "control" } else { "treatment" };
        test.assign("hero-banner", &format!("user-{at}"), variant)
    });
    let _ = test.build();
}

#[test]
#[should_panic(
    expected = "no user can be in \"control\" of \"hero-banner\": it has 0 % of the users"
)]
fn users_in_a_variant_of_0_percent_panics() {
    let test = banner().assign_everyone("hero-banner", "treatment").build();
    let _ = test.users_in("hero-banner", "control");
}

#[test]
#[should_panic(expected = "the environment \"\" is refused: ")]
fn building_with_a_blank_environment_panics() {
    let _ = TestEngine::builder("").build();
}

#[test]
#[should_panic(expected = "the flag \"\" is refused: ")]
fn building_with_a_blank_flag_panics() {
    let _ = TestEngine::builder("production").flag("", 1).build();
}

#[test]
#[should_panic(expected = "the experiment on \"hero-banner\" is refused: ")]
fn building_with_two_variants_of_one_key_panics() {
    let test = TestEngine::builder("production");
    let _ = test.experiment("hero-banner", [("control", 1), ("control", 2)]).build();
}

#[test]
#[should_panic(expected = "the experiment on \"hero-banner\" has left the configuration")]
fn an_assertion_on_a_removed_experiment_panics() {
    let test = banner().build();
    test.engine().replace("{\"flags\": []}").unwrap();
    test.assert_exposures("hero-banner", "control", 0);
}

/// What a test that fails prints.
fn panic_message(failing: impl FnOnce() + panic::UnwindSafe) -> String {
    let panic = panic::catch_unwind(failing).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

fn plan(plan: &str) -> Condition {
    Condition::new("plan", Operator::Equals, plan)
}

#[test]
fn users_for_whom_the_conditions_of_a_rule_hold_get_its_value_and_the_others_do_not() {
    let test = banner()
        .flag("page-size", 25)
        .rule("page-size", [plan("pro"), Condition::is_set("age")], 100)
        .rule("page-size", [plan("pro")], 50)
        .rule("hero-banner", [plan("staff")], "staff")
        .build();
    let size = |attributes: &dyn fairsplit::targeting::Attributes| {
        test.environment().evaluate("page-size", User::new("anna").with(attributes)).i64_or(10)
    };
    assert_eq!(size(&[("plan", "pro".into()), ("age", 42.into())]), 100);
    assert_eq!(size(&[("plan", "pro".into())]), 50);
    assert_eq!(size(&[("plan", "free".into())]), 25);
    let staff = [("plan", "staff".into())];
    let answer = test.environment().evaluate("hero-banner", User::new("anna").with(&staff));
    assert_eq!((answer.str_or(""), answer.reason()), ("staff", Reason::Rule));
    test.assert_nothing_counted();
    let again = test.engine().rules("page-size").unwrap();
    let other = banner().flag("page-size", 25).rule("page-size", [plan("pro")], 1).build();
    assert_eq!(other.engine().rules("page-size").unwrap()[0].id(), again[0].id());
}

#[test]
fn an_assigned_user_of_the_audience_is_covered_and_one_outside_of_it_has_the_default() {
    let staff = SegmentId::from_bytes([1; 16]);
    let test = banner()
        .flag("hero-banner", "none")
        .segment(NewSegment::new("staff").id(staff).condition(plan("staff")))
        .targeting("hero-banner", NewTargeting::new().segment(staff).coverage(10))
        .assign("hero-banner", "anna", "treatment")
        .assign("hero-banner", "ben", "control")
        .assign("hero-banner", "carla", "treatment")
        .build();
    let attributes = [("plan", "staff".into())];
    for (key, expected) in [("anna", "treatment"), ("ben", "control"), ("carla", "treatment")] {
        let user = User::new(key).with(&attributes);
        assert_eq!(test.environment().evaluate("hero-banner", user).variant(), Some(expected));
    }
    let outside = test.environment().evaluate("hero-banner", "anna");
    assert_eq!((outside.str_or(""), outside.reason()), ("none", Reason::NotInAudience));
    test.assert_exposures("hero-banner", "treatment", 2);
}

#[test]
fn users_in_a_variant_are_covered() {
    let test = banner().targeting("hero-banner", NewTargeting::new().coverage(10)).build();
    for user in test.users_in("hero-banner", "treatment").take(20) {
        let answer = test.environment().peek("hero-banner", &user);
        assert_eq!((answer.reason(), answer.variant()), (Reason::Split, Some("treatment")));
    }
}

#[test]
fn all_users_of_an_assigned_company_are_in_its_variant() {
    let test = banner()
        .targeting("hero-banner", NewTargeting::new().bucket_by("company"))
        .assign("hero-banner", User::new("anna").with(&[("company", 7.into())]), "treatment")
        .assign("hero-banner", User::new("ben").with(&[("company", "acme".into())]), "control")
        .build();
    for key in ["anna", "carla"] {
        let seven = [("company", "7".into())];
        let answer = test.environment().evaluate("hero-banner", User::new(key).with(&seven));
        assert_eq!(answer.variant(), Some("treatment"));
    }
    let acme = [("company", "acme".into())];
    let answer = test.environment().peek("hero-banner", User::new("anna").with(&acme));
    assert_eq!(answer.variant(), Some("control"));
}

#[test]
fn targeting_that_cannot_be_is_refused_and_named() {
    let company = || NewTargeting::new().bucket_by("company");
    let none = || NewTargeting::new().coverage(0);
    assert_eq!(
        panic_message(|| drop(TestEngine::builder("production").targeting("flag", company()))),
        "there is no experiment on \"flag\", only on nothing"
    );
    assert_eq!(
        panic_message(|| {
            let assigned = banner().assign("hero-banner", "anna", "control");
            drop(assigned.targeting("hero-banner", company()));
        }),
        "the targeting of \"hero-banner\" comes before the users that are assigned"
    );
    assert_eq!(
        panic_message(|| {
            let by_company = banner().targeting("hero-banner", company());
            drop(by_company.assign("hero-banner", "anna", "control"));
        }),
        "user \"anna\" must have \"company\", which the experiment on \"hero-banner\" is split by: \
         without it no user can be in \"control\""
    );
    assert_eq!(
        panic_message(|| {
            let test = banner().targeting("hero-banner", none()).build();
            drop(test.users_in("hero-banner", "control"));
        }),
        "no user can be in \"control\" of \"hero-banner\": it has 0 % of the users"
    );
    let message = panic_message(|| {
        let segment = SegmentId::from_bytes([1; 16]);
        let targeting = NewTargeting::new().segment(segment);
        drop(banner().targeting("hero-banner", targeting).build());
    });
    assert!(message.starts_with("the experiment on \"hero-banner\" is refused: "), "{message}");
}
