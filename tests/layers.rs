//! A module imports only from those above it.

use std::fs;
use std::path::Path;

/// The modules from the ground up.
const ORDER: [&str; 86] = [
    "bucket",
    "allocation",
    "assignment", // numbers
    "fault",
    "rules",
    "json",
    "timestamp",
    "id",
    "environment",
    "status",
    "error",
    "variant",
    "flag", // words
    "experiment",
    "wire", // words
    "sync",
    "stripe",
    "counts",
    "drain",
    "users",
    "ledger",
    "cells",
    "tally",
    "storage",
    "registry", // counts
    "reason",
    "entry",
    "site",
    "index",
    "snapshot",
    "view",
    "evaluation",
    "conversion",
    "explanation", // reading
    "handle",
    "typed", // reading
    "clock",
    "document",
    "export",
    "report",
    "events", // doing
    "engine",
    "engine/writer",
    "engine/drain",
    "engine/users",
    "engine/control",
    "engine/select",
    "engine/load", // doing
    "store/error",
    "store/segment",
    "store/disk",
    "store/block",
    "store/counters",
    "store/background",
    "store/definitions",
    "store", // durable
    "watch",
    "results/special",
    "results/text",
    "results/confidence",
    "results/proportion",
    "results/difference",
    "results/adjustment",
    "results/sequential",
    "results/bayes",
    "results/binomial",
    "results/multinomial",
    "results/conversions_only",
    "results/planning",
    "results/observations",
    "results/spending",
    "results/exact",
    "results/minimum",
    "results/sample_ratio",
    "results/comparison",
    "results/verdict",
    "results/report",
    "results/table",
    "results/plot",
    "results/analysis",
    "results", // results
    "openfeature/value",
    "openfeature", // faces
    "testing/plan",
    "testing",
    "docs",
];

fn source(module: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
    fs::read_to_string(path.with_extension("rs")).unwrap()
}

#[test]
fn no_module_imports_from_below() {
    for (at, module) in ORDER.iter().enumerate() {
        let source = source(module);
        // Unit tests may use anything.
        let lines = source.lines().take_while(|line| *line != "mod tests {");
        for line in lines.filter(|line| !line.trim_start().starts_with("//")) {
            // A module of the engine reaches the engine and those beside it by `super::`.
            let line = match module.split_once('/') {
                Some((parent, _)) => line
                    .replace("super::{Engine, Writer}", "")
                    .replace("super::Engine", "")
                    .replace("pub(super)", "")
                    .replace("super::", &format!("crate::{parent}/")),
                None => line.to_owned(),
            };
            for path in line.split("crate::").skip(1) {
                let name: String = path
                    .chars()
                    .take_while(|c| c.is_ascii_lowercase() || "_/".contains(*c))
                    .collect();
                let above = ORDER.iter().take(at).any(|other| *other == name);
                assert!(above, "{module} imports from {name:?}, which is not above it: {line}");
            }
        }
    }
}

#[test]
fn the_order_names_every_module() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for prefix in ["", "engine/", "store/", "results/", "openfeature/", "testing/"] {
        for entry in fs::read_dir(src.join(prefix)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap()));
            }
        }
    }
    files.retain(|file| file != "lib" && !file.ends_with("/tests"));
    files.sort();
    let mut order = ORDER.map(str::to_owned).to_vec();
    order.sort();
    assert_eq!(files, order);
}
