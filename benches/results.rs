//! What results cost: of one experiment, of a thousand, and of counts as large as there are; beside
//! reading the counters. And of a million users that an engine keeps, with and without goals.

mod common;

use std::hint::black_box;

use common::{engine, experiment_id, flag_key, production, setup};
use fairsplit::Engine;
use fairsplit::fault::MAX_GOALS_OF_EXPERIMENT;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::results::{Analysis, ExactTest, Observations, Proportion, Unit, chance_to_beat};

/// An engine whose experiment has exposed a million users, of which each goal was reached by a
/// tenth: goals without values, or with.
fn a_million_users(goals: usize, have_values: bool) -> Engine {
    let engine = engine(1);
    let keys: Vec<String> = (0..goals).map(|goal| format!("goal {goal}")).collect();
    let mut all = NewGoals::new();
    for key in &keys {
        let goal = if have_values { NewGoal::value(key, "EUR") } else { NewGoal::event(key) };
        engine.create_goal(goal).unwrap();
        all = all.secondary(key.as_str());
    }
    engine.set_goals(experiment_id(0), all).unwrap();
    engine.count_users(experiment_id(0), 2_000_000).unwrap();
    let production = production(&engine);
    let flag = production.flag(&flag_key(0));
    let goals: Vec<_> = keys.iter().map(|key| production.goal(key)).collect();
    for number in 0..1_000_000_u32 {
        let user = format!("user-{number}");
        assert!(flag.evaluate(&user).is_counted());
        for goal in goals.iter().skip(number as usize % 10).step_by(10) {
            let cents = 100 + i64::from(number % 9_973);
            let recorded =
                if have_values { goal.record_units(&*user, cents) } else { goal.record(&*user) };
            assert!(recorded.is_counted());
        }
    }
    engine
}

fn main() {
    let (mut criterion, report) = setup();
    let engine = engine(1000);
    let ids: Vec<_> = (0..1000).map(experiment_id).collect();
    let analysis = Analysis::new();
    let observed = |exposed: u64, converted: u64| {
        Observations::new(Unit::Users)
            .name("experiment")
            .variant("control", 50, exposed, converted)
            .variant("treatment", 50, exposed, converted + converted / 10)
    };
    let mut group = criterion.benchmark_group("results");
    group.bench_function("floor: counts of 1000 experiments", |bencher| {
        bencher.iter(|| ids.iter().filter_map(|id| engine.counts(*id)).count());
    });
    group.bench_function("results: 1000 experiments of an engine, nothing counted", |bencher| {
        bencher.iter(|| ids.iter().filter_map(|id| engine.results(*id)).count());
    });
    let thousand: Vec<_> = (0..1000).map(|at| observed(1_000 + at * 997, 100 + at * 90)).collect();
    group.bench_function("results: 1000 experiments of up to a million users", |bencher| {
        bencher.iter(|| {
            let each = thousand.iter().map(|one| analysis.results_of(black_box(one)).unwrap());
            each.filter(|results| results.verdict.is_decided()).count()
        });
    });
    for (name, exposed) in
        [("a thousand", 1_000), ("a million", 1_000_000), ("10^18", 1_000_000_000_000_000_000)]
    {
        let observed = observed(exposed, exposed / 10);
        group.bench_function(format!("results: one experiment, {name} users"), |bencher| {
            bencher.iter(|| analysis.results_of(black_box(&observed)).unwrap());
        });
    }
    let of_engine = "results: a million users of an engine";
    let with_goals = "results: a million users of an engine, 16 goals";
    let with_values = "results: a million users of an engine, 100,000 sums";
    for (name, goals, have_values) in [
        (of_engine, 0, false),
        (with_goals, MAX_GOALS_OF_EXPERIMENT, false),
        (with_values, 1, true),
    ] {
        let (engine, id) = (a_million_users(goals, have_values), experiment_id(0));
        group.bench_function(name, |bencher| bencher.iter(|| engine.results(black_box(id))));
    }
    let [few, many] = [12, 14].map(|converted| Proportion::new(converted, 1000).unwrap());
    group.bench_function("chance to beat: a thousand users", |bencher| {
        bencher.iter(|| chance_to_beat(black_box(many), black_box(few)));
    });
    let test = ExactTest::new(50, 50).unwrap();
    group.bench_function("exact test: made", |bencher| {
        bencher.iter(|| ExactTest::new(black_box(50), black_box(50)));
    });
    group.bench_function("exact test: asked", |bencher| {
        bencher.iter(|| test.p_value(black_box(many), black_box(few)));
    });
    let results = analysis.results_of(&observed(1_000_000, 100_000)).unwrap();
    group.bench_function("table and plot", |bencher| {
        bencher.iter(|| results.to_string().len() + results.plot().to_string().len());
    });
    group.finish();
    report.print(
        "results",
        &[
            (
                "results: 1000 experiments of an engine, nothing counted",
                &["floor: counts of 1000 experiments"],
            ),
            (
                "results: 1000 experiments of up to a million users",
                &["floor: counts of 1000 experiments"],
            ),
            (
                "results: one experiment, 10^18 users",
                &["results: one experiment, a thousand users"],
            ),
            (with_goals, &[of_engine]),
            (with_values, &[of_engine]),
        ],
    );
    criterion.final_summary();
}
