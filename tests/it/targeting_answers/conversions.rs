//! Which conversions count where not everybody is meant.

use fairsplit::targeting::{HoldoutId, NewHoldout, NewRule, NewTargeting};
use fairsplit::{Outcome, Reason, User};

use super::{counted, plan_is, rule_id, targeted, targeted_counting};
use crate::common::production;

const FREE: [(&str, fairsplit::targeting::AttributeValue<'static>); 1] =
    [("plan", fairsplit::targeting::AttributeValue::Str("free"))];
const PRO: [(&str, fairsplit::targeting::AttributeValue<'static>); 1] =
    [("plan", fairsplit::targeting::AttributeValue::Str("pro"))];

#[test]
fn an_upgrade_counts_although_the_user_is_no_longer_in_the_audience() {
    let (engine, id) = targeted_counting(NewTargeting::new().condition(plan_is("free")), 1000);
    let production = production(&engine);
    let free = User::new("anna").with(&FREE);
    assert_eq!(production.evaluate("hero-banner", free).reason(), Reason::Split);
    // The user has upgraded by now, or a webhook knows nothing but the key.
    for user in [User::new("anna").with(&PRO), User::new("anna")] {
        let conversion = production.convert("hero-banner", user);
        assert_eq!(conversion.outcome(), Outcome::Counted);
        assert_eq!(conversion.variant(), production.peek("hero-banner", free).variant());
    }
    // Of the audience, and never exposed.
    let ben = User::new("ben").with(&FREE);
    assert_eq!(production.convert("hero-banner", ben).outcome(), Outcome::NotExposed);
    assert_eq!(counted(&engine, id), (1, 2));
}

#[test]
fn without_a_table_of_users_the_attributes_of_the_call_decide() {
    let (engine, id) = targeted(NewTargeting::new().condition(plan_is("free")));
    let production = production(&engine);
    let outcome = |user| production.convert("hero-banner", user).outcome();
    assert_eq!(outcome(User::new("anna")), Outcome::NotInAudience);
    assert_eq!(outcome(User::new("anna").with(&PRO)), Outcome::NotInAudience);
    assert_eq!(outcome(User::new("anna").with(&FREE)), Outcome::Counted);
    assert_eq!(counted(&engine, id), (0, 1));
}

#[test]
fn a_user_outside_of_the_sample_is_decided_by_the_attributes_of_the_call() {
    let (engine, id) = targeted_counting(NewTargeting::new().condition(plan_is("free")), 1000);
    let production = production(&engine);
    let keys: Vec<String> = (0..20_000).map(|number| format!("user-{number}")).collect();
    for key in &keys {
        let _ = production.evaluate("hero-banner", User::new(key).with(&FREE));
    }
    assert!(engine.users(id).unwrap().one_in() > 1);
    let mut outcomes = std::collections::BTreeMap::new();
    for key in &keys {
        let outcome = production.convert("hero-banner", key).outcome();
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    // Those of the sample are known to have been exposed; of the others nothing is known.
    let counted = outcomes[&Outcome::Counted];
    assert!((200..2000).contains(&counted), "{outcomes:?}");
    assert_eq!(outcomes[&Outcome::NotInAudience], 20_000 - counted);
}

#[test]
fn a_conversion_says_why_it_is_not_counted() {
    let targeting = NewTargeting::new().coverage(0);
    let (engine, id) = targeted(targeting);
    let production = production(&engine);
    let outcome = |user: &str| production.convert("hero-banner", user).outcome();
    for counts_users in [false, true] {
        if counts_users {
            engine.count_users(id, 1000).unwrap();
            engine.stop(id).unwrap();
            engine.start(id).unwrap();
        }
        assert_eq!(outcome("anna"), Outcome::NotCovered);
        assert_eq!(outcome(""), Outcome::NoUserKey);
    }
    engine.force(id, "qa", "control").unwrap();
    assert_eq!(outcome("qa"), Outcome::Forced);
    engine.stop(id).unwrap();
    assert_eq!(outcome("anna"), Outcome::NotRunning);
    let ruled = NewRule::new("production", "ruled").percentage(100).id(rule_id(1));
    engine.create_rule("hero-banner", ruled).unwrap();
    assert_eq!(outcome("anna"), Outcome::Rule);
    assert_eq!(counted(&engine, id), (0, 0));
}

#[test]
fn a_rule_made_later_takes_no_conversion_of_those_who_were_exposed() {
    for counts_users in [false, true] {
        let users = if counts_users { 1000 } else { 0 };
        let (engine, _) = targeted_counting(NewTargeting::new(), users);
        let production = production(&engine);
        assert!(production.evaluate("hero-banner", "anna").is_counted());
        engine.create_rule("hero-banner", NewRule::new("production", "ruled")).unwrap();
        assert_eq!(production.evaluate("hero-banner", "anna").reason(), Reason::Rule);
        let outcome = production.convert("hero-banner", "anna").outcome();
        let expected = if counts_users { Outcome::Counted } else { Outcome::Rule };
        assert_eq!(outcome, expected);
        let of_ben = production.convert("hero-banner", "ben").outcome();
        let expected = if counts_users { Outcome::NotExposed } else { Outcome::Rule };
        assert_eq!(of_ben, expected);
    }
}

#[test]
fn users_who_are_not_covered_take_no_place_among_those_who_are_counted() {
    let (engine, id) = targeted_counting(NewTargeting::new().coverage(1), 1000);
    let production = production(&engine);
    for user in (0..20_000).map(|number| format!("user-{number}")) {
        let is_covered = production.evaluate("hero-banner", &user).is_counted();
        let outcome = production.convert("hero-banner", &user).outcome();
        let expected = if is_covered { Outcome::Counted } else { Outcome::NotCovered };
        assert_eq!(outcome, expected);
    }
    assert_eq!(engine.users(id).unwrap().one_in(), 1, "all 200 of them are kept");
}

#[test]
fn a_held_out_user_converts_nothing() {
    let (engine, _) = targeted(NewTargeting::new());
    engine.create_holdout(NewHoldout::new("2026", 50).id(HoldoutId::from_bytes([7; 16]))).unwrap();
    engine.create_flag(fairsplit::NewFlag::new("later", "old")).unwrap();
    let new = crate::common::banner("production").id(crate::common::experiment_id(2));
    let id = engine.create_experiment("later", new).unwrap().id();
    engine.start(id).unwrap();
    let production = production(&engine);
    let mut held_out = 0;
    for user in (0..1000).map(|number| format!("user-{number}")) {
        let reason = production.evaluate("later", &user).reason();
        let outcome = production.convert("later", &user).outcome();
        match reason {
            Reason::HeldOut => assert_eq!(outcome, Outcome::HeldOut),
            reason => assert_eq!((reason, outcome), (Reason::Split, Outcome::Counted)),
        }
        held_out += u64::from(reason == Reason::HeldOut);
    }
    assert!((400..600).contains(&held_out), "{held_out}");
    assert_eq!(counted(&engine, id), (1000 - held_out, 1000 - held_out));
}
