//! Targeting: a flag with rules or gates beside one without, each kind by itself; every form in
//! which attributes are given; and lists of many lengths.

mod common;

use std::hint::black_box;

use common::targeted::{LISTS, Request, engine, requests};
use common::{positions, setup, uuid_keys};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fairsplit::targeting::Attributes;
use fairsplit::{Engine, FlagHandle, User};

struct Bench<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    engine: Engine,
    keys: Vec<String>,
}

impl Bench<'_> {
    fn handle(&self, flag: &str) -> FlagHandle {
        self.engine.environment("production").unwrap().flag(flag)
    }

    /// A flag that is evaluated by a handle on a reader, with attributes in this form.
    fn evaluate<A: Attributes>(&mut self, name: &str, flag: &str, known: &[A]) {
        let handle = self.handle(flag);
        let mut reader = self.engine.environment("production").unwrap().reader();
        let (keys, mut next) = (&self.keys, positions());
        self.group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let at = next();
                let user = User::new(&keys[at]).with(&known[at]);
                black_box(handle.evaluate_on(reader.snapshot(), user).value());
            });
        });
    }

    fn convert(&mut self, name: &str, flag: &str, known: &[Request]) {
        let handle = self.handle(flag);
        let mut reader = self.engine.environment("production").unwrap().reader();
        let (keys, mut next) = (&self.keys, positions());
        for (key, known) in keys.iter().zip(known) {
            assert!(handle.evaluate(User::new(key).with(known)).is_counted());
        }
        self.group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let at = next();
                let user = User::new(&keys[at]).with(&known[at]);
                black_box(handle.convert_on(reader.snapshot(), user).outcome());
            });
        });
    }
}

fn main() {
    let (mut criterion, report) = setup();
    measure(&mut criterion);
    report.print(
        "targeting",
        &[
            ("coverage", &["everybody"]),
            ("condition", &["everybody"]),
            ("condition and coverage", &["everybody"]),
            ("condition and coverage: pairs", &["everybody"]),
            ("condition and coverage: HashMap", &["everybody"]),
            ("condition and coverage: JSON", &["everybody"]),
            ("conditions", &["everybody"]),
            ("conditions: pairs", &["everybody"]),
            ("conditions: pairs made in the call", &["everybody"]),
            ("conditions: HashMap", &["everybody"]),
            ("conditions: JSON", &["everybody"]),
            ("segment", &["condition"]),
            ("rule, not met", &["everybody"]),
            ("rule, met", &["everybody"]),
            ("layer and holdout", &["everybody"]),
            ("version", &["everybody"]),
            ("time", &["everybody"]),
            ("time, a text", &["everybody"]),
            ("pattern", &["everybody"]),
            ("bucket_by", &["everybody"]),
            ("list of 1, one of it", &["everybody"]),
            ("list of 4, one of it", &["list of 1, one of it"]),
            ("list of 16, one of it", &["list of 1, one of it"]),
            ("list of 100, one of it", &["list of 1, one of it"]),
            ("list of 1000, one of it", &["list of 100, one of it"]),
            ("list of 100000, one of it", &["list of 100, one of it"]),
            ("list of 4, none of it", &["list of 1, none of it"]),
            ("list of 16, none of it", &["list of 1, none of it"]),
            ("list of 100, none of it", &["list of 1, none of it"]),
            ("list of 1000, none of it", &["list of 100, none of it"]),
            ("list of 100000, none of it", &["list of 100, none of it"]),
            ("convert: everybody", &["everybody"]),
            ("convert: condition", &["condition"]),
            ("convert: condition, users", &["convert: everybody, users"]),
        ],
    );
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion) {
    let group = criterion.benchmark_group("targeting");
    let mut bench = Bench { group, engine: engine(), keys: uuid_keys() };
    let known = requests(1000, true);

    bench.evaluate("everybody", "everybody", &known);
    for flag in [
        "coverage",
        "condition",
        "condition and coverage",
        "conditions",
        "segment",
        "rule, not met",
        "rule, met",
        "layer and holdout",
        "version",
        "time",
        "time, a text",
        "bucket_by",
        #[cfg(feature = "regex")]
        "pattern",
    ] {
        bench.evaluate(flag, flag, &known);
    }
    forms(&mut bench, &known);
    for length in [1].into_iter().chain(LISTS) {
        let flag = format!("list of {length}");
        bench.evaluate(&format!("{flag}, one of it"), &flag, &requests(length, true));
        bench.evaluate(&format!("{flag}, none of it"), &flag, &requests(length, false));
    }
    bench.convert("convert: everybody", "everybody", &known);
    bench.convert("convert: condition", "condition", &known);
    let id = bench.handle("condition").peek(User::new("anna").with(&known[0])).experiment();
    bench.engine.count_users(id.unwrap(), 1_000_000).unwrap();
    bench.convert("convert: condition, users", "condition", &known);
    let id = bench.handle("everybody").peek("anna").experiment();
    bench.engine.count_users(id.unwrap(), 1_000_000).unwrap();
    bench.convert("convert: everybody, users", "everybody", &known);
    bench.group.finish();
}

/// The same flags, with the same attributes in every form; a caller's own type is above.
fn forms(bench: &mut Bench<'_>, known: &[Request]) {
    let pairs: Vec<_> = known.iter().map(Request::pairs).collect();
    let maps: Vec<_> = known.iter().map(Request::map).collect();
    let objects: Vec<_> = known.iter().map(Request::json).collect();
    for flag in ["condition and coverage", "conditions"] {
        bench.evaluate(&format!("{flag}: pairs"), flag, &pairs);
        bench.evaluate(&format!("{flag}: HashMap"), flag, &maps);
        bench.evaluate(&format!("{flag}: JSON"), flag, &objects);
    }
    let handle = bench.handle("conditions");
    let mut reader = bench.engine.environment("production").unwrap().reader();
    let (keys, mut next) = (&bench.keys, positions());
    bench.group.bench_function("conditions: pairs made in the call", |bencher| {
        bencher.iter(|| {
            let at = next();
            let pairs = known[at].pairs();
            let user = User::new(&keys[at]).with(&pairs);
            black_box(handle.evaluate_on(reader.snapshot(), user).value());
        });
    });
}
