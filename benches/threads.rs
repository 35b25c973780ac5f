//! Counting from several threads at once on one hot flag: what a call costs each of them.
//!
//! The controls share nothing: each thread hashes and looks up a table of its own, or counts users
//! in an engine of its own. Where their time grows with the threads, that is the machine
//! (frequency, two hardware threads on one core), and not contention.
//!
//! The main thread counts nothing here: as many threads as the machine runs at once have a stripe
//! of the counters each, and it would be one more.

mod common;

use std::hint::black_box;
use std::iter::successors;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{KEYS, engine, experiment_id, flag_key, production, setup, uuid_keys};
use dashmap::DashMap;
use fairsplit::assign::Assignment;
use fairsplit::{Engine, Environment};

/// What a call costs a thread while this number of threads do the same: the slowest thread's time.
fn together(threads: usize, rounds: u64, work: impl Fn(usize, u64) + Sync) -> Duration {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let worker = |number| {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                // Ready to count before the clock runs.
                work(number, 1);
                barrier.wait();
                let start = Instant::now();
                work(number, rounds);
                start.elapsed()
            })
        };
        let workers: Vec<_> = (0..threads).map(worker).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).max().unwrap_or_default()
    })
}

/// How many threads: each power of two, and all that the machine runs at once. Every number would
/// take minutes on a large one.
fn numbers_of_threads() -> Vec<usize> {
    let all = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let doubling = successors(Some(1), |threads| Some(threads * 2));
    doubling.take_while(|&threads| threads < all).chain([all]).collect()
}

thread_local! {
    /// What the control reads, made by each thread in its first round, before the clock runs.
    static OWN: (Vec<String>, Assignment) =
        (uuid_keys(), Assignment::new(experiment_id(0).to_bytes(), &[50, 50]).unwrap());
    static OWN_USERS: (Vec<String>, Engine) = (uuid_keys(), known_users(&uuid_keys()));
}

/// An engine that counts users, all of whom have been exposed and have converted.
fn known_users(keys: &[String]) -> Engine {
    let engine = engine(1);
    engine.count_users(experiment_id(0), 1_000_000).unwrap();
    let production = production(&engine);
    for key in keys {
        assert!(production.evaluate(&flag_key(0), key).is_counted());
        assert!(production.convert(&flag_key(0), key).is_counted());
    }
    engine
}

/// The user whom a thread of this number asks for in a round.
fn place(round: u64, number: usize) -> usize {
    (usize::try_from(round).unwrap_or_default() + number * 100) % KEYS
}

/// What the thread of this number does in `rounds` rounds.
type Work<'a> = Box<dyn Fn(usize, u64) + Sync + 'a>;

/// Where users are counted, and all are known.
fn of_known_users<'a>(users: &'a Environment, keys: &'a [String]) -> Vec<(&'a str, Work<'a>)> {
    let evaluated = users.flag(&flag_key(0));
    let converted = users.flag(&flag_key(0));
    let key = |round: u64, number: usize| keys[place(round, number)].as_str();
    vec![
        (
            "control: evaluate a known user, own engine",
            Box::new(move |number, rounds| {
                OWN_USERS.with(|(keys, engine)| {
                    let production = production(engine);
                    let handle = production.flag(&flag_key(0));
                    let mut reader = production.reader();
                    for round in 0..rounds {
                        let key = keys[place(round, number)].as_str();
                        black_box(handle.evaluate_on(reader.snapshot(), key).is_counted());
                    }
                });
            }),
        ),
        (
            "evaluate a known user: handle on a reader",
            Box::new(move |number, rounds| {
                let mut reader = users.reader();
                for round in 0..rounds {
                    let snapshot = reader.snapshot();
                    black_box(evaluated.evaluate_on(snapshot, key(round, number)).is_counted());
                }
            }),
        ),
        (
            "convert a known user: handle on a reader",
            Box::new(move |number, rounds| {
                let mut reader = users.reader();
                for round in 0..rounds {
                    let snapshot = reader.snapshot();
                    black_box(converted.convert_on(snapshot, key(round, number)).is_counted());
                }
            }),
        ),
    ]
}

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    // On a thread that ends: see above.
    let users = thread::scope(|scope| scope.spawn(|| known_users(&keys)).join().unwrap());
    let users = common::production(&users);
    let production = production(&engine(1));
    let (name, id) = (flag_key(0), experiment_id(0).to_string());
    let handle = production.flag(&name);
    let key = |round: u64, number: usize| keys[place(round, number)].as_str();
    let shared = AtomicU64::new(0);
    let counters: DashMap<(String, String), u64> = DashMap::new();

    let mut ways: Vec<(&str, Work<'_>)> = vec![
        (
            "control: hash and table, own copy",
            Box::new(|number, rounds| {
                OWN.with(|(keys, assignment)| {
                    for round in 0..rounds {
                        let key = keys[place(round, number)].as_str();
                        black_box(black_box(assignment).variant(key));
                    }
                });
            }),
        ),
        (
            "floor: one shared counter",
            Box::new(|_, rounds| {
                for _ in 0..rounds {
                    black_box(&shared).fetch_add(1, Ordering::Relaxed);
                }
            }),
        ),
        (
            "by hand: count in a DashMap",
            Box::new(|_, rounds| {
                for _ in 0..rounds {
                    let key = (black_box(&id).clone(), black_box("treatment").to_owned());
                    *counters.entry(key).or_default() += 1;
                }
            }),
        ),
        (
            "evaluate: names",
            Box::new(|number, rounds| {
                for round in 0..rounds {
                    let evaluation = production.evaluate(black_box(&name), key(round, number));
                    black_box(evaluation.is_counted());
                }
            }),
        ),
        (
            "evaluate: handle",
            Box::new(|number, rounds| {
                for round in 0..rounds {
                    black_box(handle.evaluate(key(round, number)).is_counted());
                }
            }),
        ),
        (
            "evaluate: handle on a reader",
            Box::new(|number, rounds| {
                let mut reader = production.reader();
                for round in 0..rounds {
                    let snapshot = reader.snapshot();
                    black_box(handle.evaluate_on(snapshot, key(round, number)).is_counted());
                }
            }),
        ),
        (
            "convert: handle on a reader",
            Box::new(|number, rounds| {
                let mut reader = production.reader();
                for round in 0..rounds {
                    let snapshot = reader.snapshot();
                    black_box(handle.convert_on(snapshot, key(round, number)).is_counted());
                }
            }),
        ),
    ];
    ways.extend(of_known_users(&users, &keys));

    let mut group = criterion.benchmark_group("threads");
    let mut rows: Vec<[String; 2]> = Vec::new();
    for (way, work) in &ways {
        for threads in numbers_of_threads() {
            let name = format!("{way}, {threads}");
            group.bench_function(&name, |bencher| {
                bencher.iter_custom(|rounds| together(threads, rounds, work));
            });
            rows.push([name, format!("{way}, 1")]);
        }
    }
    group.finish();
    let floors: Vec<[&str; 1]> = rows.iter().map(|[_, alone]| [alone.as_str()]).collect();
    let rows: Vec<(&str, &[&str])> = rows
        .iter()
        .zip(&floors)
        .map(|([name, _], floor)| (name.as_str(), floor.as_slice()))
        .collect();
    report.print("threads", &rows);
    criterion.final_summary();
}
