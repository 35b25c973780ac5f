//! Experiments: list, create, get, start, stop, and their results.

use axum::extract::State;
use axum::response::Response;
use fairsplit::counts::GoalCounts;
use fairsplit::results::Results;
use fairsplit::{Count, ExperimentChange, ExperimentId, NewExperiment, Status, Timestamp};
use serde::Serialize;

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{ExperimentPath, FlagPath, OnExperiment, OnFlag, Reads, Writes};
use crate::failure::Failure;
use crate::schema::{self, Changes, Guarded, Named, WithBody};

/// All experiments of a flag, in the order of their creation.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/experiments",
    operation_id = "listExperiments",
    params(FlagPath),
    responses((status = 200, description = "All of them.", body = inline(schema::Experiments)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_experiments(
    _: Reads,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(app.engine.experiments(flag.id())?))
}

/// Creates an experiment on a flag. The percentages of its variants must sum to 100.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments",
    operation_id = "createExperiment",
    params(FlagPath),
    request_body = schema::NewExperiment,
    responses((status = 201, description = "Created.", body = inline(schema::OneExperiment)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_experiment(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(new): Body<NewExperiment>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_experiment(flag.id(), new)?))
}

/// One experiment.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}",
    operation_id = "getExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_experiment(
    _: Reads,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(app.engine.experiment(id).ok_or(Failure::NotFound)?))
}

/// Changes an experiment: its name, description, owner, tags, and whether its users are counted.
/// What is absent stays.
#[utoipa::path(
    patch,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}",
    operation_id = "changeExperiment",
    params(ExperimentPath),
    request_body = schema::ExperimentChange,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
    Body(change): Body<ExperimentChange>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).change_experiment(id, change)?))
}

/// Starts a draft or a stopped experiment: traffic is split from now on. The counts go on.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/start",
    operation_id = "startExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn start_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).start(id)?))
}

/// Stops a running experiment: the flag answers its default from now on.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/stop",
    operation_id = "stopExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn stop_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).stop(id)?))
}

/// An experiment's numbers: as counted, and what they show.
#[derive(Serialize)]
struct ExperimentResults<'a> {
    experiment: ExperimentId,
    status: Status,
    counts: EventCounts<'a>,
    /// Absent for an experiment without goals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<GoalCounts>,
    results: Results,
}

/// The numbers beside a variant's key are since the last start, as the results are, so that runs
/// with different traffic are not mixed.
#[derive(Serialize)]
struct EventCounts<'a> {
    /// Always "events": stated beside the numbers, since they are not users.
    unit: &'static str,
    run: u32,
    since: Option<Timestamp>,
    variants: Vec<VariantCounts<'a>>,
}

#[derive(Serialize)]
struct VariantCounts<'a> {
    key: &'a str,
    percentage: u8,
    exposures: u64,
    conversions: u64,
    ever: Count,
}

/// What an experiment has counted and what it shows so far: rates, intervals, tests and a verdict.
///
/// The counts are events since the last start, and ever. The results are of users where the engine
/// counts them, else of those events.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/results",
    operation_id = "getResults",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneResults)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_results(
    _: Reads,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    let experiment = app.engine.experiment(id).ok_or(Failure::NotFound)?;
    let counts = app.engine.counts(id).ok_or(Failure::NotFound)?;
    let results = app.engine.results(id).ok_or(Failure::NotFound)?;
    let counted = experiment.variants().iter().zip(counts.variants());
    let variants = counted.map(|(variant, counts)| VariantCounts {
        key: variant.key(),
        percentage: variant.percentage(),
        exposures: counts.since_start.exposures,
        conversions: counts.since_start.conversions,
        ever: counts.ever,
    });
    let variants = variants.collect();
    Ok(data(ExperimentResults {
        experiment: id,
        status: experiment.status(),
        counts: EventCounts {
            unit: "events",
            run: counts.run(),
            since: experiment.started_at(),
            variants,
        },
        goals: app.engine.goal_counts(id).unwrap_or_default(),
        results,
    }))
}
