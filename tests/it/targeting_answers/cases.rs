//! Cases that an evaluator is easily wrong about.

use std::collections::BTreeSet;

use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, MatchType, NewHoldout, NewLayer, NewRule, NewSegment,
    NewTargeting, Operator,
};
use fairsplit::{FlagChange, NewFlag, Outcome, Reason, Status, User};
use serde_json::{Value, json};

use super::{counted, plan_is, rule_id, segment_id, targeted};
use crate::common::{banner, experiment_id, production};

fn object(value: Value) -> serde_json::Map<String, Value> {
    let Value::Object(object) = value else { panic!("not an object: {value}") };
    object
}

#[test]
fn a_user_of_unknown_country_is_not_outside_of_russia() {
    let outside = Condition::new("country", Operator::NotIn, json!(["RU"]));
    let (engine, id) = targeted(NewTargeting::new().condition(outside));
    let production = production(&engine);
    for (known, reason) in [
        (json!({}), Reason::NotInAudience),
        (json!({"country": null}), Reason::NotInAudience),
        (json!({"country": "RU"}), Reason::NotInAudience),
        (json!({"country": ""}), Reason::Split),
        (json!({"country": "DE"}), Reason::Split),
    ] {
        let known = object(known);
        let answer = production.evaluate("hero-banner", User::new("anna").with(&known));
        assert_eq!(answer.reason(), reason, "{known:?}");
        assert_eq!(answer.is_counted(), reason == Reason::Split);
        assert_eq!(answer.variant().is_some(), reason == Reason::Split);
    }
    assert_eq!(counted(&engine, id), (2, 0));
}

#[test]
fn a_user_who_may_be_in_a_segment_is_not_out_of_it() {
    let (engine, _) = targeted(NewTargeting::new());
    let segment = NewSegment::new("Payers or Germans")
        .id(segment_id(1))
        .match_type(MatchType::Any)
        .condition(plan_is("pro"))
        .condition(Condition::new("country", Operator::Equals, "DE"));
    engine.create_segment(segment).unwrap();
    engine.create_flag(NewFlag::new("others", false)).unwrap();
    let rule =
        NewRule::new("production", true).condition(Condition::new("plan", Operator::Contains, ""));
    assert!(engine.create_rule("others", rule).is_err(), "an empty text is in every text");
    let others = banner("production")
        .id(experiment_id(2))
        .status(Status::Running)
        .targeting(NewTargeting::new().not_segment(segment_id(1)));
    engine.create_experiment("others", others).unwrap();
    let production = production(&engine);
    for (known, is_in) in [
        (json!({"plan": "free"}), false),
        (json!({"plan": "free", "country": "FR"}), true),
        (json!({"plan": "pro"}), false),
        (json!({}), false),
    ] {
        let known = object(known);
        let answer = production.peek("others", User::new("anna").with(&known));
        assert_eq!(answer.reason() == Reason::Split, is_in, "{known:?}");
    }
}

#[test]
fn neither_a_condition_nor_its_negation_holds_of_what_cannot_be_compared() {
    let (engine, _) = targeted(NewTargeting::new());
    engine.create_flag(NewFlag::new("page", "unknown")).unwrap();
    let minor = || Condition::new("age", Operator::LessThan, 18);
    for rule in [
        NewRule::new("production", "minor").condition(minor()),
        NewRule::new("production", "adult").condition(minor().negate()),
    ] {
        engine.create_rule("page", rule).unwrap();
    }
    let production = production(&engine);
    for (age, page) in [(json!("abc"), "unknown"), (json!("17"), "minor"), (json!(18), "adult")] {
        let known = object(json!({"age": age}));
        let answer = production.evaluate("page", User::new("anna").with(&known));
        assert_eq!(answer.str_or(""), page);
    }
}

#[test]
fn coverage_is_the_published_slot_and_leaves_the_variant_as_it_is() {
    let new = fairsplit::NewExperiment::new("Hero Banner", "production")
        .id("cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse().unwrap())
        .variant("control", "old", 25)
        .variant("treatment", "new", 75)
        .status(Status::Running)
        .targeting(NewTargeting::new().coverage(99.4));
    let (engine, _) = crate::common::engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "default")).unwrap();
    let id = engine.create_experiment("hero-banner", new).unwrap().id();
    let production = production(&engine);
    let peek = || production.peek("hero-banner", "user-511554");
    assert_eq!((peek().reason(), peek().str_or("")), (Reason::NotCovered, "default"));
    for coverage in [99.496, 99.497, 99.5, 100.0] {
        engine.raise_coverage(id, coverage).unwrap();
        let is_covered = coverage > 99.496;
        assert_eq!(peek().reason() == Reason::Split, is_covered, "{coverage}");
        assert_eq!(peek().variant(), is_covered.then_some("treatment"));
    }
}

