//! How long single evaluations take while the configuration is being replaced.
//!
//! `cargo bench --bench latency` prints percentiles of four situations that alternate in one run,
//! so that other load on the machine affects all of them: no writer; another thread keeps parsing
//! the same JSON, which uses the machine but not the engine; 1,000 flags are reloaded from JSON,
//! one reload after the other; and one experiment among them is stopped and started, a thousand
//! times a second. Each time includes that of reading the clock twice.

mod common;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{KEYS, document, engine, experiment_id, flag_key, production, uuid_keys};
use hdrhistogram::Histogram;
use serde_json::Value;

const FLAGS: usize = 1000;

/// Does `work` on another thread for as long as `meanwhile` takes; says how often that was.
fn beside<R>(work: impl Fn() + Sync, meanwhile: impl FnOnce() -> R) -> (u64, R) {
    let (is_over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                work();
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let result = meanwhile();
        is_over.store(true, Ordering::Relaxed);
        result
    });
    (rounds.into_inner(), result)
}

/// One way to evaluate the flag in this position for this user key.
type Way<'a> = (&'static str, Box<dyn FnMut(usize, &str) + 'a>);

/// What another thread does meanwhile, over and over, if there is one.
type Situation<'a> = (&'static str, Option<&'a (dyn Fn() + Sync)>);

#[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (rounds, slice) = if is_test { (1, 20) } else { (10, 250) };
    let slice = Duration::from_millis(slice);

    let (text, keys) = (document(FLAGS), uuid_keys());
    let names: Vec<String> = (0..FLAGS).map(flag_key).collect();
    let engine = engine(FLAGS);
    let production = production(&engine);
    let handles: Vec<_> = names.iter().map(|name| production.flag(name)).collect();
    let mut reader = production.reader();
    let mut ways: [Way<'_>; 3] = [
        (
            "names",
            Box::new(|flag, key| {
                black_box(production.evaluate(&names[flag], key).value());
            }),
        ),
        (
            "handle",
            Box::new(|flag, key| {
                black_box(handles[flag].evaluate(key).value());
            }),
        ),
        (
            "handle on a reader",
            Box::new(|flag, key| {
                black_box(handles[flag].evaluate_on(reader.snapshot(), key).value());
            }),
        ),
    ];

    let parse = || drop(black_box(serde_json::from_str::<Value>(&text)));
    let reload = || engine.replace(&text).unwrap_or_else(|error| panic!("{error}"));
    let change = || {
        let id = experiment_id(FLAGS / 2);
        for changed in [engine.stop(id), engine.start(id)] {
            changed.unwrap_or_else(|error| panic!("{error}"));
        }
        thread::sleep(Duration::from_millis(1));
    };
    let situations: [Situation<'_>; 4] = [
        ("quiet", None),
        ("beside a parser", Some(&parse)),
        ("under reload", Some(&reload)),
        ("stop and start every millisecond", Some(&change)),
    ];

    let mut rows = Vec::new();
    for (way, evaluate) in &mut ways {
        let mut measured: Vec<(Histogram<u64>, u64)> = situations
            .iter()
            .map(|_| (Histogram::new(3).unwrap_or_else(|error| panic!("{error}")), 0))
            .collect();
        let mut at = 0;
        for _ in 0..rounds {
            for ((_, work), (histogram, writes)) in situations.iter().zip(&mut measured) {
                let mut measure = || {
                    let end = Instant::now() + slice;
                    let mut start = Instant::now();
                    while start < end {
                        at += 1;
                        evaluate(at % FLAGS, &keys[at % KEYS]);
                        let stop = Instant::now();
                        let took = u64::try_from((stop - start).as_nanos()).unwrap_or(u64::MAX);
                        histogram.record(took).unwrap_or_else(|error| panic!("{error}"));
                        start = stop;
                    }
                };
                match work {
                    None => measure(),
                    Some(work) => *writes += beside(work, measure).0,
                }
            }
        }
        rows.push((*way, measured));
    }

    println!(
        "\nlatency: nanoseconds of one evaluation among {FLAGS} flags, the clock's included\n"
    );
    println!("| way | while | writes | p50 | p99 | p99.9 | p99.99 | p50 / quiet | p99.9 / quiet |");
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for (way, measured) in rows {
        let quiet = &measured[0].0;
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds, far below 2^53")]
        let ratio = |histogram: &Histogram<u64>, quantile| {
            let of = |histogram: &Histogram<u64>| histogram.value_at_quantile(quantile) as f64;
            of(histogram) / of(quiet)
        };
        for ((situation, _), (histogram, writes)) in situations.iter().zip(&measured) {
            print!("| {way} | {situation} | {writes} ");
            for quantile in [0.5, 0.99, 0.999, 0.9999] {
                print!("| {} ", histogram.value_at_quantile(quantile));
            }
            let [middle, high] = [0.5, 0.999].map(|quantile| ratio(histogram, quantile));
            println!("| {middle:.2} | {high:.2} |");
        }
    }
}
