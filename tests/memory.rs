//! How much memory a configuration takes.
//!
//! A binary of its own: its allocator counts.

#[path = "common/allocator.rs"]
mod allocator;
mod common;

use std::thread::available_parallelism;

use allocator::{bytes, pieces};
use common::{experiment_id, flag_id, production};
use fairsplit::targeting::NewHoldout;
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use serde_json::{Value, json};

/// Flags with a running experiment of two variants each, as an exporter writes them. `values` are
/// those of the two variants of each flag; the first is its default.
fn document_with(flags: u128, values: impl Fn(u128) -> [String; 2]) -> String {
    let flag = |number: u128| {
        let [old, new] = values(number);
        json!({
            "id": flag_id(number),
            "key": format!("flag-{number}"),
            "default_value": old,
            "experiments": [{
                "id": experiment_id(number),
                "name": format!("experiment {number}"),
                "environment": "production",
                "status": "running",
                "variants": [
                    {"key": "control", "value": old, "percentage": 50},
                    {"key": "treatment", "value": new, "percentage": 50}
                ],
                "started_at": "2025-03-12T12:00:00Z"
            }]
        })
    };
    let flags: Vec<Value> = (0..flags).map(flag).collect();
    json!({"flags": flags}).to_string()
}

/// Flags whose variants have the same values, as switches do.
fn document(flags: u128) -> String {
    document_with(flags, |_| ["old", "new"].map(str::to_owned))
}

/// The counters of one experiment of two variants, among many: a cache line for each stripe.
fn stripes() -> isize {
    let threads = available_parallelism().map_or(1, Into::into).next_power_of_two();
    64 * isize::try_from(threads.min(64)).unwrap()
}

/// The bytes that each flag of a document takes, its stripes not counted.
fn each(flags: isize, text: &str) -> isize {
    let (taken, engine) = bytes(|| Engine::from_json(text).unwrap());
    drop(engine);
    taken / flags - stripes()
}

// In both tests: tables double when they are seven eighths full, so some are just before that, and
// some just after. Below the lower bound, not all of it has been counted.

#[test]
fn a_flag_that_shares_its_values_takes_688_bytes_and_its_stripes() {
    for flags in [1000, 1800, 10_000, 14_300, 14_500] {
        let each = each(flags, &document(flags.unsigned_abs() as u128));
        assert!((500..=688).contains(&each), "{flags} flags: {each} bytes each");
    }
}

#[test]
fn a_flag_with_values_of_its_own_takes_900_bytes_and_its_stripes() {
    for flags in [1000, 1800, 10_000, 14_300, 14_500] {
        let values = |number| ["old", "new"].map(|value| format!("{value} {number}"));
        let each = each(flags, &document_with(flags.unsigned_abs() as u128, values));
        assert!((700..=900).contains(&each), "{flags} flags: {each} bytes each");
    }
}

/// What `docs/performance.md` explains: the pieces that each flag has, by size. Printed with
/// `cargo test --test memory pieces -- --nocapture`.
#[test]
#[expect(clippy::print_stdout, reason = "the table is there to be read")]
fn the_pieces_of_a_flag_sum_to_its_bytes() {
    let flags = 1000;
    let text = document(1000);
    let (taken, (pieces, engine)) = bytes(|| pieces(|| Engine::from_json(&text).unwrap()));
    println!("| bytes each | pieces | bytes a flag |");
    println!("|---:|---:|---:|");
    let mut rest = taken;
    for (size, pieces) in pieces.iter().filter(|(_, pieces)| *pieces > 1) {
        println!("| {size} | {pieces} | {} |", size * pieces / flags);
        rest -= size * pieces;
    }
    println!("| all else: tables and cells | | {} |", rest / flags);
    println!("| together | | {} |", taken / flags);
    // Each flag has pieces of its own, and what is shared is not among them.
    let own: isize =
        pieces.iter().filter(|(_, pieces)| *pieces >= flags).map(|(size, _)| size).sum();
    assert!((300..taken / flags).contains(&own), "{own}");
    drop(engine);
}

#[test]
fn dropping_an_engine_frees_all_that_it_allocated() {
    let text = document(1000);
    // What a thread sets up once for arc-swap stays with it.
    drop(production(&Engine::from_json(&text).unwrap()).evaluate("flag-1", "anna"));
    let (taken, ()) = bytes(|| {
        let engine = Engine::from_json(&text).unwrap();
        drop(production(&engine).evaluate("flag-1", "anna"));
        engine.replace(&text).unwrap();
    });
    assert_eq!(taken, 0);
}

