//! Experiments: list, create, get, start, stop, and what was counted.

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use crate::count::counts::Count;
use crate::model::id::ExperimentId;
use crate::model::new_experiment::NewExperiment;
use crate::model::status::Status;
use crate::model::timestamp::Timestamp;

use super::auth::Scope;
use super::endpoint::{Answers, Call, Endpoint, Run, Verb, created, data, flag_ref};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 6] = [
    Endpoint {
        verb: Verb::Get,
        path: "/api/v1/flags/{flag_id}/experiments",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(list),
        name: "listExperiments",
        summary: "All experiments of a flag, in the order of their creation.",
        answers: Answers::Many("Experiment"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags/{flag_id}/experiments",
        scope: Some(Scope::FlagsWrite),
        run: Run::WithBody { schema: "NewExperiment", run: create },
        name: "createExperiment",
        summary: "Creates an experiment on a flag. The percentages of its variants must sum to 100.",
        answers: Answers::Created("Experiment"),
        can_conflict: true,
    },
    Endpoint {
        verb: Verb::Get,
        path: "/api/v1/flags/{flag_id}/experiments/{experiment_id}",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(get),
        name: "getExperiment",
        summary: "One experiment.",
        answers: Answers::One("Experiment"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags/{flag_id}/experiments/{experiment_id}/start",
        scope: Some(Scope::FlagsWrite),
        run: Run::Bare(start),
        name: "startExperiment",
        summary: "Starts a draft or a stopped experiment: traffic is split from now on. The counts go on.",
        answers: Answers::One("Experiment"),
        can_conflict: true,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags/{flag_id}/experiments/{experiment_id}/stop",
        scope: Some(Scope::FlagsWrite),
        run: Run::Bare(stop),
        name: "stopExperiment",
        summary: "Stops a running experiment: the flag answers its default from now on.",
        answers: Answers::One("Experiment"),
        can_conflict: true,
    },
    Endpoint {
        verb: Verb::Get,
        path: "/api/v1/flags/{flag_id}/experiments/{experiment_id}/results",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(results),
        name: "getResults",
        summary: "What an experiment has counted, by variant: since its last start, and ever.",
        answers: Answers::One("Results"),
        can_conflict: false,
    },
];

fn list(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.engine().experiments(flag_ref(call.flag()?))?)
}

fn create(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    let new = NewExperiment::from_json(body)?;
    created(call.engine().create_experiment(flag_ref(call.flag()?), new)?)
}

fn get(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.engine().experiment(call.experiment()?).ok_or(Failure::NotFound)?)
}

fn start(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.engine().start(call.experiment()?)?)
}

fn stop(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.engine().stop(call.experiment()?)?)
}

/// The counts of an experiment. What stands beside the key is since the last start, which is what a
/// running test is judged by; a restart with other traffic should not be mixed into it unasked.
#[derive(Serialize)]
struct Results<'a> {
    experiment: ExperimentId,
    status: Status,
    /// Events, never users: said where the numbers are.
    unit: &'static str,
    since: Option<Timestamp>,
    variants: Vec<VariantResults<'a>>,
}

#[derive(Serialize)]
struct VariantResults<'a> {
    key: &'a str,
    percentage: u8,
    exposures: u64,
    conversions: u64,
    ever: Count,
}

fn results(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    let id = call.experiment()?;
    let experiment = call.engine().experiment(id).ok_or(Failure::NotFound)?;
    let counts = call.engine().counts(id).ok_or(Failure::NotFound)?;
    let counted = experiment.variants().iter().zip(counts.variants());
    let variants = counted.map(|(variant, counts)| VariantResults {
        key: variant.key(),
        percentage: variant.percentage(),
        exposures: counts.since_start.exposures,
        conversions: counts.since_start.conversions,
        ever: counts.ever,
    });
    data(Results {
        experiment: id,
        status: experiment.status(),
        unit: "events",
        since: experiment.started_at(),
        variants: variants.collect(),
    })
}
