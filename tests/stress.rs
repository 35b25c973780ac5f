//! Threads: totals are exact under contention, across reloads, stops and starts, and no reader sees
//! half a reload.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{banner, engine_at_noon, ever, experiment_id, flag_id, production, since_start};
use fairsplit::{Engine, NewFlag, Outcome, Status};
use serde_json::json;

const WORKERS: usize = 4;
const ROUNDS: usize = 20_000;

/// Exposures and conversions that a worker was told are counted, by variant.
type Reported = [(u64, u64); 2];

fn variant(key: Option<&str>) -> usize {
    match key {
        Some("control") => 0,
        Some("treatment") => 1,
        other => panic!("{other:?}"),
    }
}

/// Evaluates and converts in every way, and notes what was reported as counted.
fn work(engine: &Engine, worker: usize) -> Reported {
    let place = production();
    let handle = engine.handle(&place, "hero-banner");
    let mut reader = engine.reader();
    let mut reported = Reported::default();
    for round in 0..ROUNDS {
        let user = format!("user-{worker}-{round}");
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
            0 => note!(
                engine.evaluate(&place, "hero-banner", &user),
                engine.convert(&place, "hero-banner", &user)
            ),
            1 => note!(handle.evaluate(&user), handle.convert(&user)),
            2 => {
                let view = engine.view();
                note!(
                    view.evaluate(&place, "hero-banner", &user),
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
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|worker| scope.spawn(move || work(engine, worker))).collect();
        let waiter = scope.spawn(|| {
            let reported = workers.into_iter().map(|worker| worker.join().unwrap());
            let sum = reported.fold(Reported::default(), |sum, reported| {
                [0, 1].map(|at| (sum[at].0 + reported[at].0, sum[at].1 + reported[at].1))
            });
            done.store(true, Ordering::Release);
            sum
        });
        let mut round = 0;
        while !done.load(Ordering::Acquire) {
            control(round);
            round += 1;
        }
        assert!(round > 1, "the control plane was at work too");
        waiter.join().unwrap()
    })
}

fn running() -> Engine {
    common::running().0
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
            engine.reload(&document).unwrap();
        } else {
            assert_eq!(engine.reload_tolerant(&document).unwrap().taken, 1);
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
    engine.reload(&document(0)).unwrap();
    let done = AtomicBool::new(false);
    let (engine, done) = (&engine, &done);
    thread::scope(|scope| {
        for way in 0..2 {
            scope.spawn(move || {
                let place = production();
                let handles: Vec<_> =
                    (0..FLAGS).map(|flag| engine.handle(&place, &format!("flag-{flag}"))).collect();
                let mut reader = engine.reader();
                let (mut last, mut seen) = (0, 0);
                while !done.load(Ordering::Acquire) {
                    let view = engine.view();
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
                assert!(seen > 1, "it saw the configuration change");
            });
        }
        for version in 1..VERSIONS {
            engine.reload(&document(version)).unwrap();
        }
        done.store(true, Ordering::Release);
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
