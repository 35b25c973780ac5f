//! The ids of what a configuration is made of: UUIDs, one type for each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::ValidationError;
use crate::model::path::{Path, quote};

macro_rules! id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (UUID version 4), from the system's source of randomness.
            ///
            /// Not on `wasm32-unknown-unknown`, which has no such source.
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The id of these 16 bytes, in the order of its text form (big-endian).
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of the id, in the order of its text form (big-endian).
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// Accepts the usual forms of a UUID: hyphenated, plain, in braces, or as a URN, in either
        /// case.
        impl FromStr for $name {
            type Err = ValidationError;

            fn from_str(text: &str) -> Result<Self, ValidationError> {
                match text.parse() {
                    Ok(uuid) => Ok(Self(uuid)),
                    Err(_) => Err(Fault::new(&Path::Root, FaultKind::Id { found: quote(text) }).into()),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// The id of an experiment: a UUID, written hyphenated and in lower case.
    ///
    /// It decides the split: the same id, percentages and user key give the same variant in every
    /// process. Processes that must agree need the same id.
    ExperimentId
}

id! {
    /// The id of a rule: a UUID, written hyphenated and in lower case. It decides whom a percentage
    /// picks.
    RuleId
}

id! {
    /// The id of a segment: a UUID, written hyphenated and in lower case. It decides nothing.
    SegmentId
}

id! {
    /// The id of a layer: a UUID, written hyphenated and in lower case. It decides which users are
    /// where in the layer.
    LayerId
}

id! {
    /// The id of a holdout: a UUID, written hyphenated and in lower case. It decides who is held
    /// out.
    HoldoutId
}

id! {
    /// The id of a goal: a UUID that is made of the goal's key, and of nothing else. Counts and
    /// changes are recorded under it; documents and calls name a goal by its key.
    GoalId
}

impl GoalId {
    /// The id of the goal with this key: the 128-bit XXH3 of it, as a UUID version 8.
    #[must_use]
    pub fn of(key: &str) -> GoalId {
        let hash = xxh3_128(key.as_bytes()).to_be_bytes();
        GoalId(uuid::Builder::from_custom_bytes(hash).into_uuid())
    }
}

id! {
    /// The id of a flag: a UUID, written hyphenated and in lower case. It decides nothing; it names
    /// the flag even when its key changes.
    FlagId
}
