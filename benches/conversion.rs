//! Conversion: each way, beside the evaluation of the same way and counters by hand.

mod common;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{engine, experiment_id, flag_key, positions, production, setup, uuid_keys};
use dashmap::DashMap;

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let engine = engine(1);
    let production = production(&engine);
    let (name, id) = (flag_key(0), experiment_id(0));
    let handle = production.flag(&name);
    let mut reader = production.reader();
    let mut next = positions();

    let mut group = criterion.benchmark_group("conversion");
    let shared = AtomicU64::new(0);
    group.bench_function("floor: relaxed add", |bencher| {
        bencher.iter(|| black_box(&shared).fetch_add(1, Ordering::Relaxed));
    });
    group.bench_function("evaluate: names", |bencher| {
        bencher.iter(|| production.evaluate(black_box(&name), &keys[next()]).is_counted());
    });
    group.bench_function("convert: names", |bencher| {
        bencher.iter(|| production.convert(black_box(&name), &keys[next()]).is_counted());
    });
    group.bench_function("evaluate: handle", |bencher| {
        bencher.iter(|| handle.evaluate(&keys[next()]).is_counted());
    });
    group.bench_function("convert: handle", |bencher| {
        bencher.iter(|| handle.convert(&keys[next()]).is_counted());
    });
    let view = production.view();
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
    let counters: DashMap<(String, String), u64> = DashMap::new();
    group.bench_function("by hand: count in a DashMap", |bencher| {
        bencher.iter(|| {
            let key = (black_box("experiment").to_owned(), black_box("treatment").to_owned());
            *counters.entry(key).or_default() += 1;
        });
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
            ("by hand: count in a DashMap", &["convert: experiment and variant"]),
        ],
    );
    criterion.final_summary();
}
