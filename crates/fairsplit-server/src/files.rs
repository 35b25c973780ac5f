//! Reading the files of `serve`, at the start and again later.

use std::fs;
use std::path::Path;

use fairsplit_http::Auth;
use tracing::{info, warn};

use crate::failure::Failure;

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

/// Refuses what is not a file: a pipe was read at the start, and is empty or blocks now. Its
/// emptiness would revoke all tokens.
pub(crate) fn readable(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(Failure::about(path, "is not a file that can be read again"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::about(path, error)),
    }
}