#[test]
fn whom_a_rule_does_not_pick_goes_on_to_the_next() {
    let (engine, id) = targeted(NewTargeting::new());
    let first = NewRule::new("production", "picked").percentage(10).id(rule_id(1));
    let second = NewRule::new("production", "pro").condition(plan_is("pro")).id(rule_id(2));
    engine.create_rule("hero-banner", first).unwrap();
    let second = engine.create_rule("hero-banner", second).unwrap();
    let production = production(&engine);
    let pro = [("plan", "pro".into())];
    let mut picked = 0;
    for user in (0..1000).map(|number| format!("user-{number}")) {
        let answer = production.peek("hero-banner", User::new(&user).with(&pro));
        assert_eq!(answer.reason(), Reason::Rule);
        assert!(matches!(answer.str_or(""), "picked" | "pro"));
        assert_eq!((answer.variant(), answer.assignment()), (None, None));
        picked += u32::from(answer.str_or("") == "picked");
    }
    assert!((60..=140).contains(&picked), "{picked}");
    // Without the second rule, they are in the experiment.
    engine.delete_rule(second.id()).unwrap();
    let reasons: BTreeSet<Reason> = (0..1000)
        .map(|number| {
            let user = format!("user-{number}");
            production.evaluate("hero-banner", User::new(&user).with(&pro)).reason()
        })
        .collect();
    assert_eq!(reasons, [Reason::Split, Reason::Rule].into());
    assert_eq!(counted(&engine, id), (1000 - u64::from(picked), 0));
}

#[test]
fn a_unit_is_a_text_or_an_integer_and_never_the_user_key_instead() {
    let (engine, id) = targeted(NewTargeting::new().bucket_by("company_id"));
    engine.count_users(id, 1000).unwrap();
    let production = production(&engine);
    let ask = |user: &str, known: Value| {
        let known = object(known);
        let answer = production.evaluate("hero-banner", User::new(user).with(&known));
        (answer.reason(), answer.variant().map(str::to_owned))
    };
    for none in [
        json!({}),
        json!({"company_id": ""}),
        json!({"company_id": 4.5}),
        json!({"company_id": 42.0}),
        json!({"company_id": true}),
        json!({"company_id": ["a"]}),
        json!({"company_id": null}),
    ] {
        assert_eq!(ask("anna", none.clone()), (Reason::NoUnit, None), "{none}");
    }
    assert_eq!(production.convert("hero-banner", "anna").outcome(), Outcome::NoUnit);
    let of_text = ask("anna", json!({"company_id": "42"}));
    assert_eq!(of_text.0, Reason::Split);
    // Also without a user key: the unit is the company.
    for user in ["anna", "ben", "carla", ""] {
        assert_eq!(ask(user, json!({"company_id": 42})), of_text, "{user:?}");
    }
    let users: u64 =
        engine.users(id).unwrap().variants().iter().map(|variant| variant.count.exposed).sum();
    assert_eq!(users, 1, "the company, once");
}

#[test]
fn a_disabled_flag_answers_its_default_to_everybody() {
    let (engine, id) = targeted(NewTargeting::new());
    engine.force(id, "qa", "treatment").unwrap();
    engine.create_rule("hero-banner", NewRule::new("production", "ruled")).unwrap();
    let production = production(&engine);
    assert_eq!(production.peek("hero-banner", "qa").reason(), Reason::Forced);
    assert_eq!(production.peek("hero-banner", "anna").reason(), Reason::Rule);

    engine.change_flag("hero-banner", FlagChange::new().enabled(false)).unwrap();
    for user in ["qa", "anna", ""] {
        let answer = production.evaluate("hero-banner", user);
        assert_eq!((answer.reason(), answer.str_or("")), (Reason::Disabled, "old"));
        assert_eq!(production.convert("hero-banner", user).outcome(), Outcome::Disabled);
    }
    let named = engine.convert_variant(id, "treatment");
    assert_eq!(named.outcome(), Outcome::Disabled);
    assert_eq!(counted(&engine, id), (0, 0));
    engine.change_flag("hero-banner", FlagChange::new().enabled(true)).unwrap();
    assert_eq!(production.peek("hero-banner", "anna").reason(), Reason::Rule);
}

