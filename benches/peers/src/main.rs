//! Compares fairsplit with what else a Rust service can link to split its users.
//!
//! `cargo run --release` prints a table for each task; `-- --quick` takes one short look, to see
//! that it works.

mod allocations;
mod measure;
mod peer;
mod peers;

use std::process::ExitCode;
use std::time::Duration;

use measure::{Effort, Field, Row};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--quick"] => true,
        _ => {
            eprintln!("usage: peers [--quick]");
            return ExitCode::from(2);
        }
    };
    let effort = if is_quick {
        Effort { rounds: 1, slice: Duration::from_millis(1) }
    } else {
        Effort { rounds: 21, slice: Duration::from_millis(10) }
    };
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    println!("{today}; {}; {}", machine(), env!("RUSTC_VERSION"));
    let mut split = Field::new(false);
    peers::enter_split(&mut split);
    let mut rule = Field::new(true);
    peers::enter_rule(&mut rule);
    let failed: Vec<&str> = split.failed().chain(rule.failed()).collect();
    if !failed.is_empty() {
        eprintln!("These cannot be compared:\n{}", failed.join("\n"));
        return ExitCode::FAILURE;
    }
    for (task, mut field) in
        [("A split", split), ("One rule of two conditions, then a split", rule)]
    {
        println!("\n## {task}\n");
        print(&field.measure(effort), &field);
    }
    ExitCode::SUCCESS
}

fn print(rows: &[Row], field: &Field) {
    let Some(first) = rows.first() else { return };
    println!("1.0 is {}.\n", first.nanoseconds());
    println!("{}", Row::HEAD);
    for row in rows {
        println!("{}", row.cells(version(row.package), first));
    }
    println!();
    for row in rows.iter().filter(|row| !row.note.is_empty()) {
        println!("* {}, `{}`: {}", row.package, row.call, row.note);
    }
    for (package, why) in field.left_out() {
        println!("* Not compared: {package}, which {why}");
    }
}

/// The version of a package, as it is locked here.
fn version(package: &str) -> &'static str {
    let mut lines = include_str!("../Cargo.lock").lines();
    let quoted = |line: &'static str, field: &str| {
        line.strip_prefix(field)?.strip_prefix(" = \"")?.strip_suffix('"')
    };
    while let Some(line) = lines.next() {
        if quoted(line, "name") == Some(package) {
            return lines.next().and_then(|line| quoted(line, "version")).unwrap_or_default();
        }
    }
    ""
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |text| text.trim_start_matches([' ', '\t', ':']));
    format!("{cores} cores, {model}")
}
