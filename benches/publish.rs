//! Publishing: loading anew, replacing and applying beside parsing alone, and single changes among
//! many flags.

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{document, engine, experiment_id, flag_key, setup};
use criterion::BatchSize;
use fairsplit::Engine;
use serde_json::Value;

fn main() {
    let (mut criterion, report) = setup();
    let text = document(1000);
    let engine = engine(1000);
    let mut group = criterion.benchmark_group("publish");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    group.bench_function("floor: serde_json, 1000 flags", |bencher| {
        bencher.iter(|| serde_json::from_str::<Value>(black_box(&text)).unwrap());
    });
    group.bench_function("load anew and drop: 1000 flags", |bencher| {
        bencher.iter(|| Engine::from_json(black_box(&text)).unwrap());
    });
    group.bench_function("drop: 1000 flags", |bencher| {
        let load = || Engine::from_json(&text).unwrap();
        bencher.iter_batched(load, drop, BatchSize::PerIteration);
    });
    group.bench_function("reload: 1000 flags", |bencher| {
        bencher.iter(|| engine.replace(black_box(&text)).unwrap());
    });
    group.bench_function("apply the same: 1000 flags", |bencher| {
        let applied = Engine::new();
        let _ = applied.apply(&text).unwrap();
        bencher.iter(|| applied.apply(black_box(&text)).unwrap().is_unchanged());
    });
    let mut default = 0;
    group.bench_function("set default among 1000 flags", |bencher| {
        bencher.iter(|| {
            default += 1;
            engine.set_default(&flag_key(500), default).unwrap();
        });
    });
    let id = experiment_id(500);
    group.bench_function("stop and start among 1000 flags", |bencher| {
        bencher.iter(|| {
            engine.stop(id).unwrap();
            engine.start(id).unwrap();
        });
    });
    group.bench_function("export: 1000 flags", |bencher| {
        bencher.iter(|| engine.to_json().len());
    });
    drop(engine);
    let text = document(100_000);
    let engine = common::engine(100_000);
    group.sample_size(10);
    group.bench_function("floor: serde_json, 100000 flags", |bencher| {
        bencher.iter(|| serde_json::from_str::<Value>(black_box(&text)).unwrap());
    });
    group.bench_function("load anew and drop: 100000 flags", |bencher| {
        bencher.iter(|| Engine::from_json(black_box(&text)).unwrap());
    });
    group.bench_function("drop: 100000 flags", |bencher| {
        let load = || Engine::from_json(&text).unwrap();
        bencher.iter_batched(load, drop, BatchSize::PerIteration);
    });
    group.bench_function("reload: 100000 flags", |bencher| {
        bencher.iter(|| engine.replace(black_box(&text)).unwrap());
    });
    group.bench_function("stop and start among 100000 flags", |bencher| {
        bencher.iter(|| {
            engine.stop(id).unwrap();
            engine.start(id).unwrap();
        });
    });
    group.finish();
    report.print(
        "publish",
        &[
            ("load anew and drop: 1000 flags", &["floor: serde_json, 1000 flags"]),
            ("drop: 1000 flags", &["floor: serde_json, 1000 flags"]),
            ("reload: 1000 flags", &["floor: serde_json, 1000 flags"]),
            ("apply the same: 1000 flags", &["reload: 1000 flags"]),
            ("export: 1000 flags", &["floor: serde_json, 1000 flags"]),
            ("reload: 1000 flags", &["set default among 1000 flags"]),
            ("reload: 1000 flags", &["stop and start among 1000 flags"]),
            ("load anew and drop: 100000 flags", &["floor: serde_json, 100000 flags"]),
            ("drop: 100000 flags", &["floor: serde_json, 100000 flags"]),
            ("reload: 100000 flags", &["floor: serde_json, 100000 flags"]),
            ("reload: 100000 flags", &["stop and start among 100000 flags"]),
        ],
    );
    criterion.final_summary();
}
