//! Where a flag is evaluated.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::fault::Fault;
use crate::model::faults::ValidationError;
use crate::model::path::Path;
use crate::model::validation::fault_in_name;

/// Where a flag is evaluated: "production", "staging"; a name of the user's choosing.
///
/// Environments need not be declared: one that no experiment runs in answers defaults. A type of
/// its own, so that it cannot be swapped with a flag key; make it once and keep it. Cloning shares
/// the text.
///
/// # Examples
///
/// ```
/// use fairsplit::Environment;
///
/// let production = Environment::new("production")?;
/// assert_eq!(production.as_str(), "production");
/// assert_eq!(Environment::new(" ").unwrap_err().to_string(), "must not be blank");
/// # Ok::<(), fairsplit::ValidationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment(Arc<str>);

impl Environment {
    /// The environment of this name.
    ///
    /// # Errors
    ///
    /// [`ValidationError`] if the name is blank or longer than
    /// [`MAX_NAME_LENGTH`](crate::MAX_NAME_LENGTH).
    pub fn new(name: &str) -> Result<Environment, ValidationError> {
        match fault_in_name(name) {
            Some(kind) => Err(Fault::new(&Path::Root, kind).into()),
            None => Ok(Environment(name.into())),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({:?})", self.0)
    }
}

impl FromStr for Environment {
    type Err = ValidationError;

    fn from_str(name: &str) -> Result<Environment, ValidationError> {
        Environment::new(name)
    }
}

impl From<&Environment> for String {
    fn from(environment: &Environment) -> String {
        environment.as_str().to_owned()
    }
}
