//! Evaluation: each way of asking, beside the bare chain of operations that every way needs, and
//! beside a simple implementation by hand.

mod common;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Cache};
use common::chain::{Bare, Chain};
use common::{KEYS, Numbers, engine, flag_key, positions, production, setup, uuid_keys};
use criterion::{BenchmarkGroup, measurement::WallTime};
use fairsplit::Environment;
use xxhash_rust::xxh3::xxh3_64_with_seed;

fn floors(group: &mut BenchmarkGroup<'_, WallTime>, keys: &[String]) {
    let mut next = positions();
    let seed = Bare::new(0).seed;
    group.bench_function("floor: XXH3", |bencher| {
        bencher.iter(|| xxh3_64_with_seed(keys[next()].as_bytes(), black_box(seed)));
    });
    let counter = AtomicU64::new(0);
    group.bench_function("floor: relaxed add", |bencher| {
        bencher.iter(|| black_box(&counter).fetch_add(1, Ordering::Relaxed));
    });
    let swap = ArcSwap::from_pointee(Chain::new(1));
    group.bench_function("floor: arc-swap load", |bencher| {
        bencher.iter(|| black_box(black_box(&swap).load().flags.len()));
    });
    let mut cache = Cache::new(&swap);
    group.bench_function("floor: cached load", |bencher| {
        bencher.iter(|| black_box(black_box(&mut cache).load().flags.len()));
    });
    group.bench_function("chain: cached load", |bencher| {
        bencher.iter(|| {
            black_box(cache.load().flags[black_box(0)].value(&keys[next()]));
        });
    });
    group.bench_function("chain: arc-swap load", |bencher| {
        bencher.iter(|| {
            black_box(swap.load().flags[black_box(0)].value(&keys[next()]));
        });
    });
}

/// All the ways on an engine of this number of flags, and the chain that finds a flag by its name.
fn ways(group: &mut BenchmarkGroup<'_, WallTime>, keys: &[String], flags: usize) {
    let production = production(&engine(flags));
    // As many as a power of two, so that going through them costs a mask and no division, and in no
    // order, so that among many flags no cache has the next one.
    let mut numbers = Numbers(3);
    let count = if flags == 1 { 1 } else { flags.next_power_of_two() };
    let flag = |_| flag_key(usize::try_from(numbers.next()).unwrap() % flags);
    let names: Vec<String> = (0..count).map(flag).collect();
    let mask = names.len() - 1;
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % names.len().max(KEYS);
        (names[at & mask].as_str(), keys[at % KEYS].as_str())
    };
    let of = if flags == 1 { "1 flag".to_owned() } else { format!("{flags} flags") };

    let chain = Chain::new(flags);
    group.bench_function(format!("floor: foldhash look-up, {of}"), |bencher| {
        bencher.iter(|| chain.names[black_box(next().0)]);
    });
    let swap = ArcSwap::from_pointee(chain);
    group.bench_function(format!("chain: names, {of}"), |bencher| {
        bencher.iter(|| {
            let (name, key) = next();
            let chain = swap.load();
            black_box(chain.flags[chain.names[black_box(name)]].value(key));
        });
    });
    group.bench_function(format!("peek: names, {of}"), |bencher| {
        bencher.iter(|| {
            let (name, key) = next();
            black_box(production.peek(black_box(name), key).value());
        });
    });
    group.bench_function(format!("evaluate: names, {of}"), |bencher| {
        bencher.iter(|| {
            let (name, key) = next();
            black_box(production.evaluate(black_box(name), key).value());
        });
    });
    let view = production.view();
    group.bench_function(format!("peek: names on a view, {of}"), |bencher| {
        bencher.iter(|| {
            let (name, key) = next();
            black_box(view.peek(black_box(name), key).value());
        });
    });
    let by_hand = ByHand::new(flags);
    group.bench_function(format!("by hand: names, {of}"), |bencher| {
        bencher.iter(|| {
            let (name, key) = next();
            black_box(by_hand.value(black_box(name), key));
        });
    });
    if flags == 1 {
        ways_by_handle(group, keys, &production);
    } else if flags == 1000 {
        group.bench_function(format!("peek: 100 of {of} on one view, each"), |bencher| {
            bencher.iter_custom(|rounds| {
                let start = std::time::Instant::now();
                for round in 0..rounds {
                    let user = &keys[usize::try_from(round).unwrap() % KEYS];
                    let view = production.view();
                    for name in &names[..100] {
                        black_box(view.peek(name, user).value());
                    }
                }
                start.elapsed() / 100
            });
        });
    }
}

