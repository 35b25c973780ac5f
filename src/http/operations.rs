//! What those who run the server ask it: whether it lives, and what it has counted.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{Response, StatusCode};

use crate::status::Status;

use super::answer::response;
use super::auth::Scope;
use super::endpoint::{Answers, Call, Endpoint, Run, Verb};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 2] = [
    Endpoint {
        verb: Verb::Get,
        path: "/healthz",
        scope: None,
        run: Run::Bare(health),
        name: "health",
        summary: "Answers as long as the server does.",
        answers: Answers::Text,
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Get,
        path: "/metrics",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(metrics),
        name: "metrics",
        summary: "Exposures and conversions by variant, and requests by route, in the text form of Prometheus.",
        answers: Answers::Text,
        can_conflict: false,
    },
];

const TEXT: &str = "text/plain; charset=utf-8";

/// The format has a version, which scrapers look for.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

#[expect(clippy::unnecessary_wraps, reason = "an operation can fail")]
fn health(_: &Call<'_>) -> Result<Response<Body>, Failure> {
    Ok(response(StatusCode::OK, TEXT, "ok\n"))
}

#[expect(clippy::unnecessary_wraps, reason = "an operation can fail")]
fn metrics(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    Ok(response(StatusCode::OK, METRICS, exposition(call)))
}

/// Written from the engine's own counters when it is asked for: nothing is counted twice, and an
/// evaluation costs no more for it.
fn exposition(call: &Call<'_>) -> String {
    let view = call.engine().view();
    let mut exposures = Family::new(
        "fairsplit_exposures_total",
        "Evaluations that served a running experiment's variant. Events, not users.",
        "counter",
    );
    let mut conversions = Family::new(
        "fairsplit_conversions_total",
        "Conversions counted for a variant. Events, not users.",
        "counter",
    );
    let mut running = Family::new(
        "fairsplit_experiment_running",
        "1 for an experiment that splits traffic now, else 0.",
        "gauge",
    );
    for entry in view.entries() {
        let flag = entry.flag.key();
        for experiment in &entry.experiments {
            let definition = &experiment.definition;
            let id = definition.id.to_string();
            let environment = definition.terms.environment.as_str();
            let of = [("flag", flag), ("environment", environment), ("experiment", &id)];
            running.sample(&of, u64::from(definition.status == Status::Running));
            for (variant, count) in definition.terms.variants.iter().zip(experiment.tally.counts())
            {
                let [flag, environment, id] = of;
                let of = [flag, environment, id, ("variant", variant.key())];
                exposures.sample(&of, count.exposures);
                conversions.sample(&of, count.conversions);
            }
        }
    }
    let mut requests = Family::new(
        "fairsplit_http_requests_total",
        "Requests by route and status; 499 is a client that did not wait for its answer.",
        "counter",
    );
    for row in call.shared.requests.iter().chain([&call.shared.unrouted]) {
        for (status, count) in row.counts() {
            let status = status.to_string();
            let of = [("method", row.method), ("route", row.route), ("status", &status)];
            requests.sample(&of, count);
        }
    }
    [exposures, conversions, running, requests].map(|family| family.text).concat()
}

/// The samples of one metric, after its head.
struct Family {
    text: String,
    name: &'static str,
}

impl Family {
    fn new(name: &'static str, help: &str, kind: &str) -> Family {
        Family { text: format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"), name }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: u64) {
        let Family { text, name } = self;
        text.push_str(name);
        for (position, (label, value)) in labels.iter().enumerate() {
            text.push(if position == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    other => text.push(other),
                }
            }
            text.push('"');
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "}} {value}");
    }
}
