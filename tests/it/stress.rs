//! Threads: totals are exact under contention, across reloads, stops and starts, and no reader sees
//! half a reload.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use crate::common::{
    banner, engine_at_noon, ever, experiment_id, flag_id, production, since_start,
};
use fairsplit::{Engine, NewFlag, Outcome, Status, View};
use proptest::prelude::*;
use serde_json::json;

const WORKERS: usize = 4;
const ROUNDS: usize = 20_000;

/// Exposures and conversions that were returned to a worker as counted, by variant.
type Reported = [(u64, u64); 2];

fn variant(key: Option<&str>) -> usize {
    match key {
        Some("control") => 0,
        Some("treatment") => 1,
        other => panic!("{other:?}"),
    }
}

/// How many rounds the control plane has made. Workers wait for it half way, so that it is at work
/// while they are, however the system schedules them; a control plane that panicked keeps no worker
/// waiting.
#[derive(Default)]
struct Rounds(AtomicUsize);

impl Rounds {
    fn count(&self) -> CountRounds<'_> {
        CountRounds(&self.0)
    }

    fn wait(&self) {
        while self.0.load(Ordering::Acquire) < 2 {
            thread::yield_now();
        }
    }
}

struct CountRounds<'a>(&'a AtomicUsize);

impl CountRounds<'_> {
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::Release)
    }
}

impl Drop for CountRounds<'_> {
    fn drop(&mut self) {
        self.0.store(usize::MAX, Ordering::Release);
    }
}

/// Evaluates and converts in every way, and notes what was reported as counted.
fn work(engine: &Engine, worker: usize, rounds: &Rounds) -> Reported {
    let place = production(engine);
    let handle = place.flag("hero-banner");
    let mut reader = place.reader();
    let mut reported = Reported::default();
    for round in 0..ROUNDS {
        let user = format!("user-{worker}-{round}");
        if round == ROUNDS / 2 {
            rounds.wait();
        }
        macro_rules! note {
            ($evaluation:expr, $conversion:expr) => {{
                let evaluation = $evaluation;
                if evaluation.is_counted() {
                    reported[variant(evaluation.variant())].0 += 1;
                }
                let conversion = $conversion;
                match conversion.outcome() {
                    Outcome::Counted => reported[variant(conversion.variant())].1 += 1,
                    Outcome::NotRunning => {}
                    other => panic!("{other:?}"),
                }
            }};
        }
        match round % 4 {
            0 => note!(place.evaluate("hero-banner", &user), place.convert("hero-banner", &user)),
            1 => note!(handle.evaluate(&user), handle.convert(&user)),
            2 => {
                let view = place.view();
                note!(
                    view.evaluate("hero-banner", &user),
                    view.convert_variant(experiment_id(1), "treatment")
                );
            }
            _ => {
                let snapshot = reader.snapshot();
                note!(handle.evaluate_on(snapshot, &user), handle.convert_on(snapshot, &user));
            }
        }
    }
    reported
}

/// Runs the workers, and `control` again and again until they are done.
fn with_workers(engine: &Engine, mut control: impl FnMut(usize)) -> Reported {
    let done = AtomicBool::new(false);
    let rounds = &Rounds::default();
    thread::scope(|scope| {
        let counter = rounds.count();
        let workers: Vec<_> =
            (0..WORKERS).map(|worker| scope.spawn(move || work(engine, worker, rounds))).collect();
        let waiter = scope.spawn(|| {
            let reported = sum_of(workers.into_iter().map(|worker| worker.join().unwrap()));
            done.store(true, Ordering::Release);
            reported
        });
        while !done.load(Ordering::Acquire) {
            control(counter.add());
        }
        waiter.join().unwrap()
    })
}

fn running() -> Engine {
    crate::common::running().0
}

