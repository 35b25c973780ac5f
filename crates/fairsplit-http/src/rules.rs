//! Rules of a flag: values for some users, without an experiment.

use axum::extract::State;
use axum::response::Response;
use fairsplit::targeting::NewRule;

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{FlagPath, OnFlag, OnRule, Reads, RulePath, Writes};
use crate::failure::Failure;
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_targeting as schema;

/// The rules of a flag, by environment and position.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/rules",
    operation_id = "listRules",
    params(FlagPath),
    responses((status = 200, description = "All of them.", body = inline(schema::Rules)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_rules(
    _: Reads,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(app.engine.rules(flag.id())?))
}

/// Creates a rule of a flag. It stands above a running experiment, whose users it takes out.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/rules",
    operation_id = "createRule",
    params(FlagPath),
    request_body = schema::NewRule,
    responses((status = 201, description = "Created.", body = inline(schema::OneRule)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_rule(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
    Body(new): Body<NewRule>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_rule(flag.id(), new)?))
}

/// One rule.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/rules/{rule_id}",
    operation_id = "getRule",
    params(RulePath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneRule)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_rule(_: Reads, OnRule(rule): OnRule) -> Response {
    data(rule)
}

/// Changes a rule into another one: all of it but the id, so that a percentage picks the users that
/// it picked.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{flag_id}/rules/{rule_id}",
    operation_id = "changeRule",
    params(RulePath),
    request_body = schema::NewRule,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneRule)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_rule(
    asked: Writes,
    OnRule(rule): OnRule,
    State(app): State<App>,
    Body(new): Body<NewRule>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).change_rule(rule.id(), new)?))
}

/// Deletes a rule. The others keep their positions.
#[utoipa::path(
    delete,
    path = "/api/v1/flags/{flag_id}/rules/{rule_id}",
    operation_id = "deleteRule",
    params(RulePath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneRule)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_rule(
    asked: Writes,
    OnRule(rule): OnRule,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_rule(rule.id())?))
}
