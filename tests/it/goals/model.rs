//! Random calls against a naive model: what each goal of each experiment has counted.

use std::collections::BTreeMap;

use super::shop;
use crate::common::{banner, experiment_id, production};
use fairsplit::goals::NewGoals;
use fairsplit::{Engine, ExperimentId, Status};
use proptest::prelude::*;

const FLAGS: [&str; 3] = ["banner", "checkout", "search"];
const GOALS: [&str; 4] = ["signup", "return", "purchase", "balance"];

#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    Stop(usize),
    /// Which goals the experiment has from now on, beside its primary one.
    SetGoals(usize, [bool; 4]),
    Expose(usize, u8),
    /// A goal, a user, and cents.
    Record(usize, u8, i64),
    Export,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..3_usize).prop_map(Step::Start),
        1 => (0..3_usize).prop_map(Step::Stop),
        1 => (0..3_usize, any::<[bool; 4]>()).prop_map(|(at, goals)| Step::SetGoals(at, goals)),
        4 => (0..3_usize, 0..12_u8).prop_map(|(at, user)| Step::Expose(at, user)),
        8 => (0..4_usize, 0..12_u8, -300..300_i64)
            .prop_map(|(goal, user, cents)| Step::Record(goal, user, cents)),
        1 => Just(Step::Export),
    ]
}

/// One experiment as it should be.
#[derive(Debug, Default)]
struct Expected {
    is_running: bool,
    counts_users: bool,
    goals: [bool; 4],
    exposed: BTreeMap<u8, bool>,
    /// By goal and variant: events, gained, lost, ever.
    counts: BTreeMap<(usize, usize), (u64, u64, u64)>,
    /// By goal and user, in this run: what each exposed user has come to.
    sums: BTreeMap<(usize, u8), i64>,
    has_run: bool,
}

fn goals_of(which: [bool; 4]) -> NewGoals {
    let all = GOALS.iter().zip(which).filter(|(_, has)| *has);
    all.fold(NewGoals::new(), |goals, (goal, _)| goals.secondary(*goal))
}

fn ids() -> [ExperimentId; 3] {
    [experiment_id(1), experiment_id(2), experiment_id(3)]
}

fn run(steps: &[Step]) {
    let mut engine = shop();
    let mut expected: [Expected; 3] = Default::default();
    // The second counts users.
    expected[1].counts_users = true;
    for (at, flag) in FLAGS.iter().enumerate() {
        let new = banner("production").id(ids()[at]).status(Status::Draft);
        let new = if at == 1 { new.count_users(1000) } else { new };
        engine.create_experiment(*flag, new).unwrap();
    }
    for step in steps {
        match *step {
            Step::Start(at) => {
                if engine.start(ids()[at]).is_ok() {
                    expected[at].is_running = true;
                    expected[at].exposed.clear();
                    expected[at].sums.clear();
                    expected[at].has_run = true;
                }
            }
            Step::Stop(at) => {
                if engine.stop(ids()[at]).is_ok() {
                    expected[at].is_running = false;
                }
            }
            Step::SetGoals(at, goals) => {
                engine.set_goals(ids()[at], goals_of(goals)).unwrap();
                expected[at].goals = goals;
            }
            Step::Expose(at, user) => {
                let production = production(&engine);
                let answer = production.evaluate(FLAGS[at], user.to_string().as_str());
                assert_eq!(answer.is_counted(), expected[at].is_running);
                expected[at].exposed.insert(user, true);
            }
            Step::Record(goal, user, cents) => record(&engine, &mut expected, goal, user, cents),
            // Who was exposed is in no document.
            Step::Export => {
                engine = Engine::from_json(&engine.to_json()).unwrap();
                for one in &mut expected {
                    one.exposed.clear();
                    one.sums.clear();
                    one.has_run = false;
                    // It is not known any more who was exposed, so everybody may have been.
                    one.counts_users = one.counts_users && !one.is_running;
                }
                for (one, id) in expected.iter().zip(ids()) {
                    let users = if one.counts_users { 1000 } else { 0 };
                    let change = fairsplit::ExperimentChange::new().count_users(users);
                    engine.change_experiment(id, change).unwrap();
                }
            }
        }
        check(&engine, &expected);
    }
}

fn record(engine: &Engine, expected: &mut [Expected; 3], goal: usize, user: u8, cents: i64) {
    let handle = production(engine).goal(GOALS[goal]);
    let name = user.to_string();
    let has_values = goal >= 2;
    // "purchase" is not signed.
    let cents = if goal == 2 { cents.abs() } else { cents };
    let recorded = if has_values {
        handle.record_units(name.as_str(), cents)
    } else {
        handle.record(name.as_str())
    };
    let (mut counted, mut unexposed) = (0, 0);
    for (at, one) in expected.iter_mut().enumerate() {
        if !one.is_running || !one.goals[goal] {
            continue;
        }
        if one.counts_users && !one.exposed.contains_key(&user) {
            unexposed += 1;
            continue;
        }
        counted += 1;
        if one.counts_users && has_values && cents != 0 {
            *one.sums.entry((goal, user)).or_default() += cents;
        }
        let explained = production(engine).peek(FLAGS[at], name.as_str());
        let variant = usize::from(explained.variant() == Some("treatment"));
        let count = one.counts.entry((goal, variant)).or_default();
        count.0 += 1;
        if has_values && cents > 0 {
            count.1 += cents.unsigned_abs();
        } else if has_values {
            count.2 += cents.unsigned_abs();
        }
    }
    assert_eq!((recorded.counted(), recorded.unexposed()), (counted, unexposed));
    assert_eq!((recorded.refusal(), recorded.others(), recorded.forced()), (None, 0, 0));
}

fn check(engine: &Engine, expected: &[Expected; 3]) {
    for (at, one) in expected.iter().enumerate() {
        let all = engine.goal_counts(ids()[at]).unwrap();
        for (goal, key) in GOALS.iter().enumerate() {
            let of_goal = all.iter().find(|counts| counts.goal == *key);
            for variant in 0..2 {
                let found = of_goal.map_or((0, 0, 0), |counts| {
                    let ever = counts.variants[variant].ever;
                    (ever.events, ever.gained, ever.lost)
                });
                let counted = one.counts.get(&(goal, variant)).copied().unwrap_or_default();
                assert_eq!(found, counted, "{key} of {}", FLAGS[at]);
            }
            check_sums(engine, (at, goal), one);
        }
    }
}

fn check_sums(engine: &Engine, (at, goal): (usize, usize), one: &Expected) {
    let Some(users) = engine.users(ids()[at]).filter(|_| one.has_run) else { return };
    let Some(of_goal) = users.goals().iter().find(|users| users.goal == GOALS[goal]) else {
        return;
    };
    let mut expected = [Vec::new(), Vec::new()];
    for ((_, user), sum) in one.sums.iter().filter(|((of, _), _)| *of == goal) {
        let assignment = engine.experiment(ids()[at]).unwrap().assignment();
        expected[assignment.variant(&user.to_string()).unwrap()].push(*sum);
    }
    for (variant, mut sums) in expected.into_iter().enumerate() {
        sums.sort_unstable();
        let found = of_goal.sums(variant);
        let what = format!("{} of {}", GOALS[goal], FLAGS[at]);
        assert_eq!(found.unwrap_or_default(), sums, "{what}");
        // One that came after the run has none.
        assert!(found.is_none() || goal >= 2, "{what}");
        assert!(found.is_some() || goal < 2 || !one.is_running, "{what}");
    }
}

proptest! {
    #[test]
    fn every_goal_counts_what_a_naive_model_counts(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        run(&steps);
    }
}
