//! Accepting connections, serving them within limits, and shutting down in order.
//!
//! hyper-util serves and ends connections. The loop that accepts them is by hand: axum's own has no
//! limit on heads, idle time or connections, and at the end it drops connections that still wait to
//! be accepted.

use std::io;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tower_http::LatencyUnit;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::{Level, debug, info, info_span, warn};

use crate::connections::Connections;
use crate::options::Serve;

/// How long connections without a request are left open at the end: a client that has just
/// connected is about to send one.
const MOMENT: Duration = Duration::from_millis(500);

/// Serves until a signal ends it, and then until every accepted request is answered.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    options: &Serve,
    ended: impl Future<Output = &'static str>,
) {
    let router = logged(router);
    let mut http = http1::Builder::new();
    // Also closes connections that are idle between two requests.
    http.timer(TokioTimer::new())
        .header_read_timeout(options.timeout)
        .max_buf_size(options.max_head);
    let connections = Connections::new(options.max_connections);
    let graceful = GracefulShutdown::new();
    let serve = |stream: TcpStream| {
        // Responses are written whole; there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let connection = connections.enter();
        let service = service_fn({
            let (connection, router) =
                (connection.clone(), TowerToHyperService::new(router.clone()));
            move |request| {
                let underway = connection.begin();
                let answered = router.call(request);
                async move {
                    let response = answered.await;
                    drop(underway);
                    response
                }
            }
        });
        let served = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                result = served => if let Err(error) = result {
                    debug!(%error, "a connection broke off");
                },
                () = connection.evicted() => debug!("a connection was closed to make place"),
            }
        });
    };

    let mut ended = std::pin::pin!(ended);
    let mut warned: Option<Instant> = None;
    let signal = loop {
        tokio::select! {
            biased;
            signal = &mut ended => break signal,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve(stream),
                // The client has disconnected already, which does not affect the others.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Most likely there are no file descriptors left: then make some.
                    (0..16).for_each(|_| connections.evict());
                    if warned.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                        warn!(%error, "connections cannot be accepted; idle ones are closed");
                        warned = Some(Instant::now());
                    }
                    sleep(Duration::from_millis(5)).await;
                }
            },
        }
    };
    info!(signal, open = connections.open(), "ending: finishing what was accepted");
    // Connections that are complete but not yet accepted get an answer too.
    while let Ok(Ok((stream, _))) = timeout(Duration::ZERO, listener.accept()).await {
        serve(stream);
    }
    drop(listener);
    if connections.open() > 0 {
        sleep(MOMENT).await;
    }
    if timeout(options.grace, graceful.shutdown()).await.is_err() {
        warn!(open = connections.open(), "requests that took too long were broken off");
    }
}

/// Logs each request: its path and the response's status, but no headers, bodies or queries, which
/// may contain secrets.
fn logged(router: Router) -> Router {
    let answered = DefaultOnResponse::new().level(Level::INFO).latency_unit(LatencyUnit::Micros);
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            info_span!("request", method = %request.method(), path = request.uri().path())
        })
        .on_request(())
        .on_response(answered)
        .on_failure(());
    router.layer(trace)
}
