//! Evaluations and conversions, for callers outside of the process.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use axum::response::Response;
use fairsplit::fault::FaultKind;
use fairsplit::{EnvironmentName, Evaluation, ExperimentId, Outcome, Reason, Snapshot, User, View};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::App;
use crate::answer::data;
use crate::body::{Body, Field, FromText, fields};
use crate::extract::{FlagPath, OnFlag, Reads, Writes};
use crate::failure::{Failure, Faults};
use crate::schema::{Guarded, Named, WithBody};
use crate::schema_of_evaluations as schema;
use crate::schema_of_explanations::OneExplanation;

/// A user in an environment. The environment stays a name and is not bound, since any client can
/// make up any number of names.
pub(crate) struct Asked {
    pub(crate) environment: EnvironmentName,
    user_key: String,
    /// What is known of the user.
    context: Map<String, Value>,
}

impl Asked {
    pub(crate) fn user(&self) -> User<'_> {
        User::new(&self.user_key).with(&self.context)
    }
}

/// The fields that every body here has; others are faults.
#[derive(Deserialize)]
pub(crate) struct AskedFields {
    #[serde(default)]
    environment: Field<String>,
    #[serde(default)]
    user_key: Field<String>,
    #[serde(default)]
    context: Field<Option<Map<String, Value>>>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl AskedFields {
    pub(crate) fn check(self, faults: &mut Faults) -> Option<Asked> {
        let name = self.environment.required("environment", faults);
        let user_key = self.user_key.required("user_key", faults);
        let context = self.context.optional("context", faults).flatten().unwrap_or_default();
        for name in self.unknown.into_keys() {
            faults.add(name, FaultKind::UnknownField);
        }
        let environment = match EnvironmentName::new(&name?) {
            Ok(environment) => environment,
            Err(invalid) => {
                for fault in invalid.faults() {
                    faults.add("environment".to_owned(), fault.kind());
                }
                return None;
            }
        };
        Some(Asked { environment, user_key: user_key?, context })
    }
}

impl FromText for Asked {
    fn from_text(text: &str) -> Result<Asked, Failure> {
        let mut faults = Faults::default();
        let asked = fields::<AskedFields>(text)?.check(&mut faults);
        faults.or(asked)
    }
}

/// The body of an evaluation of one flag.
pub(crate) struct OfOne {
    asked: Asked,
    is_counting: bool,
}

#[derive(Deserialize)]
struct OfOneFields {
    #[serde(default)]
    count: Field<Option<bool>>,
    #[serde(flatten)]
    asked: AskedFields,
}

impl FromText for OfOne {
    fn from_text(text: &str) -> Result<OfOne, Failure> {
        let OfOneFields { count, asked } = fields(text)?;
        let mut faults = Faults::default();
        let is_counting = counts(count, &mut faults);
        let asked = asked.check(&mut faults);
        faults.or(asked.map(|asked| OfOne { asked, is_counting }))
    }
}

/// The body of an evaluation of all flags, or of those that are named.
pub(crate) struct OfMany {
    asked: Asked,
    is_counting: bool,
    flags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct OfManyFields {
    #[serde(default)]
    count: Field<Option<bool>>,
    #[serde(default)]
    flags: Field<Option<Vec<String>>>,
    #[serde(flatten)]
    asked: AskedFields,
}

impl FromText for OfMany {
    fn from_text(text: &str) -> Result<OfMany, Failure> {
        let OfManyFields { count, flags, asked } = fields(text)?;
        let mut faults = Faults::default();
        let is_counting = counts(count, &mut faults);
        let flags = flags.optional("flags", &mut faults).flatten();
        refuse_repeated(flags.as_deref().unwrap_or_default(), &mut faults);
        let asked = asked.check(&mut faults);
        faults.or(asked.map(|asked| OfMany { asked, is_counting, flags }))
    }
}

/// Whether an evaluation counts an exposure: the default is that it does.
fn counts(count: Field<Option<bool>>, faults: &mut Faults) -> bool {
    count.optional("count", faults).flatten().unwrap_or(true)
}

/// A repeated key would repeat its value, so a small request could cause a response of any size.
fn refuse_repeated(flags: &[String], faults: &mut Faults) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, key) in flags.iter().enumerate() {
        let earlier = *first.entry(key).or_insert(at);
        if earlier != at {
            let found = key.chars().take(64).collect();
            let other = format!("flags[{earlier}]");
            faults.add(format!("flags[{at}]"), FaultKind::Duplicate { found, other });
        }
    }
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

impl<'a> Evaluated<'a> {
    fn new(flag: &'a str, evaluation: &'a Evaluation<&'a Snapshot>) -> Evaluated<'a> {
        Evaluated {
            flag,
            value: evaluation.value(),
            reason: evaluation.reason(),
            variant: evaluation.variant(),
            experiment: evaluation.experiment(),
            counted: evaluation.is_counted(),
        }
    }
}

fn answer<'a>(
    view: &'a View<&Snapshot>,
    user: User<'_>,
    flag: &str,
    is_counting: bool,
) -> Evaluation<&'a Snapshot> {
    if is_counting { view.evaluate(flag, user) } else { view.peek(flag, user) }
}

