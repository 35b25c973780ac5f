//! Assignment: user key to variant, beside a bare seeded XXH3 of the same key.

mod common;

use std::fmt::Write;
use std::hint::black_box;

use common::{KEYS, Numbers, experiment_id, setup, uuid_keys};
use criterion::{BenchmarkGroup, measurement::WallTime};
use fairsplit::assign::Assignment;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A way through the keys whose own cost is the same everywhere.
fn through<'k>(keys: &'k [String]) -> impl FnMut() -> &'k str {
    let mut at = 0;
    move || {
        at = (at + 1) % KEYS;
        black_box(keys[at].as_str())
    }
}

fn pair(
    group: &mut BenchmarkGroup<'_, WallTime>,
    assignment: &Assignment,
    name: &str,
    keys: &[String],
) {
    let seed = assignment.seed().value();
    let mut next = through(keys);
    group.bench_function(format!("floor: XXH3 of {name}"), |bencher| {
        bencher.iter(|| xxh3_64_with_seed(next().as_bytes(), black_box(seed)));
    });
    group.bench_function(name, |bencher| {
        bencher.iter(|| black_box(assignment).variant(next()));
    });
}

fn main() {
    let (mut criterion, report) = setup();
    let id = experiment_id(0).to_bytes();
    let assignment = Assignment::new(id, &[50, 50]).unwrap();
    let mut populations: Vec<(String, Vec<String>)> = Vec::new();
    for length in [4, 16, 64, 128, 240, 256, 1024] {
        let mut numbers = Numbers(7);
        let key = |_| {
            let mut text = String::new();
            while text.len() < length {
                write!(text, "{:016x}", numbers.next()).unwrap();
            }
            text.truncate(length);
            text
        };
        populations.push((format!("{length} bytes"), (0..KEYS).map(key).collect()));
    }
    populations.push(("UUID (36 bytes)".to_owned(), uuid_keys()));
    populations.push((
        "sequence".to_owned(),
        (100_000..).take(KEYS).map(|key: u32| key.to_string()).collect(),
    ));
    let email = |key| format!("first.last.{key}@example.com");
    populations.push(("e-mail".to_owned(), (0..KEYS).map(email).collect()));

    let mut group = criterion.benchmark_group("assignment");
    for (name, keys) in &populations {
        pair(&mut group, &assignment, name, keys);
    }
    // In bulk: what an analyst does with a list of keys. The time is that of the whole slice.
    let keys: Vec<String> = (0..KEYS).map(|key| format!("{:08}", key * 7919)).collect();
    let seed = assignment.seed().value();
    let name = format!("slice of {KEYS} keys of 8 bytes");
    group.bench_function(format!("floor: XXH3 of {name}"), |bencher| {
        let hash = |key: &String| xxh3_64_with_seed(key.as_bytes(), black_box(seed));
        bencher.iter(|| keys.iter().map(hash).fold(0, u64::wrapping_add));
    });
    group.bench_function(&name, |bencher| {
        let variant = |key: &String| black_box(&assignment).variant(key);
        bencher.iter(|| keys.iter().filter_map(variant).sum::<usize>());
    });
    populations.push((name, keys));
    group.finish();

    let floors: Vec<String> =
        populations.iter().map(|(name, _)| format!("floor: XXH3 of {name}")).collect();
    let floors: Vec<[&str; 1]> = floors.iter().map(|floor| [floor.as_str()]).collect();
    let rows: Vec<(&str, &[&str])> = populations
        .iter()
        .zip(&floors)
        .map(|((name, _), floor)| (name.as_str(), floor.as_slice()))
        .collect();
    report.print("assignment", &rows);
    criterion.final_summary();
}
