//! Goals: recording one for several experiments, beside as many conversions.

mod common;

use std::hint::black_box;

use common::{engine, experiment_id, flag_key, positions, production, setup, uuid_keys};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, FlagHandle, GoalHandle};

/// An engine whose experiments all have an event goal and a value goal.
fn with_goals(experiments: usize, users: u32) -> Engine {
    let engine = engine(experiments);
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    for number in 0..experiments {
        let goals = NewGoals::new().secondary("signup").secondary("purchase");
        engine.set_goals(experiment_id(number), goals).unwrap();
        if users > 0 {
            let change = fairsplit::ExperimentChange::new().count_users(users);
            engine.change_experiment(experiment_id(number), change).unwrap();
        }
    }
    engine
}

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let mut group = criterion.benchmark_group("goals");
    let mut ratios: Vec<(String, String)> = Vec::new();
    for experiments in [1, 2, 4, 8] {
        let engine = with_goals(experiments, 0);
        let production = production(&engine);
        let flags: Vec<FlagHandle> =
            (0..experiments).map(|number| production.flag(&flag_key(number))).collect();
        let mut reader = production.reader();
        let mut next = positions();
        let convert = format!("convert: {experiments}");
        group.bench_function(&convert, |bencher| {
            bencher.iter(|| {
                let (snapshot, key) = (reader.snapshot(), &keys[next()]);
                flags.iter().filter(|flag| flag.convert_on(snapshot, key).is_counted()).count()
            });
        });
        for (name, value) in [("signup", None), ("purchase", Some(49.90))] {
            let goal = production.goal(name);
            let what = if value.is_some() { "record a value" } else { "record" };
            let name = format!("{what}: {experiments}");
            record(&mut group, &name, &goal, value, &engine, &keys);
            ratios.push((name, convert.clone()));
        }
    }
    let engine = with_goals(1, 100_000);
    let production = production(&engine);
    let flag = production.flag(&flag_key(0));
    for key in &keys {
        assert!(flag.evaluate(key).is_counted());
    }
    let mut reader = production.reader();
    let mut next = positions();
    group.bench_function("convert: a known user", |bencher| {
        bencher.iter(|| flag.convert_on(reader.snapshot(), &keys[next()]).is_counted());
    });
    for (name, goal, value) in [
        ("record: a known user", "signup", None),
        ("record a value: a known user", "purchase", Some(49.90)),
    ] {
        record(&mut group, name, &production.goal(goal), value, &engine, &keys);
        ratios.push((name.to_owned(), "convert: a known user".to_owned()));
    }
    let goal = production.goal("no such goal");
    record(&mut group, "record: no such goal", &goal, None, &engine, &keys);
    group.finish();
    let ratios: Vec<(&str, [&str; 1])> =
        ratios.iter().map(|(of, to)| (of.as_str(), [to.as_str()])).collect();
    let ratios: Vec<(&str, &[&str])> = ratios.iter().map(|(of, to)| (*of, &to[..])).collect();
    report.print("goals", &ratios);
    criterion.final_summary();
}

fn record(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    goal: &GoalHandle,
    value: Option<f64>,
    engine: &Engine,
    keys: &[String],
) {
    let mut reader = production(engine).reader();
    let mut next = positions();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (snapshot, key) = (reader.snapshot(), &keys[next()]);
            match black_box(value) {
                Some(value) => goal.record_value_on(snapshot, key, value).counted(),
                None => goal.record_on(snapshot, key).counted(),
            }
        });
    });
}
