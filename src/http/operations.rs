//! What those who run the server ask it: whether it lives, and what it has counted.

use std::fmt;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::prometheus::EngineCollector;

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
        answers: Answers::Text("text/plain"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Get,
        path: "/metrics",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(metrics),
        name: "metrics",
        summary: "Exposures and conversions by variant, and requests by route, in the text form of OpenMetrics.",
        answers: Answers::Text("application/openmetrics-text"),
        can_conflict: false,
    },
];

const TEXT: &str = "text/plain; charset=utf-8";

/// The format has a version, which scrapers look for.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[expect(clippy::unnecessary_wraps, reason = "an operation can fail")]
fn health(_: &Call<'_>) -> Result<Response<Body>, Failure> {
    Ok(response(StatusCode::OK, TEXT, "ok\n"))
}

#[expect(clippy::unnecessary_wraps, reason = "an operation can fail")]
fn metrics(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    Ok(response(StatusCode::OK, METRICS, exposition(call)))
}

/// What the engine has counted, and then the requests.
fn exposition(call: &Call<'_>) -> String {
    let rows = call.shared.requests.iter().chain([&call.shared.unrouted]);
    let rows = rows.flat_map(|row| {
        row.counts().map(|(status, count)| Row {
            method: row.method,
            route: row.route,
            status,
            count,
        })
    });
    let mut registry = Registry::default();
    registry.register_collector(Box::new(EngineCollector::new(call.engine())));
    registry.register_collector(Box::new(Requests(rows.collect())));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

/// Requests as they have been counted.
#[derive(Debug)]
struct Requests(Vec<Row>);

#[derive(Debug)]
struct Row {
    method: &'static str,
    route: &'static str,
    status: u16,
    count: u64,
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help =
            "Requests by route and status; 499 is a client that did not wait for its answer.";
        let name = "fairsplit_http_requests";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for Row { method, route, status, count } in &self.0 {
            let status = status.to_string();
            let of = [("method", *method), ("route", *route), ("status", &status)];
            family.encode_family(&of)?.encode_counter::<NoLabelSet, u64, u64>(count, None)?;
        }
        Ok(())
    }
}
