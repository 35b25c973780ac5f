//! Archiving flags and experiments, and taking them out of the archive.

use axum::extract::State;
use axum::response::Response;

use crate::App;
use crate::answer::data;
use crate::extract::{ExperimentPath, FlagPath, OnExperiment, OnFlag, Writes};
use crate::failure::Failure;
use crate::schema::{self, Changes, Fits, Guarded, Named};

/// Archives a flag on which no experiment is running: it answers its default from now on.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/archive",
    operation_id = "archiveFlag",
    params(FlagPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneFlag)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn archive_flag(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).archive_flag(flag.id())?))
}

/// Takes a flag out of the archive: it answers as before. Refused if a holdout that binds one of
/// its experiments has been deleted.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/unarchive",
    operation_id = "unarchiveFlag",
    params(FlagPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneFlag)), Guarded, Named, Changes, Fits),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn unarchive_flag(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).unarchive_flag(flag.id())?))
}

/// Archives an experiment that is not running: it cannot be started from now on.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/archive",
    operation_id = "archiveExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn archive_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).archive_experiment(id)?))
}

/// Takes an experiment out of the archive, with the status that it had. Refused if a holdout that
/// binds it has been deleted.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/unarchive",
    operation_id = "unarchiveExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, Changes, Fits),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn unarchive_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).unarchive_experiment(id)?))
}
