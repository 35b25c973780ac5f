//! Why the program ends by itself: the message, which names the command to run next, and the exit
//! code.

use std::fmt::Display;
use std::io;
use std::path::Path;

use fairsplit::apply::Named;
use fairsplit::error::{ApplyError, FileError, LoadError, OpenError};

/// Why the program ends by itself.
pub(crate) enum Failure {
    /// The tokens, a document or a directory cannot be used.
    Input(String),
    /// The address cannot be listened on.
    Address(String),
    /// Another process has the directory open.
    InUse(String),
    Other(io::Error),
}

/// The exit codes, as every help text has them; [`Failure::code`] returns them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  it is done; for serve: a signal ended it
  1  anything else failed
  2  the command line cannot be used
  3  the tokens, the document or the directory cannot be used
  4  the address cannot be listened on
  5  another process has the directory open";

impl Failure {
    /// The exit code. 2 is clap's, which ends the program itself.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Other(_) => 1,
            Failure::Input(_) => 3,
            Failure::Address(_) => 4,
            Failure::InUse(_) => 5,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Failure::Input(message) | Failure::Address(message) | Failure::InUse(message) => {
                message.clone()
            }
            Failure::Other(error) => error.to_string(),
        }
    }

    /// Something about a file, which is named first.
    pub(crate) fn about(path: &Path, problem: impl Display) -> Failure {
        Failure::Input(format!("{}: {problem}", path.display()))
    }

    /// A directory could not be opened. `if_in_use` is the second line if another process has it.
    pub(crate) fn opening(directory: &Path, error: &OpenError, if_in_use: &str) -> Failure {
        let directory = quoted(directory);
        let next = match error {
            OpenError::InUse { .. } => {
                return Failure::InUse(format!("{error}\n  {if_in_use}"));
            }
            OpenError::Damaged { .. } => {
                format!("to save what can be read: fairsplit recover {directory}")
            }
            OpenError::Edited { .. } => format!(
                "to use it as it is now: fairsplit accept-edits {directory}\n  \
                 otherwise restore the file as it was saved"
            ),
            OpenError::Missing { path } if path.ends_with("counters") => format!(
                "restore it from a backup; or start again at the counts in definitions.json: move \
                 that file to another directory, then fairsplit import {directory} FILE"
            ),
            OpenError::Missing { .. } => "restore it from a backup".to_owned(),
            OpenError::Definitions { path, source } => {
                return Failure::Input(format!(
                    "{}: {}\n  correct the file, or restore it as it was saved",
                    path.display(),
                    faults(source)
                ));
            }
            _ => return Failure::Input(error.to_string()),
        };
        Failure::Input(format!("{error}\n  {next}"))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Other(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        Failure::Input(error.to_string())
    }
}

/// Why a document was refused, with each fault on a line of its own.
pub(crate) fn faults(error: &LoadError) -> String {
    match error {
        LoadError::Invalid(invalid) => {
            format!("the configuration has faults:\n{invalid:#}").replace('\n', "\n  ")
        }
        other => other.to_string(),
    }
}

/// Why a document was not applied, with each fault on a line of its own.
pub(crate) fn refused(error: &ApplyError) -> String {
    match error {
        ApplyError::Load(error) => faults(error),
        ApplyError::RemovesRunning { experiments } => format!(
            "would remove what is running: {}\n  \
             stop it first, or remove it all the same with --allow-removals",
            list(experiments)
        ),
        ApplyError::RemovesMost { source_name, removed, of } => format!(
            "would remove {removed} of the {of} flags of the source {source_name:?}\n  \
             remove them all the same with --allow-removals"
        ),
        other => other.to_string(),
    }
}

/// As [`refused`], for a line of the log.
pub(crate) fn refused_on_one_line(error: &ApplyError) -> String {
    match error {
        ApplyError::Load(error) => error.to_string(),
        other => refused(other).replace("\n  ", "; "),
    }
}

fn list(names: &[Named]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The path as a shell reads it back, since the messages are commands to copy.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@%".contains(char);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text;
    }
    let text = text.replace('\'', r"'\''");
    // A name that begins with a dash would be read as an option.
    let here = if text.starts_with('-') { "./" } else { "" };
    format!("'{here}{text}'")
}
