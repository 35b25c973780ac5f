//! A durable engine beside one in memory; and what only a durable one does.

mod common;

use std::time::Duration;

use common::{document, engine, experiment_id, flag_key, positions, production, setup, uuid_keys};
use fairsplit::Engine;

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let directory = std::env::temp_dir().join(format!("fairsplit-bench-{}", std::process::id()));
    let durable = |flags: usize| {
        let engine = Engine::open(&directory).unwrap();
        engine.replace(&document(flags)).unwrap();
        engine
    };
    let mut next = positions();
    let mut group = criterion.benchmark_group("durable");
    {
        let (memory, durable) = (engine(2), durable(2));
        for (kind, engine) in [("in memory", &memory), ("durable", &durable)] {
            let production = production(engine);
            let handle = production.flag(&flag_key(0));
            let mut reader = production.reader();
            group.bench_function(format!("evaluate: {kind}"), |bencher| {
                bencher.iter(|| handle.evaluate_on(reader.snapshot(), &keys[next()]).is_counted());
            });
            group.bench_function(format!("convert: {kind}"), |bencher| {
                bencher.iter(|| handle.convert_on(reader.snapshot(), &keys[next()]).is_counted());
            });
        }
    }
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    for flags in [1000, 10_000] {
        let engine = durable(flags);
        let id = experiment_id(flags / 2);
        group.bench_function(format!("stop and start among {flags}"), |bencher| {
            bencher.iter(|| {
                engine.stop(id).unwrap();
                engine.start(id).unwrap();
            });
        });
        group.bench_function(format!("sync of {flags}"), |bencher| {
            bencher.iter(|| engine.sync().unwrap());
        });
        drop(engine);
        group.bench_function(format!("open with {flags}"), |bencher| {
            bencher.iter(|| Engine::open(&directory).unwrap().flags().len());
        });
    }
    group.finish();
    report.print(
        "durable",
        &[
            ("evaluate: durable", &["evaluate: in memory"]),
            ("convert: durable", &["convert: in memory"]),
            ("sync of 1000", &["evaluate: durable"]),
            ("open with 1000", &["stop and start among 1000"]),
            ("open with 10000", &["open with 1000"]),
        ],
    );
    criterion.final_summary();
    let _ = std::fs::remove_dir_all(&directory);
}
