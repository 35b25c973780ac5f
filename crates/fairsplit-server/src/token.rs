//! `fairsplit token new`.

use std::io::{self, Write};

use fairsplit_http::{NewToken, Scope};

use crate::failure::Failure;

/// Prints a new token, and the line that makes a server accept it.
pub(crate) fn new(scopes: &[Scope], comment: Option<&str>) -> Result<(), Failure> {
    let token = NewToken::generate()?;
    let line = token.line(scopes.iter().copied());
    // On one line, whatever the comment contains: a second line could be another token.
    let comment = comment.map(|text| text.replace(char::is_control, " "));
    let comment = comment.map_or_else(String::new, |text| format!("  # {text}"));
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n{line}{comment}", token.secret())?;
    out.flush()?;
    Ok(())
}
