//! What conditions say, for `.ci/conditions`, which asks another implementation the same. Reads
//! lines of `{"test": ..., "attributes": {...}}`, and prints `true`, `false`, `undecided` or
//! `fault` for each.

#[path = "../common/conditions.rs"]
mod conditions;

use std::io::{self, BufWriter, Write as _};

use conditions::Tree;
use fairsplit::targeting::Truth;
use serde_json::{Map, Value};

#[derive(serde::Deserialize)]
struct Case {
    test: Value,
    attributes: Map<String, Value>,
}

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        let answer = match Tree::new(&case.test).and_then(|tree| tree.ask(&case.attributes)) {
            Some(Truth::True) => "true",
            Some(Truth::False) => "false",
            Some(Truth::Undecided(_)) => "undecided",
            None => "fault",
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
