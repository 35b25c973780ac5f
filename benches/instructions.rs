//! Instructions per call, counted by valgrind: the same on a noisy machine as on a quiet one.
//!
//! `cargo bench --bench instructions` counts and prints; with `-- --check` it also compares with
//! `benches/instructions.md`, and fails if a call needs more or less than is recorded there; with
//! `-- --record` it writes that file. Counts are of one compiler on one architecture: with others
//! than those recorded nothing is compared, and a line says so. Without valgrind all is skipped,
//! and a line says that.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench reports to its terminal")]

mod common;

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::{env, fs};

use arc_swap::{ArcSwap, Cache};
use common::chain::{Bare, Chain};
use common::targeted::{self, requests};
use common::{KEYS, engine, experiment_id, flag_key, production, uuid_keys};
use fairsplit::User;
use fairsplit::goals::{NewGoal, NewGoals};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is counted: the cases by name, each with the floor that it stands on, if any.
const CASES: &[(&str, &str)] = &[
    ("floor: XXH3", ""),
    ("floor: arc-swap load", ""),
    ("chain: cached load", ""),
    ("chain: arc-swap load", ""),
    ("chain: names, 1000 flags", ""),
    ("peek: handle on a reader", "chain: cached load"),
    ("peek: handle on a view", "chain: cached load"),
    ("peek: handle", "chain: arc-swap load"),
    ("peek: names, 1000 flags", "chain: names, 1000 flags"),
    ("peek: names on a view, 1000 flags", "chain: names, 1000 flags"),
    ("evaluate: handle on a reader", "peek: handle on a reader"),
    ("evaluate: handle", "peek: handle"),
    ("evaluate: names, 1000 flags", "peek: names, 1000 flags"),
    ("convert: handle on a reader", "evaluate: handle on a reader"),
    ("convert: handle", "evaluate: handle"),
    ("convert: names, 1000 flags", "evaluate: names, 1000 flags"),
    ("evaluate, known user: handle on a reader", "evaluate: handle on a reader"),
    ("evaluate, known user: handle", "evaluate: handle"),
    ("convert, known user: handle", "convert: handle"),
    ("evaluate, one condition and coverage: handle on a reader", "evaluate: handle on a reader"),
    ("evaluate, three conditions: handle on a reader", "evaluate: handle on a reader"),
    ("convert, three conditions: handle on a reader", "convert: handle on a reader"),
    ("record, one experiment: handle on a reader", "convert: handle on a reader"),
    ("record a value, one experiment: handle on a reader", "convert: handle on a reader"),
    ("str_or: handle on a reader", "peek: handle on a reader"),
    ("typed: handle on a reader", "str_or: handle on a reader"),
];

/// As many as there are keys and flags, so that each is asked for equally often.
const CALLS: usize = 5 * KEYS;

/// What valgrind counts, and nothing else.
#[inline(never)]
fn measured(calls: &mut dyn FnMut()) {
    calls();
}

