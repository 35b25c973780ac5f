//! What counting users costs, beside counting events alone; and how much memory a user needs.

#[path = "../tests/common/allocator.rs"]
mod allocator;
mod common;

use common::{engine, experiment_id, flag_key, positions, production, setup, uuid_keys};

/// Enough for all users of these benches.
const CAPACITY: u32 = 10_000_000;

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let (name, id) = (flag_key(0), experiment_id(0));
    let (events, users) = (engine(1), engine(1));
    users.count_users(id, CAPACITY).unwrap();
    let mut next = positions();

    let mut group = criterion.benchmark_group("users");
    for (engine, unit) in [(&events, "events"), (&users, "users")] {
        let production = production(engine);
        let handle = production.flag(&name);
        let mut reader = production.reader();
        // Most evaluations are of a known user: here all are, after the warm-up.
        group.bench_function(format!("evaluate: {unit}"), |bencher| {
            bencher.iter(|| handle.evaluate_on(reader.snapshot(), &keys[next()]).is_counted());
        });
        group.bench_function(format!("convert: {unit}"), |bencher| {
            bencher.iter(|| handle.convert_on(reader.snapshot(), &keys[next()]).is_counted());
        });
        let mut number = 0_u64;
        group.bench_function(format!("evaluate: {unit}, a new user each"), |bencher| {
            bencher.iter(|| {
                number += 1;
                let mut key = [0; 16];
                let key = hexadecimal(number, &mut key);
                handle.evaluate_on(reader.snapshot(), key).is_counted()
            });
        });
    }
    group.bench_function("read the counts, a million users", |bencher| {
        let engine = engine(1);
        engine.count_users(id, CAPACITY).unwrap();
        let production = production(&engine);
        for number in 0..1_000_000 {
            let mut key = [0; 16];
            let _ = production.evaluate(&name, hexadecimal(number, &mut key));
        }
        bencher.iter(|| engine.users(id));
    });
    group.finish();
    report.print(
        "users",
        &[
            ("evaluate: users", &["evaluate: events"]),
            ("convert: users", &["convert: events"]),
            ("evaluate: users, a new user each", &["evaluate: events, a new user each"]),
        ],
    );
    if !std::env::args().any(|argument| argument == "--test") {
        memory();
    }
    criterion.final_summary();
}

/// Bytes for each user, at several numbers of them: tables double when they are seven eighths full.
#[expect(clippy::print_stdout, reason = "the table")]
fn memory() {
    let (name, id) = (flag_key(0), experiment_id(0));
    println!("\n| users | bytes each |\n|---:|---:|");
    for users in [1000_usize, 10_000, 100_000, 1_000_000, 2_000_000] {
        let engine = engine(1);
        let production = production(&engine);
        let (bytes, ()) = allocator::bytes(|| {
            engine.count_users(id, CAPACITY).unwrap();
            for number in 0..users as u64 {
                let mut key = [0; 16];
                let _ = production.evaluate(&name, hexadecimal(number, &mut key));
            }
        });
        println!("| {users} | {} |", usize::try_from(bytes).unwrap() / users);
    }
}

/// A number as text, without an allocation.
fn hexadecimal(number: u64, text: &mut [u8; 16]) -> &str {
    for (at, digit) in text.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
    std::str::from_utf8(text).unwrap()
}
