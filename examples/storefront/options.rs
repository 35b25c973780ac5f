//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Failure;

pub(crate) const HELP: &str = "\
A shop that runs A/B experiments on its traffic, and proves that no count is lost.

usage: storefront [--requests N | --users FILE] [--config FILE] [--environment NAME] [--data DIR]

  --requests N        serve N generated requests instead of 2,000,000
  --users FILE        serve a request for each line of a file, which holds a user key;
                      an empty line is an anonymous request, and - is standard input
  --config FILE       load this configuration document instead of examples/storefront.json
  --environment NAME  evaluate the flags in this environment instead of production
  --data DIR          keep everything in a directory, and go on from its content, to which the
                      document is applied; needs the crate's feature durable
  -h, --help          show this

A user whom a flag serves its first variant, or its default, converts with a probability of
6 %; every further variant adds 1.5 percentage points. Chance is made from the number of the
request, the user key, the flag and the variant, so that every run draws the same.

Exits with 0 if the counters hold exactly what was reported as counted, with 1 if not, and
with 2 if the input cannot be used.
";

pub(crate) enum Command {
    Serve(Options),
    Help,
}

pub(crate) struct Options {
    pub(crate) users: Users,
    /// The document that is shipped with the example if `None`.
    pub(crate) config: Option<PathBuf>,
    pub(crate) environment: String,
    pub(crate) data: Option<PathBuf>,
}

/// Where requests come from.
pub(crate) enum Users {
    Generated(u64),
    Stdin,
    File(PathBuf),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Failure> {
    let mut requests = None;
    let mut users = None;
    let mut config = None;
    let mut environment = None;
    let mut data = None;

    let mut arguments = arguments.map(|argument| {
        argument
            .into_string()
            .map_err(|argument| usage(&format!("{} is not UTF-8", argument.display())))
    });
    while let Some(argument) = arguments.next() {
        let argument = argument?;
        let (option, mut attached) = match argument.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let mut value = || match attached.take() {
            Some(value) => Ok(value),
            None => arguments.next().unwrap_or_else(|| Err(usage(&format!("{option} of what?")))),
        };
        match option {
            "--requests" => requests = Some(number(&value()?)?),
            "--users" => users = Some(value()?),
            "--config" => config = Some(value()?.into()),
            "--environment" => environment = Some(value()?),
            "--data" => data = Some(value()?.into()),
            "-h" | "--help" => return Ok(Command::Help),
            _ => return Err(usage(&format!("there is no option {argument:?}"))),
        }
    }

    let users = match (users, requests) {
        (Some(_), Some(_)) => {
            return Err(usage("--users and --requests exclude each other"));
        }
        (Some(users), None) if users == "-" => Users::Stdin,
        (Some(users), None) => Users::File(users.into()),
        (None, requests) => Users::Generated(requests.unwrap_or(2_000_000)),
    };
    let environment = environment.unwrap_or_else(|| "production".to_owned());
    Ok(Command::Serve(Options { users, config, environment, data }))
}

fn number(text: &str) -> Result<u64, Failure> {
    let plain = text.replace(['_', ','], "");
    plain.parse().map_err(|_| usage(&format!("--requests must be a number, found {text:?}")))
}

fn usage(message: &str) -> Failure {
    Failure::Input(format!("{message}\ntry --help"))
}
