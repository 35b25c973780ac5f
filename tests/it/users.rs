//! Users, each counted once: against sets of user keys, over threads, and where there is no
//! capacity for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, ScopedJoinHandle};

use crate::common::{
    banner, engine_at_noon, ever, experiment_id, flag_id, production, since_start, staging,
};
use fairsplit::assign::Assignment;
use fairsplit::counts::UserCount;
use fairsplit::{Engine, ExperimentId, NewFlag, Outcome, Status};
use proptest::prelude::*;

fn counts(engine: &Engine, id: ExperimentId) -> Vec<UserCount> {
    engine.users(id).unwrap().variants().iter().map(|variant| variant.count).collect()
}

/// An engine with the flag "hero-banner", whose experiment runs and counts users from its start.
fn counting(capacity: u32) -> (Engine, ExperimentId) {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let id = engine.create_experiment("hero-banner", new.count_users(capacity)).unwrap().id();
    (engine, id)
}

fn key(user: u32) -> String {
    format!("user-{user}@example.org")
}

fn variant_of(user: u32) -> usize {
    let assignment = Assignment::new(experiment_id(1).to_bytes(), &[50, 50]).unwrap();
    assignment.variant(&key(user)).unwrap()
}

#[test]
fn threads_count_each_user_once() {
    let (engine, id) = counting(1_000_000);
    let draw = |thread: u32, at: u32| (at.wrapping_mul(2_654_435_761) ^ thread) % 5000;
    let run = |ask: &(dyn Fn(&Engine, &str) + Sync)| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let engine = &engine;
                    scope.spawn(move || {
                        let users: BTreeSet<u32> = (0..8000).map(|at| draw(thread, at)).collect();
                        (0..8000).for_each(|at| ask(engine, &key(draw(thread, at))));
                        users
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<BTreeSet<_>>()
        })
    };
    let exposed = run(&|engine, user| {
        let _ = production(engine).evaluate("hero-banner", user);
    });
    let converted = run(&|engine, user| {
        if user.len().is_multiple_of(2) {
            production(engine).convert("hero-banner", user);
        }
    });
    let converted: BTreeSet<u32> =
        converted.into_iter().filter(|user| key(*user).len().is_multiple_of(2)).collect();
    for (variant, count) in counts(&engine, id).into_iter().enumerate() {
        let of = |users: &BTreeSet<u32>| {
            users.iter().filter(|user| variant_of(**user) == variant).count() as u64
        };
        assert_eq!((count.exposed, count.converted), (of(&exposed), of(&converted)));
        assert_eq!(count.converted_unexposed, 0);
    }
    assert_eq!(engine.users(id).unwrap().one_in(), 1);
}

/// A view from before a stop still splits users, and counts none of them.
#[test]
fn a_view_from_before_a_stop_counts_no_users_until_the_next_start() {
    let (engine, id) = counting(1000);
    let view = production(&engine).view();
    let evaluate = |user| view.evaluate("hero-banner", &key(user)).is_counted();
    let convert = |user| view.convert("hero-banner", &key(user)).is_counted();
    let users = || {
        let counts = counts(&engine, id);
        let sum = |of: fn(&UserCount) -> u64| counts.iter().map(of).sum::<u64>();
        [
            sum(|users| users.exposed),
            sum(|users| users.converted),
            sum(|users| users.converted_unexposed),
        ]
    };
    assert!((0..10).all(evaluate) && (0..5).all(convert));
    assert_eq!(users(), [10, 5, 0]);
    engine.stop(id).unwrap();
    assert!(!(0..20).any(evaluate));
    assert!(!(0..30).any(convert));
    assert_eq!((users(), engine.users(id).unwrap().run()), ([10, 5, 0], 1));
    engine.start(id).unwrap();
    assert_eq!((users(), engine.users(id).unwrap().run()), ([0, 0, 0], 2));
    assert!((10..20).all(evaluate) && (15..20).all(convert) && !(20..30).any(convert));
    // Exposed in the run before, and not in this one.
    assert!(!(0..5).any(convert));
    assert_eq!(users(), [10, 5, 15]);
}

