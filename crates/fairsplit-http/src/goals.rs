//! Goals of the engine, and those of an experiment, which stand beside it: its object has no field
//! for them.

use axum::extract::State;
use axum::response::Response;
use fairsplit::Experiment;
use fairsplit::goals::{Goals, NewGoal, NewGoals};

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{ExperimentPath, GoalPath, OnExperiment, OnGoal, Reads, Writes};
use crate::failure::{Failure, Faults};
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_goals as schema;

/// All goals, in the order of their keys.
#[utoipa::path(
    get,
    path = "/api/v1/goals",
    operation_id = "listGoals",
    responses((status = 200, description = "All of them.", body = inline(schema::GoalList)), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_goals(_: Reads, State(app): State<App>) -> Response {
    data(app.engine.goals())
}

/// Creates a goal. Experiments name it by its key.
#[utoipa::path(
    post,
    path = "/api/v1/goals",
    operation_id = "createGoal",
    request_body = schema::NewGoal,
    responses((status = 201, description = "Created.", body = inline(schema::OneGoal)), Guarded, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_goal(
    asked: Writes,
    State(app): State<App>,
    Body(new): Body<NewGoal>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_goal(new)?))
}

/// One goal.
#[utoipa::path(
    get,
    path = "/api/v1/goals/{goal_key}",
    operation_id = "getGoal",
    params(GoalPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneGoal)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_goal(_: Reads, OnGoal(goal): OnGoal) -> Response {
    data(goal)
}

/// Changes what a goal is, while no experiment that has been started counts it. The `key` of the
/// body is that of the path.
#[utoipa::path(
    put,
    path = "/api/v1/goals/{goal_key}",
    operation_id = "changeGoal",
    params(GoalPath),
    request_body = schema::NewGoal,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneGoal)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_goal(
    asked: Writes,
    OnGoal(goal): OnGoal,
    State(app): State<App>,
    Body(new): Body<NewGoal>,
) -> Result<Response, Failure> {
    if new.key() != goal.key() {
        let message = format!("must be {:?}, the goal of the path", goal.key());
        return Err(Faults::of("key", message).into());
    }
    Ok(data(asked.engine(&app).change_goal(new)?))
}

/// Deletes a goal that no experiment has, and none that has been started has had.
#[utoipa::path(
    delete,
    path = "/api/v1/goals/{goal_key}",
    operation_id = "deleteGoal",
    params(GoalPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneGoal)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_goal(
    asked: Writes,
    OnGoal(goal): OnGoal,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_goal(goal.key())?))
}

/// The goals of an experiment; of one that has none, no goals.
fn goals_of(experiment: &Experiment) -> Response {
    match experiment.goals() {
        Some(goals) => data(goals),
        None => data(Goals::default()),
    }
}

/// What an experiment is for. Without goals, that is its conversions alone, and the object is
/// empty.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/goals",
    operation_id = "getGoals",
    params(ExperimentPath),
    responses((status = 200, description = "As they are now.", body = inline(schema::GoalsOfOne)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_goals(
    _: Reads,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(goals_of(&app.engine.experiment(id).ok_or(Failure::NotFound)?))
}

/// Sets what an experiment is for, as a whole. Once it has been started, its primary goal stays,
/// and the cap, the direction and the margin of each; others can be added and left out.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/goals",
    operation_id = "setGoals",
    params(ExperimentPath),
    request_body = schema::Goals,
    responses((status = 200, description = "As they are now.", body = inline(schema::GoalsOfOne)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn set_goals(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
    Body(new): Body<NewGoals>,
) -> Result<Response, Failure> {
    Ok(goals_of(&asked.engine(&app).set_goals(id, new)?))
}
