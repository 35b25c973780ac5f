//! Tests of the goals of an experiment.

use super::of_experiment::{GoalUse, Goals, NewGoals};
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::timestamp::Timestamp;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn goals(new: NewGoals) -> Goals {
    let mut faults = Faults::default();
    let goals = new.check(&Path::Root, &mut faults);
    faults.into_result().unwrap();
    goals
}

fn attached(goals: &Goals) -> Vec<(&str, Timestamp)> {
    goals.attached.iter().map(|attached| (attached.goal(), attached.since)).collect()
}

#[test]
fn a_draft_has_attached_what_it_has_and_a_started_one_what_it_has_had() {
    let first = goals(NewGoals::new().primary("a").secondary("b"));
    let first = first.attached_to(None, false, second(1));
    assert_eq!(attached(&first), [("a", second(1)), ("b", second(1))]);

    let other = || goals(NewGoals::new().primary("a").guardrail("c", 0.1));
    let draft = other().attached_to(Some(&first), false, second(2));
    assert_eq!(attached(&draft), [("a", second(1)), ("c", second(2))]);

    let started = other().attached_to(Some(&first), true, second(2));
    let all = [("a", second(1)), ("b", second(1)), ("c", second(2))];
    assert_eq!(attached(&started), all);
    let back = goals(NewGoals::new().primary("a").secondary("b"));
    let back = back.attached_to(Some(&started), true, second(3));
    assert_eq!(attached(&back), [("a", second(1)), ("b", second(3)), ("c", second(2))]);
}

#[test]
fn a_started_experiment_keeps_what_it_is_decided_by() {
    let before = goals(NewGoals::new().primary("a").secondary("b").guardrail("c", 0.1));
    let faults = |after: NewGoals| {
        let mut faults = Faults::default();
        before.check_change(&goals(after), "x", &Path::Root, &mut faults);
        faults.into_vec().iter().map(|fault| fault.path().to_owned()).collect::<Vec<_>>()
    };
    let new = NewGoals::new;
    assert!(faults(new().primary("a")).is_empty());
    assert!(faults(new().primary("a").secondary("d").guardrail("b", 0.5)).is_empty());
    assert_eq!(faults(new()), ["primary"]);
    assert_eq!(faults(new().primary(GoalUse::new("a").lower())), ["primary"]);
    let others = new().primary("a").secondary(GoalUse::new("b").cap(5)).guardrail("c", 0.2);
    assert_eq!(faults(others), ["secondary[0]", "guardrails[0]"]);
}
