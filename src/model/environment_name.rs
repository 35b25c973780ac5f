//! Where a flag is evaluated.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::fault::Fault;
use crate::model::faults::ValidationError;
use crate::model::path::Path;
use crate::model::validation::fault_in_name;

/// The name of an environment, in which flags are evaluated: "production", "staging" or any other.
///
/// Environments need not be declared: where no experiment runs, flags answer their defaults. A
/// separate type, so that it cannot be confused with a flag key. Cloning shares the text.
///
/// # Examples
///
/// ```
/// use fairsplit::EnvironmentName;
///
/// let production = EnvironmentName::new("production")?;
/// assert_eq!(production.as_str(), "production");
/// assert_eq!(EnvironmentName::new(" ").unwrap_err().to_string(), "must not be blank");
/// # Ok::<(), fairsplit::error::ValidationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(
    /// One word, since each experiment has one.
    Arc<Box<str>>,
);

impl EnvironmentName {
    /// The environment of this name.
    ///
    /// # Errors
    ///
    /// [`ValidationError`] if the name is blank or longer than
    /// [`MAX_NAME_LENGTH`](crate::fault::MAX_NAME_LENGTH).
    pub fn new(name: &str) -> Result<EnvironmentName, ValidationError> {
        match fault_in_name(name) {
            Some(kind) => Err(Fault::new(&Path::Root, kind).into()),
            None => Ok(EnvironmentName(Arc::new(name.into()))),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvironmentName({:?})", self.0)
    }
}

impl FromStr for EnvironmentName {
    type Err = ValidationError;

    fn from_str(name: &str) -> Result<EnvironmentName, ValidationError> {
        EnvironmentName::new(name)
    }
}

impl From<&EnvironmentName> for String {
    fn from(environment: &EnvironmentName) -> String {
        environment.as_str().to_owned()
    }
}
