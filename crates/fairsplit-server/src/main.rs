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

mod config;
mod connections;
mod directory;
mod failure;
mod files;
mod local;
mod options;
mod reload;
mod serve;
mod server;
mod signals;
mod storage;
mod token;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::options::{Command, Options, Token};

fn main() -> ExitCode {
    let result = match Options::parse().command {
        Command::Serve(options) => serve::serve(&options),
        Command::Check { directory } => directory::check(&directory),
        Command::Recover { directory } => directory::recover(&directory),
        Command::AcceptEdits { directory } => directory::accept_edits(&directory),
        Command::Export { directory, output } => directory::export(&directory, output.as_deref()),
        Command::Import { directory, file, replace } => {
            directory::import(&directory, &file, replace)
        }
        Command::Apply(options) => directory::apply(&options),
        Command::Token { command: Token::New { scope, comment } } => {
            token::new(&scope, comment.as_deref())
        }
    };
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    // With standard error closed, the message is lost.
    let _ = writeln!(io::stderr().lock(), "fairsplit: {}", failure.message());
    ExitCode::from(failure.code())
}
