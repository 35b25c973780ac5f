//! Evaluations and conversions, for callers outside of the process.

use std::collections::HashMap;

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;
use serde_json::Value;

use crate::format::fields::{Fields, array, string};
use crate::format::node::Node;
use crate::model::environment::Environment;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::ExperimentId;
use crate::model::path::{Path, quote};
use crate::read::conversion::Outcome;
use crate::read::evaluation::Evaluation;
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;

use super::auth::Scope;
use super::body::{boolean, environment, fields};
use super::endpoint::{Answers, Call, Endpoint, Run, Verb, data, flag_ref};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 3] = [
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/evaluate",
        scope: Some(Scope::FlagsRead),
        run: Run::WithBody { schema: "EvaluateAll", run: evaluate_all },
        name: "evaluateAll",
        summary: "What a user gets of all flags, or of those that are named, of one version of the configuration.",
        answers: Answers::Many("Evaluation"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags/{flag_id}/evaluate",
        scope: Some(Scope::FlagsRead),
        run: Run::WithBody { schema: "Evaluate", run: evaluate },
        name: "evaluate",
        summary: "What a user gets of a flag. Counts an exposure if it is a running experiment's variant.",
        answers: Answers::One("Evaluation"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags/{flag_id}/track",
        scope: Some(Scope::FlagsWrite),
        run: Run::WithBody { schema: "Track", run: track },
        name: "track",
        summary: "Counts a conversion for the variant that a user is assigned, and says whether it was counted.",
        answers: Answers::One("Conversion"),
        can_conflict: false,
    },
];

/// Who asks, and where: what every body here begins with.
struct Asked {
    environment: Environment,
    user_key: String,
}

fn asked(fields: &mut Fields<'_, '_>, faults: &mut Faults) -> Option<Asked> {
    let environment = fields.required("environment", faults, environment);
    let user_key = fields.required("user_key", faults, string);
    Some(Asked { environment: environment?, user_key: user_key? })
}

/// Whether an evaluation counts: it does, unless the caller only looks.
fn counts(fields: &mut Fields<'_, '_>, faults: &mut Faults) -> bool {
    fields.optional("count", faults, boolean).unwrap_or(true)
}

/// What a flag answered, and why.
#[derive(Serialize)]
struct Evaluated<'a> {
    flag: &'a str,
    value: Option<&'a Value>,
    reason: Reason,
    variant: Option<&'a str>,
    experiment: Option<ExperimentId>,
    counted: bool,
}

fn answer<'a>(
    snapshot: &'a Snapshot,
    asked: &Asked,
    flag: &str,
    is_counting: bool,
) -> Evaluation<&'a Snapshot> {
    if is_counting {
        snapshot.evaluate(&asked.environment, flag, &asked.user_key)
    } else {
        snapshot.peek(&asked.environment, flag, &asked.user_key)
    }
}

fn told<'a>(flag: &'a str, evaluation: &'a Evaluation<&'a Snapshot>) -> Evaluated<'a> {
    Evaluated {
        flag,
        value: evaluation.value(),
        reason: evaluation.reason(),
        variant: evaluation.variant(),
        experiment: evaluation.experiment(),
        counted: evaluation.is_counted(),
    }
}

fn evaluate_all(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    let (asked, flags, is_counting) = fields(body, |fields, faults| {
        let asked = asked(fields, faults);
        let flags = fields.optional("flags", faults, keys);
        let is_counting = counts(fields, faults);
        Some((asked?, flags, is_counting))
    })?;
    let view = call.engine().view();
    let all = || view.flags().map(|flag| flag.key().to_owned()).collect();
    let flags: Vec<String> = flags.unwrap_or_else(all);
    let evaluations: Vec<Evaluation<&Snapshot>> =
        flags.iter().map(|flag| answer(&view, &asked, flag, is_counting)).collect();
    let answers = flags.iter().zip(&evaluations).map(|(flag, evaluation)| told(flag, evaluation));
    data(answers.collect::<Vec<_>>())
}

/// Keys of flags, each once: a key that is repeated would have its value repeated, and a small
/// request could ask for an answer of any size.
fn keys(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let items = array(node, path, faults)?;
    let read = items.into_iter().enumerate();
    let keys: Vec<Option<String>> =
        read.map(|(at, node)| string(node, &path.item(at), faults)).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, key) in keys.iter().enumerate() {
        let Some(key) = key else { continue };
        let earlier = *first.entry(key).or_insert(at);
        if earlier != at {
            let other = path.item(earlier).to_string();
            faults.add(&path.item(at), FaultKind::Duplicate { found: quote(key), other });
        }
    }
    keys.into_iter().collect()
}

fn evaluate(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    let (asked, is_counting) = fields(body, |fields, faults| {
        let asked = asked(fields, faults);
        let is_counting = counts(fields, faults);
        Some((asked?, is_counting))
    })?;
    let view = call.engine().view();
    let entry = view.find(flag_ref(call.flag()?)).ok_or(Failure::NotFound)?;
    let flag = entry.flag.key();
    data(told(flag, &answer(&view, &asked, flag, is_counting)))
}

/// What became of a conversion.
#[derive(Serialize)]
struct Converted<'a> {
    flag: &'a str,
    counted: bool,
    outcome: Outcome,
    variant: Option<&'a str>,
    experiment: Option<ExperimentId>,
}

fn track(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    let asked = fields(body, asked)?;
    let view = call.engine().view();
    let entry = view.find(flag_ref(call.flag()?)).ok_or(Failure::NotFound)?;
    let flag = entry.flag.key();
    let conversion = view.convert(&asked.environment, flag, &asked.user_key);
    data(Converted {
        flag,
        counted: conversion.is_counted(),
        outcome: conversion.outcome(),
        variant: conversion.variant(),
        experiment: conversion.experiment(),
    })
}