/// Makes the calls of a case.
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn run(case: &str) {
    let keys = uuid_keys();
    let flags = if case.ends_with("1000 flags") { 1000 } else { 1 };
    let names: Vec<String> = (0..KEYS).map(|at| flag_key(at % flags)).collect();
    // One loop for each case, so that the call under test is inlined as in a service.
    macro_rules! each {
        (|$name:ident, $key:ident| $call:expr) => {
            measured(&mut || {
                for at in 0..CALLS {
                    let at = at % KEYS;
                    let ($name, $key) = black_box((names[at].as_str(), keys[at].as_str()));
                    black_box($call);
                }
            })
        };
    }
    // The same with attributes, of a flag with conditions.
    macro_rules! each_known {
        ($flag:literal, $call:ident, $answer:ident) => {
            let (engine, known) = (targeted::engine(), requests(KEYS, true));
            let place = production(&engine);
            let (handle, mut reader) = (place.flag($flag), place.reader());
            measured(&mut || {
                for at in 0..CALLS {
                    let at = at % KEYS;
                    let (request, key) = black_box((&known[at], keys[at].as_str()));
                    let user = User::new(key).with(request);
                    black_box(handle.$call(reader.snapshot(), user).$answer());
                }
            })
        };
    }
    let chain = || ArcSwap::from_pointee(Chain::new(flags));
    let engine = engine(flags);
    let production = production(&engine);
    let handle = production.flag(&names[0]);
    // A thread's first call sets it up.
    let _ = handle.evaluate("anna");
    if case.contains("known user") {
        engine.count_users(experiment_id(0), 1_000_000).unwrap();
        for key in &keys {
            assert!(handle.evaluate(key).is_counted() && handle.convert(key).is_counted());
        }
    }
    // A goal of the experiment.
    let goal_of = |new: NewGoal| {
        engine.create_goal(new).unwrap();
        engine.set_goals(experiment_id(0), NewGoals::new().secondary("purchase")).unwrap();
        production.goal("purchase")
    };
    match case {
        "nothing" => each!(|_name, key| key),
        "floor: XXH3" => {
            let seed = Bare::new(0).seed;
            each!(|_name, key| xxh3_64_with_seed(key.as_bytes(), black_box(seed)));
        }
        "floor: arc-swap load" => {
            let swap = chain();
            each!(|_name, _key| swap.load().flags.len());
        }
        "chain: cached load" => {
            let swap = chain();
            let mut cache = Cache::new(&swap);
            each!(|_name, key| cache.load().flags[black_box(0)].value(key));
        }
        "chain: arc-swap load" => {
            let swap = chain();
            each!(|_name, key| black_box(swap.load().flags[black_box(0)].value(key)).is_null());
        }
        "chain: names, 1000 flags" => {
            let swap = chain();
            each!(|name, key| {
                let chain = swap.load();
                black_box(chain.flags[chain.names[name]].value(key)).is_null()
            });
        }
        "peek: handle on a reader" => {
            let mut reader = production.reader();
            each!(|_name, key| handle.peek_on(reader.snapshot(), key).value());
        }
        "peek: handle on a view" => {
            let view = production.view();
            each!(|_name, key| handle.peek_on(&view, key).value());
        }
        "peek: handle" => each!(|_name, key| black_box(handle.peek(key).value()).is_some()),
        "peek: names, 1000 flags" => {
            each!(|name, key| black_box(production.peek(name, key).value()).is_some());
        }
        "peek: names on a view, 1000 flags" => {
            let view = production.view();
            each!(|name, key| view.peek(name, key).value());
        }
        "evaluate: handle on a reader" | "evaluate, known user: handle on a reader" => {
            let mut reader = production.reader();
            each!(|_name, key| handle.evaluate_on(reader.snapshot(), key).value());
        }
        "evaluate, one condition and coverage: handle on a reader" => {
            each_known!("condition and coverage", evaluate_on, value);
        }
        "evaluate, three conditions: handle on a reader" => {
            each_known!("conditions", evaluate_on, value);
        }
        "convert, three conditions: handle on a reader" => {
            each_known!("conditions", convert_on, outcome);
        }
        "evaluate: handle" | "evaluate, known user: handle" => {
            each!(|_name, key| black_box(handle.evaluate(key).value()).is_some());
        }
        "evaluate: names, 1000 flags" => {
            each!(|name, key| black_box(production.evaluate(name, key).value()).is_some());
        }
        "convert: handle on a reader" => {
            let mut reader = production.reader();
            each!(|_name, key| handle.convert_on(reader.snapshot(), key).outcome());
        }
        "convert: handle" | "convert, known user: handle" => {
            each!(|_name, key| handle.convert(key).outcome());
        }
        "convert: names, 1000 flags" => {
            each!(|name, key| production.convert(name, key).outcome());
        }
        "record, one experiment: handle on a reader" => {
            let (goal, mut reader) = (goal_of(NewGoal::event("purchase")), production.reader());
            assert!(goal.record_on(reader.snapshot(), "anna").is_counted());
            each!(|_name, key| goal.record_on(reader.snapshot(), key).counted());
        }
        "record a value, one experiment: handle on a reader" => {
            let goal = goal_of(NewGoal::value("purchase", "EUR"));
            let mut reader = production.reader();
            assert!(goal.record_value_on(reader.snapshot(), "anna", 49.90).is_counted());
            each!(|_name, key| {
                goal.record_value_on(reader.snapshot(), key, black_box(49.90)).counted()
            });
        }
        "str_or: handle on a reader" => {
            let mut reader = production.reader();
            each!(
                |_name, key| black_box(handle.peek_on(reader.snapshot(), key).str_or("none")).len()
            );
        }
        "typed: handle on a reader" => {
            let mut typed = handle.typed::<String>();
            each!(|_name, key| typed.peek(key).value().map_or(0, |text| black_box(text).len()));
        }
        other => panic!("no case {other:?}"),
    }
}

