//! The Experiments API of fairsplit as a program: `cargo install fairsplit-server`
//! installs the program `fairsplit`. The README shows how to start it, and `fairsplit serve --help`
//! lists its options.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod connections;
mod local;
mod options;
mod server;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use axum::http::{StatusCode, header};
use clap::{CommandFactory, Parser};
use fairsplit::Engine;
use fairsplit::error::LoadError;
use fairsplit_http::{Auth, Limits, NewToken, RouterBuilder, Scope};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::options::{Command, Options, Serve, Token};

/// Why the program ends by itself.
enum Failure {
    /// The tokens or the configuration cannot be used.
    Input(String),
    /// The address cannot be listened on.
    Address(String),
    Other(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Other(error)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.command {
        Command::Serve(options) => serve(&options),
        Command::Token { command: Token::New { scope, comment } } => {
            new_token(&scope, comment.as_deref()).map_err(Failure::Other)
        }
    };
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Input(message)) => (3, message),
        Err(Failure::Address(message)) => (4, message),
        Err(Failure::Other(error)) => (1, error.to_string()),
    };
    // With standard error closed, the message is lost.
    let _ = writeln!(io::stderr().lock(), "fairsplit: {message}");
    ExitCode::from(code)
}

fn new_token(scopes: &[Scope], comment: Option<&str>) -> io::Result<()> {
    let token = NewToken::generate()?;
    let line = token.line(scopes.iter().copied());
    // On one line, whatever the comment contains: a second line could be another token.
    let comment = comment.map(|text| text.replace(char::is_control, " "));
    let comment = comment.map_or_else(String::new, |text| format!("  # {text}"));
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n{line}{comment}", token.secret())?;
    out.flush()
}

fn serve(options: &Serve) -> Result<(), Failure> {
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

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let unusable = |error: io::Error| {
            Failure::Address(format!("cannot listen on {}: {error}", options.listen))
        };
        // First, so that a signal that comes while the address is printed is not lost.
        let ended = server::ended()?;
        let listener = TcpListener::bind(options.listen).await.map_err(unusable)?;
        welcome(&listener, &auth)?;
        server::run(listener, router, options, ended).await;
        Ok::<_, Failure>(())
    })?;
    log_counts(&engine);
    // The kernel has the counts already; this guards against a loss of power right after.
    engine.sync().map_err(|error| Failure::Input(error.to_string()))?;
    Ok(())
}

fn engine(options: &Serve) -> Result<Engine, Failure> {
    let engine = match &options.data {
        None => Engine::new(),
        Some(directory) => {
            Engine::open(directory).map_err(|error| Failure::Input(error.to_string()))?
        }
    };
    if let Some(path) = &options.config
        && engine.flags().is_empty()
    {
        load(&engine, path)?;
    }
    info!(flags = engine.flags().len(), durable = options.data.is_some(), "ready");
    Ok(engine)
}

fn load(engine: &Engine, path: &Path) -> Result<(), Failure> {
    let unusable = |error: &dyn Display| Failure::Input(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
    engine.reload(&text).map_err(|error| match &error {
        LoadError::Invalid(invalid) => {
            let faults = invalid.faults().iter().map(|fault| format!("\n  {fault}"));
            unusable(&format!(
                "the configuration has faults:{}",
                faults.collect::<Vec<_>>().concat()
            ))
        }
        other => unusable(other),
    })
}

fn auth(options: &Serve) -> Result<Auth, Failure> {
    if options.insecure_no_auth {
        warn!("no token is needed: every client that reaches this port may do everything");
        return Ok(Auth::insecure_allow_everyone());
    }
    let read = |text: &str, source: &dyn Display| {
        Auth::from_lines(text).map_err(|error| Failure::Input(format!("{source}: {error}")))
    };
    let auth = match (&options.tokens, std::env::var_os("FAIRSPLIT_TOKENS")) {
        (Some(path), _) => read(&text_of(path)?, &path.display())?,
        (None, Some(text)) => {
            let not_text = || Failure::Input("FAIRSPLIT_TOKENS: must be UTF-8".to_owned());
            read(text.to_str().ok_or_else(not_text)?, &"FAIRSPLIT_TOKENS")?
        }
        (None, None) => Auth::new(),
    };
    match auth.tokens() {
        0 => warn!("no tokens: every request is refused; make one with `fairsplit token new`"),
        tokens => info!(tokens, "tokens read"),
    }
    Ok(auth)
}

fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
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
