//! What was counted for goals, handed over: each event once, with its value.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{banner, engine_at_noon, experiment_id, flag_id, production};
use fairsplit::counts::{Delta, GoalCount};
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

const KEYS: [&str; 3] = ["purchase", "balance", "signup"];

/// What has been shipped of goals, by experiment, variant and goal.
type Shipped = BTreeMap<(ExperimentId, String, String), GoalCount>;

fn add(sum: &mut GoalCount, added: GoalCount) {
    sum.events += added.events;
    sum.gained += added.gained;
    sum.lost += added.lost;
}

/// Adds the deltas of goals up, and checks that each begins where the one before ended, and adds
/// something.
fn receive(shipped: &mut Shipped, deltas: &[Delta]) {
    for delta in deltas {
        assert!(delta.from != delta.to || !delta.goals.is_empty(), "{delta:?}");
        for goal in &delta.goals {
            let key = (delta.experiment, delta.variant.clone(), goal.goal.clone());
            let total = shipped.entry(key).or_default();
            assert_eq!(*total, goal.from);
            assert_ne!(goal.from, goal.to);
            add(total, goal.added());
            assert_eq!(*total, goal.to);
            if goal.goal == "purchase" {
                // The primary goal.
                assert_eq!(goal.added().events, delta.added().conversions);
            }
        }
    }
}

fn ship(engine: &Engine, shipped: &mut Shipped) {
    let outcome = engine.with_deltas(|deltas| {
        receive(shipped, deltas);
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
}

/// The counts of goals that are not 0.
fn totals(engine: &Engine, id: ExperimentId) -> Shipped {
    let counts = engine.goal_counts(id).unwrap().into_iter();
    let counts = counts.flat_map(|of| {
        let variants = of.variants.into_iter();
        variants.map(move |one| ((id, one.key, of.goal.clone()), one.ever))
    });
    counts.filter(|(_, count)| *count != GoalCount::default()).collect()
}

fn goals(others: bool) -> NewGoals {
    let goals = NewGoals::new().primary("purchase");
    if others { goals.secondary("balance").secondary("signup") } else { goals }
}

/// An experiment that runs and is decided by purchases.
fn start(engine: &Engine, others: bool) -> ExperimentId {
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.create_goal(NewGoal::value("balance", "EUR").signed()).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).goals(goals(others));
    let new = new.status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap().id()
}

fn shop(others: bool) -> (Engine, ExperimentId) {
    let (engine, _) = engine_at_noon();
    let id = start(&engine, others);
    (engine, id)
}

/// Records each goal for some users.
fn record(engine: &Engine, users: u32) {
    let production = production(engine);
    let [purchase, balance, signup] = KEYS.map(|key| production.goal(key));
    for user in 0..users {
        let key = format!("user-{user}");
        let _ = purchase.record_value(&*key, 12.5);
        let _ = balance.record_value(&*key, if user % 3 == 0 { -2.0 } else { 1.0 });
        let _ = signup.record(&*key);
    }
}

#[test]
fn deltas_of_goals_add_up_to_their_counts_while_threads_count_and_receivers_fail() {
    let (engine, id) = shop(true);
    let is_done = AtomicBool::new(false);
    let mut shipped = Shipped::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| record(&engine, 10_000))).collect();
        // Goals come and go, and the experiment stops and starts.
        let changing = scope.spawn(|| {
            for round in 0..60 {
                engine.set_goals(id, goals(round % 2 == 1)).unwrap();
                let _ = engine.stop(id).unwrap();
                let _ = engine.start(id).unwrap();
            }
        });
        let receiver = scope.spawn(|| {
            let mut shipped = Shipped::new();
            loop {
                let last = is_done.load(Ordering::Acquire);
                engine.with_deltas(|_| Err(())).unwrap_err();
                ship(&engine, &mut shipped);
                if last {
                    return shipped;
                }
            }
        });
        for thread in threads {
            thread.join().unwrap();
        }
        changing.join().unwrap();
        is_done.store(true, Ordering::Release);
        shipped = receiver.join().unwrap();
    });
    assert_eq!(shipped, totals(&engine, id));
    let goals: BTreeSet<_> = shipped.keys().map(|(_, _, goal)| goal.as_str()).collect();
    assert_eq!(goals, BTreeSet::from(KEYS));
    // Everything was handed over.
    let rest = engine.with_deltas(|deltas| if deltas.is_empty() { Ok(()) } else { Err(()) });
    assert_eq!(rest, Ok(()));
}

