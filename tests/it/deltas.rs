//! Counts handed over as deltas: each event once, whether the receiver accepts, refuses or panics.

mod goals;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{banner, ever, experiment_id, production, running, since_start};
use fairsplit::counts::Delta;
use fairsplit::error::DeltaError;
use fairsplit::{Count, Engine, ExperimentId, Status};

/// What has been shipped, by experiment and variant.
type Shipped = BTreeMap<(ExperimentId, String), Count>;

/// Adds deltas up, and checks that each begins where the one before ended.
fn receive(shipped: &mut Shipped, deltas: &[Delta]) {
    for delta in deltas {
        let total = shipped.entry((delta.experiment, delta.variant.clone())).or_default();
        assert_eq!(*total, delta.from);
        total.exposures += delta.added().exposures;
        total.conversions += delta.added().conversions;
        assert_eq!(*total, delta.to);
    }
}

fn ship(engine: &Engine, shipped: &mut Shipped) {
    let outcome = engine.with_deltas(|deltas| {
        receive(shipped, deltas);
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
}

fn totals(engine: &Engine, id: ExperimentId) -> Shipped {
    let counts = engine.counts(id).unwrap();
    let variants =
        counts.variants().iter().map(|variant| ((id, variant.key.clone()), variant.ever));
    variants.collect()
}

#[test]
fn deltas_add_up_to_the_counts_while_threads_count_and_receivers_fail() {
    let (engine, id) = running();
    let is_done = AtomicBool::new(false);
    let mut shipped = Shipped::new();
    thread::scope(|scope| {
        let counters: Vec<_> = (0..3)
            .map(|thread| {
                let production = production(&engine);
                scope.spawn(move || {
                    for user in 0..20_000 {
                        let user = format!("user-{thread}-{user}");
                        let _ = production.evaluate("hero-banner", &user);
                        production.convert("hero-banner", &user);
                    }
                })
            })
            .collect();
        let receiver = scope.spawn(|| {
            let mut shipped = Shipped::new();
            for round in 0_u32.. {
                let last = is_done.load(Ordering::Acquire);
                match round % 3 {
                    0 => assert_eq!(
                        engine.with_deltas(|_| Err("no")),
                        Err(DeltaError::Refused("no"))
                    ),
                    1 => {
                        let receive = |_: &[Delta]| -> Result<(), ()> { panic!("in receive") };
                        catch_unwind(AssertUnwindSafe(|| engine.with_deltas(receive))).unwrap_err();
                    }
                    _ => ship(&engine, &mut shipped),
                }
                if last && round % 3 == 2 {
                    return shipped;
                }
            }
            unreachable!()
        });
        for counter in counters {
            counter.join().unwrap();
        }
        is_done.store(true, Ordering::Release);
        shipped = receiver.join().unwrap();
    });
    assert_eq!(shipped, totals(&engine, id));
    let events: u64 = shipped.values().map(|count| count.exposures + count.conversions).sum();
    assert_eq!(events, 2 * 3 * 20_000);
    // Everything was handed over, and the counts are as they were.
    let rest = engine.with_deltas(|deltas| if deltas.is_empty() { Ok(()) } else { Err(()) });
    assert_eq!(rest, Ok(()));
}

#[test]
fn with_deltas_inside_with_deltas_is_refused() {
    let (engine, _) = running();
    let _ = production(&engine).evaluate("hero-banner", "anna");
    let inner = engine.with_deltas(|deltas| {
        assert_eq!(deltas.len(), 1);
        match engine.with_deltas(|_| Ok::<_, Infallible>(())) {
            Err(DeltaError::UnderWay) => Err("under way"),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(inner, Err(DeltaError::Refused("under way")));
    let mut shipped = Shipped::new();
    ship(&engine, &mut shipped);
    assert_eq!(shipped.len(), 1);
}

#[test]
fn deltas_survive_a_stop_a_restart_and_a_reload_without_the_experiment() {
    let (engine, id) = running();
    let mut shipped = Shipped::new();
    let evaluate = |times| {
        for user in 0..times {
            let _ = production(&engine).evaluate("hero-banner", &format!("user-{user}"));
        }
    };
    evaluate(10);
    engine.stop(id).unwrap();
    ship(&engine, &mut shipped);
    engine.start(id).unwrap();
    evaluate(10);
    let document = engine.to_json();
    engine.replace(r#"{"flags": []}"#).unwrap();
    ship(&engine, &mut shipped);
    assert_eq!(shipped, totals(&engine, id));
    engine.replace(&document).unwrap();
    evaluate(10);
    ship(&engine, &mut shipped);
    assert_eq!(shipped, totals(&engine, id));
    assert_eq!(
        since_start(&engine.counts(id).unwrap()).iter().map(|count| count.0).sum::<u64>(),
        20
    );
}

#[test]
fn deltas_say_in_which_run_each_event_was_counted() {
    let (engine, id) = running();
    let mut shipped = BTreeMap::new();
    let mut ship = || {
        let outcome = engine.with_deltas(|deltas| {
            for delta in deltas {
                let count: &mut Count =
                    shipped.entry((delta.run, delta.variant.clone())).or_default();
                count.exposures += delta.added().exposures;
                count.conversions += delta.added().conversions;
            }
            Ok::<_, Infallible>(())
        });
        outcome.unwrap();
    };
    for run in 1..=6 {
        for user in 0..10 * run {
            let _ = production(&engine).evaluate("hero-banner", &format!("user-{user}"));
        }
        // Some deltas are of several runs, and some of a part of one.
        if run % 3 == 0 {
            ship();
            production(&engine).convert("hero-banner", "anna");
        }
        engine.stop(id).unwrap();
        engine.start(id).unwrap();
    }
    ship();
    let runs = engine.runs(id).unwrap();
    assert_eq!(runs.len(), 7);
    let counted = runs
        .iter()
        .flat_map(|run| run.variants.iter().map(|(key, count)| ((run.run, key.clone()), *count)));
    let counted = counted.filter(|(_, count)| *count != Count::default());
    assert_eq!(shipped, counted.collect());
}

#[test]
fn counts_loaded_from_a_document_are_not_in_the_deltas() {
    let (other, id) = running();
    for user in 0..10 {
        let _ = production(&other).evaluate("hero-banner", &format!("user-{user}"));
    }
    let engine = Engine::from_json(&other.to_json()).unwrap();
    let _ = production(&engine).evaluate("hero-banner", "anna");
    let new = banner("staging").id(experiment_id(2)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    assert!(engine.convert_variant(experiment_id(2), "treatment").is_counted());
    let mut all = Vec::new();
    let outcome = engine.with_deltas(|deltas| {
        all.extend(deltas.to_vec());
        Ok::<_, ()>(())
    });
    assert_eq!(outcome, Ok(()));
    // By id, each variant in its order, and only those to which something was added.
    let grown: Vec<_> =
        all.iter().map(|delta| (delta.experiment, delta.variant.as_str())).collect();
    let variant = production(&engine).peek("hero-banner", "anna").variant().unwrap().to_owned();
    assert_eq!(grown, [(id, variant.as_str()), (experiment_id(2), "treatment")]);
    let at = usize::from(variant == "treatment");
    assert_eq!(all[0].from.exposures, ever(&other.counts(id).unwrap())[at].0);
    assert_eq!((all[0].added().exposures, all[1].added().conversions), (1, 1));
}
