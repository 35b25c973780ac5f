//! One connection to the database, with a limit on every statement.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

use crate::error::FleetError;

/// A parameter with its type: statements are not prepared under a name, which a pooler in
/// transaction mode would lose.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that is opened when it is needed, and again after an error.
pub(crate) struct Connection {
    runtime: Runtime,
    config: Config,
    limit: Duration,
    client: Option<Client>,
}

/// Without the URL, which has a password.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection to this database, which is not opened yet. `limit` is that of a statement, and
    /// of opening.
    pub(crate) fn new(url: &str, limit: Duration) -> Result<Connection, FleetError> {
        let config = configured(url, limit)?;
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| FleetError::Thread { reason: error.to_string() })?;
        Ok(Connection { runtime, config, limit, client: None })
    }

    /// Executes a statement. After an error, it may have been executed.
    pub(crate) fn query(
        &mut self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, FleetError> {
        let client = self.client()?;
        let rows = client.query_typed(statement, parameters);
        let rows = within(self.limit, rows);
        let rows = self.runtime.block_on(rows);
        self.keep(client, rows)
    }

    /// Executes statements that have no parameters.
    pub(crate) fn batch(&mut self, statements: &str) -> Result<(), FleetError> {
        let client = self.client()?;
        let done = within(self.limit, client.batch_execute(statements));
        let done = self.runtime.block_on(done);
        self.keep(client, done)
    }

    /// Keeps the connection, unless an error came of it: then the next call opens another one.
    fn keep<T>(&mut self, client: Client, outcome: Result<T, FleetError>) -> Result<T, FleetError> {
        if outcome.is_ok() {
            self.client = Some(client);
        }
        outcome
    }

    fn client(&mut self) -> Result<Client, FleetError> {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            return Ok(client);
        }
        let connecting = self.config.connect(NoTls);
        let (client, connection) = self.runtime.block_on(within(self.limit, connecting))?;
        // It ends when the client is dropped, or the server closes it.
        self.runtime.spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, FleetError> {
    match tokio::time::timeout(limit, asked).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(FleetError::Timeout { limit }),
    }
}

fn configured(url: &str, limit: Duration) -> Result<Config, FleetError> {
    let mut config: Config = url.parse().map_err(|_| FleetError::Url)?;
    match config.get_ssl_mode() {
        SslMode::Disable => {}
        // The default means plain text where the server has no TLS.
        SslMode::Prefer => {
            if let Some(host) = config.get_hosts().iter().find_map(elsewhere) {
                return Err(FleetError::PlainText { host });
            }
            if config.get_hosts().is_empty()
                && let Some(address) = config.get_hostaddrs().iter().find(|at| !at.is_loopback())
            {
                return Err(FleetError::PlainText { host: address.to_string() });
            }
            config.ssl_mode(SslMode::Disable);
        }
        _ => return Err(FleetError::Tls),
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(limit);
    }
    // A connection that is half open is found in a minute, and not in two hours.
    config.keepalives_idle(Duration::from_secs(30));
    config.keepalives_interval(Duration::from_secs(10));
    config.keepalives_retries(3);
    config.tcp_user_timeout(limit.max(Duration::from_secs(1)));
    // A replica answers what was, and accepts nothing.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_application_name().is_none() {
        config.application_name("fairsplit");
    }
    Ok(config)
}

/// The name of a host that is not this one.
fn elsewhere(host: &Host) -> Option<String> {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            let is_here = name == "localhost" || address.is_ok_and(|address| address.is_loopback());
            (!is_here).then(|| name.clone())
        }
        #[cfg(unix)]
        Host::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> FleetError {
        Connection::new(url, Duration::from_secs(1)).unwrap_err()
    }

    #[test]
    fn plain_text_leaves_the_machine_only_if_the_url_says_so() {
        for url in
            ["postgres://u:secret@db.example/x", "postgres://u@10.0.0.1/x", "hostaddr=10.0.0.1"]
        {
            assert!(matches!(refused(url), FleetError::PlainText { .. }), "{url}");
        }
        assert_eq!(refused("postgres://db.example/x?sslmode=require"), FleetError::Tls);
        for url in [
            "postgres://u@localhost/x",
            "postgres://u@127.0.0.1/x",
            "host=/var/run/postgresql user=u",
            "postgres://db.example/x?sslmode=disable",
        ] {
            assert!(Connection::new(url, Duration::from_secs(1)).is_ok(), "{url}");
        }
    }

    #[test]
    fn no_error_and_no_debug_output_has_the_password() {
        for url in
            ["postgres://u:secret@db.example/x", "postgres://u:se?secret@[/x", "password=secret x"]
        {
            let error = refused(url);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let url = "postgres://u:secret@localhost/x";
        let connection = Connection::new(url, Duration::from_secs(1)).unwrap();
        assert!(!format!("{connection:?}").contains("secret"));
    }
}