/// Each user comes once. A view serves 20 users, so that some views are older than the last stop.
#[test]
fn only_users_of_counted_exposures_convert_across_stops_and_starts() {
    const USERS: u32 = 6000;
    let (engine, id) = counting(1_000_000);
    let work = |thread: u32| {
        let mut reported = [(0, 0); 2];
        for users in (thread * USERS..(thread + 1) * USERS).collect::<Vec<_>>().chunks(20) {
            let view = production(&engine).view();
            for user in users {
                let is_exposed = view.evaluate("hero-banner", &key(*user)).is_counted();
                let is_converted = view.convert("hero-banner", &key(*user)).is_counted();
                assert!(is_exposed || !is_converted);
                let (exposures, conversions) = &mut reported[variant_of(*user)];
                *exposures += u64::from(is_exposed);
                *conversions += u64::from(is_converted);
            }
        }
        reported
    };
    let reported = thread::scope(|scope| {
        let work = &work;
        let threads = [0, 1].map(|thread| scope.spawn(move || work(thread)));
        while !threads.iter().all(ScopedJoinHandle::is_finished) {
            engine.stop(id).unwrap();
            engine.start(id).unwrap();
        }
        threads.map(|thread| thread.join().unwrap())
    });
    let sum = |variant: usize| {
        let (one, other): ((u64, u64), (u64, u64)) = (reported[0][variant], reported[1][variant]);
        (one.0 + other.0, one.1 + other.1)
    };
    assert_eq!(ever(&engine.counts(id).unwrap()), [sum(0), sum(1)]);
    // What was left of all that: nothing, in the next run.
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    let before = since_start(&engine.counts(id).unwrap());
    assert_eq!((before, counts(&engine, id)), (vec![(0, 0); 2], vec![UserCount::default(); 2]));
    let last = work(2);
    for (variant, count) in counts(&engine, id).into_iter().enumerate() {
        assert_eq!((count.exposed, count.converted), last[variant]);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Evaluate(u32),
    Convert(u32),
    Restart,
    Force(u32),
    Anonymous,
    Named,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..20_u32).prop_map(Step::Evaluate),
        8 => (0..20_u32).prop_map(Step::Convert),
        1 => Just(Step::Restart),
        1 => (0..20_u32).prop_map(Step::Force),
        1 => Just(Step::Anonymous),
        1 => Just(Step::Named),
    ]
}

/// What a user has done in a run, as a person would write it down.
#[derive(Clone, Copy, Default, PartialEq)]
enum Act {
    #[default]
    Nothing,
    Exposed,
    Converted,
    ConvertedUnexposed,
}

proptest! {
    #[test]
    fn distinct_users_and_conversions_are_those_of_a_naive_model(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let (engine, id) = counting(1000);
        let mut run = BTreeMap::<u32, Act>::new();
        let (mut runs, mut conversions) = (1, 0);
        let mut forced = BTreeSet::new();
        for step in steps {
            match step {
                Step::Evaluate(user) => {
                    let _ = production(&engine).evaluate("hero-banner", &key(user));
                    let act = run.entry(user).or_default();
                    if !forced.contains(&user) && *act != Act::Converted {
                        *act = Act::Exposed;
                    }
                }
                Step::Convert(user) => {
                    let outcome = production(&engine).convert("hero-banner", &key(user)).outcome();
                    let act = run.entry(user).or_default();
                    let expected = match *act {
                        _ if forced.contains(&user) => Outcome::Forced,
                        Act::Exposed | Act::Converted => {
                            *act = Act::Converted;
                            conversions += 1;
                            Outcome::Counted
                        }
                        Act::Nothing | Act::ConvertedUnexposed => {
                            *act = Act::ConvertedUnexposed;
                            Outcome::NotExposed
                        }
                    };
                    prop_assert_eq!(outcome, expected);
                }
                Step::Restart => {
                    engine.stop(id).unwrap();
                    // Nothing counts now.
                    let _ = production(&engine).evaluate("hero-banner", &key(1));
                    production(&engine).convert("hero-banner", &key(2));
                    engine.start(id).unwrap();
                    run.clear();
                    runs += 1;
                }
                Step::Force(user) => {
                    engine.force(id, &key(user), "treatment").unwrap();
                    forced.insert(user);
                }
                Step::Anonymous => {
                    let _ = production(&engine).evaluate("hero-banner", "");
                    production(&engine).convert("hero-banner", "");
                    let _ = staging(&engine).evaluate("hero-banner", &key(3));
                    let _ = production(&engine).peek("hero-banner", &key(4));
                }
                Step::Named => {
                    engine.convert_variant(id, "control");
                    conversions += 1;
                }
            }
        }
        let users = engine.users(id).unwrap();
        prop_assert_eq!((users.run(), users.is_since_start()), (runs, true));
        for (variant, counted) in counts(&engine, id).into_iter().enumerate() {
            let of = |acts: &[Act]| {
                let users = run.iter().filter(|(user, act)| {
                    variant_of(**user) == variant && acts.contains(act)
                });
                users.count() as u64
            };
            prop_assert_eq!(counted.exposed, of(&[Act::Exposed, Act::Converted]));
            prop_assert_eq!(counted.converted, of(&[Act::Converted]));
            prop_assert_eq!(counted.converted_unexposed, of(&[Act::ConvertedUnexposed]));
        }
        let counted = ever(&engine.counts(id).unwrap());
        prop_assert_eq!(counted.iter().map(|count| count.1).sum::<u64>(), conversions);
    }
}

