//! Creating, changing and deleting goals, and setting those of an experiment.

use super::{experiment, faults, refused, running, shop};
use crate::common::{banner, experiment_id};
use fairsplit::error::ControlError;
use fairsplit::fault::{FaultKind, MAX_GOALS, MAX_GOALS_OF_EXPERIMENT, MAX_NAME_LENGTH};
use fairsplit::goals::{AttachedGoal, Better, GoalUse, MAX_DECIMALS, NewGoal, NewGoals, Role};
use fairsplit::{Engine, Status};

fn too_many(found: usize, most: usize) -> FaultKind {
    FaultKind::TooMany { what: "goals", most, found }
}

#[test]
fn a_goal_is_what_was_said_of_it() {
    let engine = shop();
    let purchase = engine.goal("purchase").unwrap();
    assert_eq!(
        (purchase.key(), purchase.unit(), purchase.decimals()),
        ("purchase", Some("EUR"), 2)
    );
    assert!(purchase.has_values() && !purchase.is_signed());
    let signup = engine.goal("signup").unwrap();
    assert_eq!((signup.unit(), signup.decimals(), signup.has_values()), (None, 0, false));
    assert!(engine.goal("balance").unwrap().is_signed());
    assert_eq!(engine.goal("signpu"), None);
    let keys: Vec<_> = engine.goals().iter().map(|goal| goal.key().to_owned()).collect();
    assert_eq!(keys, ["balance", "purchase", "return", "signup"]);
}

