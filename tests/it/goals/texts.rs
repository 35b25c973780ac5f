//! The texts of what is refused of goals, word for word.

use super::{refused, running, shop};
use crate::common::experiment_id;
use fairsplit::fault::FaultKind;
use fairsplit::goals::{NewGoal, NewGoals, Refusal};

#[test]
fn each_refusal_says_what_is_wrong() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().primary("signup"));
    let taken = refused(&engine, |engine| engine.create_goal(NewGoal::event("signup")));
    assert_eq!(taken.to_string(), r#"there is already a goal "signup""#);
    let missing = refused(&engine, |engine| engine.delete_goal("signpu"));
    assert_eq!(missing.to_string(), r#"there is no goal "signpu""#);
    let used = refused(&engine, |engine| engine.delete_goal("signup"));
    assert_eq!(
        used.to_string(),
        format!(r#"cannot delete goal "signup": experiment {id} of flag "banner" counts it"#)
    );
    let fixed = refused(&engine, |engine| engine.set_goals(id, NewGoals::new()));
    let text = format!("primary: must stay as it is: experiment {id} has been started");
    assert_eq!(fixed.to_string(), text);
}

#[test]
fn each_fault_says_what_is_allowed() {
    let text = || "x".to_owned();
    let id = experiment_id(1).to_string();
    let fixed = format!("must stay as it is: experiment {id}, which has been started, counts it");
    let cases = [
        (FaultKind::NoSuchGoal { found: text() }, r#"must be the key of a goal, found "x""#),
        (FaultKind::GoalKind { found: text() }, r#"must be event or value, found "x""#),
        (FaultKind::Better { found: text() }, r#"must be higher or lower, found "x""#),
        (FaultKind::ControlCharacter, "must not have control characters"),
        (FaultKind::Decimals { found: 10 }, "must be an integer from 0 to 9, found 10"),
        (FaultKind::Cap { found: "0".to_owned() }, "must be a number above 0, found 0"),
        (
            FaultKind::CapWithoutValues { goal: text() },
            r#"must not be given: the events of goal "x" have no values"#,
        ),
        (FaultKind::Margin { found: "2".to_owned() }, "must be a number from 0 to 1, found 2"),
        (
            FaultKind::RepeatedGoal { goal: text(), other: "primary".to_owned() },
            r#"must be another goal: "x" is also at primary"#,
        ),
        (FaultKind::GoalFixed { experiment: id }, &*fixed),
        (
            FaultKind::CountsWithoutGoal { found: text() },
            r#"must be of a goal that the experiment has or has had, found "x""#,
        ),
    ];
    for (kind, text) in cases {
        assert_eq!(kind.to_string(), text);
    }
}

#[test]
fn what_is_not_recorded_has_a_word_and_a_sentence() {
    let cases = [
        (Refusal::GoalNotFound, "goal_not_found", "there is no such goal"),
        (
            Refusal::ValueNeeded,
            "value_needed",
            "the events of the goal have values, and none was given",
        ),
        (
            Refusal::WithoutValues,
            "without_values",
            "the events of the goal have no values, and one was given",
        ),
        (
            Refusal::ValueRefused,
            "value_refused",
            "the value is not finite, or out of the range of the goal",
        ),
    ];
    for (refusal, word, sentence) in cases {
        assert_eq!((refusal.as_str(), &*refusal.to_string()), (word, sentence));
        assert_eq!(serde_json::to_value(refusal).unwrap(), word);
    }
}
