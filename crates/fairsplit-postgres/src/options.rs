//! How a process joins a fleet.

use std::time::Duration;

use fairsplit::Engine;

use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::schema::Schema;

/// How a process joins a fleet. [`Fleet::join`] is the short form.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use fairsplit::Engine;
/// use fairsplit_postgres::{FleetOptions, Schema};
///
/// let engine = Engine::new();
/// let fleet = FleetOptions::new()
///     .schema(Schema::new("shop_experiments")?)
///     .label("checkout 3")
///     .interval(Duration::from_secs(30))
///     .join(&engine, "postgres://shop@localhost/shop")?;
/// # let _ = fleet;
/// # Ok::<(), fairsplit_postgres::FleetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetOptions {
    pub(crate) schema: Schema,
    pub(crate) label: String,
    pub(crate) interval: Duration,
    pub(crate) limit: Duration,
    pub(crate) leaving: Duration,
}

impl Default for FleetOptions {
    fn default() -> FleetOptions {
        FleetOptions {
            schema: Schema::default(),
            label: format!("process {}", std::process::id()),
            interval: Duration::from_secs(10),
            limit: Duration::from_secs(5),
            leaving: Duration::from_secs(5),
        }
    }
}

impl FleetOptions {
    /// The options that [`Fleet::join`] uses.
    #[must_use]
    pub fn new() -> FleetOptions {
        FleetOptions::default()
    }

    /// The schema of the fleet; without it, `fairsplit`.
    #[must_use]
    pub fn schema(mut self, schema: Schema) -> FleetOptions {
        self.schema = schema;
        self
    }

    /// What operators call this process, in the column `label` of the table `lives`; without it,
    /// `process` and its id.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> FleetOptions {
        self.label = label.into();
        self
    }

    /// The time between flushes, at least a tenth of a second; without it, 10 seconds. Each is up to
    /// a tenth earlier or later. A process that is killed loses what it counted in up to that time.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> FleetOptions {
        self.interval = interval.max(Duration::from_millis(100));
        self
    }

    /// How long a statement may take, and opening a connection; without it, 5 seconds.
    #[must_use]
    pub fn statement_limit(mut self, limit: Duration) -> FleetOptions {
        self.limit = limit;
        self
    }

    /// How long dropping the [`Fleet`] waits for the last flush; without it, 5 seconds.
    /// [`Fleet::leave`] has a limit of its own.
    #[must_use]
    pub fn leave_within(mut self, limit: Duration) -> FleetOptions {
        self.leaving = limit;
        self
    }

    /// Makes the engine one of the fleet in the database of this URL. [`Fleet::join`] says what that
    /// does.
    ///
    /// # Errors
    ///
    /// As [`Fleet::join`].
    pub fn join(self, engine: &Engine, url: &str) -> Result<Fleet, FleetError> {
        Fleet::with(self, engine, url)
    }
}
