//! Sums of users, as an engine counts them, in results.

use std::sync::Arc;

use crate::count::users::{GoalUnit, GoalUsers, UserCount, UserCounts, UsersOfGoal, VariantUsers};
use crate::goals::{GoalUse, NewGoal, NewGoals};
use crate::results::means::{Cap, Sample, Values};
use crate::results::{Analysis, Measure, Note, Observations, Results, Unit, Verdict};
use crate::{Engine, Experiment, NewExperiment, NewFlag, Status};

/// An engine with an experiment whose primary goal is purchases, and which guards refunds.
fn shop(primary: GoalUse) -> (Engine, Experiment) {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.create_goal(NewGoal::value("refund", "JPY").decimals(0).signed()).unwrap();
    let goals = NewGoals::new().primary(primary).guardrail(GoalUse::new("refund").lower(), 0.1);
    let new = NewExperiment::new("Hero Banner", "production")
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .goals(goals)
        .count_users(100_000)
        .status(Status::Running);
    let experiment = engine.create_experiment("hero-banner", new).unwrap();
    (engine, experiment)
}

const EXPOSED: u64 = 10_000;

/// 500 buyers, and 800.
fn sums() -> [Vec<i64>; 2] {
    let of = |counts: [(i64, usize); 3]| {
        counts.into_iter().flat_map(|(sum, users)| std::iter::repeat_n(sum, users)).collect()
    };
    let control = of([(1_990, 300), (4_990, 150), (19_900, 50)]);
    [control, of([(1_990, 450), (4_990, 260), (19_900, 90)])]
}

/// The users of the engine's experiment, of whom these bought; refunds have no sums.
fn users(engine: &Engine, experiment: &Experiment, sums: Option<&[Vec<i64>; 2]>) -> UserCounts {
    let reached = [500, 800];
    let units = [("purchase", "EUR", 2), ("refund", "JPY", 0)];
    let goals = units.map(|(goal, name, decimals)| UsersOfGoal {
        goal: goal.to_owned(),
        variants: reached.map(|reached| GoalUsers { reached, unexposed: 0 }).to_vec(),
        unit: Some(GoalUnit { name: name.to_owned(), decimals }),
        summed_since: None,
        sums: sums.filter(|_| goal == "purchase").map(|sums| Arc::from(sums.to_vec())),
    });
    let keys = ["control", "treatment"].into_iter().zip(reached);
    let variants = keys.map(|(key, converted)| VariantUsers {
        key: key.to_owned(),
        count: UserCount { exposed: EXPOSED, converted, converted_unexposed: 0 },
    });
    UserCounts {
        variants: variants.collect(),
        goals: goals.to_vec(),
        sampled_bits: 0,
        ..engine.users(experiment.id()).unwrap()
    }
}

fn results(engine: &Engine, experiment: &Experiment, users: &UserCounts) -> Results {
    let counts = engine.counts(experiment.id()).unwrap();
    Analysis::new().results(experiment, &counts, Some(users)).unwrap()
}

/// A sample of the sums and of those who have none.
fn sample(sums: &[i64], of: impl Fn(i64) -> i64) -> Sample {
    let without = EXPOSED - u64::try_from(sums.len()).unwrap();
    let each: Vec<_> = sums.iter().map(|sum| (of(*sum), 1)).chain([(0, without)]).collect();
    Sample::of(each).unwrap()
}

#[test]
fn the_engine_has_the_units_of_the_goals_of_its_users() {
    let (engine, experiment) = shop(GoalUse::new("purchase"));
    let units = engine.users(experiment.id()).unwrap().goals.into_iter().map(|of| of.unit);
    let expected = [("EUR", 2), ("JPY", 0)]
        .map(|(name, decimals)| Some(GoalUnit { name: name.to_owned(), decimals }));
    assert_eq!(units.collect::<Vec<_>>(), expected);
}