/// The ways by a handle, and of reading the value as a type.
fn ways_by_handle(
    group: &mut BenchmarkGroup<'_, WallTime>,
    keys: &[String],
    production: &Environment,
) {
    let handle = production.flag(&flag_key(0));
    let view = production.view();
    let mut next = positions();
    group.bench_function("peek: handle", |bencher| {
        bencher.iter(|| black_box(handle.peek(&keys[next()]).value()).is_some());
    });
    group.bench_function("evaluate: handle", |bencher| {
        bencher.iter(|| black_box(handle.evaluate(&keys[next()]).value()).is_some());
    });
    group.bench_function("peek: handle on a view", |bencher| {
        bencher.iter(|| black_box(handle.peek_on(&view, &keys[next()]).value()).is_some());
    });
    group.bench_function("evaluate: handle on a view", |bencher| {
        bencher.iter(|| black_box(handle.evaluate_on(&view, &keys[next()]).value()).is_some());
    });
    let mut reader = production.reader();
    group.bench_function("peek: handle on a reader", |bencher| {
        bencher
            .iter(|| black_box(handle.peek_on(reader.snapshot(), &keys[next()]).value()).is_some());
    });
    group.bench_function("evaluate: handle on a reader", |bencher| {
        bencher.iter(|| {
            black_box(handle.evaluate_on(reader.snapshot(), &keys[next()]).value()).is_some()
        });
    });
    group.bench_function("str_or: handle on a reader", |bencher| {
        bencher.iter(|| {
            black_box(handle.peek_on(reader.snapshot(), &keys[next()]).str_or("none")).len()
        });
    });
    group.bench_function("deserialize: handle on a reader", |bencher| {
        bencher.iter(|| {
            let answer = handle.peek_on(reader.snapshot(), &keys[next()]);
            answer.deserialize::<String>().is_ok_and(|text| black_box(text).is_empty())
        });
    });
    let mut typed = handle.typed::<String>();
    group.bench_function("typed: handle on a reader", |bencher| {
        bencher.iter(|| typed.peek(&keys[next()]).value().map_or(0, |text| black_box(text).len()));
    });
}

/// A simple implementation: a lock, strings, and a formatted key that is hashed.
struct ByHand(RwLock<HashMap<String, Vec<(String, u64)>>>);

impl ByHand {
    fn new(flags: usize) -> ByHand {
        let variants = || vec![("old".to_owned(), 50), ("new".to_owned(), 50)];
        ByHand(RwLock::new((0..flags).map(|flag| (flag_key(flag), variants())).collect()))
    }

    fn value(&self, flag: &str, user_key: &str) -> Option<String> {
        let mut hasher = DefaultHasher::new();
        format!("{flag}:{user_key}").hash(&mut hasher);
        let bucket = hasher.finish() % 100;
        let mut cumulative = 0;
        let flags = self.0.read().unwrap();
        let variant = flags.get(flag)?.iter().find(|(_, percentage)| {
            cumulative += percentage;
            bucket < cumulative
        });
        variant.map(|(value, _)| value.clone())
    }
}

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let mut group = criterion.benchmark_group("evaluation");
    floors(&mut group, &keys);
    ways(&mut group, &keys, 1);
    ways(&mut group, &keys, 1000);
    ways(&mut group, &keys, 100_000);
    group.finish();
    report.print(
        "evaluation",
        &[
            ("chain: cached load", &["floor: XXH3"]),
            ("chain: arc-swap load", &["chain: cached load"]),
            ("chain: names, 1 flag", &["chain: arc-swap load", "floor: foldhash look-up, 1 flag"]),
            ("peek: handle on a reader", &["chain: cached load"]),
            ("peek: handle on a view", &["chain: cached load"]),
            ("peek: handle", &["chain: arc-swap load"]),
            ("peek: names, 1 flag", &["chain: names, 1 flag"]),
            ("peek: names, 1000 flags", &["chain: names, 1000 flags"]),
            ("peek: names, 100000 flags", &["chain: names, 100000 flags"]),
            ("chain: names, 100000 flags", &["chain: names, 1000 flags"]),
            ("peek: names on a view, 1 flag", &["peek: names, 1 flag"]),
            ("peek: names on a view, 1000 flags", &["peek: names, 1000 flags"]),
            ("peek: 100 of 1000 flags on one view, each", &["peek: names, 1000 flags"]),
            ("evaluate: handle on a reader", &["peek: handle on a reader", "floor: relaxed add"]),
            ("evaluate: handle on a view", &["peek: handle on a view", "floor: relaxed add"]),
            ("evaluate: handle", &["peek: handle", "floor: relaxed add"]),
            ("evaluate: names, 1 flag", &["peek: names, 1 flag", "floor: relaxed add"]),
            ("evaluate: names, 1000 flags", &["peek: names, 1000 flags", "floor: relaxed add"]),
            ("evaluate: names, 100000 flags", &["peek: names, 100000 flags", "floor: relaxed add"]),
            ("str_or: handle on a reader", &["peek: handle on a reader"]),
            ("typed: handle on a reader", &["str_or: handle on a reader"]),
            ("deserialize: handle on a reader", &["typed: handle on a reader"]),
            ("by hand: names, 1 flag", &["peek: names, 1 flag"]),
            ("by hand: names, 1000 flags", &["peek: names, 1000 flags"]),
            ("by hand: names, 100000 flags", &["peek: names, 100000 flags"]),
        ],
    );
    criterion.final_summary();
}
