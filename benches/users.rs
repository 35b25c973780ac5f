//! What counting users costs, beside the same call where events alone are counted; the longest call
//! while users are added; and how much memory a user needs.

#[path = "../tests/common/allocator.rs"]
mod allocator;
mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{
    KEYS, Numbers, engine, experiment_id, flag_key, positions, production, setup, uuid_keys,
};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, Environment};
use hdrhistogram::Histogram;

/// Enough for all users of these benches.
const CAPACITY: u32 = 1 << 27;
const MILLION: u64 = 1_000_000;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (mut criterion, report) = setup();
    calls(&mut criterion, if is_test { KEYS as u64 } else { MILLION });
    report.print(
        "users",
        &[
            ("evaluate: users, handle", &["evaluate: events, handle"]),
            ("evaluate: users, reader", &["evaluate: events, reader"]),
            ("convert: users, handle", &["convert: events, handle"]),
            ("convert: users, reader", &["convert: events, reader"]),
            ("evaluate: users, one of a million", &["evaluate: events, one of a million"]),
            ("evaluate: users, a new user each", &["evaluate: events, a new user each"]),
        ],
    );
    // Both take seconds, so not where one bench of criterion's is asked for by name.
    let is_filtered = std::env::args().skip(1).any(|argument| !argument.starts_with("--"));
    if !is_filtered {
        longest(if is_test { (1, 1000) } else { (10, MILLION) });
        memory(if is_test { 1000 } else { 10_000_000 });
        memory_of_sums(if is_test { 1000 } else { 100_000 });
    }
    criterion.final_summary();
}

/// Two engines with the same experiment: events alone are counted, and users too.
fn engines() -> [(&'static str, Engine); 2] {
    let users = engine(1);
    users.count_users(experiment_id(0), CAPACITY).unwrap();
    [("events", engine(1)), ("users", users)]
}

/// Each call side by side in both engines.
fn calls(criterion: &mut Criterion, million: u64) {
    let mut group = criterion.benchmark_group("users");
    let keys = uuid_keys();
    let engines = engines();
    let places = engines.each_ref().map(|(unit, engine)| (*unit, production(engine)));
    // Every user has been exposed, and has converted.
    for (_, place) in &places {
        for key in &keys {
            assert!(place.evaluate(&flag_key(0), key).is_counted());
            assert!(place.convert(&flag_key(0), key).is_counted());
        }
    }
    both(&mut group, &places, "evaluate", "handle", |place| {
        let (handle, mut next, keys) = (place.flag(&flag_key(0)), positions(), &keys);
        move || handle.evaluate(&keys[next()]).is_counted()
    });
    both(&mut group, &places, "evaluate", "reader", |place| {
        let (handle, mut next, keys) = (place.flag(&flag_key(0)), positions(), &keys);
        let mut reader = place.reader();
        move || handle.evaluate_on(reader.snapshot(), &keys[next()]).is_counted()
    });
    both(&mut group, &places, "convert", "handle", |place| {
        let (handle, mut next, keys) = (place.flag(&flag_key(0)), positions(), &keys);
        move || handle.convert(&keys[next()]).is_counted()
    });
    both(&mut group, &places, "convert", "reader", |place| {
        let (handle, mut next, keys) = (place.flag(&flag_key(0)), positions(), &keys);
        let mut reader = place.reader();
        move || handle.convert_on(reader.snapshot(), &keys[next()]).is_counted()
    });
    for (_, place) in &places {
        let handle = place.flag(&flag_key(0));
        (0..million).for_each(|number| evaluate(number, |key| handle.evaluate(key).is_counted()));
    }
    // The users' slots are in no cache; the key is made in the call in both.
    both(&mut group, &places, "evaluate", "one of a million", |place| {
        let (handle, mut numbers) = (place.flag(&flag_key(0)), Numbers(2));
        let mut reader = place.reader();
        move || {
            let number = numbers.next() % million;
            evaluate(number, |key| handle.evaluate_on(reader.snapshot(), key).is_counted());
            true
        }
    });
    let (_, users) = &engines[1];
    group.bench_function("read the counts of a million users", |bencher| {
        bencher.iter(|| users.users(experiment_id(0)));
    });
    // Last, since it adds as many users as there is time for.
    both(&mut group, &places, "evaluate", "a new user each", |place| {
        let (handle, mut number) = (place.flag(&flag_key(0)), million);
        let mut reader = place.reader();
        move || {
            number += 1;
            evaluate(number, |key| handle.evaluate_on(reader.snapshot(), key).is_counted());
            true
        }
    });
    group.finish();
}

/// Measures a call where events are counted, and then where users are.
fn both<F: FnMut() -> bool>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    places: &[(&str, Environment)],
    call: &str,
    way: &str,
    prepare: impl Fn(&Environment) -> F,
) {
    for (unit, place) in places {
        // Once for all that criterion asks for: a user who is new is so once.
        let mut work = prepare(place);
        group.bench_function(format!("{call}: {unit}, {way}"), |bencher| bencher.iter(&mut work));
    }
}