/// Every third user converts; each comes several times, and those of a small number more often.
#[test]
fn beyond_the_capacity_a_fair_sample_of_whole_users_is_kept() {
    const USERS: u32 = 40_000;
    for capacity in [1, 10, 1000, 4000_u32] {
        let (engine, id) = counting(capacity);
        thread::scope(|scope| {
            for thread in 0..2 {
                let engine = &engine;
                scope.spawn(move || {
                    for user in (0..USERS).filter(|user| user % 2 == thread) {
                        for _ in 0..=user % 3 {
                            let _ = production(engine).evaluate("hero-banner", &key(user));
                        }
                        if user % 3 == 0 {
                            production(engine).convert("hero-banner", &key(user));
                        }
                    }
                });
            }
        });
        let users = engine.users(id).unwrap();
        let sum = |of: fn(&UserCount) -> u64| -> u64 {
            users.variants().iter().map(|variant| of(&variant.count)).sum()
        };
        let (exposed, converted) = (sum(|count| count.exposed), sum(|count| count.converted));
        assert_eq!(sum(|count| count.converted_unexposed), 0);
        // At most one more for each of the two threads.
        assert!(exposed <= u64::from(capacity) + 2, "{exposed} of {capacity}");
        assert!(users.one_in().is_power_of_two() && users.one_in() > 1);
        if capacity >= 1000 {
            // Five standard deviations of a sample of this size.
            let number = |count: u64| f64::from(u32::try_from(count).unwrap());
            let (kept, one_in) = (number(exposed), number(users.one_in()));
            assert!(kept > 0.3 * f64::from(capacity), "{kept} of {capacity}");
            assert!((kept * one_in / f64::from(USERS) - 1.0).abs() < 5.0 / kept.sqrt());
            assert!((number(converted) / kept - 1.0 / 3.0).abs() < 5.0 * (2.0 / 9.0 / kept).sqrt());
            let control = number(users.variants()[0].count.exposed);
            assert!((control / kept - 0.5).abs() < 5.0 * (0.25 / kept).sqrt());
        }
    }
}

/// The same sequence of numbers in every run (`SplitMix64`).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// With a capacity of a tenth of the users, an interval that holds the truth in 95 of 100
/// experiments where all users are known holds it in 95 of 100 here.
#[test]
fn a_sample_of_users_covers_the_truth_as_often_as_it_says() {
    const RUNS: u32 = 400;
    const USERS: u32 = 2000;
    const RATE: f64 = 0.3;
    let mut covered = 0;
    for run in 0..RUNS {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let id = experiment_id(1000 + u128::from(run));
        let new = banner("production").id(id).status(Status::Running).count_users(USERS / 10);
        engine.create_experiment("hero-banner", new).unwrap();
        let view = production(&engine).view();
        for user in 0..USERS {
            let key = key(user);
            let _ = view.evaluate("hero-banner", &key);
            let draw = mixed(u64::from(run) << 32 | u64::from(user)) >> 32;
            if f64::from(u32::try_from(draw).unwrap()) < RATE * f64::from(u32::MAX) {
                let _ = view.convert("hero-banner", &key);
            }
        }
        let users = engine.users(id).unwrap();
        assert!(users.one_in() >= 8);
        for variant in users.variants() {
            let number = |count: u64| f64::from(u32::try_from(count).unwrap());
            let (n, k) = (number(variant.count.exposed), number(variant.count.converted));
            // Wilson's interval at 95 %.
            let z = 1.959_963_984_540_054_f64;
            let middle = (k / n + z * z / (2.0 * n)) / (1.0 + z * z / n);
            let half =
                z / (1.0 + z * z / n) * (k / n * (1.0 - k / n) / n + z * z / (4.0 * n * n)).sqrt();
            covered += u32::from((middle - half..=middle + half).contains(&RATE));
        }
    }
    // 760 of 800 with a standard deviation of 6.2: four of them to either side.
    assert!((735..=785).contains(&covered), "{covered} of {}", 2 * RUNS);
}
