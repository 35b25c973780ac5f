//! The end of experiments and flags: shipping a variant, and deleting.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use fairsplit::fault::FaultKind;
use serde::Deserialize;
use serde_json::Value;

use crate::App;
use crate::answer::data;
use crate::body::{Body, Field, FromText, fields};
use crate::extract::{ExperimentPath, FlagPath, OnExperiment, OnFlag, Writes};
use crate::failure::{Failure, Faults};
use crate::schema::{self, Changes, Guarded, Named, WithBody};

/// The variant to ship.
pub(crate) struct Ship {
    variant: String,
}

#[derive(Deserialize)]
struct ShipFields {
    #[serde(default)]
    variant: Field<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl FromText for Ship {
    fn from_text(text: &str) -> Result<Ship, Failure> {
        let ShipFields { variant, unknown } = fields(text)?;
        let mut faults = Faults::default();
        let variant = variant.required("variant", &mut faults);
        for name in unknown.into_keys() {
            faults.add(name, FaultKind::UnknownField);
        }
        faults.or(variant.map(|variant| Ship { variant }))
    }
}

/// Ships a variant: its value becomes the default of the flag, and the experiment stops if it is
/// running.
#[utoipa::path(
    post,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/ship",
    operation_id = "shipVariant",
    params(ExperimentPath),
    request_body = schema::Ship,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneExperiment)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn ship_variant(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
    Body(Ship { variant }): Body<Ship>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).ship(id, &variant)?))
}

/// Deletes an experiment that is not running, with its counts.
#[utoipa::path(
    delete,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}",
    operation_id = "deleteExperiment",
    params(ExperimentPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneExperiment)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_experiment(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_experiment(id)?))
}

/// Deletes a flag on which no experiment is running, with its experiments.
#[utoipa::path(
    delete,
    path = "/api/v1/flags/{flag_id}",
    operation_id = "deleteFlag",
    params(FlagPath),
    responses((status = 200, description = "As it was.", body = inline(schema::OneFlag)), Guarded, Named, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn delete_flag(
    asked: Writes,
    OnFlag(flag): OnFlag,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(data(asked.engine(&app).delete_flag(flag.id())?))
}
