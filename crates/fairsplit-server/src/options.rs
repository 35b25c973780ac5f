//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use fairsplit_http::Scope;

/// A/B experiments on feature flags, over HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    /// Make tokens for the API.
    Token {
        #[command(subcommand)]
        command: Token,
    },
}

/// Serve the Experiments API.
///
/// With --data DIRECTORY, what is created and counted outlives the server, however it ends. Without
/// it the state is in memory and lost with it. Either starts from the document of --config.
///
/// Without tokens every request is refused. Make some with `fairsplit token new`, put their lines
/// into a file, and name it with --tokens; or put the lines into the environment variable
/// `FAIRSPLIT_TOKENS`.
///
/// SIGTERM and SIGINT end it: it stops listening, finishes the requests that it has, and exits.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES)]
pub(crate) struct Serve {
    /// Where to listen. The port 0 is one that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A file with a line for each token, as `fairsplit token new` prints it.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Answer without tokens. Only on a loopback address, and not to pages of other sites.
    #[arg(long, conflicts_with = "tokens")]
    pub(crate) insecure_no_auth: bool,
    /// A directory to keep everything in; it is made if it is not there.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration document to start from; not looked at if the directory has flags already.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to log: error, warn, info (each request) or debug (each connection).
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: tracing_subscriber::filter::LevelFilter,
    /// The most bytes of a request's body.
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub(crate) max_body: usize,
    /// The most bytes of a request's head.
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024, value_parser = head_size)]
    pub(crate) max_head: usize,
    /// The most requests at once.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(crate) max_requests: usize,
    /// The most connections at once. One more closes the one that has been idle for longest.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) max_connections: usize,
    /// How long a request's head may take to arrive, and then its body. Idle connections are closed
    /// after the same time.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// How long requests may take to finish once a signal ends the server.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) grace: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token: prints it, which happens this once, and the line for the server's file.
    ///
    /// The token goes to standard output, and the line below it. The server keeps only the line,
    /// which is a hash of the token and what it allows.
    #[command(verbatim_doc_comment)]
    New {
        /// What the token allows: flags:read (look, and evaluate), flags:write (change, and track).
        /// Can be given more than once.
        #[arg(long, value_name = "SCOPE", required = true)]
        scope: Vec<Scope>,
        /// Who will use it: goes into the line as a comment.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
}

const EXIT_CODES: &str = "\
Exits with 0 if a signal ended it, 2 if the command line cannot be used, 3 if the tokens, the
configuration or the directory cannot, 4 if the address cannot be listened on, and 1 if anything else fails.";

impl Serve {
    /// Whether only this machine can reach it.
    pub(crate) fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86400) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be a number of seconds, 1 to 86400".to_owned()),
    }
}

/// What hyper's buffer can be.
fn head_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 8192..=1_048_576) => Ok(bytes),
        _ => Err("must be 8192 to 1048576".to_owned()),
    }
}