#[test]
fn reloading_the_same_flags_takes_no_more_memory() {
    let text = document(1000);
    let renamed = text.replace("experiment ", "attempt at ");
    let engine = Engine::new();
    let reload = || {
        engine.replace(&renamed).unwrap();
        engine.replace(&text).unwrap();
    };
    reload();
    let (taken, ()) = bytes(|| (0..5).for_each(|_| reload()));
    assert_eq!(taken, 0);
}

/// Creates an experiment that counts users, and deletes it.
fn live(engine: &Engine, number: u128, hands_over: bool) {
    let id = experiment_id(number);
    let new = NewExperiment::new("short", "production").variant("only", 1, 100).id(id);
    engine.create_experiment("flag-1", new.status(Status::Running)).unwrap();
    engine.count_users(id, 5000).unwrap();
    for user in 0..5000 {
        drop(production(engine).evaluate("flag-1", &format!("user-{user}")));
    }
    engine.stop(id).unwrap();
    if hands_over {
        engine.with_deltas(|_| Ok::<_, ()>(())).unwrap();
    }
    engine.delete_experiment(id).unwrap();
}

#[test]
fn experiments_that_are_deleted_give_back_all_that_they_took() {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag-1", 0)).unwrap();
    // With a hundred, every shard of the registry has had one.
    (0..100).for_each(|number| live(&engine, number, true));
    let (taken, ()) = bytes(|| (100..150).for_each(|number| live(&engine, number, true)));
    assert_eq!(taken, 0);
}

#[test]
fn an_experiment_that_is_deleted_frees_its_users_at_once_and_its_counts_when_they_are_handed_over()
{
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag-1", 0)).unwrap();
    live(&engine, 0, true);
    let (taken, ()) = bytes(|| {
        let (kept, ()) = bytes(|| (1..11).for_each(|number| live(&engine, number, false)));
        assert!(kept / 10 <= 1000 + stripes(), "{kept} bytes of ten experiments");
        engine.with_deltas(|_| Ok::<_, ()>(())).unwrap();
    });
    // The tables of those that were known, and of those that waited, keep their lengths.
    assert!(taken <= 1024, "{taken} bytes");
}

/// A holdout that is gone is remembered for what it binds, and goes with it.
#[test]
fn holdouts_that_are_deleted_give_back_all_that_they_took_with_the_experiments_that_they_bound() {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("flag-1", 0)).unwrap();
    let live = |number: u128| {
        let holdout = engine.create_holdout(NewHoldout::new("short", 5)).unwrap().id();
        let id = experiment_id(number);
        let new = NewExperiment::new("short", "production").variant("only", 1, 100).id(id);
        engine.create_experiment("flag-1", new.status(Status::Running)).unwrap();
        engine.stop(id).unwrap();
        engine.archive_experiment(id).unwrap();
        engine.delete_holdout(holdout).unwrap();
        let again = NewHoldout::new("short", 6).id(holdout);
        assert!(engine.create_holdout(again).is_err());
        engine.delete_experiment(id).unwrap();
    };
    (0..100).for_each(live);
    let (taken, ()) = bytes(|| (100..150).for_each(live));
    assert_eq!(taken, 0);
}

/// What stays beside the counters of a deleted experiment, in a directory that keeps them.
#[cfg(feature = "durable")]
#[test]
fn a_durable_engine_remembers_a_deleted_experiment_for_everybody_in_96_bytes() {
    let directory = common::directory::Directory::new();
    let engine = directory.open();
    engine.create_flag(NewFlag::new("flag-1", 0)).unwrap();
    let live = |number: u128, counts: bool| {
        let id = experiment_id(number);
        let new = NewExperiment::new("short", "production").variant("only", 1, 100).id(id);
        engine.create_experiment("flag-1", new.status(Status::Running)).unwrap();
        if counts {
            assert!(engine.convert_variant(id, "only").is_counted());
            engine.with_deltas(|_| Ok::<_, ()>(())).unwrap();
        }
        engine.stop(id).unwrap();
        engine.delete_experiment(id).unwrap();
    };
    // The places of the counters' blocks are counted in both, and the tables of them have grown.
    (0..300).for_each(|number| live(number, number == 0));
    let (uncounted, ()) = bytes(|| (300..350).for_each(|number| live(number, false)));
    let (counted, ()) = bytes(|| (350..400).for_each(|number| live(number, true)));
    let each = (counted - uncounted) / 50;
    assert!((24..=96).contains(&each), "{each} bytes");
}
