//! What can go wrong.

use std::time::Duration;

/// Why a call on a fleet failed. Nothing that was counted is lost by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The URL cannot be read. Its text is not repeated, since it has a password.
    #[error("the URL of the database cannot be read")]
    Url,
    /// The database is on another host, and the URL does not say that plain text will do. This
    /// version has no TLS.
    #[error(
        "the database on {host} would be spoken to in plain text: if that is meant, add sslmode=disable"
    )]
    PlainText {
        /// The host.
        host: String,
    },
    /// The URL asks for TLS, which this version does not have.
    #[error("the URL asks for TLS, which this version does not have")]
    Tls,
    /// The name of the schema, or of a role, is not one of 1 to 63 lower-case letters, digits and
    /// underscores that begins with none of the digits.
    #[error("{name:?} is not a name of lower-case letters, digits and underscores")]
    Name {
        /// The name.
        name: String,
    },
    /// The engine has a directory. Its counts outlive its processes, which this version cannot ship.
    #[error("an engine with a directory cannot join a fleet")]
    HasDirectory,
    /// The tables are not there, or are those of another release.
    #[error(
        "the schema {schema} has version {found} of the tables, and this release needs {needed}"
    )]
    Version {
        /// The name of the schema.
        schema: String,
        /// The version of the tables.
        found: i32,
        /// The version that this release needs.
        needed: i32,
    },
    /// The database did not answer in time. What was asked for may be done nevertheless.
    #[error("the database did not answer within {} ms", .limit.as_millis())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The database refused, or cannot be reached.
    #[error("the database: {reason}")]
    Database {
        /// What it says.
        reason: String,
    },
    /// The engine does not know the experiment, and so not its variants.
    #[error("the engine does not know the experiment")]
    UnknownExperiment,
    /// Events are not in the database, and are lost when the process ends.
    #[error("left with {events} events that are not in the database")]
    Unshipped {
        /// How many: exposures, conversions and events of goals.
        events: u64,
    },
    /// The thread of the fleet is not there: this process is a child of the one that joined.
    #[error("the process that joined the fleet is another one")]
    Forked,
    /// The thread that speaks to the database could not be started.
    #[error("no thread for the fleet: {reason}")]
    Thread {
        /// Why.
        reason: String,
    },
}

impl From<tokio_postgres::Error> for FleetError {
    fn from(error: tokio_postgres::Error) -> FleetError {
        use std::error::Error;
        let reason = match error.as_db_error() {
            Some(answer) => answer.message().to_owned(),
            None => match error.source() {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
        };
        FleetError::Database { reason }
    }
}