/// Instructions per call.
fn per_call(case: &str) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={}::measured*", module_path!()))
        .arg(env::current_exe().ok()?)
        .args(["--case", case])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = text.lines().find_map(|line| line.split_once("Collected :"))?.1;
    let count: u32 = count.trim().parse().ok()?;
    Some(f64::from(count) / f64::from(u32::try_from(CALLS).ok()?))
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.as_deref().map_or("unknown rustc", str::trim).to_owned();
    format!("{version}, {}", env::consts::ARCH)
}

fn recorded(table: &str, case: &str) -> Option<f64> {
    table.lines().find_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        (cells.next() == Some(case)).then(|| cells.next()?.parse().ok())?
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if let [option, case] = arguments.as_slice()
        && option == "--case"
    {
        run(case);
        return ExitCode::SUCCESS;
    }
    if has("--test") {
        for (case, _) in CASES {
            run(case);
        }
        return ExitCode::SUCCESS;
    }
    let Some(nothing) = per_call("nothing") else {
        println!("SKIPPED: instructions are counted by valgrind, which does not run here");
        return ExitCode::SUCCESS;
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.md");
    let before = fs::read_to_string(file).unwrap_or_default();
    let compiler = compiler();
    let is_same_compiler = before.contains(&compiler);
    let mut table = format!(
        "# Instructions per call\n\n\
         Counted by `cargo bench --bench instructions -- --record`, with user keys of 36 bytes;\n\
         {compiler}.\n\n| what | instructions | more than | by |\n|---|---:|---|---:|\n"
    );
    let mut counts: Vec<(&str, f64)> = Vec::new();
    let mut differ = Vec::new();
    for (case, floor) in CASES {
        let count = per_call(case).unwrap_or_default() - nothing;
        let below = counts.iter().find(|(name, _)| name == floor);
        let more = below.map_or(String::new(), |(_, below)| format!("{:.1}", count - below));
        let _ = writeln!(table, "| {case} | {count:.1} | {floor} | {more} |");
        let known = recorded(&before, case);
        if known.is_none_or(|known| (known - count).abs() > TOLERANCE.max(count * share(case))) {
            differ.push(format!("{case}: {count:.1}, recorded {known:?}"));
        }
        counts.push((case, count));
    }
    println!("{table}");
    if has("--record") {
        fs::write(file, table).unwrap();
        return ExitCode::SUCCESS;
    }
    if !has("--check") {
        return ExitCode::SUCCESS;
    }
    if !is_same_compiler {
        println!("NOT COMPARED: benches/instructions.md is not of {compiler}");
        return ExitCode::SUCCESS;
    }
    if differ.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("Not as in benches/instructions.md; if that is meant, record them anew:");
    eprintln!("{}", differ.join("\n"));
    ExitCode::FAILURE
}

/// Instructions; or one per cent, if that is more. The maps of names are hashed otherwise in every
/// run, so that a few more or less of a thousand names take a second look.
const TOLERANCE: f64 = 1.0;

/// How much of a count may differ. The table of users has another layout in every run, so that more
/// or fewer of a thousand users are in their first slot.
fn share(case: &str) -> f64 {
    if case.contains("known user") { 0.05 } else { 0.01 }
}