#[test]
fn sums_of_users_are_compared_as_values_from_elsewhere_are() {
    let (engine, experiment) = shop(GoalUse::new("purchase"));
    let found = results(&engine, &experiment, &users(&engine, &experiment, Some(&sums())));
    let [control, treatment] = sums().map(|sums| sample(&sums, |sum| sum));
    let values = Values::new("EUR", 2).variant(control).variant(treatment);
    let observed = Observations::new(Unit::Users)
        .variant("control", 50, EXPOSED, 500)
        .variant("treatment", 50, EXPOSED, 800)
        .one_in(1)
        .primary_means("purchase", values)
        .guardrail(GoalUse::new("refund").lower(), 0.1, [500, 800]);
    let expected = Analysis::new().results_of(&observed).unwrap();
    assert_eq!(found.comparisons, expected.comparisons);
    assert_eq!(found.verdict, expected.verdict);
    assert_eq!(found.goals[0].variants, expected.goals[0].variants);
    assert!(matches!(found.verdict, Verdict::Better { means: Some(_), .. }), "{found}");
    // Of refunds there are no sums.
    assert_eq!((&found.goals[1].measure, found.goals[1].cap), (&Measure::Share, None));
    assert_eq!(found.goals[1].comparisons, expected.goals[1].comparisons);
    assert_eq!(found.goals[1].unit.as_deref(), Some("JPY"));
    assert_eq!(found.notes, []);
}

#[test]
fn results_do_not_depend_on_the_order_of_users_or_variants() {
    let (engine, experiment) = shop(GoalUse::new("purchase").cap(100));
    let json =
        |users: &UserCounts| serde_json::to_string(&results(&engine, &experiment, users)).unwrap();
    let ordered = users(&engine, &experiment, Some(&sums()));
    let expected = json(&ordered);
    let turned = sums().map(|mut sums| {
        sums.reverse();
        sums.rotate_left(123);
        sums
    });
    assert_eq!(json(&users(&engine, &experiment, Some(&turned))), expected);
    // Variants are found by their keys.
    let mut swapped = ordered;
    swapped.variants.reverse();
    for goal in &mut swapped.goals {
        goal.variants.reverse();
        goal.sums = goal.sums.take().map(|sums| sums.iter().rev().cloned().collect());
    }
    assert_eq!(json(&swapped), expected);
}

#[test]
fn a_cap_is_applied_to_the_sum_of_each_user() {
    for (cap, units) in [(100.0, 10_000), (0.001, 1), (1e300, i64::MAX)] {
        let (engine, experiment) = shop(GoalUse::new("purchase").cap(cap));
        let found = results(&engine, &experiment, &users(&engine, &experiment, Some(&sums())));
        let purchase = &found.goals[0];
        let limit = Cap::new(units).ok();
        assert_eq!(purchase.cap, limit.map(Cap::limit), "{cap}");
        let expected = sample(&sums()[1], |sum| sum.clamp(-units, units));
        let values = purchase.variants[1].values.unwrap();
        assert_eq!(values.mean, expected.moments().mean(), "{cap}");
        let users = limit.map(|_| if units == 1 { 1_300 } else { 140 });
        assert_eq!(purchase.capped.map(|capped| capped.users), users, "{cap}");
    }
}

#[test]
fn without_sums_the_verdict_is_about_the_share_and_a_note_says_so() {
    let (engine, experiment) = shop(GoalUse::new("purchase").cap(100));
    let found = results(&engine, &experiment, &users(&engine, &experiment, None));
    assert_eq!((found.measure(), found.goals[0].cap), (Measure::Share, None));
    assert!(matches!(found.verdict, Verdict::Better { means: None, .. }), "{found}");
    assert!(matches!(&found.notes[..], [Note::ShareOfPrimary { .. }]), "{:?}", found.notes);
    // More sums than exposed users belong to no sample.
    let mut odd = users(&engine, &experiment, Some(&sums()));
    odd.variants[1].count.exposed = 799;
    let found = results(&engine, &experiment, &odd);
    assert_eq!(found.measure(), Measure::Share);
    assert!(!found.verdict.is_decided(), "{found}");
}
