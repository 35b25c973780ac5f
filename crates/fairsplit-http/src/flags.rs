//! Flags: list, create, get, change.

use axum::extract::State;
use axum::response::Response;
use fairsplit::{FlagChange, NewFlag};

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{FlagPath, OnFlag, Reads, Writes};
use crate::failure::Failure;
use crate::schema::{self, Changes, Guarded, Named, WithBody};

/// All flags, in the order of their creation.
#[utoipa::path(
    get,
    path = "/api/v1/flags",
    operation_id = "listFlags",
    responses((status = 200, description = "All of them.", body = inline(schema::Flags)), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_flags(_: Reads, State(app): State<App>) -> Response {
    data(app.engine.flags())
}

/// Creates a flag.
#[utoipa::path(
    post,
    path = "/api/v1/flags",
    operation_id = "createFlag",
    request_body = schema::NewFlag,
    responses((status = 201, description = "Created.", body = inline(schema::OneFlag)), Guarded, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_flag(
    asked: Writes,
    State(app): State<App>,
    Body(new): Body<NewFlag>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_flag(new)?))
}

/// One flag.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}",
    operation_id = "getFlag",
    params(FlagPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneFlag)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_flag(_: Reads, OnFlag(flag): OnFlag) -> Response {
    data(flag)
}

/// Changes a flag: its name, default value, description, owner and tags. What is absent stays.
#[utoipa::path(
    patch,
    path = "/api/v1/flags/{flag_id}",
    operation_id = "changeFlag",
    params(FlagPath),
    request_body = schema::FlagChange,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneFlag)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_flag(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(change): Body<FlagChange>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).change_flag(flag.id(), change)?))
}
