//! Layers: groups of experiments that share no user.

use axum::extract::State;
use axum::response::Response;
use fairsplit::targeting::NewLayer;

use crate::App;
use crate::answer::{created, data};
use crate::body::Body;
use crate::extract::{LayerPath, OnLayer, Reads, Writes};
use crate::failure::Failure;
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_targeting as schema;

/// All layers, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/layers",
    operation_id = "listLayers",
    responses((status = 200, description = "All of them.", body = inline(schema::Layers)), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_layers(_: Reads, State(app): State<App>) -> Response {
    data(app.engine.layers())
}

/// Creates a layer. Experiments get ranges of it by their targeting.
#[utoipa::path(
    post,
    path = "/api/v1/layers",
    operation_id = "createLayer",
    request_body = schema::NewLayer,
    responses((status = 201, description = "Created.", body = inline(schema::OneLayer)), Guarded, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_layer(
    asked: Writes,
    State(app): State<App>,
    Body(new): Body<NewLayer>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_layer(new)?))
}

/// One layer.
#[utoipa::path(
    get,
    path = "/api/v1/layers/{layer_id}",
    operation_id = "getLayer",
    params(LayerPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneLayer)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_layer(_: Reads, OnLayer(layer): OnLayer) -> Response {
    data(layer)
}

/// Changes the name of a layer, and its unit while no experiment has a part of it.
#[utoipa::path(
    put,
    path = "/api/v1/layers/{layer_id}",
    operation_id = "changeLayer",
    params(LayerPath),
    request_body = schema::NewLayer,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneLayer)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_layer(
    asked: Writes,
    OnLayer(layer): OnLayer,
    State(app): State<App>,
    Body(new): Body<NewLayer>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).change_layer(layer.id(), new)?))
}

/// Deletes a layer of which no experiment has a part.
#[utoipa::path(
    delete,
    path = "/api/v1/layers/{layer_id}",
    operation_id = "deleteLayer",
    params(LayerPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneLayer)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_layer(
    asked: Writes,
    OnLayer(layer): OnLayer,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_layer(layer.id())?))
}
