//! `fairsplit serve`: from the options to a server, and back to an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use axum::http::{StatusCode, header};
use clap::CommandFactory;
use fairsplit::Engine;
use fairsplit::durable::OpenOptions;
use fairsplit_http::{Auth, Limits, RouterBuilder};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::config::Config;
use crate::directory::is_no_file;
use crate::failure::Failure;
use crate::options::{Options, Serve};
use crate::reload::Reload;
use crate::signals::{self, Hangups};
use crate::{files, local, server, storage};

pub(crate) fn serve(options: &Serve) -> Result<(), Failure> {
    if options.insecure_no_auth && !options.is_local() {
        let message =
            "--insecure-no-auth is for loopback addresses: other machines could reach this one";
        Options::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Before the directory is waited for, so that the signal does not end a process that waits.
    let hangups = {
        let _within = runtime.enter();
        Hangups::new()?
    };
    let engine = engine(options)?;
    let auth = auth(options)?;
    let limits = Limits::default()
        .body(options.max_body)
        .requests(options.max_requests)
        .time(options.timeout);
    let router = RouterBuilder::new(engine.clone(), auth.clone()).limits(limits).page().build();
    let router = router.fallback(|| {
        let json = [(header::CONTENT_TYPE, "application/json")];
        std::future::ready((StatusCode::NOT_FOUND, json, r#"{"error":"Not found"}"#))
    });

    let router = if options.insecure_no_auth {
        router.layer(axum::middleware::from_fn(local::only_from_here))
    } else {
        router
    };

    runtime.block_on(async {
        let unusable = |error: io::Error| {
            Failure::Address(format!("cannot listen on {}: {error}", options.listen))
        };
        // First, so that a signal that comes while the address is printed is not lost.
        let ended = signals::ended()?;
        let listener = TcpListener::bind(options.listen).await.map_err(unusable)?;
        welcome(&listener, &auth)?;
        let reload = Reload::new(options, engine.clone(), auth.clone());
        tokio::spawn(reload.at(hangups));
        if options.data.is_some() {
            tokio::spawn(storage::log(engine.clone()));
        }
        server::run(listener, router, options, ended).await;
        Ok::<_, Failure>(())
    })?;
    log_counts(&engine);
    // The kernel has the counts already; this guards against a loss of power right after.
    engine.sync()?;
    Ok(())
}

fn engine(options: &Serve) -> Result<Engine, Failure> {
    let engine = match &options.data {
        None => {
            let engine = Engine::new();
            let set = engine.set_default_users(options.count_users);
            set.map_err(|error| Failure::Input(error.to_string()))?;
            engine
        }
        Some(directory) => open(directory, options)?,
    };
    if let Some(config) = Config::of(options) {
        config.apply_first(&engine)?;
    }
    info!(flags = engine.flags().len(), durable = options.data.is_some(), "ready");
    Ok(engine)
}

/// Opens the directory; its counts are on the disk at most [`storage::INTERVAL`] later, and
/// [`storage::log`] reports if they are not.
fn open(directory: &Path, options: &Serve) -> Result<Engine, Failure> {
    is_no_file(directory)?;
    let mut open =
        OpenOptions::new().default_users(options.count_users).sync_every(storage::INTERVAL, |_| ());
    let mut if_in_use =
        "another process has it: end that process first, or wait for it with --wait SECONDS"
            .to_owned();
    if let Some(wait) = options.wait {
        info!(seconds = wait.as_secs(), "waiting for the directory if another process has it");
        open = open.wait(wait);
        if_in_use = format!("another process still had it after {} s", wait.as_secs());
    }
    open.open(directory).map_err(|error| Failure::opening(directory, &error, &if_in_use))
}

fn auth(options: &Serve) -> Result<Auth, Failure> {
    if options.insecure_no_auth {
        warn!("no token is needed: every client that reaches this port may do everything");
        return Ok(Auth::insecure_allow_everyone());
    }
    let auth = match (&options.tokens, std::env::var_os("FAIRSPLIT_TOKENS")) {
        (Some(path), _) => files::tokens(path)?,
        (None, Some(text)) => {
            let failed = |error: &dyn Display| Failure::about("FAIRSPLIT_TOKENS".as_ref(), error);
            let text = text.to_str().ok_or_else(|| failed(&"must be UTF-8"))?;
            Auth::from_lines(text).map_err(|error| failed(&error))?
        }
        (None, None) => Auth::new(),
    };
    files::log_tokens(&auth);
    Ok(auth)
}

/// Prints the address, and a command to try. A closed standard output does not stop the server.
fn welcome(listener: &TcpListener, auth: &Auth) -> io::Result<()> {
    let address = listener.local_addr()?;
    let token = if auth.is_open() { "" } else { " -H \"Authorization: Bearer $TOKEN\"" };
    let mut out = io::stdout().lock();
    let _ = writeln!(
        out,
        "listening on http://{address}\ntry: curl{token} http://{address}/api/v1/flags\n\
         or open http://{address}/ in a browser"
    );
    let _ = out.flush();
    Ok(())
}

/// The last line of the log: what has been counted.
fn log_counts(engine: &Engine) {
    let (mut exposures, mut conversions) = (0_u64, 0_u64);
    for (_, _, counts) in engine.snapshot().experiments() {
        for variant in counts.variants() {
            exposures = exposures.saturating_add(variant.ever.exposures);
            conversions = conversions.saturating_add(variant.ever.conversions);
        }
    }
    info!(exposures, conversions, "ended");
}
