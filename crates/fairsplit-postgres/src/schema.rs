//! The tables of a fleet, and who may do what with them.

use crate::connection::Connection;
use crate::error::FleetError;

/// The version of the tables that this release makes and needs.
pub(crate) const VERSION: i32 = 1;

/// The schema of a fleet: its tables in a database. Several fleets live in one database under
/// different names.
///
/// # Examples
///
/// ```
/// use fairsplit_postgres::Schema;
///
/// let schema = Schema::new("shop_experiments")?;
/// assert!(schema.sql().contains("CREATE TABLE IF NOT EXISTS shop_experiments.counts"));
/// # Ok::<(), fairsplit_postgres::FleetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    name: String,
}

impl Default for Schema {
    /// The schema `fairsplit`.
    fn default() -> Schema {
        Schema { name: "fairsplit".to_owned() }
    }
}

impl Schema {
    /// The schema of this name.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] unless the name has 1 to 63 lower-case letters, digits and underscores,
    /// and begins with none of the digits.
    pub fn new(name: &str) -> Result<Schema, FleetError> {
        Ok(Schema { name: checked(name)?.to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A statement that names the schema.
    pub(crate) fn statement(&self, text: &str) -> String {
        text.replace("fairsplit.", &format!("{}.", self.name))
    }

    /// The statements that make the tables, where they are not there yet. To be executed in one
    /// transaction: it waits for another one that makes them, since PostgreSQL does not.
    #[must_use]
    pub fn sql(&self) -> String {
        let text = self.statement(include_str!("schema.sql"));
        let text =
            text.replace("IF NOT EXISTS fairsplit;", &format!("IF NOT EXISTS {};", self.name));
        let lock = format!("fairsplit: the schema {}", self.name);
        format!("SELECT pg_advisory_xact_lock(hashtextextended('{lock}', 0));\n{text}")
    }

    /// The statements that let a role do what a process of the fleet does: it reads and writes rows,
    /// makes no table, and removes only counts, which it adds to the base before.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] as for the name of a schema.
    pub fn grants_to_processes(&self, role: &str) -> Result<String, FleetError> {
        let role = checked(role)?;
        let grants = "\
GRANT USAGE ON SCHEMA fairsplit TO role;
GRANT SELECT ON ALL TABLES IN SCHEMA fairsplit TO role;
GRANT UPDATE ON fairsplit.fleet TO role;
GRANT INSERT ON fairsplit.changes TO role;
GRANT INSERT, UPDATE ON fairsplit.flags, fairsplit.objects, fairsplit.experiments, fairsplit.sources,
  fairsplit.lives TO role;
GRANT INSERT, UPDATE, DELETE ON fairsplit.counts, fairsplit.goal_counts TO role;
";
        Ok(self.of_roles(grants, role))
    }

    /// The statements that let a role read the views `totals`, `goal_totals` and `running`, and
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] as for the name of a schema.
    pub fn grants_to_analysts(&self, role: &str) -> Result<String, FleetError> {
        let role = checked(role)?;
        let grants = "\
GRANT USAGE ON SCHEMA fairsplit TO role;
GRANT SELECT ON fairsplit.totals, fairsplit.goal_totals, fairsplit.running TO role;
";
        Ok(self.of_roles(grants, role))
    }

    fn of_roles(&self, grants: &str, role: &str) -> String {
        let grants = grants.replace("TO role;", &format!("TO {role};"));
        self.statement(&grants).replace("SCHEMA fairsplit ", &format!("SCHEMA {} ", self.name))
    }

    /// Makes the tables in the database of this URL, where they are not there yet. Needs a role that
    /// may create a schema; the processes of the fleet do not.
    ///
    /// Waits for the database, at most half a minute. Not to be called where blocking is not
    /// allowed, such as in a task of an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// [`FleetError`] if the URL cannot be used, or the database refuses or does not answer.
    pub fn init(&self, url: &str) -> Result<(), FleetError> {
        let sql = format!("BEGIN;\n{}COMMIT;\n", self.sql());
        let limit = std::time::Duration::from_secs(30);
        Connection::new(url, limit)?.batch(&sql)
    }
}

/// A name that needs no quotes, so that none can end a statement.
fn checked(name: &str) -> Result<&str, FleetError> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && name.len() <= 63 && name.chars().all(is_allowed) {
        return Ok(name);
    }
    Err(FleetError::Name { name: name.to_owned() })
}
