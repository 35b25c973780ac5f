//! Reading the tokens and the configuration again at SIGHUP. Whatever is wrong with a file is
//! logged, and what was read before stays in use.

use std::path::PathBuf;

use fairsplit::Engine;
use fairsplit_http::Auth;
use tracing::{error, info};

use crate::config::Config;
use crate::files;
use crate::options::Serve;
use crate::signals::Hangups;

/// What is read again, and where it goes.
pub(crate) struct Reload {
    tokens: Option<PathBuf>,
    config: Option<Config>,
    engine: Engine,
    auth: Auth,
}

impl Reload {
    pub(crate) fn new(options: &Serve, engine: Engine, auth: Auth) -> Reload {
        Reload { tokens: options.tokens.clone(), config: Config::of(options), engine, auth }
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
            match files::readable(path).and_then(|()| files::tokens(path)) {
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
        if let Some(config) = &self.config {
            match config.apply_again(&self.engine) {
                Ok(()) => {
                    info!(flags = self.engine.flags().len(), "SIGHUP: configuration applied");
                }
                Err(failure) => {
                    let failure = failure.message();
                    error!("SIGHUP: the configuration stays as it was: {failure}");
                }
            }
        }
    }
}