#[test]
fn a_goal_that_comes_while_the_experiment_runs_is_handed_over_from_then_on() {
    let (engine, id) = shop(false);
    record(&engine, 10);
    let mut shipped = Shipped::new();
    ship(&engine, &mut shipped);
    assert!(shipped.keys().all(|(_, _, goal)| goal == "purchase"));
    engine.set_goals(id, goals(true)).unwrap();
    record(&engine, 10);
    // One that is left out by now.
    engine.set_goals(id, goals(false)).unwrap();
    ship(&engine, &mut shipped);
    assert_eq!(shipped, totals(&engine, id));
    assert_eq!(shipped.values().map(|count| count.events).sum::<u64>(), 40);
}

#[test]
fn a_variant_of_which_only_goals_have_grown_has_a_delta() {
    let (engine, id) = shop(true);
    let mut found = Vec::new();
    for _ in 0..2 {
        assert!(production(&engine).goal("signup").record("anna").is_counted());
        let outcome = engine.with_deltas(|deltas| {
            found.extend(deltas.to_vec());
            Ok::<_, Infallible>(())
        });
        outcome.unwrap();
    }
    let [first, second] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((first.experiment, first.run, first.from), (id, 1, first.to));
    let ([one], [two]) = (&*first.goals, &*second.goals) else { panic!("{found:?}") };
    assert_eq!((one.goal.as_str(), one.to), ("signup", two.from));
    assert_eq!([one.added().events, two.added().events], [1, 1]);
}

