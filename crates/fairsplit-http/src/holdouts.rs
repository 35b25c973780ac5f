//! Holdouts: users who are in no experiment, so that all of them together can be measured.

use axum::extract::State;
use axum::response::Response;
use fairsplit::targeting::NewHoldout;

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{HoldoutPath, OnHoldout, Reads, Writes};
use crate::failure::Failure;
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_targeting as schema;

/// All holdouts, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/holdouts",
    operation_id = "listHoldouts",
    responses((status = 200, description = "All of them.", body = inline(schema::Holdouts)), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_holdouts(_: Reads, State(app): State<App>) -> Response {
    data(app.engine.holdouts())
}

/// Creates a holdout. It binds the experiments that are first started from now on.
#[utoipa::path(
    post,
    path = "/api/v1/holdouts",
    operation_id = "createHoldout",
    request_body = schema::NewHoldout,
    responses((status = 201, description = "Created.", body = inline(schema::OneHoldout)), Guarded, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_holdout(
    asked: Writes,
    State(app): State<App>,
    Body(new): Body<NewHoldout>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_holdout(new)?))
}

/// One holdout.
#[utoipa::path(
    get,
    path = "/api/v1/holdouts/{holdout_id}",
    operation_id = "getHoldout",
    params(HoldoutPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneHoldout)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_holdout(_: Reads, OnHoldout(holdout): OnHoldout) -> Response {
    data(holdout)
}

/// Changes a holdout: its name, and until it binds an experiment its percentage and its unit.
#[utoipa::path(
    put,
    path = "/api/v1/holdouts/{holdout_id}",
    operation_id = "changeHoldout",
    params(HoldoutPath),
    request_body = schema::NewHoldout,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneHoldout)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_holdout(
    asked: Writes,
    OnHoldout(holdout): OnHoldout,
    State(app): State<App>,
    Body(new): Body<NewHoldout>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).change_holdout(holdout.id(), new)?))
}

/// Deletes a holdout that binds no experiment, but archived ones. Those cannot be taken out of the
/// archive any more.
#[utoipa::path(
    delete,
    path = "/api/v1/holdouts/{holdout_id}",
    operation_id = "deleteHoldout",
    params(HoldoutPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneHoldout)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_holdout(
    asked: Writes,
    OnHoldout(holdout): OnHoldout,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_holdout(holdout.id())?))
}
