//! The number of requests by route and status, and of evaluations by reason.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Counters by method, route and status.
pub(crate) type Requests = Family<Labels, Counter>;

pub(crate) const NAME: &str = "fairsplit_http_requests";
pub(crate) const HELP: &str =
    "Requests by route and status; 499 is a client that did not wait for its answer";

pub(crate) const EVALUATIONS: &str = "fairsplit_http_evaluations";
pub(crate) const EVALUATIONS_HELP: &str =
    "Evaluations that requests asked for, by reason, those that count no exposure included";

/// The labels of a series. Method and route are empty for requests that no operation answered, so
/// that clients cannot create series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Labels {
    method: String,
    route: String,
    status: u16,
}

/// Marks a response that comes from no operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unrouted;

/// The client disconnected before the response; the number is a convention of proxies.
const ABANDONED: u16 = 499;

/// Counts a request when it is answered or abandoned. One without a path of ours is answered by a
/// fallback, which this layer is around as well.
pub(crate) async fn count(
    State(requests): State<Requests>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let mut underway = Underway {
        requests,
        method: request.method().clone(),
        route: path,
        status: ABANDONED,
        is_routed: true,
    };
    let response = next.run(request).await;
    let is_routed = underway.route.is_some() && response.extensions().get::<Unrouted>().is_none();
    underway.end(response.status(), is_routed);
    response
}

/// A request that has not been answered yet. It is counted when it is dropped.
struct Underway {
    requests: Requests,
    method: Method,
    route: Option<MatchedPath>,
    status: u16,
    is_routed: bool,
}

impl Underway {
    fn end(&mut self, status: StatusCode, is_routed: bool) {
        (self.status, self.is_routed) = (status.as_u16(), is_routed);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let (method, route) = match &self.route {
            Some(route) if self.is_routed => (self.method.as_str(), route.as_str()),
            _ => ("", ""),
        };
        let labels =
            Labels { method: method.to_owned(), route: route.to_owned(), status: self.status };
        self.requests.get_or_create_owned(&labels).inc();
    }
}
