//! Why a flag answered what it did.

use std::fmt;

use serde::Serialize;

/// Why a flag answered what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The running experiment's split: the variant that the user is assigned.
    Split,
    /// The user is forced into this variant; never counted.
    Forced,
    /// The default value: no experiment on the flag is running in this environment.
    NotRunning,
    /// The default value: the user key is empty, and stands for no user.
    NoUserKey,
    /// The default value: the flag is archived.
    Archived,
    /// No value: the configuration has no such flag.
    FlagNotFound,
}

impl Reason {
    /// The reason in JSON: `split`, `forced`, `not_running`, `no_user_key`, `archived` or
    /// `flag_not_found`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Split => "split",
            Reason::Forced => "forced",
            Reason::NotRunning => "not_running",
            Reason::NoUserKey => "no_user_key",
            Reason::Archived => "archived",
            Reason::FlagNotFound => "flag_not_found",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
