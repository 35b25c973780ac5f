//! Readers with places of their own: each event once, in its run, whatever other readers do.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::common::{banner, experiment_id, production, running, since_start};
use fairsplit::counts::DeltaReader;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, NewFlag, Status};

type Totals = BTreeMap<(u32, usize), (u64, u64)>;

fn read(reader: &mut DeltaReader, totals: &mut Totals) {
    for delta in reader.read() {
        let (total, count) =
            (totals.entry((delta.run, delta.position)).or_default(), delta.added());
        *total = (total.0 + count.exposures, total.1 + count.conversions);
    }
}

fn sum(totals: &Totals) -> (u64, u64) {
    totals.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
}

fn hand_over(engine: &Engine) -> usize {
    let mut handed_over = 0;
    let outcome = engine.with_deltas(|deltas| {
        handed_over = deltas.len();
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
    handed_over
}

#[test]
fn a_reader_begins_at_the_counts_of_its_beginning_and_reads_each_event_once() {
    let (engine, id) = running();
    assert!(engine.convert_variant(id, "control").is_counted());
    let mut first = engine.delta_reader().unwrap();
    assert!(engine.convert_variant(id, "treatment").is_counted());
    let mut second = engine.delta_reader().unwrap();
    assert!(engine.convert_variant(id, "treatment").is_counted());
    assert_eq!(hand_over(&engine), 2);
    let mut totals = Totals::new();
    read(&mut first, &mut totals);
    assert_eq!(totals, [((1, 1), (0, 2))].into());
    read(&mut first, &mut totals);
    assert_eq!(totals, [((1, 1), (0, 2))].into());
    let mut totals = Totals::new();
    read(&mut second, &mut totals);
    assert_eq!(totals, [((1, 1), (0, 1))].into());
}

#[test]
fn counts_of_a_document_are_in_no_reading() {
    let (other, id) = running();
    assert!(other.convert_variant(id, "control").is_counted());
    let engine = Engine::new();
    let mut reader = engine.delta_reader().unwrap();
    engine.replace(&other.to_json()).unwrap();
    assert!(engine.convert_variant(id, "control").is_counted());
    let mut totals = Totals::new();
    read(&mut reader, &mut totals);
    assert_eq!(totals, [((1, 0), (0, 1))].into());
}

#[test]
fn more_starts_than_an_engine_keeps_are_counted_once_each() {
    let (engine, id) = running();
    let mut reader = engine.delta_reader().unwrap();
    let mut totals = Totals::new();
    for run in 1..=250_u64 {
        assert!(engine.convert_variant(id, "control").is_counted());
        if run % 7 == 0 {
            read(&mut reader, &mut totals);
        }
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
    }
    read(&mut reader, &mut totals);
    assert_eq!(totals.len(), 250);
    assert!(totals.values().all(|count| *count == (0, 1)));
}

#[test]
fn what_a_deleted_experiment_counted_is_read_after_its_deltas_were_handed_over() {
    let (engine, id) = running();
    let mut reader = engine.delta_reader().unwrap();
    let mut totals = Totals::new();
    for round in 1..=3 {
        assert!(engine.convert_variant(id, "control").is_counted());
        if round == 2 {
            read(&mut reader, &mut totals);
        }
        engine.stop(id).unwrap();
        engine.delete_experiment(id).unwrap();
        assert_eq!(hand_over(&engine), 1);
        let new = banner("production").id(id).status(Status::Running);
        engine.create_experiment("hero-banner", new).unwrap();
    }
    read(&mut reader, &mut totals);
    assert_eq!(totals, [((1, 0), (0, 3))].into());
}

#[test]
fn a_reader_that_is_dropped_keeps_no_counters() {
    let (engine, id) = running();
    let reader = engine.delta_reader().unwrap();
    assert!(engine.convert_variant(id, "control").is_counted());
    drop(reader);
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    assert_eq!(hand_over(&engine), 1);
    let mut reader = engine.delta_reader().unwrap();
    assert!(reader.read().is_empty());
}

#[test]
fn goals_are_read_by_run_and_events_of_the_primary_are_conversions() {
    let engine = Engine::new();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let id = experiment_id(1);
    let goals = NewGoals::new().primary("purchase").secondary("signup");
    let new = banner("production").id(id).goals(goals).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    let (purchase, signup) =
        (production(&engine).goal("purchase"), production(&engine).goal("signup"));
    let record = |times: u32| {
        for _ in 0..times {
            purchase.record_value("anna", 2.5);
            signup.record("anna");
        }
    };
    record(1);
    let mut reader = engine.delta_reader().unwrap();
    record(2);
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    record(3);
    let mut totals = BTreeMap::new();
    let mut read = || {
        for delta in reader.read() {
            for of in delta.goals {
                let count = of.added();
                let total: &mut (u64, u64) = totals.entry((of.goal, delta.run)).or_default();
                *total = (total.0 + count.events, total.1 + count.gained);
            }
        }
        totals.clone()
    };
    let of = |goal: &str, run, events, gained| ((goal.to_owned(), run), (events, gained));
    let expected = [
        of("purchase", 1, 2, 500),
        of("purchase", 2, 3, 750),
        of("signup", 1, 2, 0),
        of("signup", 2, 3, 0),
    ];
    assert_eq!(read(), expected.into());
    record(1);
    let expected = [
        of("purchase", 1, 2, 500),
        of("purchase", 2, 4, 1_000),
        of("signup", 1, 2, 0),
        of("signup", 2, 4, 0),
    ];
    assert_eq!(read(), expected.into());
    let conversions: u64 =
        since_start(&engine.counts(id).unwrap()).iter().map(|count| count.1).sum();
    assert_eq!(conversions, 4);
}

#[test]
fn readings_while_threads_count_add_up() {
    let (engine, _) = running();
    let mut reader = engine.delta_reader().unwrap();
    let mut totals = Totals::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let production = production(&engine);
                scope.spawn(move || {
                    for user in 0..20_000 {
                        production.convert("hero-banner", &format!("user-{thread}-{user}"));
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            read(&mut reader, &mut totals);
        }
    });
    read(&mut reader, &mut totals);
    assert_eq!(sum(&totals), (0, 40_000));
}

#[cfg(feature = "durable")]
#[test]
fn an_engine_with_a_directory_has_no_reader() {
    let directory = crate::common::directory::Directory::new();
    let engine = directory.open();
    assert!(engine.delta_reader().is_none());
}
