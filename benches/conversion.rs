//! Conversion: each way, and from several threads at once on one hot flag.

mod common;

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{KEYS, engine, experiment_id, flag_key, positions, production, setup, uuid_keys};

/// What a call costs a thread while so many do the same: the slowest thread's time.
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

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let engine = engine(1);
    let (place, name, id) = (production(), flag_key(0), experiment_id(0));
    let handle = engine.handle(&place, &name);
    let mut reader = engine.reader();
    let mut next = positions();

    let mut group = criterion.benchmark_group("conversion");
    let shared = AtomicU64::new(0);
    group.bench_function("floor: relaxed add", |bencher| {
        bencher.iter(|| black_box(&shared).fetch_add(1, Ordering::Relaxed));
    });
    group.bench_function("evaluate: names", |bencher| {
        bencher.iter(|| engine.evaluate(&place, black_box(&name), &keys[next()]).is_counted());
    });
    group.bench_function("convert: names", |bencher| {
        bencher.iter(|| engine.convert(&place, black_box(&name), &keys[next()]).is_counted());
    });
    group.bench_function("evaluate: handle", |bencher| {
        bencher.iter(|| handle.evaluate(&keys[next()]).is_counted());
    });
    group.bench_function("convert: handle", |bencher| {
        bencher.iter(|| handle.convert(&keys[next()]).is_counted());
    });
    let view = engine.view();
    group.bench_function("evaluate: handle on a view", |bencher| {
        bencher.iter(|| handle.evaluate_on(&view, &keys[next()]).is_counted());
    });
    group.bench_function("convert: handle on a view", |bencher| {
        bencher.iter(|| handle.convert_on(&view, &keys[next()]).is_counted());
    });
    group.bench_function("evaluate: handle on a reader", |bencher| {
        bencher.iter(|| handle.evaluate_on(reader.snapshot(), &keys[next()]).is_counted());
    });
    group.bench_function("convert: handle on a reader", |bencher| {
        bencher.iter(|| handle.convert_on(reader.snapshot(), &keys[next()]).is_counted());
    });
    group.bench_function("convert: experiment and variant", |bencher| {
        bencher.iter(|| engine.convert_variant(black_box(id), black_box("treatment")).is_counted());
    });
    group.finish();
    report.print(
        "conversion",
        &[
            ("convert: names", &["evaluate: names"]),
            ("convert: handle", &["evaluate: handle"]),
            ("convert: handle on a view", &["evaluate: handle on a view"]),
            ("convert: handle on a reader", &["evaluate: handle on a reader"]),
            ("convert: experiment and variant", &["convert: names"]),
            ("convert: handle on a reader", &["floor: relaxed add"]),
        ],
    );

    // Time per call and thread; with a counter that all share it grows with the threads.
    let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut group = criterion.benchmark_group("conversion by threads");
    // Each power of two and all cores: every number would take minutes on a large machine.
    let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let counts: Vec<usize> =
        doubling.take_while(|&threads| threads < cores).chain([cores]).collect();
    for &threads in &counts {
        group.bench_function(format!("floor: one shared counter, {threads}"), |bencher| {
            bencher.iter_custom(|rounds| {
                together(threads, rounds, |_, rounds| {
                    for _ in 0..rounds {
                        black_box(&shared).fetch_add(1, Ordering::Relaxed);
                    }
                })
            });
        });
        group.bench_function(format!("convert: handle on a reader, {threads}"), |bencher| {
            bencher.iter_custom(|rounds| {
                together(threads, rounds, |number, rounds| {
                    let mut reader = engine.reader();
                    for round in 0..rounds {
                        let at = (usize::try_from(round).unwrap() + number * 100) % KEYS;
                        black_box(handle.convert_on(reader.snapshot(), &keys[at]).is_counted());
                    }
                })
            });
        });
    }
    group.finish();
    let ways = ["floor: one shared counter", "convert: handle on a reader"];
    let named = |threads: usize| ways.map(|name| format!("{name}, {threads}"));
    let alone = named(1);
    let alone = [[alone[0].as_str()], [alone[1].as_str()]];
    let all: Vec<[String; 2]> = counts.into_iter().map(named).collect();
    let rows: Vec<(&str, &[&str])> = (0..2)
        .flat_map(|way| all.iter().map(move |names| (names[way].as_str(), way)))
        .map(|(name, way)| (name, alone[way].as_slice()))
        .collect();
    report.print("conversion by threads", &rows);
    criterion.final_summary();
}
