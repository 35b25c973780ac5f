//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use fairsplit::apply::ApplyOptions;
use fairsplit::fault::MAX_USERS;
use fairsplit_http::Scope;

use crate::failure::EXIT_CODES;

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
    /// Check that a directory can be used, without changing it.
    ///
    /// Reads and verifies the definitions and the counters. Prints what is there; or what is wrong,
    /// and the command to run next.
    ///
    /// Example: fairsplit check /var/lib/fairsplit
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Check {
        /// The directory, as given to `serve --data`.
        directory: PathBuf,
    },
    /// Save what can be read of damaged counters.
    ///
    /// Makes a new file of the counters that can be read, and keeps the damaged file under another
    /// name. An experiment whose counters are lost starts at the counts of its last change. A
    /// directory that is not damaged does not change.
    ///
    /// Example: fairsplit recover /var/lib/fairsplit
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Recover {
        /// The directory, as given to `serve --data`.
        directory: PathBuf,
    },
    /// Accept a definitions.json that was edited by hand.
    ///
    /// The definitions become those of the edited file, if it has no fault; otherwise each fault is
    /// named, and nothing changes. Counts go on.
    ///
    /// Example: fairsplit accept-edits /var/lib/fairsplit
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    AcceptEdits {
        /// The directory, as given to `serve --data`.
        directory: PathBuf,
    },
    /// Write a directory's configuration document, counts included.
    ///
    /// The document goes to standard output, or to a file that is replaced whole. `import` and
    /// `serve --config` read it.
    ///
    /// Example: fairsplit export /var/lib/fairsplit --output backup.json
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Export {
        /// The directory, as given to `serve --data`.
        directory: PathBuf,
        /// The file to write. It never contains half a document.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    Apply(Apply),
    /// Replace everything in a directory by a configuration document.
    ///
    /// For a backup, or to begin with a document. To change what a document changed since it was
    /// last applied, and leave the rest as it is, use `apply`.
    ///
    /// Creates the directory if it does not exist. A document with faults changes nothing, and each
    /// fault is named. With --replace, flags that the document lacks are removed, and experiments
    /// that the directory has counted keep their own counts.
    ///
    /// Example: fairsplit import /var/lib/fairsplit backup.json
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Import {
        /// The directory, as given to `serve --data`.
        directory: PathBuf,
        /// The document, as `export` writes it; - is standard input.
        file: PathBuf,
        /// Replace the flags and experiments that the directory has.
        #[arg(long)]
        replace: bool,
    },
    /// Make tokens for the API.
    Token {
        #[command(subcommand)]
        command: Token,
    },
}

/// Serve the Experiments API.
///
/// With --data DIRECTORY, what is created and counted outlives the server, however it ends. Without
/// it the state is in memory and lost with it.
///
/// The document of --config is applied: what it changed since it was last applied is changed, and
/// what was changed over HTTP stays. An experiment that was stopped by hand stays stopped, until
/// the document changes its status. A flag with a fault stays as it was, and the log says why;
/// while there are no flags yet, any fault ends the server.
///
/// Without tokens every request is refused. Make some with `fairsplit token new`, put their lines
/// into a file, and name it with --tokens; or put the lines into the environment variable
/// `FAIRSPLIT_TOKENS`.
///
/// Users are counted, each once, and a conversion counts only if its user has been exposed since
/// the start of the experiment. The field `count_users` of an experiment has its own number, and
/// --count-users is for those without.
///
/// SIGTERM and SIGINT end it: it stops listening, finishes the requests that it has, and exits.
///
/// SIGHUP reads the file of --tokens again: a token whose line is gone is refused from then on.
/// It also applies the file of --config again. A file that cannot be read is logged, and what was
/// read before stays in use.
///
/// Example: fairsplit serve --tokens tokens --data /var/lib/fairsplit
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
    /// A directory to keep everything in; created if missing.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data: Option<PathBuf>,
    /// How long to wait for the directory while another process has it, as in a rolling update.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "data")]
    pub(crate) wait: Option<Duration>,
    /// A configuration document to apply.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Let the document remove running experiments, and most of the flags that it named before.
    #[arg(long, requires = "config")]
    pub(crate) allow_removals: bool,
    /// How many users are kept at most of each experiment that does not say, each user counted
    /// once; beyond it, a sample of them is kept. 0 counts no users, and then there is no verdict.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = users)]
    pub(crate) count_users: u32,
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

/// Apply a configuration document to a directory.
///
/// Changes what the document changed since it was last applied, and leaves the rest as it is: what
/// was changed over HTTP or by another document. Prints what was done and what was left. Creates
/// the directory if it does not exist.
///
/// A flag with a fault stays as it was; the other flags are applied, and the exit code is 3. While
/// the directory has no flags, any fault refuses the document.
///
/// Example: fairsplit apply /var/lib/fairsplit flags.json --revision 12
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXIT_CODES)]
pub(crate) struct Apply {
    /// The directory, as given to `serve --data`.
    pub(crate) directory: PathBuf,
    /// The document; - is standard input.
    pub(crate) file: PathBuf,
    /// The name of the document, if several are applied to one directory: each removes only what it
    /// named itself. Without it, that of the document, or "document".
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The revision of the document. One that is lower than the last one is skipped.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) revision: Option<i64>,
    /// Apply the document also if its revision is lower than the last one.
    #[arg(long)]
    pub(crate) go_back: bool,
    /// Let the document remove running experiments, and most of the flags that it named before.
    #[arg(long)]
    pub(crate) allow_removals: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token: prints it, which happens this once, and the line for the server's file.
    ///
    /// The token goes to standard output, and the line below it. The server keeps only the line,
    /// which is a hash of the token and what it allows.
    ///
    /// Example: fairsplit token new --scope flags:read --comment dashboards
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
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

impl Apply {
    pub(crate) fn how(&self) -> ApplyOptions {
        let mut how = ApplyOptions::new();
        if let Some(source) = &self.source {
            how = how.source(source);
        }
        if let Some(revision) = self.revision {
            how = how.revision(revision);
        }
        if self.go_back {
            how = how.go_back();
        }
        if self.allow_removals {
            how = how.allow_removals();
        }
        how
    }
}

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

fn users(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(users @ 0..=MAX_USERS) => Ok(users),
        _ => Err(format!("must be 0 to {MAX_USERS}")),
    }
}

/// What hyper's buffer can be.
fn head_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 8192..=1_048_576) => Ok(bytes),
        _ => Err("must be 8192 to 1048576".to_owned()),
    }
}