#[test]
fn a_key_is_taken_once_and_faults_are_named() {
    let engine = shop();
    let taken = refused(&engine, |engine| engine.create_goal(NewGoal::event("signup")));
    assert_eq!(taken, ControlError::GoalKeyTaken { key: "signup".to_owned() });
    let long = "x".repeat(MAX_NAME_LENGTH + 1);
    let cases = [
        (NewGoal::event(" "), vec![("key", FaultKind::Blank)]),
        (NewGoal::event("a\nb"), vec![("key", FaultKind::ControlCharacter)]),
        (
            NewGoal::value(long, "").decimals(MAX_DECIMALS + 1),
            vec![
                ("key", FaultKind::TooLong { found: MAX_NAME_LENGTH + 1 }),
                ("unit", FaultKind::Blank),
                ("decimals", FaultKind::Decimals { found: u64::from(MAX_DECIMALS) + 1 }),
            ],
        ),
    ];
    for (new, expected) in cases {
        let found = faults(&engine, |engine| engine.create_goal(new.clone()));
        let expected: Vec<_> =
            expected.into_iter().map(|(path, kind)| (path.to_owned(), kind)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn there_are_at_most_a_thousand_goals() {
    let engine = Engine::new();
    let goals: Vec<_> =
        (0..MAX_GOALS).map(|at| format!(r#"{{"key": "goal {at}", "kind": "event"}}"#)).collect();
    engine.replace(&format!(r#"{{"goals": [{}], "flags": []}}"#, goals.join(","))).unwrap();
    let found = faults(&engine, |engine| engine.create_goal(NewGoal::event("one more")));
    assert_eq!(found, [(String::new(), too_many(MAX_GOALS + 1, MAX_GOALS))]);
    engine.delete_goal("goal 7").unwrap();
    engine.create_goal(NewGoal::event("one more")).unwrap();
}

#[test]
fn a_goal_changes_until_an_experiment_that_was_started_counts_it() {
    let engine = shop();
    let change = |engine: &Engine, new| engine.change_goal(new);
    let missing = refused(&engine, |engine| change(engine, NewGoal::event("signpu")));
    assert_eq!(missing, ControlError::GoalNotFound { key: "signpu".to_owned() });

    let draft = experiment(
        &engine,
        "banner",
        1,
        NewGoals::new().primary(GoalUse::new("purchase").cap(500)),
        Status::Draft,
    );
    let changed = change(&engine, NewGoal::value("purchase", "USD").decimals(3)).unwrap();
    assert_eq!((changed.unit(), changed.decimals()), (Some("USD"), 3));
    // The draft has a cap of it.
    let found = faults(&engine, |engine| change(engine, NewGoal::event("purchase")));
    let kind = FaultKind::CapWithoutValues { goal: "purchase".to_owned() };
    assert_eq!(found, [("primary.cap".to_owned(), kind)]);

    engine.start(draft).unwrap();
    let fixed =
        |path: &str| (path.to_owned(), FaultKind::GoalFixed { experiment: draft.to_string() });
    let found = faults(&engine, |engine| {
        change(engine, NewGoal::value("purchase", "EUR").decimals(2).signed())
    });
    assert_eq!(found, [fixed("unit"), fixed("decimals"), fixed("signed")]);
    let found = faults(&engine, |engine| change(engine, NewGoal::event("purchase")));
    assert_eq!(found.first(), Some(&fixed("kind")));
    // As it is.
    let version = engine.snapshot().version();
    change(&engine, NewGoal::value("purchase", "USD").decimals(3)).unwrap();
    assert_eq!(engine.snapshot().version(), version);
    // Also after the experiment has left.
    engine.stop(draft).unwrap();
    engine.replace(r#"{"goals": [{"key": "purchase", "kind": "value", "unit": "USD", "decimals": 3}], "flags": []}"#).unwrap();
    let found = faults(&engine, |engine| change(engine, NewGoal::value("purchase", "EUR")));
    assert_eq!(found, [fixed("unit"), fixed("decimals")]);
    assert!(matches!(
        refused(&engine, |engine| engine.delete_goal("purchase")),
        ControlError::GoalInUse { .. }
    ));
    // Its deletion forgets it.
    let flags = engine.flags();
    assert!(flags.is_empty());
}

#[test]
fn a_goal_that_an_experiment_has_cannot_be_deleted() {
    let engine = shop();
    let id = experiment(&engine, "banner", 1, NewGoals::new().secondary("signup"), Status::Draft);
    let error = refused(&engine, |engine| engine.delete_goal("signup"));
    let by = format!("experiment {id} of flag \"banner\"");
    assert_eq!(error, ControlError::GoalInUse { key: "signup".to_owned(), by });
    engine.set_goals(id, NewGoals::new()).unwrap();
    engine.delete_goal("signup").unwrap();
    assert_eq!(engine.goal("signup"), None);
    let error = refused(&engine, |engine| engine.delete_goal("signup"));
    assert_eq!(error, ControlError::GoalNotFound { key: "signup".to_owned() });

    let id = running(&engine, "checkout", 2, NewGoals::new().secondary("return"));
    engine.set_goals(id, NewGoals::new()).unwrap();
    let error = refused(&engine, |engine| engine.delete_goal("return"));
    let by = format!("experiment {id}");
    assert_eq!(error, ControlError::GoalInUse { key: "return".to_owned(), by });
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    engine.delete_goal("return").unwrap();
}

#[test]
fn the_goals_of_an_experiment_are_what_was_set() {
    let engine = shop();
    let goals = NewGoals::new()
        .primary(GoalUse::new("purchase").cap(500))
        .secondary("signup")
        .guardrail(GoalUse::new("balance").lower(), 0.1);
    let id = experiment(&engine, "banner", 1, goals.clone(), Status::Draft);
    let of_it = engine.experiment(id).unwrap();
    let of_it = of_it.goals().unwrap();
    let roles: Vec<_> = of_it.uses().map(|(role, goal)| (role, goal.goal())).collect();
    assert_eq!(
        roles,
        [(Role::Primary, "purchase"), (Role::Secondary, "signup"), (Role::Guardrail, "balance")]
    );
    assert_eq!(of_it.primary().unwrap().cap_of_user(), Some(500.0));
    let rail = &of_it.guardrails()[0];
    assert_eq!((rail.margin(), rail.goal_use().better()), (0.1, Better::Lower));
    assert_eq!(of_it.attached().len(), 3);
    let version = engine.snapshot().version();
    engine.set_goals(id, goals).unwrap();
    assert_eq!(engine.snapshot().version(), version, "they were so already");
    engine.set_goals(id, NewGoals::new()).unwrap();
    assert!(engine.experiment(id).unwrap().goals().is_none());
}

#[test]
fn what_is_wrong_with_goals_is_named_by_its_path() {
    let engine = shop();
    let id = experiment(&engine, "banner", 1, NewGoals::new(), Status::Draft);
    let wrong = NewGoals::new()
        .primary(GoalUse::new("signpu").cap(0))
        .secondary("signup")
        .secondary(GoalUse::new("return").cap(5))
        .guardrail("signup", 1.5);
    let expected = |prefix: &str| {
        let at = |path: &str| format!("{prefix}{path}");
        let by_themselves = vec![
            (at("primary.cap"), FaultKind::Cap { found: "0".to_owned() }),
            (
                at("guardrails[0].goal"),
                FaultKind::RepeatedGoal { goal: "signup".to_owned(), other: at("secondary[0]") },
            ),
            (at("guardrails[0].margin"), FaultKind::Margin { found: "1.5".to_owned() }),
        ];
        by_themselves
    };
    assert_eq!(faults(&engine, |engine| engine.set_goals(id, wrong.clone())), expected(""));
    let new = banner("production").id(experiment_id(2)).goals(wrong);
    let found = faults(&engine, |engine| engine.create_experiment("banner", new));
    assert_eq!(found, expected("goals."));

    let unknown = NewGoals::new().primary("signpu").secondary(GoalUse::new("return").cap(5));
    let found = faults(&engine, |engine| engine.set_goals(id, unknown));
    let expected = [
        ("primary.goal".to_owned(), FaultKind::NoSuchGoal { found: "signpu".to_owned() }),
        ("secondary[0].cap".to_owned(), FaultKind::CapWithoutValues { goal: "return".to_owned() }),
    ];
    assert_eq!(found, expected);
    for cap in [f64::NAN, f64::INFINITY, -1.0] {
        let goals = NewGoals::new().primary(GoalUse::new("purchase").cap(cap));
        let found = faults(&engine, |engine| engine.set_goals(id, goals));
        assert_eq!(found, [("primary.cap".to_owned(), FaultKind::Cap { found: cap.to_string() })]);
    }
    let missing = refused(&engine, |engine| engine.set_goals(experiment_id(9), NewGoals::new()));
    assert_eq!(missing, ControlError::ExperimentNotFound { id: experiment_id(9) });
}

#[test]
fn a_started_experiment_keeps_its_primary_goal_and_gets_others() {
    let engine = shop();
    let id = running(&engine, "banner", 1, NewGoals::new().primary("purchase").secondary("signup"));
    let fixed = FaultKind::GoalsFixed { id: id.to_string() };
    let found = faults(&engine, |engine| engine.set_goals(id, NewGoals::new().primary("signup")));
    assert_eq!(found, [("primary".to_owned(), fixed.clone())]);
    let lower = NewGoals::new().primary("purchase").secondary(GoalUse::new("signup").lower());
    let found = faults(&engine, |engine| engine.set_goals(id, lower));
    assert_eq!(found, [("secondary[0]".to_owned(), fixed)]);
    // Nor by a change of its role.
    let rail = NewGoals::new().primary("purchase").guardrail(GoalUse::new("signup").lower(), 0.1);
    let found = faults(&engine, |engine| engine.set_goals(id, rail));
    let fixed = FaultKind::GoalsFixed { id: id.to_string() };
    assert_eq!(found, [("guardrails[0]".to_owned(), fixed)]);
    let more = NewGoals::new().primary("purchase").guardrail("return", 0.0);
    let experiment = engine.set_goals(id, more).unwrap();
    let attached: Vec<_> =
        experiment.goals().unwrap().attached().iter().map(AttachedGoal::goal).collect();
    assert_eq!(attached, ["purchase", "signup", "return"]);
}

/// The places of goals that were left out stay taken: what was counted for them is kept.
#[test]
fn a_started_experiment_has_at_most_sixteen_goals_in_its_life() {
    let engine = shop();
    for at in 0..=MAX_GOALS_OF_EXPERIMENT {
        engine.create_goal(NewGoal::event(format!("goal {at}"))).unwrap();
    }
    let id = running(&engine, "banner", 1, NewGoals::new());
    for at in 0..MAX_GOALS_OF_EXPERIMENT {
        engine
            .set_goals(id, NewGoals::new().secondary(GoalUse::new(format!("goal {at}"))))
            .unwrap();
    }
    let last = NewGoals::new().secondary(GoalUse::new(format!("goal {MAX_GOALS_OF_EXPERIMENT}")));
    let found = faults(&engine, |engine| engine.set_goals(id, last.clone()));
    let (found_number, most) = (MAX_GOALS_OF_EXPERIMENT + 1, MAX_GOALS_OF_EXPERIMENT);
    assert_eq!(found, [(String::new(), too_many(found_number, most))]);
    // A draft has what it has.
    let draft = experiment(&engine, "banner", 2, NewGoals::new(), Status::Draft);
    for at in 0..=MAX_GOALS_OF_EXPERIMENT {
        engine
            .set_goals(draft, NewGoals::new().secondary(GoalUse::new(format!("goal {at}"))))
            .unwrap();
    }
    engine.set_goals(draft, last).unwrap();
}
