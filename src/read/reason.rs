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
    /// The value of a rule whose conditions hold; never counted.
    Rule,
    /// The default value: no experiment on the flag is running in this environment.
    NotRunning,
    /// The default value: the user key is empty, and stands for no user.
    NoUserKey,
    /// The default value: the user has no attribute that the running experiment is split by.
    NoUnit,
    /// The default value: the user is held out of the running experiment.
    HeldOut,
    /// The default value: the user is in a part of the layer that the running experiment does not
    /// have.
    OtherLayerRange,
    /// The default value: the user is not in the audience of the running experiment.
    NotInAudience,
    /// The default value: the running experiment does not cover this user, or not yet.
    NotCovered,
    /// The default value: the flag is disabled.
    Disabled,
    /// The default value: the flag is archived.
    Archived,
    /// No value: the configuration has no such flag.
    FlagNotFound,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 13] = [
        Reason::Split,
        Reason::Forced,
        Reason::Rule,
        Reason::NotRunning,
        Reason::NoUserKey,
        Reason::NoUnit,
        Reason::HeldOut,
        Reason::OtherLayerRange,
        Reason::NotInAudience,
        Reason::NotCovered,
        Reason::Disabled,
        Reason::Archived,
        Reason::FlagNotFound,
    ];

    /// The reason in JSON, as in `not_running`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Split => "split",
            Reason::Forced => "forced",
            Reason::Rule => "rule",
            Reason::NotRunning => "not_running",
            Reason::NoUserKey => "no_user_key",
            Reason::NoUnit => "no_unit",
            Reason::HeldOut => "held_out",
            Reason::OtherLayerRange => "other_layer_range",
            Reason::NotInAudience => "not_in_audience",
            Reason::NotCovered => "not_covered",
            Reason::Disabled => "disabled",
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
