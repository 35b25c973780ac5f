//! Accepting connections, serving them within limits, and ending in order.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::connections::{Connections, Place};
use crate::options::Serve;

/// Waits for control-C.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn ended() -> io::Result<impl Future<Output = &'static str>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        "control-C"
    })
}

/// Waits for SIGTERM or SIGINT. From this call on, neither ends the process by itself.
#[cfg(unix)]
pub(crate) fn ended() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Serves until it is told to end, and then until what it has accepted is answered.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    options: &Serve,
    ended: impl Future<Output = &'static str>,
) {
    let mut http = http1::Builder::new();
    // Also closes connections that are idle between two requests.
    http.timer(TokioTimer::new())
        .header_read_timeout(options.timeout)
        .max_buf_size(options.max_head);
    let (ending, is_ending) = watch::channel(false);
    let server = Server { http, router, is_ending };
    let connections = Arc::new(Connections::default());
    let mut tasks = JoinSet::new();
    let admit = |stream: TcpStream, tasks: &mut JoinSet<()>| {
        let place = Arc::new(connections.enter(options.max_connections));
        tasks.spawn(server.clone().serve(stream, place));
    };

    let mut ended = std::pin::pin!(ended);
    let mut warned: Option<Instant> = None;
    let signal = loop {
        tokio::select! {
            biased;
            signal = &mut ended => break signal,
            // Those that have ended are let go of.
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(stream, &mut tasks),
                // The client has gone again, which is nothing to the others.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Most likely there are no file descriptors left: then make some.
                    let closed = (0..16).filter(|_| connections.evict()).count();
                    if warned.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
                        warn!(%error, closed, "connections cannot be accepted");
                        warned = Some(Instant::now());
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            },
        }
    };
    info!(signal, open = tasks.len(), "ending: finishing what was accepted");
    // Connections that are complete but still wait to be accepted have been promised an answer, too.
    while let Poll::Ready(Ok((stream, _))) =
        poll_fn(|context| Poll::Ready(listener.poll_accept(context))).await
    {
        admit(stream, &mut tasks);
    }
    drop(listener);
    // Fails only if no connection is left to hear it.
    let _ = ending.send(true);
    let finished = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(options.grace, finished).await.is_err() {
        warn!(open = tasks.len(), "requests that took too long were broken off");
    }
}

/// How long a connection that has asked for nothing yet is waited for at the end.
const MOMENT: Duration = Duration::from_millis(500);

#[derive(Clone)]
struct Server {
    http: http1::Builder,
    router: Router,
    is_ending: watch::Receiver<bool>,
}

impl Server {
    async fn serve(mut self, stream: TcpStream, place: Arc<Place>) {
        // Answers are written whole; there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let service = {
            let (router, place) = (self.router.clone(), Arc::clone(&place));
            service_fn(move |request| {
                let underway = place.begin();
                let answered = answer(router.clone(), request);
                async move {
                    let response = answered.await;
                    drop(underway);
                    Ok::<_, Infallible>(response)
                }
            })
        };
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = &mut connection => result,
            () = place.activity.evicted() => {
                debug!("a connection was closed to make place");
                return;
            }
            () = told(&mut self.is_ending) => {
                // Whoever has just connected is about to ask, and would be closed before it did.
                tokio::select! {
                    result = &mut connection => result,
                    () = place.activity.asked(MOMENT) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
        };
        if let Err(error) = result {
            debug!(%error, "a connection broke off");
        }
    }
}

/// Waits until the server ends.
async fn told(is_ending: &mut watch::Receiver<bool>) {
    // The sender lives as long as there are connections.
    let _ = is_ending.wait_for(|is_ending| *is_ending).await;
}

/// Answers one request, and logs it: what was asked for and what came of it, and neither headers nor
/// bodies nor queries, where secrets could be.
async fn answer(router: Router, request: Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    info!(%method, path = uri.path(), status = response.status().as_u16(), micros, "request");
    response
}
