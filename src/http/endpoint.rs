//! What an endpoint is: its place, who may ask, what answers, and how it is described. The routes and
//! their description are both made from it, so that neither can have what the other lacks.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::model::flag::{Flag, FlagRef};
use crate::model::id::{ExperimentId, FlagId};

use super::answer::{Data, JSON, json, response};
use super::auth::{Auth, Scope, Verdict};
use super::body::{check_head, receive, text};
use super::failure::Failure;
use super::limits::Limits;
use super::requests::Requests;

/// One operation of the API.
pub(super) struct Endpoint {
    pub(super) verb: Verb,
    /// The route's template, with the fields `{flag_id}` and `{experiment_id}`.
    pub(super) path: &'static str,
    /// The scope that is needed; without one, everybody may ask.
    pub(super) scope: Option<Scope>,
    pub(super) run: Run,
    /// The name of the operation, for programs that are generated from the description.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) answers: Answers,
    /// Whether the state can forbid it.
    pub(super) can_conflict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
}

impl Verb {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
        }
    }
}

/// What answers. Nothing in it waits: an engine answers from memory.
pub(super) enum Run {
    /// A body is not looked at.
    Bare(fn(&Call<'_>) -> Result<Response<Body>, Failure>),
    WithBody {
        /// The schema of the body, by its name.
        schema: &'static str,
        run: fn(&Call<'_>, &str) -> Result<Response<Body>, Failure>,
    },
}

/// What a successful answer holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers {
    /// `{"data": ...}` with one of the schema of this name.
    One(&'static str),
    /// The same, with the status 201.
    Created(&'static str),
    /// `{"data": [...]}`
    Many(&'static str),
    /// JSON of its own.
    Json(&'static str),
    /// Text of this kind.
    Text(&'static str),
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) auth: Auth,
    pub(super) limits: Limits,
    pub(super) permits: Semaphore,
    pub(super) requests: Vec<Requests>,
    /// Those that no endpoint has answered.
    pub(super) unrouted: Requests,
    /// The description of the API, as JSON.
    pub(super) description: Bytes,
}

/// A request that may be answered: the token is good, and what its path names is there.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    flag: Option<Flag>,
    experiment: Option<ExperimentId>,
}

impl Call<'_> {
    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// The flag that the path names.
    pub(super) fn flag(&self) -> Result<&Flag, Failure> {
        self.flag.as_ref().ok_or(Failure::NotFound)
    }

    /// The experiment that the path names, which is one of that flag's.
    pub(super) fn experiment(&self) -> Result<ExperimentId, Failure> {
        self.experiment.ok_or(Failure::NotFound)
    }
}

impl Endpoint {
    /// Answers a request, whatever it is.
    pub(super) async fn respond(
        &self,
        at: usize,
        shared: &Shared,
        request: Request,
    ) -> Response<Body> {
        let underway = shared.requests.get(at).unwrap_or(&shared.unrouted).begin();
        let response = match self.answer(shared, request).await {
            Ok(response) => response,
            Err(failure) => failure.into_response(),
        };
        underway.end(response.status());
        response
    }

    /// First who asks, then what for, and only then the body: nobody without a token can make the
    /// server read, or learn which ids there are.
    async fn answer(&self, shared: &Shared, request: Request) -> Result<Response<Body>, Failure> {
        let (mut head, body) = request.into_parts();
        if let Some(scope) = self.scope {
            match shared.auth.check(bearer(&head.headers), scope) {
                Verdict::Granted => {}
                Verdict::Unknown => return Err(Failure::Unauthorized),
                Verdict::OutOfScope => return Err(Failure::Forbidden),
            }
        }
        let _permit = match self.scope {
            Some(_) => Some(shared.permits.try_acquire().map_err(|_| Failure::Overloaded)?),
            None => None,
        };
        let parameters = RawPathParams::from_request_parts(&mut head, &()).await;
        let parameters = parameters.map_err(|_| Failure::NotFound)?;
        let call = resolve(shared, &parameters)?;
        match self.run {
            Run::Bare(run) => run(&call),
            Run::WithBody { run, .. } => {
                check_head(&head, &shared.limits)?;
                let bytes = receive(body, &shared.limits).await?;
                run(&call, text(&bytes)?)
            }
        }
    }
}

/// The token of a request, if it has one and no more.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Finds what the path names. An id that is no UUID is none that there is.
fn resolve<'a>(shared: &'a Shared, parameters: &RawPathParams) -> Result<Call<'a>, Failure> {
    let mut call = Call { shared, flag: None, experiment: None };
    for (name, value) in parameters {
        match name {
            "flag_id" => {
                let id: FlagId = value.parse().map_err(|_| Failure::NotFound)?;
                call.flag = Some(shared.engine.flag(id).ok_or(Failure::NotFound)?);
            }
            "experiment_id" => {
                let id: ExperimentId = value.parse().map_err(|_| Failure::NotFound)?;
                let view = shared.engine.view();
                let flag = view.find_experiment(id).map(|found| found.flag.flag.id());
                if flag != Some(call.flag()?.id()) {
                    return Err(Failure::NotFound);
                }
                call.experiment = Some(id);
            }
            // A parameter of the router that this one is mounted in.
            _ => {}
        }
    }
    Ok(call)
}

/// The flag of a call on a view, for what reads more than one thing of it.
pub(super) fn flag_ref(flag: &Flag) -> FlagRef<'_> {
    FlagRef::Id(flag.id())
}

/// `{"data": ...}` with 200.
#[expect(clippy::unnecessary_wraps, reason = "the last line of an operation that can fail")]
pub(super) fn data(data: impl Serialize) -> Result<Response<Body>, Failure> {
    Ok(json(StatusCode::OK, &Data { data }))
}

/// `{"data": ...}` with 201.
#[expect(clippy::unnecessary_wraps, reason = "the last line of an operation that can fail")]
pub(super) fn created(data: impl Serialize) -> Result<Response<Body>, Failure> {
    Ok(json(StatusCode::CREATED, &Data { data }))
}

/// JSON that is there already.
#[expect(clippy::unnecessary_wraps, reason = "the last line of an operation that can fail")]
pub(super) fn json_bytes(bytes: &Bytes) -> Result<Response<Body>, Failure> {
    Ok(response(StatusCode::OK, JSON, bytes.clone()))
}
