//! Who is in an experiment. It stands beside the experiment, whose object has no field for it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use fairsplit::Experiment;
use fairsplit::fault::FaultKind;
use fairsplit::targeting::{NewTargeting, Targeting};
use serde::Deserialize;
use serde_json::Value;

use crate::App;
use crate::answer::data;
use crate::body::{Body, Field, FromText, fields};
use crate::extract::{ExperimentPath, OnExperiment, Reads, Writes};
use crate::failure::{Failure, Faults};
use crate::schema::{Changes, Guarded, Named, WithBody};
use crate::schema_of_targeting as schema;

/// The targeting of an experiment; of one that has none, that of everybody.
fn targeting_of(experiment: &Experiment) -> Response {
    match experiment.targeting() {
        Some(targeting) => data(targeting),
        None => data(Targeting::default()),
    }
}

/// Who is in an experiment. Without targeting, everybody is, and the object is empty.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/targeting",
    operation_id = "getTargeting",
    params(ExperimentPath),
    responses((status = 200, description = "As it is now.", body = inline(schema::OneTargeting)), Guarded, Named),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn get_targeting(
    _: Reads,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
) -> Result<Response, Failure> {
    Ok(targeting_of(&app.engine.experiment(id).ok_or(Failure::NotFound)?))
}

/// Sets who is in an experiment, as a whole. Once it has been started, its coverage can grow, and
/// everything else stays.
#[utoipa::path(
    put,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/targeting",
    operation_id = "setTargeting",
    params(ExperimentPath),
    request_body = schema::Targeting,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneTargeting)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn set_targeting(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
    Body(new): Body<NewTargeting>,
) -> Result<Response, Failure> {
    Ok(targeting_of(&asked.engine(&app).set_targeting(id, new)?))
}

/// The coverage to raise to, in per cent.
pub(crate) struct Coverage(f64);

#[derive(Deserialize)]
struct CoverageFields {
    #[serde(default)]
    coverage: Field<f64>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl FromText for Coverage {
    fn from_text(text: &str) -> Result<Coverage, Failure> {
        let CoverageFields { coverage, unknown } = fields(text)?;
        let mut faults = Faults::default();
        let coverage = coverage.required("coverage", &mut faults);
        for name in unknown.into_keys() {
            faults.add(name, FaultKind::UnknownField);
        }
        faults.or(coverage.map(Coverage))
    }
}

/// Raises the coverage of an experiment: those who are covered stay so, in the variant that they
/// had.
#[utoipa::path(
    patch,
    path = "/api/v1/flags/{flag_id}/experiments/{experiment_id}/targeting",
    operation_id = "raiseCoverage",
    params(ExperimentPath),
    request_body = schema::Coverage,
    responses((status = 200, description = "As it is now.", body = inline(schema::OneTargeting)), Guarded, Named, WithBody, Changes),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn raise_coverage(
    asked: Writes,
    OnExperiment(id): OnExperiment,
    State(app): State<App>,
    Body(Coverage(percent)): Body<Coverage>,
) -> Result<Response, Failure> {
    Ok(targeting_of(&asked.engine(&app).raise_coverage(id, percent)?))
}
