//! An explanation alone answers why a user got what they got.

use fairsplit::User;
use fairsplit::explain::ExplainedGate;
use fairsplit::targeting::{
    Condition, NewRule, NewSegment, NewTargeting, Operator, Truth, Undecided,
};
use serde_json::json;

use super::{plan_is, rule_id, segment_id, targeted};
use crate::common::production;

#[test]
fn an_explanation_shows_each_rule_and_each_gate_with_what_it_says() {
    let (engine, _) = targeted(
        NewTargeting::new()
            .condition(Condition::new("country", Operator::NotIn, json!(["RU"])))
            .coverage(50),
    );
    let staff = NewSegment::new("Staff").id(segment_id(1)).condition(Condition::new(
        "email",
        Operator::EndsWith,
        "@example.com",
    ));
    engine.create_segment(staff).unwrap();
    let rule = NewRule::new("production", "newest").segment(segment_id(1)).id(rule_id(1));
    engine.create_rule("hero-banner", rule).unwrap();
    let rule = NewRule::new("production", "pro")
        .condition(plan_is("pro").negate())
        .percentage(0.5)
        .id(rule_id(2));
    engine.create_rule("hero-banner", rule).unwrap();

    let known = [("plan", "pro".into()), ("email", 5.into())];
    let why = production(&engine).explain("hero-banner", User::new("anna").with(&known));
    assert_eq!(
        why.to_string(),
        "flag \"hero-banner\" in production answers \"old\" to \"anna\": not_in_audience\n\
         rule 0 (00000000-0000-0000-0000-000000000001) does not answer\n  \
         in segment \"Staff\" (all): undecided (not a text)\n    \
         email ends_with \"@example.com\": undecided (not a text)\n\
         rule 1 (00000000-0000-0000-0000-000000000002) does not answer: \
         seed 5da16c5e69c5adcf, slot 22256 of 100000, not in 0 to 499\n  \
         not plan equals \"pro\": false\n\
         experiment 00000000-0000-0000-0000-000000000001 (Hero Banner A/B Test, running) \
         serves nothing here\n\
         unit user_key: \"anna\"\n\
         audience keeps out\n  \
         country not_in [\"RU\"]: undecided (no attribute)\n\
         coverage keeps out: seed ad60f8fdb280636f, slot 71100 of 100000, not in 0 to 49999"
    );
    assert_eq!(why.rules.len(), 2);
    let undecided = Truth::Undecided(Undecided::NoAttribute);
    assert!(why.gates.iter().any(|gate| {
        matches!(gate, ExplainedGate::Audience { audience, passes: false, .. }
            if audience.answer == undecided)
    }));
    let json = serde_json::to_value(&why).unwrap();
    assert_eq!(json["rules"][1]["conditions"][0]["answer"], "false");
    assert_eq!(json["gates"][1]["gate"], "audience");
    assert_eq!(json["gates"][1]["answer"], "undecided (no attribute)");
    assert_eq!(json["gates"][2]["slot"]["is_in"], false);
}

#[test]
fn a_flag_without_targeting_is_explained_as_before() {
    let (engine, _) = targeted(NewTargeting::new());
    let why = production(&engine).explain("hero-banner", "anna");
    assert!(why.rules.is_empty() && why.gates.is_empty());
    assert!(why.assignment.is_some());
}
