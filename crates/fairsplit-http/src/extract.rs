//! What handlers read from the head of a request. Arguments are read in order, and the token is the
//! first of every handler that needs one: a request without it learns nothing about existing ids,
//! and its body is not read.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use fairsplit::changes::Actor;
use fairsplit::goals::Goal;
use fairsplit::targeting::{Holdout, Layer, Rule, Segment};
use fairsplit::{Engine, ExperimentId, Flag, FlagId};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use crate::App;
use crate::auth::{Scope, Verdict};
use crate::failure::Failure;

/// A request with a token for `flags:read`, and its place among the requests at once.
pub(crate) struct Reads {
    _place: OwnedSemaphorePermit,
}

/// A request with a token for `flags:write`, and its place among the requests at once.
pub(crate) struct Writes {
    token: Arc<str>,
    _place: OwnedSemaphorePermit,
}

impl Writes {
    /// The engine, for changes that are recorded as asked for by this request's token.
    pub(crate) fn engine(&self, app: &App) -> Engine {
        app.engine.acting_as(Actor::token(&*self.token))
    }
}

impl FromRequestParts<App> for Reads {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Reads, Failure> {
        let (_, place) = admit(&parts.headers, Scope::FlagsRead, app)?;
        Ok(Reads { _place: place })
    }
}

impl FromRequestParts<App> for Writes {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Writes, Failure> {
        let (token, place) = admit(&parts.headers, Scope::FlagsWrite, app)?;
        Ok(Writes { token, _place: place })
    }
}

/// The name of the token, and a place.
///
/// A semaphore and not tower's limits: those apply before the token check, so clients without a
/// token could use up the permits.
fn admit(
    headers: &HeaderMap,
    scope: Scope,
    app: &App,
) -> Result<(Arc<str>, OwnedSemaphorePermit), Failure> {
    let token = match app.auth.check(bearer(headers), scope) {
        Verdict::Granted(token) => token,
        Verdict::Unknown => return Err(Failure::Unauthorized),
        Verdict::OutOfScope => return Err(Failure::Forbidden),
    };
    let place = Arc::clone(&app.places).try_acquire_owned();
    Ok((token, place.map_err(|_| Failure::Overloaded)?))
}

/// The token of a request that has exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct FlagPath {
    /// The flag's id.
    #[param(format = "uuid")]
    flag_id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ExperimentPath {
    /// The flag's id.
    #[param(format = "uuid")]
    flag_id: String,
    /// The experiment's id.
    #[param(format = "uuid")]
    experiment_id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RulePath {
    /// The flag's id.
    #[param(format = "uuid")]
    flag_id: String,
    /// The rule's id.
    #[param(format = "uuid")]
    rule_id: String,
}

/// The flag that the path names.
pub(crate) struct OnFlag(pub(crate) Flag);

impl FromRequestParts<App> for OnFlag {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<OnFlag, Failure> {
        let Path(FlagPath { flag_id }) = path(parts).await?;
        find(&flag_id, app).map(OnFlag)
    }
}

/// The experiment that the path names; it must be one of the flag that the path names.
pub(crate) struct OnExperiment(pub(crate) ExperimentId);

impl FromRequestParts<App> for OnExperiment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<OnExperiment, Failure> {
        let Path(ExperimentPath { flag_id, experiment_id }) = path(parts).await?;
        let flag = find(&flag_id, app)?;
        let id: ExperimentId = experiment_id.parse().map_err(|_| Failure::NotFound)?;
        match app.engine.snapshot().flag_of(id) {
            Some(found) if found.id() == flag.id() => Ok(OnExperiment(id)),
            _ => Err(Failure::NotFound),
        }
    }
}

/// The rule that the path names; it must be one of the flag that the path names.
pub(crate) struct OnRule(pub(crate) Rule);

impl FromRequestParts<App> for OnRule {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<OnRule, Failure> {
        let Path(RulePath { flag_id, rule_id }) = path(parts).await?;
        let flag = find(&flag_id, app)?;
        let id = rule_id.parse().map_err(|_| Failure::NotFound)?;
        let mut rules = app.engine.rules(flag.id())?.into_iter();
        rules.find(|rule| rule.id() == id).map(OnRule).ok_or(Failure::NotFound)
    }
}

/// What flags share: each kind has its own path, with its id alone in it.
macro_rules! shared {
    ($($path:ident, $id:ident, $on:ident, $of:ty, $find:ident: $what:literal;)*) => {$(
        #[derive(Deserialize, IntoParams)]
        #[into_params(parameter_in = Path)]
        pub(crate) struct $path {
            #[doc = concat!("The ", $what, "'s id.")]
            #[param(format = "uuid")]
            $id: String,
        }

        #[doc = concat!("The ", $what, " that the path names.")]
        pub(crate) struct $on(pub(crate) $of);

        impl FromRequestParts<App> for $on {
            type Rejection = Failure;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<$on, Failure> {
                let Path($path { $id }) = path(parts).await?;
                let id = $id.parse().map_err(|_| Failure::NotFound)?;
                app.engine.$find(id).map($on).ok_or(Failure::NotFound)
            }
        }
    )*};
}

shared! {
    SegmentPath, segment_id, OnSegment, Segment, segment: "segment";
    LayerPath, layer_id, OnLayer, Layer, layer: "layer";
    HoldoutPath, holdout_id, OnHoldout, Holdout, holdout: "holdout";
}

/// A goal has its key in the path, in place of an id.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct GoalPath {
    /// The goal's key.
    goal_key: String,
}

/// The goal that the path names.
pub(crate) struct OnGoal(pub(crate) Goal);

impl FromRequestParts<App> for OnGoal {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<OnGoal, Failure> {
        let Path(GoalPath { goal_key }) = path(parts).await?;
        app.engine.goal(&goal_key).map(OnGoal).ok_or(Failure::NotFound)
    }
}

/// A path with bytes that are not UTF-8 names nothing.
async fn path<T: for<'de> Deserialize<'de> + Send>(parts: &mut Parts) -> Result<Path<T>, Failure> {
    Path::from_request_parts(parts, &()).await.map_err(|_| Failure::NotFound)
}

/// An id that is not a UUID is not found.
fn find(id: &str, app: &App) -> Result<Flag, Failure> {
    let id: FlagId = id.parse().map_err(|_| Failure::NotFound)?;
    app.engine.flag(id).ok_or(Failure::NotFound)
}
