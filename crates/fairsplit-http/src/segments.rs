//! Segments: conditions with a name, which rules and audiences share.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fairsplit::targeting::{NewSegment, Segment, SegmentChange};
use fairsplit::{ExperimentId, FlagId};
use serde::Serialize;

use crate::App;
use crate::answer::{created, data, json};
use crate::body::Body;
use crate::extract::{OnSegment, Reads, SegmentPath, Writes};
use crate::failure::Failure;
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_targeting as schema;

/// All segments, in the order of their ids.
#[utoipa::path(
    get,
    path = "/api/v1/segments",
    operation_id = "listSegments",
    responses((status = 200, description = "All of them.", body = inline(schema::Segments)), Guarded),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_segments(_: Reads, State(app): State<App>) -> Response {
    data(app.engine.segments())
}

/// Creates a segment.
#[utoipa::path(
    post,
    path = "/api/v1/segments",
    operation_id = "createSegment",
    request_body = schema::NewSegment,
    responses((status = 201, description = "Created.", body = inline(schema::OneSegment)), Guarded, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn create_segment(
    asked: Writes,
    State(app): State<App>,
    Body(new): Body<NewSegment>,
) -> Result<Response, Failure> {
    Ok(created(asked.engine(&app).create_segment(new)?))
}

/// One segment.
#[utoipa::path(
    get,
    path = "/api/v1/segments/{segment_id}",
    operation_id = "getSegment",
    params(SegmentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneSegment)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_segment(_: Reads, OnSegment(segment): OnSegment) -> Response {
    data(segment)
}

/// What a change of a segment reaches stands beside the segment, which can so be sent back as it
/// is.
#[derive(Serialize)]
struct Changed {
    data: Segment,
    reaches: Vec<Reached>,
}

#[derive(Serialize)]
struct Reached {
    experiment: ExperimentId,
    name: String,
    flag: FlagId,
    flag_key: String,
}

/// Changes a segment into another one, at once for all that names it. The answer names the running
/// experiments whose users can be others from now on.
#[utoipa::path(
    put,
    path = "/api/v1/segments/{segment_id}",
    operation_id = "changeSegment",
    params(SegmentPath),
    request_body = schema::NewSegment,
    responses((status = 200, description = "As it is now, and what it reaches.", body = inline(schema::ChangedSegment)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn change_segment(
    asked: Writes,
    OnSegment(segment): OnSegment,
    State(app): State<App>,
    Body(new): Body<NewSegment>,
) -> Result<Response, Failure> {
    let SegmentChange { segment, reaches, .. } =
        asked.engine(&app).change_segment(segment.id(), new)?;
    let snapshot = app.engine.snapshot();
    let reaches = reaches.into_iter().filter_map(|id| {
        let flag = snapshot.flag_of(id)?;
        let name = app.engine.experiment(id)?.name().to_owned();
        Some(Reached { experiment: id, name, flag: flag.id(), flag_key: flag.key().to_owned() })
    });
    let reaches = reaches.collect();
    Ok(json(StatusCode::OK, &Changed { data: segment, reaches }))
}

/// Deletes a segment that no rule and no audience names.
#[utoipa::path(
    delete,
    path = "/api/v1/segments/{segment_id}",
    operation_id = "deleteSegment",
    params(SegmentPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneSegment)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_segment(
    asked: Writes,
    OnSegment(segment): OnSegment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_segment(segment.id())?))
}