/// Has the user of this number evaluated, and counted.
fn evaluate(number: u64, evaluate: impl FnOnce(&str) -> bool) {
    let mut key = [0; 16];
    assert!(black_box(evaluate(hexadecimal(number, &mut key))));
}

/// How long single calls take while users are added, beside the same calls where events are
/// counted, in turn. The operating system interrupts some calls of both: the maximum of the
/// quietest round says more than the largest of all.
#[expect(clippy::print_stdout, reason = "the table")]
fn longest((rounds, users): (usize, u64)) {
    let new = || Histogram::<u64>::new(3).unwrap();
    let mut measured = [("events", new(), Vec::new()), ("users", new(), Vec::new())];
    for _ in 0..rounds {
        for ((unit, engine), (of, all, maxima)) in engines().into_iter().zip(&mut measured) {
            assert_eq!(unit, *of);
            let handle = production(&engine).flag(&flag_key(0));
            evaluate(u64::MAX, |key| handle.evaluate(key).is_counted());
            let mut round = new();
            let mut start = Instant::now();
            for number in 0..users {
                evaluate(number, |key| handle.evaluate(key).is_counted());
                let stop = Instant::now();
                round.record(u64::try_from((stop - start).as_nanos()).unwrap()).unwrap();
                start = stop;
            }
            maxima.push(round.max());
            all.add(round).unwrap();
        }
    }
    println!("\nnanoseconds of one call while {users} users are added, the clock's included\n");
    println!("| counted | p50 | p99 | p99.99 | longest | longest of the quietest round |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (unit, all, maxima) in measured {
        let [half, most, nearly_all] =
            [0.5, 0.99, 0.9999].map(|quantile| all.value_at_quantile(quantile));
        let (longest, quietest) = (all.max(), maxima.iter().min().unwrap());
        println!("| {unit} | {half} | {most} | {nearly_all} | {longest} | {quietest} |");
    }
}

/// Bytes for each user, at several numbers of them: once they are added, and the most while they
/// were, when some move to the next table.
#[expect(clippy::print_stdout, reason = "the table")]
fn memory(largest: usize) {
    println!("\n| users | bytes each | most |\n|---:|---:|---:|");
    for users in (3..).map(|digits| 10_usize.pow(digits)).take_while(|users| *users <= largest) {
        let [(_, _), (_, engine)] = engines();
        let handle = production(&engine).flag(&flag_key(0));
        // A thread's first call sets it up.
        let _ = handle.peek("anna");
        let (mut bytes, mut most) = (0, 0);
        for number in 0..users as u64 {
            bytes +=
                allocator::bytes(|| evaluate(number, |key| handle.evaluate(key).is_counted())).0;
            most = bytes.max(most);
        }
        // Those who still move, and what is still to be freed.
        bytes += allocator::bytes(|| drop(engine.users(experiment_id(0)))).0;
        let [bytes, most] = [bytes, most].map(|bytes| usize::try_from(bytes).unwrap() / users);
        println!("| {users} | {bytes} | {most} |");
    }
}

/// Bytes for each user who has a sum of values, beside those that the user takes anyway.
#[expect(clippy::print_stdout, reason = "the figure")]
fn memory_of_sums(users: u64) {
    let engine = engine(1);
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.set_goals(experiment_id(0), NewGoals::new().secondary("purchase")).unwrap();
    engine.count_users(experiment_id(0), CAPACITY).unwrap();
    let production = production(&engine);
    let (handle, purchase) = (production.flag(&flag_key(0)), production.goal("purchase"));
    for number in 0..users {
        evaluate(number, |key| handle.evaluate(key).is_counted());
    }
    let mut bytes = 0;
    for number in 0..users {
        let pay = || evaluate(number, |key| purchase.record_value(key, 49.90).is_counted());
        bytes += allocator::bytes(pay).0;
    }
    bytes += allocator::bytes(|| drop(engine.users(experiment_id(0)))).0;
    let bytes = u64::try_from(bytes).unwrap() / users;
    println!("\n{bytes} bytes more for each user who has a sum of values");
}

/// A number as text, without an allocation.
fn hexadecimal(number: u64, text: &mut [u8; 16]) -> &str {
    for (at, digit) in text.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
    std::str::from_utf8(text).unwrap()
}
