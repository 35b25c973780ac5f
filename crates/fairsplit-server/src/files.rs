//! The files of `serve`: the tokens and the configuration, at the start and again later.

use std::fs;
use std::path::Path;

use fairsplit::Engine;
use fairsplit_http::Auth;
use tracing::{info, warn};

use crate::failure::{Failure, faults};

/// Loads a configuration document, strictly: a fault refuses it whole.
pub(crate) fn load(engine: &Engine, path: &Path) -> Result<(), Failure> {
    let text = text_of(path)?;
    engine.replace(&text).map_err(|error| Failure::about(path, faults(&error)))
}

/// The tokens of a file.
pub(crate) fn tokens(path: &Path) -> Result<Auth, Failure> {
    Auth::from_lines(&text_of(path)?).map_err(|error| Failure::about(path, error))
}

pub(crate) fn log_tokens(auth: &Auth) {
    match auth.tokens() {
        0 => warn!("no tokens: every request is refused; make one with `fairsplit token new`"),
        tokens => info!(tokens, "tokens read"),
    }
}

pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::about(path, error))
}
