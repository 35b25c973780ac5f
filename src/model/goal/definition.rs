//! A goal of an engine.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::GoalId;
use crate::model::path::Path;
use crate::model::validation::check_name;

/// The most decimals that the values of a goal can have.
pub const MAX_DECIMALS: u8 = 9;

/// The names of its fields, in documents and in merges.
pub(crate) const KEY: &str = "key";
pub(crate) const KIND: &str = "kind";
pub(crate) const UNIT: &str = "unit";
pub(crate) const DECIMALS: &str = "decimals";
pub(crate) const SIGNED: &str = "signed";

/// A request to create a goal; nothing in it is checked until an engine takes it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a goal does nothing until an engine takes it"]
pub struct NewGoal {
    pub(crate) key: String,
    /// The unit, the decimals, and whether a value can be negative; `None` for a goal without
    /// values.
    pub(crate) values: Option<(String, u8, bool)>,
}

impl NewGoal {
    /// A goal that users reach or do not: a sign-up. What is compared is the share of users who
    /// did it.
    pub fn event(key: impl Into<String>) -> NewGoal {
        NewGoal { key: key.into(), values: None }
    }

    /// A goal whose every event has a value in this unit: a purchase, in `EUR`. Another currency is
    /// another goal. What is compared is the mean of what each exposed user amounts to.
    ///
    /// Values have two decimals, and are not negative, unless the goal says otherwise.
    pub fn value(key: impl Into<String>, unit: impl Into<String>) -> NewGoal {
        NewGoal { key: key.into(), values: Some((unit.into(), 2, false)) }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Sets how many decimals values have, 0 to [`MAX_DECIMALS`]; a value with more is rounded. 0
    /// for times and other whole numbers. A goal without values has none.
    pub fn decimals(mut self, decimals: u8) -> NewGoal {
        if let Some((_, known, _)) = &mut self.values {
            *known = decimals;
        }
        self
    }

    /// Sets that values can be negative: refunds, say. A goal without values has none.
    pub fn signed(mut self) -> NewGoal {
        if let Some((_, _, signed)) = &mut self.values {
            *signed = true;
        }
        self
    }

    /// The goal; what is wrong with it is added.
    pub(crate) fn check(self, path: &Path<'_>, faults: &mut Faults) -> Goal {
        let values = self.values.map(|(unit, decimals, is_signed)| {
            let unit = unit.into();
            Values { unit, decimals, is_signed }
        });
        let goal = Goal { key: self.key.into(), values };
        goal.check(path, faults);
        goal
    }
}

/// A goal: what users of an experiment are to do, defined once for an engine. Experiments name it
/// by its key.
///
/// Serialises as an object of `key` and `kind`, which is `event` or `value`, and for the latter
/// `unit`, `decimals` and `signed`.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    pub(crate) key: Arc<str>,
    pub(crate) values: Option<Values>,
}

/// The values of a goal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values {
    pub(crate) unit: Box<str>,
    pub(crate) decimals: u8,
    pub(crate) is_signed: bool,
}

impl Goal {
    /// The key, by which experiments and calls name it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether its events have values.
    #[must_use]
    pub fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// The unit of its values; `None` if it has none.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        self.values.as_ref().map(|values| &*values.unit)
    }

    /// How many decimals its values have; 0 if it has none.
    #[must_use]
    pub fn decimals(&self) -> u8 {
        self.values.as_ref().map_or(0, |values| values.decimals)
    }

    /// Whether its values can be negative.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.values.as_ref().is_some_and(|values| values.is_signed)
    }

    pub(crate) fn id(&self) -> GoalId {
        GoalId::of(&self.key)
    }

    /// Adds what is wrong with it.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        check_key(&self.key, &path.field(KEY), faults);
        if let Some(Values { unit, decimals, .. }) = &self.values {
            check_key(unit, &path.field(UNIT), faults);
            if *decimals > MAX_DECIMALS {
                let kind = FaultKind::Decimals { found: (*decimals).into() };
                faults.add(&path.field(DECIMALS), kind);
            }
        }
    }

    /// Its fields except for the key, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let kind = if self.has_values() { "value" } else { "event" };
        let values = self.values.as_ref().map(|values| {
            [
                (UNIT, (*values.unit).into()),
                (DECIMALS, values.decimals.into()),
                (SIGNED, values.is_signed.into()),
            ]
        });
        [(KIND, kind.into())].into_iter().chain(values.into_iter().flatten())
    }
}

impl Serialize for Goal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry(KEY, &*self.key)?;
        for (name, value) in self.fields() {
            fields.serialize_entry(name, &value)?;
        }
        fields.end()
    }
}

/// Adds what is wrong with the key of a goal, or with a unit: they become labels of metrics, and
/// parts of lines of text.
pub(crate) fn check_key(key: &str, path: &Path<'_>, faults: &mut Faults) {
    check_name(key, path, faults);
    if key.chars().any(char::is_control) {
        faults.add(path, FaultKind::ControlCharacter);
    }
}
