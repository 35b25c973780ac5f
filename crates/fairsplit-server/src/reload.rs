//! Reading the tokens and the configuration again at SIGHUP. Whatever is wrong with a file is
//! logged, and what was read before stays in use.

use std::fs;
use std::path::{Path, PathBuf};

use fairsplit::Engine;
use fairsplit_http::Auth;
use tracing::{error, info};

use crate::failure::Failure;
use crate::files;
use crate::options::Serve;
use crate::signals::Hangups;

/// What is read again, and where it goes.
pub(crate) struct Reload {
    tokens: Option<PathBuf>,
    config: Option<PathBuf>,
    is_durable: bool,
    engine: Engine,
    auth: Auth,
}

impl Reload {
    pub(crate) fn new(options: &Serve, engine: Engine, auth: Auth) -> Reload {
        Reload {
            tokens: options.tokens.clone(),
            config: options.config.clone(),
            is_durable: options.data.is_some(),
            engine,
            auth,
        }
    }

    /// Reads again at each signal, for as long as the server runs.
    pub(crate) async fn at(self, mut hangups: Hangups) {
        loop {
            hangups.next().await;
            // Reading files, and waiting for the changes before this one.
            tokio::task::block_in_place(|| self.now());
        }
    }

    fn now(&self) {
        if self.tokens.is_none() && self.config.is_none() {
            info!("SIGHUP: there is no file of --tokens or --config to read again");
        }
        if let Some(path) = &self.tokens {
            match readable(path).and_then(|()| files::tokens(path)) {
                Ok(tokens) => {
                    self.auth.replace(&tokens);
                    files::log_tokens(&self.auth);
                }
                Err(failure) => {
                    let failure = failure.message();
                    error!("SIGHUP: the tokens stay as they were: {failure}");
                }
            }
        }
        match &self.config {
            Some(path) if self.is_durable => info!(
                config = %path.display(),
                "SIGHUP: --config was not looked at: the definitions of the directory count"
            ),
            Some(path) => match self.load(path) {
                Ok(()) => {
                    info!(flags = self.engine.flags().len(), "SIGHUP: configuration loaded again");
                }
                Err(failure) => {
                    let failure = failure.message();
                    error!("SIGHUP: the configuration stays as it was: {failure}");
                }
            },
            None => {}
        }
    }

    /// As at the start, with all faults on one line of the log.
    fn load(&self, path: &Path) -> Result<(), Failure> {
        readable(path)?;
        let text = files::text_of(path)?;
        self.engine.replace(&text).map_err(|error| Failure::about(path, error))
    }
}

/// Refuses what is not a file: a pipe was read at the start, and is empty or blocks now. Its
/// emptiness would revoke all tokens.
fn readable(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(Failure::about(path, "is not a file that can be read again"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::about(path, error)),
    }
}