#[test]
fn a_rule_answers_to_visitors_without_a_key_unless_it_has_a_percentage() {
    let (engine, _) = targeted(NewTargeting::new());
    let picked = NewRule::new("production", "picked").percentage(100).id(rule_id(1));
    engine.create_rule("hero-banner", picked).unwrap();
    let production = production(&engine);
    assert_eq!(production.peek("hero-banner", "anna").str_or(""), "picked");
    assert_eq!(production.peek("hero-banner", "").reason(), Reason::NoUserKey);
    engine.create_rule("hero-banner", NewRule::new("production", "all")).unwrap();
    assert_eq!(production.peek("hero-banner", "").str_or(""), "all");
    // In another environment there is no rule.
    let staging = crate::common::staging(&engine);
    assert_eq!(staging.peek("hero-banner", "anna").reason(), Reason::NotRunning);
}

#[test]
fn the_user_key_is_an_attribute_whatever_the_caller_says() {
    let (engine, _) = targeted(NewTargeting::new());
    engine.create_flag(NewFlag::new("page", "none")).unwrap();
    for name in ["user_key", "user_id"] {
        let rule = NewRule::new("production", name).condition(Condition::new(
            name,
            Operator::Equals,
            "anna",
        ));
        engine.create_rule("page", rule).unwrap();
    }
    let production = production(&engine);
    let ask = |user: &str, known: &[(&str, fairsplit::targeting::AttributeValue<'_>)]| {
        production.peek("page", User::new(user).with(&known)).str_or("").to_owned()
    };
    assert_eq!(ask("anna", &[]), "user_key");
    assert_eq!(ask("ben", &[("user_key", "anna".into())]), "none");
    assert_eq!(ask("ben", &[("user_id", "anna".into())]), "user_id");
    assert_eq!(ask("", &[("user_key", "anna".into())]), "none");
}

#[test]
fn a_holdout_binds_the_experiments_that_are_first_started_after_it() {
    let (engine, first) = targeted(NewTargeting::new());
    let everybody = NewHoldout::new("2026", 100).id(HoldoutId::from_bytes([7; 16]));
    engine.create_holdout(everybody).unwrap();
    let production = production(&engine);
    assert_eq!(production.peek("hero-banner", "anna").reason(), Reason::Split);
    engine.stop(first).unwrap();
    engine.start(first).unwrap();
    assert_eq!(production.peek("hero-banner", "anna").reason(), Reason::Split);

    for (number, targeting, reason) in [
        (2, NewTargeting::new(), Reason::HeldOut),
        (3, NewTargeting::new().holdouts(false), Reason::Split),
    ] {
        let key = format!("flag-{number}");
        engine.create_flag(NewFlag::new(&*key, "old")).unwrap();
        let new = banner("production").id(experiment_id(number)).targeting(targeting);
        let id = engine.create_experiment(&*key, new).unwrap().id();
        engine.start(id).unwrap();
        let answer = production.evaluate(&key, "anna");
        assert_eq!((answer.reason(), answer.is_counted()), (reason, reason == Reason::Split));
        let rule = NewRule::new("production", "ruled").condition(plan_is("pro"));
        engine.create_rule(&*key, rule).unwrap();
        let pro = [("plan", "pro".into())];
        let pro = User::new("anna").with(&pro);
        assert_eq!(production.peek(&key, pro).reason(), Reason::Rule, "holdouts stop no rule");
    }
}

#[test]
fn a_slot_on_the_border_of_two_ranges_is_in_the_second() {
    let (engine, _) = crate::common::engine_at_noon();
    let layer = LayerId::from_bytes([3; 16]);
    engine.create_layer(NewLayer::new("checkout").id(layer)).unwrap();
    let ids = [(1, (0, 50)), (2, (50, 100))].map(|(number, range)| {
        let key = format!("flag-{number}");
        engine.create_flag(NewFlag::new(&*key, "old")).unwrap();
        let targeting = NewTargeting::new().layer(layer, [range]);
        let new = banner("production").id(experiment_id(number)).targeting(targeting);
        let id = engine.create_experiment(&*key, new).unwrap().id();
        engine.start(id).unwrap();
        id
    });
    let seed = fairsplit::assign::GateSeed::new(fairsplit::assign::Gate::Layer, layer.to_bytes());
    let production = production(&engine);
    let mut borders = 0;
    for user in (0..400_000).map(|number| format!("user-{number}")) {
        let slot = seed.slot(&user).index();
        if !(49_990..=50_010).contains(&slot) {
            continue;
        }
        borders += u32::from(slot == 50_000);
        let is_in = |key| production.peek(key, &user).reason() == Reason::Split;
        assert_eq!((is_in("flag-1"), is_in("flag-2")), (slot < 50_000, slot >= 50_000));
    }
    assert!(borders > 0, "no user falls on the border");
    assert_eq!(ids.map(|id| counted(&engine, id)), [(0, 0); 2]);
}

#[test]
fn typed_values_of_rules_are_decoded_too() {
    let (engine, _) = targeted(NewTargeting::new());
    let rule = NewRule::new("production", "ruled").condition(plan_is("pro"));
    engine.create_rule("hero-banner", rule).unwrap();
    engine.force(experiment_id(1), "qa", "treatment").unwrap();
    let mut banner = production(&engine).flag("hero-banner").typed::<String>();
    let pro = [("plan", "pro".into())];
    let pro = User::new("anna").with(&pro);
    assert_eq!(banner.evaluate(pro).value().unwrap(), "ruled");
    assert_eq!(banner.evaluate("qa").value().unwrap(), "new");
    let free = banner.evaluate("anna");
    assert!(matches!(&**free.value().unwrap(), "old" | "new"));
    assert_eq!(free.evaluation().reason(), Reason::Split);
}

#[test]
fn an_edit_of_a_segment_reaches_every_flag_that_names_it_and_no_other() {
    let (engine, _) = targeted(NewTargeting::new());
    let staff = |domain: &str| {
        NewSegment::new("Staff").condition(Condition::new("email", Operator::EndsWith, domain))
    };
    engine.create_segment(staff("@example.com").id(segment_id(1))).unwrap();
    for key in ["by-rule", "by-audience"] {
        engine.create_flag(NewFlag::new(key, "old")).unwrap();
    }
    let rule = NewRule::new("production", "ruled").segment(segment_id(1));
    engine.create_rule("by-rule", rule).unwrap();
    let targeting = NewTargeting::new().segment(segment_id(1));
    let new = banner("production").id(experiment_id(2)).status(Status::Running);
    engine.create_experiment("by-audience", new.targeting(targeting)).unwrap();

    let production = production(&engine);
    let handles = ["by-rule", "by-audience", "hero-banner"].map(|key| production.flag(key));
    let old = engine.snapshot();
    let reasons = |email: &str| {
        let known = [("email", email.into())];
        handles.each_ref().map(|handle| handle.peek(User::new("anna").with(&known)).reason())
    };
    let out = [Reason::NotRunning, Reason::NotInAudience, Reason::Split];
    let is_in = [Reason::Rule, Reason::Split, Reason::Split];
    assert_eq!((reasons("a@example.com"), reasons("a@example.org")), (is_in, out));

    let change = engine.change_segment(segment_id(1), staff("@example.org")).unwrap();
    assert_eq!(change.reaches, [experiment_id(2)]);
    assert_eq!((reasons("a@example.com"), reasons("a@example.org")), (out, is_in));
    // A snapshot from before answers as it did.
    let known = [("email", "a@example.com".into())];
    let user = User::new("anna").with(&known);
    assert_eq!(handles[0].peek_on(&old, user).reason(), Reason::Rule);
}

#[test]
fn what_a_document_restores_answers_as_before() {
    let (engine, _) =
        targeted(NewTargeting::new().condition(plan_is("pro")).coverage(60).bucket_by("company"));
    engine
        .create_segment(NewSegment::new("Staff").id(segment_id(1)).condition(plan_is("staff")))
        .unwrap();
    let rule = NewRule::new("production", "ruled").segment(segment_id(1)).percentage(50);
    engine.create_rule("hero-banner", rule.id(rule_id(9))).unwrap();
    let restored = fairsplit::Engine::from_json(&engine.to_json()).unwrap();
    let mut seen = BTreeSet::new();
    for number in 0..2000 {
        let (user, company) = (format!("user-{number}"), format!("company-{}", number % 700));
        let plan = ["free", "pro", "staff"][number % 3];
        let known = [("plan", plan.into()), ("company", (&company).into())];
        let ask = |engine: &fairsplit::Engine| {
            let answer = production(engine).peek("hero-banner", User::new(&user).with(&known));
            (answer.reason(), answer.str_or("").to_owned())
        };
        assert_eq!(ask(&engine), ask(&restored));
        seen.insert(ask(&engine).0);
    }
    let all = [Reason::Split, Reason::Rule, Reason::NotInAudience, Reason::NotCovered];
    assert_eq!(seen, all.into());
}