#[test]
fn every_reported_count_is_there_under_contention() {
    let engine = running();
    let reported = with_workers(&engine, |_| thread::yield_now());
    let total = |count: fn(&(u64, u64)) -> u64| reported.iter().map(count).sum::<u64>();
    assert_eq!(total(|count| count.0), (WORKERS * ROUNDS) as u64);
    assert_eq!(total(|count| count.1), (WORKERS * ROUNDS) as u64);
    assert_eq!(ever(&engine.counts(experiment_id(1)).unwrap()), reported);
}

/// Counts exposures and conversions of users of its own, and returns how many were counted.
fn count_many(view: &View, worker: usize, rounds: usize) -> Reported {
    let mut reported = Reported::default();
    for round in 0..rounds {
        let user = format!("user-{worker}-{round}");
        let evaluation = view.evaluate("hero-banner", &user);
        reported[variant(evaluation.variant())].0 += u64::from(evaluation.is_counted());
        let conversion = view.convert_variant(experiment_id(1), "control");
        reported[variant(conversion.variant())].1 += u64::from(conversion.is_counted());
    }
    reported
}

fn sum_of(reported: impl Iterator<Item = Reported>) -> Reported {
    reported.fold(Reported::default(), |sum, reported| {
        [0, 1].map(|at| (sum[at].0 + reported[at].0, sum[at].1 + reported[at].1))
    })
}

/// The first 64 threads that count have numbers of their own. Here three times as many count at
/// once.
#[test]
fn threads_beyond_the_64_numbers_lose_no_count() {
    const THREADS: usize = 3 * 64;
    let engine = running();
    let all_have_counted = &Barrier::new(THREADS);
    let view = &production(&engine).view();
    let reported = thread::scope(|scope| {
        let work = |worker| {
            let first = count_many(view, worker, 1);
            all_have_counted.wait();
            sum_of([first, count_many(view, worker, 2_000)].into_iter())
        };
        let threads: Vec<_> =
            (0..THREADS).map(|worker| scope.spawn(move || work(worker))).collect();
        sum_of(threads.into_iter().map(|thread| thread.join().unwrap()))
    });
    assert_eq!(reported.iter().map(|count| count.0).sum::<u64>(), THREADS as u64 * 2_001);
    assert_eq!(reported[0].1, THREADS as u64 * 2_001);
    assert_eq!(ever(&engine.counts(experiment_id(1)).unwrap()), reported);
}

/// A thread that ends gives its number back while others count, and the next thread gets it.
#[test]
fn threads_that_begin_while_others_end_lose_no_count() {
    const THREADS: usize = 80;
    const GENERATIONS: usize = 20;
    let engine = running();
    let view = &production(&engine).view();
    let reported = thread::scope(|scope| {
        let work = move |worker| {
            let generations = (0..GENERATIONS)
                .map(move |_| scope.spawn(move || count_many(view, worker, 100)).join().unwrap());
            sum_of(generations)
        };
        let threads: Vec<_> =
            (0..THREADS).map(|worker| scope.spawn(move || work(worker))).collect();
        sum_of(threads.into_iter().map(|thread| thread.join().unwrap()))
    });
    assert_eq!(reported[0].1, (THREADS * GENERATIONS * 100) as u64);
    assert_eq!(ever(&engine.counts(experiment_id(1)).unwrap()), reported);
}

#[test]
fn every_reported_count_is_there_across_stops_and_starts() {
    let engine = running();
    let id = experiment_id(1);
    let reported = with_workers(&engine, |round| {
        engine.stop(id).unwrap();
        assert_eq!(engine.convert_variant(id, "control").outcome(), Outcome::NotRunning);
        engine.set_default("hero-banner", round).unwrap();
        engine.start(id).unwrap();
    });
    let counts = engine.counts(id).unwrap();
    assert_eq!(ever(&counts), reported);
    for (since, ever) in since_start(&counts).into_iter().zip(reported) {
        assert!(since.0 <= ever.0 && since.1 <= ever.1);
    }
}

#[test]
fn every_reported_count_is_there_across_reloads() {
    let engine = running();
    let document = engine.to_json();
    let reported = with_workers(&engine, |round| {
        if round % 2 == 0 {
            engine.replace(&document).unwrap();
        } else {
            assert!(engine.apply(&document).unwrap().skipped.is_empty());
        }
    });
    assert_eq!(ever(&engine.counts(experiment_id(1)).unwrap()), reported);
}

