//! The list of changes: who asked, for what, and every field before and after.

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::response::Response;
use fairsplit::changes::Change;
use fairsplit::error::{CommitError, ControlError};
use utoipa::IntoParams;

use crate::App;
use crate::answer::data;
use crate::extract::{FlagPath, OnFlag, Reads};
use crate::failure::{Failure, Faults};
use crate::schema::{self, Guarded, Listed, Named};

const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1000;

/// Which of the changes are answered.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "described, and read as a `Page`")]
pub(crate) struct PageQuery {
    /// The most changes to answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// Only changes of versions before this one: for the next page, the last version of this one.
    #[param(minimum = 0)]
    before: Option<u64>,
}

/// The page that the query asks for.
pub(crate) struct Page {
    limit: usize,
    before: Option<u64>,
}

impl FromRequestParts<App> for Page {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Page, Failure> {
        // All as text, so that every fault is named.
        let Query(given): Query<Vec<(String, String)>> = Query::try_from_uri(&parts.uri)
            .map_err(|_| Failure::Invalid(Faults::of("query", "cannot be read")))?;
        let mut faults = Faults::default();
        let (mut limit, mut before) = (None, None);
        for (name, value) in given {
            let (field, number) = match name.as_str() {
                "limit" => {
                    (&mut limit, number(&value).filter(|limit| (1..=MAX_LIMIT).contains(limit)))
                }
                // As the description says: other languages read integers with a sign.
                "before" => (&mut before, number(&value).filter(|at| i64::try_from(*at).is_ok())),
                // A misspelt `before` would answer the first page for ever.
                _ => {
                    faults.add(name, "is not a known parameter");
                    continue;
                }
            };
            if field.is_some() {
                faults.add(name, "is given more than once");
            } else if number.is_none() {
                let range = if name == "limit" { "from 1 to 1000" } else { "of a version" };
                faults.add(name, format!("must be a number {range}"));
            }
            *field = number.or(*field);
        }
        let limit = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).ok();
        faults.or(limit.map(|limit| Page { limit, before }))
    }
}

/// Digits alone: `parse` also reads a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Page {
    /// The newest changes first.
    fn of(&self, mut changes: Vec<Change>) -> Response {
        changes.retain(|change| self.before.is_none_or(|before| change.version < before));
        changes.reverse();
        changes.truncate(self.limit);
        data(changes)
    }
}

/// Changes of all flags, the newest first. An engine in memory keeps none.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    operation_id = "listChanges",
    params(PageQuery),
    responses((status = 200, description = "One page of them.", body = inline(schema::ChangeList)), Guarded, Listed),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_changes(
    _: Reads,
    page: Page,
    State(app): State<App>,
) -> Result<Response, Failure> {
    let changes = app.engine.changes().map_err(|_: CommitError| Failure::NotRead)?;
    Ok(page.of(changes))
}

/// Changes of a flag and of its experiments, the newest first. A change that concerns other flags
/// as well has the edits of all of them.
#[utoipa::path(
    get,
    path = "/api/v1/flags/{flag_id}/changes",
    operation_id = "listChangesOfFlag",
    params(FlagPath, PageQuery),
    responses((status = 200, description = "One page of them.", body = inline(schema::ChangeList)), Guarded, Named, Listed),
    security(("token" = ["flags:read"]))
)]
pub(crate) async fn list_changes_of_flag(
    _: Reads,
    OnFlag(flag): OnFlag,
    page: Page,
    State(app): State<App>,
) -> Result<Response, Failure> {
    let changes = app.engine.changes_of(flag.id()).map_err(|error| match error {
        ControlError::NotCommitted(_) => Failure::NotRead,
        error => error.into(),
    })?;
    Ok(page.of(changes))
}