/// What a user gets of all flags, or of those that are named, of one version of the configuration.
#[utoipa::path(
    post,
    path = "/api/v1/evaluate",
    operation_id = "evaluateAll",
    request_body = schema::EvaluateAll,
    responses((status = 200, description = "All of them, in order.", body = inline(schema::Evaluations)), Guarded, WithBody),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn evaluate_all(
    _: Reads,
    State(app): State<App>,
    Body(OfMany { asked, is_counting, flags }): Body<OfMany>,
) -> Response {
    let snapshot = app.engine.snapshot();
    let view = snapshot.in_environment(&asked.environment);
    let all = || view.flags().map(|flag| flag.key().to_owned()).collect();
    let flags: Vec<String> = flags.unwrap_or_else(all);
    let evaluations: Vec<Evaluation<&Snapshot>> =
        flags.iter().map(|flag| answer(&view, asked.user(), flag, is_counting)).collect();
    for evaluation in &evaluations {
        app.reasons.add(evaluation.reason());
    }
    let answers = flags.iter().zip(&evaluations);
    data(answers.map(|(flag, of)| Evaluated::new(flag, of)).collect::<Vec<_>>())
}

/// What a user gets of a flag. Counts an exposure if it is a running experiment's variant.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/evaluate",
    operation_id = "evaluate",
    params(FlagPath),
    request_body = schema::Evaluate,
    responses((status = 200, description = "The answer.", body = inline(schema::OneEvaluation)), Guarded, Named, WithBody),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn evaluate(
    _: Reads,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(OfOne { asked, is_counting }): Body<OfOne>,
) -> Response {
    let snapshot = app.engine.snapshot();
    let view = snapshot.in_environment(&asked.environment);
    let evaluation = answer(&view, asked.user(), flag.key(), is_counting);
    app.reasons.add(evaluation.reason());
    data(Evaluated::new(flag.key(), &evaluation))
}

/// What a conversion counted for.
#[derive(Serialize)]
struct Converted<'a> {
    flag: &'a str,
    counted: bool,
    outcome: Outcome,
    variant: Option<&'a str>,
    experiment: Option<ExperimentId>,
}

/// Counts a conversion for the variant that a user is assigned, and says whether it was counted.
/// Where users are counted, it counts only if the user has been exposed since the start.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/track",
    operation_id = "track",
    params(FlagPath),
    request_body = schema::Track,
    responses((status = 200, description = "Counted, or why not.", body = inline(schema::OneConversion)), Guarded, Named, WithBody),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn track(
    _: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(asked): Body<Asked>,
) -> Response {
    let snapshot = app.engine.snapshot();
    let view = snapshot.in_environment(&asked.environment);
    let conversion = view.convert(flag.key(), asked.user());
    data(Converted {
        flag: flag.key(),
        counted: conversion.is_counted(),
        outcome: conversion.outcome(),
        variant: conversion.variant(),
        experiment: conversion.experiment(),
    })
}

/// How the answer of a flag for a user comes about: what each rule, and each gate of the running
/// experiment, says of the user. Counts nothing.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/explain",
    operation_id = "explain",
    params(FlagPath),
    request_body = schema::Explain,
    responses((status = 200, description = "How it comes about.", body = inline(OneExplanation)), Guarded, Named, WithBody),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn explain(
    _: Reads,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(asked): Body<Asked>,
) -> Response {
    let snapshot = app.engine.snapshot();
    let view = snapshot.in_environment(&asked.environment);
    let mut explanation = view.explain(flag.key(), asked.user());
    // The engine does not keep the name of an environment that it does not know.
    explanation.environment = String::from(&asked.environment);
    data(explanation)
}