/// What was added to each goal, by run.
fn by_run(engine: &Engine) -> BTreeMap<(u32, String), GoalCount> {
    let mut added = BTreeMap::<_, GoalCount>::new();
    let outcome = engine.with_deltas(|deltas| {
        for delta in deltas {
            for goal in &delta.goals {
                add(added.entry((delta.run, goal.goal.clone())).or_default(), goal.added());
            }
        }
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
    added
}

#[test]
fn deltas_of_goals_say_in_which_run_each_event_was_counted() {
    let (engine, id) = shop(true);
    let restart = || {
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
    };
    let events = |added: &BTreeMap<(u32, String), GoalCount>, goal: &str| -> Vec<_> {
        let of_goal = added.iter().filter(|((_, of), _)| of == goal);
        of_goal.map(|((run, _), count)| (*run, count.events)).collect()
    };
    record(&engine, 3);
    assert_eq!(events(&by_run(&engine), "signup"), [(1, 3)]);
    record(&engine, 4);
    restart();
    record(&engine, 5);
    let added = by_run(&engine);
    for goal in KEYS {
        assert_eq!(events(&added, goal), [(1, 4), (2, 5)], "{goal}");
    }
    let gained = |run| added[&(run, "purchase".to_owned())].gained;
    assert_eq!([gained(1), gained(2)], [4 * 1250, 5 * 1250]);

    // Of runs before the last start, the last gets all, but for the conversions.
    record(&engine, 1);
    restart();
    record(&engine, 2);
    restart();
    record(&engine, 4);
    let added = by_run(&engine);
    assert_eq!(events(&added, "signup"), [(3, 3), (4, 4)]);
    assert_eq!(events(&added, "purchase"), [(2, 1), (3, 2), (4, 4)]);
    let gained = added.iter().filter(|((_, goal), _)| goal == "purchase");
    let gained: Vec<_> = gained.map(|((run, _), count)| (*run, count.gained)).collect();
    assert_eq!(gained, [(2, 0), (3, 3 * 1250), (4, 4 * 1250)]);
}

#[test]
fn counts_of_goals_that_a_document_carried_are_not_in_the_deltas() {
    let (other, id) = shop(true);
    record(&other, 10);
    let engine = Engine::from_json(&other.to_json()).unwrap();
    let carried = totals(&engine, id);
    engine.with_deltas(|deltas| if deltas.is_empty() { Ok(()) } else { Err(()) }).unwrap();
    record(&engine, 4);
    let outcome = engine.with_deltas(|deltas| {
        let mut shipped = carried.clone();
        receive(&mut shipped, deltas);
        assert_eq!(shipped, totals(&engine, id));
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
}

#[test]
fn what_a_deleted_experiment_has_counted_of_goals_is_handed_over_once() {
    let (engine, id) = shop(true);
    record(&engine, 5);
    let mut shipped = Shipped::new();
    ship(&engine, &mut shipped);
    // Since then, nothing but a goal has grown.
    assert!(production(&engine).goal("signup").record("anna").is_counted());
    let before = totals(&engine, id);
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    let new = banner("production").id(id).goals(goals(true)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    ship(&engine, &mut shipped);
    assert_eq!(shipped, before);
    // The id is that of another experiment by now.
    record(&engine, 7);
    let mut shipped = Shipped::new();
    ship(&engine, &mut shipped);
    assert_eq!(shipped, totals(&engine, id));
}

/// What happens to the experiment.
#[derive(Clone, Copy, Debug)]
enum Step {
    Record(u32),
    Evaluate,
    SetGoals(bool),
    Restart,
    /// Leaves the definitions, and comes back.
    Leave,
    Ship,
    Refuse,
    /// The process is killed, and another one opens the directory.
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_u32).prop_map(Step::Record),
        1 => Just(Step::Evaluate),
        2 => any::<bool>().prop_map(Step::SetGoals),
        2 => Just(Step::Restart),
        1 => Just(Step::Leave),
        3 => Just(Step::Ship),
        2 => Just(Step::Refuse),
        2 => Just(Step::Kill),
    ]
}

/// Takes the steps, and ships what is left. `kill` makes the engine of the next process.
fn take(mut engine: Engine, steps: &[Step], kill: impl Fn(Engine) -> Engine) {
    let id = start(&engine, true);
    let mut shipped = Shipped::new();
    let mut exposures = 0;
    for step in steps {
        match *step {
            Step::Record(users) => record(&engine, users),
            Step::Evaluate => {
                let _ = production(&engine).evaluate("hero-banner", "anna");
                exposures += 1;
            }
            Step::SetGoals(others) => drop(engine.set_goals(id, goals(others)).unwrap()),
            Step::Restart => {
                engine.stop(id).unwrap();
                engine.start(id).unwrap();
            }
            Step::Leave => {
                let document = engine.to_json();
                let mut without: Value = serde_json::from_str(&document).unwrap();
                without["flags"] = json!([]);
                engine.replace(&without.to_string()).unwrap();
                engine = kill(engine);
                engine.replace(&document).unwrap();
            }
            Step::Ship => ship(&engine, &mut shipped),
            Step::Refuse => {
                let refused = engine.with_deltas(|deltas| {
                    // They come again.
                    receive(&mut shipped.clone(), deltas);
                    Err(())
                });
                refused.unwrap_err();
            }
            Step::Kill => engine = kill(engine),
        }
    }
    ship(&engine, &mut shipped);
    assert_eq!(shipped, totals(&engine, id));
    let counts = engine.counts(id).unwrap();
    let of_all: u64 = counts.variants().iter().map(|variant| variant.ever.exposures).sum();
    assert_eq!(of_all, exposures);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn each_event_of_a_goal_is_handed_over_once_in_memory(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        take(engine_at_noon().0, &steps, |engine| engine);
    }
}

#[cfg(feature = "durable")]
mod in_a_directory {
    use std::fs;

    use super::*;
    use crate::common::directory::Directory;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn each_event_of_a_goal_is_handed_over_once_across_kills(
            steps in prop::collection::vec(step(), 1..40),
        ) {
            let directory = Directory::new();
            take(directory.open(), &steps, |engine| {
                let left = directory.content();
                drop(engine);
                // What a kill leaves: the files as they were.
                for (path, bytes) in left {
                    fs::write(path, bytes).unwrap();
                }
                directory.open()
            });
        }
    }

    /// The receiver has done its work, and the mark was not set.
    #[test]
    fn what_a_killed_receiver_got_comes_again_from_the_same_counts() {
        let directory = Directory::new();
        let engine = directory.open();
        let id = start(&engine, true);
        record(&engine, 9);
        let mut first = Vec::new();
        let mut left = BTreeMap::new();
        let outcome = engine.with_deltas(|deltas| {
            first = deltas.to_vec();
            left = directory.content();
            Ok::<_, Infallible>(())
        });
        outcome.unwrap();
        drop(engine);
        for (path, bytes) in left {
            fs::write(path, bytes).unwrap();
        }
        let engine = directory.open();
        let outcome = engine.with_deltas(|deltas| {
            assert_eq!(deltas, first);
            Ok::<_, Infallible>(())
        });
        outcome.unwrap();
        let mut shipped = Shipped::new();
        receive(&mut shipped, &first);
        assert_eq!(shipped, totals(&engine, id));
        drop(engine);
        let rest =
            directory.open().with_deltas(|deltas| if deltas.is_empty() { Ok(()) } else { Err(()) });
        assert_eq!(rest, Ok(()));
    }
}