#[test]
fn counts_never_go_down() {
    let engine = running();
    let id = experiment_id(1);
    let mut last = vec![(0, 0); 2];
    with_workers(&engine, |round| {
        if round % 8 == 0 {
            engine.stop(id).unwrap();
            engine.start(id).unwrap();
        }
        let now = ever(&engine.counts(id).unwrap());
        for (now, last) in now.iter().zip(&last) {
            assert!(now.0 >= last.0 && now.1 >= last.1);
        }
        last = now;
    });
}

/// Every version of the document gives all of its flags the same default.
#[test]
fn no_reader_sees_half_a_reload() {
    const FLAGS: u128 = 20;
    const VERSIONS: u64 = 300;
    let document = |version: u64| {
        let flags: Vec<_> = (0..FLAGS)
            .map(|flag| {
                json!({
                    "id": flag_id(flag),
                    "key": format!("flag-{flag}"),
                    "default_value": version,
                    "experiments": [{
                        "id": experiment_id(flag),
                        "name": "all see the same version",
                        "environment": "production",
                        // Every second version runs, and then the variant is what is answered.
                        "status": if version.is_multiple_of(2) { "running" } else { "stopped" },
                        "variants": [{"key": "on", "value": "on", "percentage": 100}]
                    }]
                })
            })
            .collect();
        json!({ "flags": flags }).to_string()
    };
    let (engine, _) = engine_at_noon();
    engine.replace(&document(0)).unwrap();
    let done = AtomicBool::new(false);
    let (engine, done) = (&engine, &done);
    thread::scope(|scope| {
        let readers = [0, 1].map(|way| {
            scope.spawn(move || {
                let place = production(engine);
                let handles: Vec<_> =
                    (0..FLAGS).map(|flag| place.flag(&format!("flag-{flag}"))).collect();
                let mut reader = place.reader();
                let (mut last, mut seen) = (0, 0);
                // On and on until it has seen the configuration change, and the writer is done.
                while seen < 2 || !done.load(Ordering::Acquire) {
                    let view = place.view();
                    let snapshot = if way == 0 { &*view } else { reader.snapshot() };
                    let answers = handles.iter().map(|handle| {
                        let answer = handle.peek_on(snapshot, "anna");
                        answer.value().unwrap().to_string()
                    });
                    let answers: Vec<String> = answers.collect();
                    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
                    assert!(snapshot.version() >= last);
                    seen += u64::from(snapshot.version() > last);
                    last = snapshot.version();
                }
            })
        });
        let mut version = 0;
        while !readers.iter().all(ScopedJoinHandle::is_finished) {
            version += 1;
            engine.replace(&document(version)).unwrap();
            done.store(version > VERSIONS, Ordering::Release);
        }
    });
}

/// One experiment starts while others are created, stopped and listed by other threads.
#[test]
fn writers_of_many_threads_lose_nothing() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let engine = &engine;
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || {
                for round in 0..25 {
                    // Each in an environment of its own, so that all of them can run.
                    let new = banner(&format!("{worker}-{round}"));
                    let id = engine.create_experiment("hero-banner", new).unwrap().id();
                    engine.start(id).unwrap();
                    engine.force(id, "qa", "control").unwrap();
                    assert!(engine.convert_variant(id, "control").is_counted());
                    engine.stop(id).unwrap();
                }
            });
        }
    });
    let experiments = engine.experiments("hero-banner").unwrap();
    assert_eq!(experiments.len(), WORKERS * 25);
    for experiment in experiments {
        assert_eq!(experiment.status(), Status::Stopped);
        assert_eq!(experiment.conversions().next(), Some(("control", 1)));
        assert_eq!(engine.forced(experiment.id()).unwrap().len(), 1);
    }
}

/// What a thread does in the property below. Experiments are 0 to 3, two of them in each of two
/// environments of one flag.
#[derive(Clone, Debug)]
enum Step {
    Create(usize, bool),
    Start(usize),
    Stop(usize),
    Ask(usize, u8),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4_usize, any::<bool>()).prop_map(|(at, running)| Step::Create(at, running)),
        3 => (0..4_usize).prop_map(Step::Start),
        2 => (0..4_usize).prop_map(Step::Stop),
        6 => (0..2_usize, any::<u8>()).prop_map(|(place, user)| Step::Ask(place, user)),
        1 => Just(Step::Reload),
    ]
}

/// What the calls of a thread were answered.
#[derive(Clone, Debug, Default)]
struct Answers {
    created: [u32; 4],
    created_running: [u32; 4],
    started: [u32; 4],
    stopped: [u32; 4],
    /// Exposures and conversions, by experiment and variant.
    counted: [Reported; 4],
}

fn take_steps(engine: &Engine, steps: &[Step]) -> Answers {
    let places = [production(engine), crate::common::staging(engine)];
    let mut answers = Answers::default();
    for step in steps {
        match *step {
            Step::Create(at, is_running) => {
                let status = if is_running { Status::Running } else { Status::Draft };
                let new = banner(places[at % 2].name().as_str()).id(experiment_id(at as u128));
                if engine.create_experiment("hero-banner", new.status(status)).is_ok() {
                    answers.created[at] += 1;
                    answers.created_running[at] += u32::from(is_running);
                }
            }
            Step::Start(at) => {
                let is_ok = engine.start(experiment_id(at as u128)).is_ok();
                answers.started[at] += u32::from(is_ok);
            }
            Step::Stop(at) => {
                let is_ok = engine.stop(experiment_id(at as u128)).is_ok();
                answers.stopped[at] += u32::from(is_ok);
            }
            Step::Ask(place, user) => {
                let user = format!("user-{user}");
                let at = |id| (0..4).find(|at| Some(experiment_id(*at as u128)) == id).unwrap();
                let evaluation = places[place].evaluate("hero-banner", &user);
                if evaluation.is_counted() {
                    let counted = &mut answers.counted[at(evaluation.experiment())];
                    counted[variant(evaluation.variant())].0 += 1;
                }
                let conversion = places[place].convert("hero-banner", &user);
                if conversion.is_counted() {
                    let counted = &mut answers.counted[at(conversion.experiment())];
                    counted[variant(conversion.variant())].1 += 1;
                }
            }
            // Refused, a document changes nothing.
            Step::Reload => assert!(engine.replace("{\"flags\": [{}]}").is_err()),
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Whatever the order was: every answer that a thread got is in the end's state, once.
    #[test]
    fn random_operations_of_several_threads_add_up(
        scripts in prop::collection::vec(prop::collection::vec(step(), 1..60), 2..4)
    ) {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let all: Vec<Answers> = thread::scope(|scope| {
            let threads: Vec<_> = scripts
                .iter()
                .map(|steps| scope.spawn(|| take_steps(&engine, steps)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut running = [0, 0];
        for at in 0..4 {
            let sum = |of: fn(&Answers) -> &[u32; 4]| all.iter().map(|answers| of(answers)[at]).sum::<u32>();
            let created = sum(|answers| &answers.created);
            prop_assert!(created <= 1, "one id, one experiment");
            let Some(experiment) = engine.experiment(experiment_id(at as u128)) else {
                prop_assert_eq!(created, 0);
                continue;
            };
            prop_assert_eq!(created, 1);
            let starts = sum(|answers| &answers.created_running) + sum(|answers| &answers.started);
            let stops = sum(|answers| &answers.stopped);
            prop_assert_eq!(starts - stops, u32::from(experiment.is_running()));
            running[at % 2] += u32::from(experiment.is_running());
            let reported = sum_of(all.iter().map(|answers| answers.counted[at]));
            prop_assert_eq!(ever(&engine.counts(experiment.id()).unwrap()), reported);
        }
        prop_assert!(running.iter().all(|running| *running <= 1), "one split at a time");
    }
}
